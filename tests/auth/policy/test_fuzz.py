"""Whatever is given as a policy either is one or is refused with a reason, at once."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.policy.asking import BOB
from fogbank.auth.policy import Kind, Policies, Policy, PolicyError, PolicySet, decide, parse_policy

KINDS = get_args(Kind)
GOOD = [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    {"Effect": "Deny", "NotAction": ["iam:*"], "NotResource": "arn:aws:s3:::b/${aws:username, 'x'}"},
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}, "Sid": "a"},
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", "NotPrincipal": {"AWS": BOB.arn}},
    {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": 1577836800}}},
]
words = st.one_of(
    st.sampled_from(
        [
            "",
            "*",
            "Allow",
            "Deny",
            "s3:*",
            "${",
            "${aws:x}",
            "${*}",
            "arn:aws:s3:::b",
            "arn:::::",
            "Version",
            "\x00",
            "true",
        ]
    ),
    st.text(max_size=20),
)
scalars = st.one_of(words, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=8,
)
names = st.sampled_from(
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition", "Foo"]
)
operators = st.sampled_from(
    [
        "StringLike",
        "NumericEquals",
        "DateEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "ArnLike",
        "Null",
        "X",
        "ForAnyValue:Bool",
    ]
)
condition = st.dictionaries(operators, st.dictionaries(st.sampled_from(["aws:x", "x"]), values, max_size=2), max_size=2)


def outcome(document: str, kind: Kind) -> Policy | PolicyError:
    """The policy, or why it is none."""
    try:
        return parse_policy(document, kind)
    except PolicyError as error:
        return error


def parsed(document: str) -> None:
    """Try it as each kind; what is a policy can be evaluated."""
    for kind in KINDS:
        found = outcome(document, kind)
        if isinstance(found, PolicyError):
            assert found.reason
            continue
        given = {"aws:x": "1", "aws:username": "bob"}
        policies = Policies(PolicySet([found]), control=(PolicySet([found]),))
        decision = decide("s3:GetObject", "arn:aws:s3:::b/k", BOB, given, policies, resource_policy=found)
        assert decision.kind


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")), values.map(json.dumps)
    )
)
def test_anything(document: str) -> None:
    parsed(document)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(GOOD), names, st.one_of(values, condition), st.sampled_from(["2012-10-17", "2008-10-17", 7, None])
)
def test_a_policy_with_one_element_changed(good: dict[str, Any], name: str, value: Any, version: Any) -> None:
    parsed(json.dumps({"Version": version, "Statement": [good | {name: value}]}))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(GOOD), st.data())
def test_a_policy_cut_or_with_characters_changed(good: dict[str, Any], data: st.DataObject) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": good})
    at = data.draw(st.integers(0, len(document)))
    parsed(document[:at] + data.draw(st.text(max_size=3)) + document[at + data.draw(st.integers(0, 3)) :])


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": ["s3:" + "a*" * 60_000], "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": ["arn:aws:s3:::" + "?*" * 60_000]},
        {"Effect": "Allow", "Action": "*", "Resource": ["arn:aws:s3:::" + "${" * 60_000]},
        {"Effect": "Allow", "Action": "*", "Resource": ["arn:aws:s3:::" + "${aws:x, '" * 12_000]},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"aws:x": ["a*" * 60_000]}}},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"NumericEquals": {"aws:x": "1" * 120_000}}},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:x": "1." * 60_000}}},
        {"Effect": "Allow", "Action": ["a:b"] * 15_000, "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::b",
            "Principal": {"Service": "a-" * 50_000 + "."},
        },
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b", "Principal": {"Federated": "a." * 50_000}},
    ],
)
def test_long_policies_end(statement: dict[str, Any]) -> None:
    parsed(json.dumps({"Version": "2012-10-17", "Statement": statement}))
