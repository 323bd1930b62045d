"""Conditions. Source: IAM User Guide, "Condition operators", "Set operators for multivalued context keys"."""

from __future__ import annotations

from typing import Any

import pytest

from auth.policy.asking import allows, ask, policies, policy
from fogbank.auth.policy import Policies, PolicySet


def met(operator: str, wanted: Any, found: str | tuple[str, ...] | None, key: str = "aws:x") -> bool:
    """Whether a condition holds."""
    context = {} if found is None else {key.lower(): found}
    return allows({"Condition": {operator: {key: wanted}}}, context=context)


VALUES: list[tuple[str, Any, str, bool]] = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", ["b", "a"], "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", "", "", True),
    ("StringEqualsIgnoreCase", "aB", "Ab", True),
    ("StringLike", "a*", "ab", True),
    ("StringLike", "a?", "a", False),
    ("StringLike", "a${*}", "ab", False),
    ("StringLike", "a${*}", "a*", True),
    ("NumericEquals", 10, "10.0", True),
    ("NumericEquals", "10", "x", False),
    ("NumericEquals", "10", "", False),
    ("NumericLessThan", "10", "9.99", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThanEquals", "10", "10", True),
    ("NumericGreaterThan", ["10", "5"], "7", True),
    ("NumericGreaterThanEquals", "-1", "-1", True),
    ("DateEquals", "2020-01-01T00:00:00Z", "1577836800", True),
    ("DateEquals", 1577836800, "2020-01-01", True),
    ("DateLessThan", "2020-01-01T00:00:00Z", "2019-12-31T23:59:59.999Z", True),
    ("DateLessThan", "2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00Z", False),
    ("DateLessThanEquals", "2020-01", "2020-01-01T00:00:00Z", True),
    ("DateGreaterThan", "2020", "2020-01-01T00:00Z", False),
    ("DateGreaterThanEquals", "2020-01-01T00:00:00-01:00", "2020-01-01T01:00:00Z", True),
    ("DateGreaterThan", "2020", "yesterday", False),
    ("Bool", True, "true", True),
    ("Bool", "True", "true", True),
    ("Bool", "false", "true", False),
    ("Bool", "false", "", False),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", True),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "BinaryValueInBase64", True),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5", False),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
    ("IpAddress", "203.0.113.0/24", "203.0.114.9", False),
    ("IpAddress", "203.0.113.9", "203.0.113.9", True),
    ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
    ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.9", True),
    ("IpAddress", "2001:db8::/32", "203.0.113.9", False),
    ("IpAddress", "0.0.0.0/0", "not an address", False),
    ("ArnEquals", "arn:aws:sns:*:1:t*", "arn:aws:sns:eu-west-1:1:topic", True),
    ("ArnLike", "arn:aws:sns:*:1:t", "arn:aws:sns:eu-west-1:2:x:1:t", False),
    ("ArnLike", "*", "arn:aws:sns:eu-west-1:1:t", True),
    ("ArnLike", "arn:aws:sns:*:*:*", "not an arn", False),
    ("ArnLike", "arn:aws:iam::1:role/r", "arn:aws:iam::1:role/R", False),
]


@pytest.mark.parametrize(("operator", "wanted", "found", "holds"), VALUES)
def test_operators(operator: str, wanted: Any, found: str, holds: bool) -> None:
    assert met(operator, wanted, found) == holds
    assert met(f"{operator}IfExists", wanted, found) == holds
    assert not met(operator, wanted, None)
    assert met(f"{operator}IfExists", wanted, None)
    assert not met(f"ForAnyValue:{operator}", wanted, None)
    assert met(f"ForAllValues:{operator}", wanted, None)
    assert met(f"ForAnyValue:{operator}", wanted, (found, found)) == holds
    opposite = {
        "Equals": "NotEquals",
        "EqualsIgnoreCase": "NotEqualsIgnoreCase",
        "Like": "NotLike",
    }
    for kind in ("String", "Numeric", "Date", "Arn"):
        rest = opposite.get(operator.removeprefix(kind))
        if operator.startswith(kind) and rest and (kind, rest) != ("Numeric", "NotLike"):
            assert met(kind + rest, wanted, found) != holds
            assert met(kind + rest, wanted, None)
            assert met(f"{kind}{rest}IfExists", wanted, None)
    if operator == "IpAddress":
        assert met("NotIpAddress", wanted, found) != holds
        assert met("NotIpAddress", wanted, None)


@pytest.mark.parametrize(
    ("operator", "found", "holds"),
    [
        ("ForAllValues:StringEquals", ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "x"), False),
        ("ForAllValues:StringEquals", (), True),
        ("ForAllValues:StringEquals", ("",), True),
        ("ForAllValues:StringEquals", "", True),
        ("ForAllValues:StringEquals", "a", True),
        ("ForAnyValue:StringEquals", ("x", "a"), True),
        ("ForAnyValue:StringEquals", ("x", "y"), False),
        ("ForAnyValue:StringEquals", (), False),
        ("ForAllValues:StringNotEquals", ("x", "y"), True),
        ("ForAllValues:StringNotEquals", ("x", "a"), False),
        ("ForAllValues:StringNotEquals", (), True),
        ("ForAnyValue:StringNotEquals", ("x", "a"), True),
        ("ForAnyValue:StringNotEquals", ("a", "b"), False),
        ("ForAnyValue:StringNotEquals", (), False),
        ("ForAnyValue:StringEqualsIfExists", (), True),
        ("ForAllValues:StringLike", ("a", "b"), True),
        ("StringEquals", ("x", "a"), True),
        ("StringNotEquals", ("x", "a"), False),
        ("StringNotEquals", ("x", "y"), True),
        ("StringNotEquals", (), True),
    ],
)
def test_several_values(operator: str, found: str | tuple[str, ...], holds: bool) -> None:
    assert met(operator, ["a", "b"], found) == holds


