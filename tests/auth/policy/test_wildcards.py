"""Wildcards: what they match, and in which time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.policy.asking import allows
from fogbank.auth.policy.wildcards import any_of, arn_matcher, component_matcher, matcher, pattern_of

texts = st.text("ab:", max_size=12)
patterns = st.text("ab:*?", max_size=10)


def slow(pattern: str, text: str) -> bool:
    """The meaning of a pattern, by definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return slow(pattern[1:], text) or (bool(text) and slow(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and slow(pattern[1:], text[1:])


@settings(max_examples=400, deadline=None)
@given(patterns, texts)
def test_matcher_is_what_wildcards_mean(pattern: str, text: str) -> None:
    assert matcher(pattern_of(pattern))(text) == slow(pattern, text)
    assert any_of([pattern_of(pattern), "zz"])(text) == slow(pattern, text)


@settings(max_examples=300, deadline=None)
@given(st.lists(patterns, max_size=5), texts)
def test_several_patterns(several: list[str], text: str) -> None:
    assert any_of(map(pattern_of, several))(text) == any(slow(pattern, text) for pattern in several)


def as_regex(pattern: str) -> str:
    """An ARN's pattern: in its first five segments, only a `*` at the end of one reaches over colons."""
    head = ":".join(pattern.split(":", 5)[:5])
    found = ""
    for at, char in enumerate(pattern):
        ends = at >= len(head) or pattern[at + 1 : at + 2] in ("", ":")
        if char == "*":
            found += "(?s:.)*" if ends else "[^:]*"
        elif char == "?":
            found += "(?s:.)" if at >= len(head) else "[^:]"
        else:
            found += re.escape(char)
    return found


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text("ab*?", max_size=4), min_size=6, max_size=7), st.lists(st.text("ab", max_size=4), max_size=8))
def test_arns(pattern: list[str], text: list[str]) -> None:
    collapsed = re.sub(r"\*+", "*", ":".join(pattern))
    expected = bool(re.fullmatch(as_regex(collapsed), ":".join(text)))
    assert arn_matcher(pattern_of(":".join(pattern)))(":".join(text)) == expected


@pytest.mark.parametrize("pattern", ["a*" * 400 + "b", "*a" * 400 + "?b", "?*" * 500 + "b", "*" * 2000 + "b"])
def test_hostile_patterns_end(pattern: str) -> None:
    assert not matcher(pattern_of(pattern))("a" * 2048)
    assert not arn_matcher(pattern_of("arn:aws:s?::1:" + pattern))("arn:aws:s3::1:" + "a" * 2048)


@pytest.mark.parametrize(
    ("resource", "asked", "allowed"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a:b/c", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b/*.jpg", "arn:aws:s3:::b/a:b.jpg", True),
        ("arn:aws:s3:::B/*", "arn:aws:s3:::b/k", False),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/k", True),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/kk", False),
        ("arn:aws:ec2:*:111122223333:instance/*", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", True),
        ("arn:aws:ec2:us-*-1:111122223333:instance/*", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", False),
        ("arn:aws:ec2:eu-*-1:111122223333:*", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", True),
        ("arn:aws:sqs:*:q", "arn:aws:sqs:eu-west-1:111122223333:q", False),
        ("arn:aws:sqs", "arn:aws:sqs:eu-west-1:111122223333:q", True),
        ("arn:aws:sqs", "arn:aws:sqsx:eu-west-1:111122223333:q", False),
        ("arn:*:sqs:*:*:*", "arn:aws-cn:sqs:cn-north-1:111122223333:q", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", False),
        ("arn:aws:s3:::b/${?}${$}", "arn:aws:s3:::b/?$", True),
        ("*", "*", True),
        ("arn:aws:s3:::*", "*", False),
    ],
)
def test_resource(resource: str, asked: str, allowed: bool) -> None:
    assert allows({"Resource": resource}, resource=asked) == allowed
    assert allows({"NotResource": ["arn:aws:x:::x", resource]}, resource=asked) != allowed


@pytest.mark.parametrize(
    ("action", "asked", "allowed"),
    [
        ("s3:GetObject", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:GetObject", True),
        ("s3:*Object", "s3:GetObject", True),
        ("s3:Get?bject", "s3:GetObject", True),
        ("s3:Get", "s3:GetObject", False),
        ("s3:*", "s3express:CreateSession", False),
        ("*", "s3:GetObject", True),
        ("*:*", "s3:GetObject", True),
        (["ec2:*", "s3:List*"], "s3:GetObject", False),
    ],
)
def test_action(action: str | list[str], asked: str, allowed: bool) -> None:
    assert allows({"Action": action}, action=asked) == allowed
    assert allows({"NotAction": action}, action=asked) != allowed


def test_components() -> None:
    """The example of "Amazon Resource Name (ARN) condition operators"."""
    value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
    pattern = pattern_of("arn:aws:someservice:*:111122223333:finance/*")
    assert matcher(pattern)(value)
    assert not component_matcher(pattern)(value)
