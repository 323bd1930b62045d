"""Keys sort as their tuples do, and no part can forge another's boundary."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from fogbank.store.keys import Part, decode, encode, encode_open, first_text, prefix_end

# Mostly the characters that are escaped or next to them, so that the edges are met.
TEXT = st.text(st.sampled_from("\0\1\2ab\x7f\x80é\uffff😀") | st.characters(exclude_categories=["Cs"]), max_size=6)
RAW = st.binary(max_size=6) | st.lists(st.sampled_from(b"\0\1\2\xff"), max_size=6).map(bytes)
INTEGER = st.integers(0, 2**64 - 1) | st.integers(0, 3)
PART: st.SearchStrategy[Part] = TEXT | RAW | INTEGER
KEY = st.lists(PART, max_size=4).map(tuple)


def rank(key: tuple[Part, ...]) -> list[tuple[int, Any]]:
    """What a key sorts by: bytes, then strings by their UTF-8, then integers."""
    return [
        (2, part) if isinstance(part, int) else (1, part.encode()) if isinstance(part, str) else (0, part)
        for part in key
    ]


@settings(max_examples=1000, deadline=None)
@given(KEY, KEY)
def test_order(one: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    assert (encode(*one) < encode(*other)) == (rank(one) < rank(other))
    assert (encode(*one) == encode(*other)) == (rank(one) == rank(other))


@settings(max_examples=500, deadline=None)
@given(KEY)
def test_decode(key: tuple[Part, ...]) -> None:
    found = decode(encode(*key))
    assert found == key
    assert [type(part) for part in found] == [type(part) for part in key]


@given(TEXT, KEY)
def test_the_first_text_of_a_key(text: str, rest: tuple[Part, ...]) -> None:
    assert first_text(encode(text, *rest)) == text


@settings(max_examples=1000, deadline=None)
@given(KEY, KEY)
def test_a_key_starts_with_another_only_if_its_tuple_does(one: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    below = rank(other)[: len(one)] == rank(one)
    assert encode(*other).startswith(encode(*one)) == below
    start = encode(*one)
    assert (start <= encode(*other) < prefix_end(start)) == below


@settings(max_examples=1000, deadline=None)
@given(TEXT, TEXT, KEY)
def test_an_open_prefix_is_the_strings_prefix(part: str, other: str, rest: tuple[Part, ...]) -> None:
    start = encode_open("bucket", part)
    inside = start <= encode("bucket", other, *rest) < prefix_end(start)
    assert inside == other.startswith(part)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=30))
def test_hostile_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        key = decode(data)
    except ValueError:
        return
    assert all(isinstance(part, (str, int, bytes)) for part in key)


@pytest.mark.parametrize("bad", ["\ud800", "a\udfff", -1, 2**64])
def test_what_has_no_place_in_the_order_is_refused(bad: Part) -> None:
    with pytest.raises(ValueError):
        encode("a", bad)


@pytest.mark.parametrize("bad", [None, True, 1.5, ("a",), bytearray(b"a")])
def test_other_types_are_refused(bad: Any) -> None:
    with pytest.raises(TypeError):
        encode(bad)


def test_only_strings_and_bytes_are_left_open() -> None:
    for bad in ((), ("a", 1)):
        with pytest.raises(TypeError):
            encode_open(*bad)


def test_the_end_of_prefixes() -> None:
    assert prefix_end(b"a") == b"b"
    assert prefix_end(b"a\xff\xff") == b"b"
    assert prefix_end(b"") > encode(2**64 - 1)
    with pytest.raises(ValueError):
        prefix_end(b"\xff\xff")
