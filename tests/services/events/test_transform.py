"""Paths and templates of strangers: refused, or filled with what is JSON where the template is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.services.events import transform

EVENT = json.dumps({"a": 'quote " and <b> \\ é', "n": 1.50, "list": [{"x": 1}, {"x": [2]}], "no": None, "": 1}).encode()
KNOWN = {"aws.events.rule-name": 'r"'}
TEXT = st.text(alphabet="{}[]\",:<>\\ ab.1$*'n\x00é\n", max_size=50)
PIECE = st.sampled_from(
    ["<a>", '"<a> <n>"', "<list>", '{"k": <a>, "l": "<list>"}', "[<n>, <gone>]", '"\\"<a>"', '"<no>"', "true"]
)


@pytest.mark.parametrize(
    "text", ["", "a", "$.", "$..a", "$[", "$[]", "$[-1]", "$[99999999999]", "$.a[", "$['a]", "$.a b", "$.<a>", "$$"]
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(transform.TransformError):
        transform.path(text)


@given(text=TEXT)
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_path_or_none(text: str) -> None:
    for each in (text, "$" + text, "$.a" + text):
        found = taken(each)
        assert found is None or json.loads(found) is not NotImplemented


def taken(text: str) -> bytes | None:
    """What a path leads to; None if it is none."""
    try:
        return transform.taken(EVENT, text)
    except transform.TransformError:
        return None


@given(text=TEXT)
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_template_or_none(text: str) -> None:
    found = filled(text)
    assert found is None or not transform.template(text).plain or isinstance(json.loads(found), str)


@given(first=PIECE, second=PIECE)
@settings(max_examples=200, deadline=None)
def test_a_template_of_json_makes_json(first: str, second: str) -> None:
    for text in (first, f'{{"one": {first}, "two": {second}}}', f"[{first},{second}]"):
        found = filled(text)
        assert found is not None
        json.loads(found)


def filled(text: str) -> bytes | None:
    """A template, filled; None if it is none."""
    paths = {"a": "$.a", "n": "$.n", "list": "$.list", "no": "$.no", "gone": "$.gone"}
    try:
        return transform.filled(text, paths, EVENT, KNOWN)
    except transform.TransformError:
        return None


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    event = json.dumps({"a": "<b>", "b": "hidden"}).encode()
    assert transform.filled('"<a>"', {"a": "$.a", "b": "$.b"}, event, {}) == b'"<b>"'


def test_wide_paths_are_quick() -> None:
    event = json.dumps({"a": [[list(range(100))] * 100] * 10}).encode()
    assert len(json.loads(transform.taken(event, "$.a[*][*][*]"))) == 100_000


def test_what_is_made_of_an_event_is_bounded() -> None:
    event = json.dumps({"a": "x" * 1_000_000}).encode()
    with pytest.raises(transform.TransformError):
        transform.filled("<a>" * 2700, {"a": "$.a"}, event, {})