@pytest.mark.parametrize(("found", "absent"), [(None, True), ((), True), ("", False), ("x", False), (("x",), False)])
def test_null(found: str | tuple[str, ...] | None, absent: bool) -> None:
    assert met("Null", "true", found) == absent
    assert met("Null", True, found) == absent
    assert met("Null", "False", found) != absent
    assert met("Null", ["true", "false"], found)


def test_keys_ignore_case_and_all_conditions_have_to_hold() -> None:
    assert met("StringEquals", "blue", "blue", key="aws:RequestTag/Team")
    both = {"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Bool": {"aws:c": "true"}}
    full: dict[str, Any] = {"aws:a": "1", "aws:b": "2", "aws:c": "true"}
    assert allows({"Condition": both}, context=full)
    for key in full:
        assert not allows({"Condition": both}, context=full | {key: "x"})


def test_the_missing_keys_are_told() -> None:
    statement = {"Condition": {"StringEquals": {"aws:RequestTag/Team": "blue"}}}
    found = ask(policies(statement))
    assert (found.allowed, found.explicit, found.kind, found.by) == (False, False, "identity", ())
    assert found.missing == ("aws:requesttag/team",)
    assert ask(policies(statement | {"Action": "ec2:*"})).missing == ()


VARIABLE = {"Resource": "arn:aws:s3:::b/${aws:username}/*"}


@pytest.mark.parametrize(
    ("value", "asked", "allowed"),
    [
        ("bob", "arn:aws:s3:::b/bob/x", True),
        ("bob", "arn:aws:s3:::b/eve/x", False),
        ("*", "arn:aws:s3:::b/eve/x", False),
        ("*", "arn:aws:s3:::b/*/x", True),
        ("\udb80", "arn:aws:s3:::b/eve/x", False),
        (("bob", "eve"), "arn:aws:s3:::b/bob/x", False),
        (None, "arn:aws:s3:::b/bob/x", False),
        (None, "arn:aws:s3:::b/${aws:username}/x", False),
    ],
)
def test_variables_in_resources(value: Any, asked: str, allowed: bool) -> None:
    context = {"aws:username": value} if value else {}
    assert allows(VARIABLE, resource=asked, context=context) == allowed
    assert not allows({"Effect": "Deny"} | VARIABLE, resource=asked, context=context)


def test_defaults_of_variables() -> None:
    statement = {"Resource": "arn:aws:s3:::b/${ AWS:PrincipalTag/team , 'no one'}"}
    assert allows(statement, resource="arn:aws:s3:::b/no one")
    assert allows(statement, resource="arn:aws:s3:::b/x", context={"aws:principaltag/team": "x"})
    assert not allows(statement, resource="arn:aws:s3:::b/no one", context={"aws:principaltag/team": "x"})


def test_variables_in_conditions() -> None:
    statement = {"Condition": {"StringEquals": {"aws:ResourceTag/owner": "${aws:username}"}}}
    assert allows(statement, context={"aws:resourcetag/owner": "bob", "aws:username": "bob"})
    assert not allows(statement, context={"aws:resourcetag/owner": "eve", "aws:username": "bob"})
    assert not allows(statement, context={"aws:resourcetag/owner": "bob"})
    like = {"Condition": {"StringLike": {"s3:prefix": "home/${aws:username}/*"}}}
    assert allows(like, context={"s3:prefix": "home/bob/x", "aws:username": "bob"})
    arn = {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:${aws:username}"}}}
    assert allows(arn, context={"aws:sourcearn": "arn:aws:sns:eu-west-1:1:bob", "aws:username": "bob"})


@pytest.mark.parametrize(
    "statement",
    [
        {"NotResource": "arn:aws:s3:::b/${aws:username}"},
        {"Condition": {"StringNotEquals": {"aws:x": "${aws:username}"}}},
        {"Condition": {"ArnNotLike": {"aws:x": ["${aws:username}", "arn:aws:sns:*:*:*"]}}},
    ],
)
def test_a_negation_with_a_variable_without_value_is_decided_for_the_safe_side(statement: dict[str, Any]) -> None:
    context: dict[str, Any] = {"aws:x": "value"}
    assert not allows(statement, context=context)
    assert ask(policies({}, {"Effect": "Deny"} | statement), context=context).explicit


def test_variables_need_the_version() -> None:
    old = Policies(PolicySet([policy({"Resource": "arn:aws:s3:::b/${aws:username}"}, version="2008-10-17")]))
    context: dict[str, Any] = {"aws:username": "bob"}
    assert not ask(old, resource="arn:aws:s3:::b/bob", context=context).allowed
    assert ask(old, resource="arn:aws:s3:::b/${aws:username}", context=context).allowed
