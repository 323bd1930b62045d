"""What is a policy and what is not. Source: IAM User Guide, "Grammar of the IAM JSON policy language"."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auth.policy.asking import A
from fogbank.auth.policy import PolicyError, parse_policy

if TYPE_CHECKING:
    from fogbank.auth.policy import Kind

GOOD = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
OPEN = {**GOOD, "Principal": "*"}


def refused(document: str, kind: Kind = "identity") -> str:
    """Why it is no policy."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(document, kind)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


def reason(statement: Any, kind: Kind = "identity", **top: Any) -> str:
    """Why a document with this statement is no policy."""
    return refused(json.dumps({"Version": "2012-10-17", "Statement": statement} | top), kind)


def changed(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A statement with elements replaced, or left out if None."""
    return {name: value for name, value in (base | changes).items() if value is not None}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        '"x"',
        "7",
        "{",
        "{}x",
        '{"Version":"2012-10-17"}',
        '{"Version":"2012-10-17","Statement":[]}',
        '{"Version":"2012-10-17","Statement":"x"}',
        '{"Version":"2012-10-17","Statement":[1]}',
        '{"Statement":[],"Statement":[]}',
        '{"Statement":{"Effect":"Allow","Effect":"Allow","Action":"*","Resource":"*"}}',
        '{"Statement":NaN}',
        '{"Statement":-Infinity}',
        '{"Statement":' + "[" * 60000,
        '{"Statement":' + "[" * 60000 + "]" * 60000 + "}",
        '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Sid":"\\ud800"}}',
        '{"Statement":"\udc80"}',
        '{"Statement":' + "9" * 100_000 + "}",
        '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"},}',
        "\x00",
    ],
    ids=range(22),
)
def test_syntax_errors(document: str) -> None:
    assert refused(document) == "Syntax errors in policy."


def test_size_and_leading_spaces() -> None:
    good = json.dumps({"Statement": GOOD})
    assert refused(" " + good) == "JSON strings must not have leading spaces"
    assert refused(good + " " * 131_072) == "The policy document exceeds the maximum size"
    assert parse_policy(good + "\n", "identity").statements


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (changed(GOOD, Effect=None), "Syntax errors in policy."),
        (changed(GOOD, Effect="allow"), "Syntax errors in policy."),
        (changed(GOOD, Effect=["Allow"]), "Syntax errors in policy."),
        (changed(GOOD, Effect=True), "Syntax errors in policy."),
        (changed(GOOD, Foo="x"), "Syntax errors in policy."),
        (changed(GOOD, action="s3:*"), "Syntax errors in policy."),
        (changed(GOOD, Action=None), "Policy statement must contain actions."),
        (changed(GOOD, Action=[]), "Policy statement must contain actions."),
        (changed(GOOD, Action=7), "Syntax errors in policy."),
        (changed(GOOD, Action=[["s3:*"]]), "Syntax errors in policy."),
        (changed(GOOD, NotAction="s3:*"), "Syntax errors in policy."),
        (changed(GOOD, Action="s3"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (changed(GOOD, Action=":Get"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (changed(GOOD, Action="s3:a:b"), "Actions/Condition can contain only one colon."),
        (changed(GOOD, Action="s3*:Get"), "Vendor s3* is not valid"),
        (changed(GOOD, Action="a b:Get"), "Vendor a b is not valid"),
        (changed(GOOD, Action="s3:"), "The policy failed legacy parsing"),
        (changed(GOOD, Action="s3:${aws:username}"), "Actions/Condition can contain only one colon."),
        (changed(GOOD, Resource=None), "Policy statement must contain resources."),
        (changed(GOOD, Resource=[]), "Policy statement must contain resources."),
        (changed(GOOD, Resource={}), "Syntax errors in policy."),
        (changed(GOOD, NotResource="*"), "Syntax errors in policy."),
        (changed(GOOD, Resource="bucket"), 'Resource bucket must be in ARN format or "*".'),
        (changed(GOOD, Resource=""), 'Resource  must be in ARN format or "*".'),
        (changed(GOOD, Resource="arn:aws"), 'Resource arn:aws must be in ARN format or "*".'),
        (changed(GOOD, Resource="arn:a b:s3:::b"), 'Partition "a b" is not valid for resource "arn:a b:s3:::b".'),
        (
            changed(GOOD, Resource="arn:aws:s*:::b"),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (changed(GOOD, Resource="arn:aws:s3:::b/${x"), "The policy failed legacy parsing"),
        (changed(GOOD, Resource="arn:aws:s3:::b/${a${b}}"), "The policy failed legacy parsing"),
        (changed(GOOD, Resource="arn:aws:s3:${aws:x}::b"), "The policy failed legacy parsing"),
        (
            changed(GOOD, Resource="arn:aws:iam:eu-west-1:1:user/x"),
            "IAM resource arn:aws:iam:eu-west-1:1:user/x cannot contain region information.",
        ),
        (changed(GOOD, Principal="*"), "Policy document should not specify a principal."),
        (changed(GOOD, NotPrincipal="*"), "Policy document should not specify a principal."),
        (changed(GOOD, Condition=[]), "Syntax errors in policy."),
        (changed(GOOD, Condition={"StringEquals": "x"}), "Syntax errors in policy."),
        (changed(GOOD, Condition={"StringEquals": {"aws:x": []}}), "Syntax errors in policy."),
        (changed(GOOD, Condition={"StringEquals": {"aws:x": [None]}}), "Syntax errors in policy."),
        (changed(GOOD, Condition={"StringEquals": {"aws:x": {"y": "z"}}}), "Syntax errors in policy."),
        (changed(GOOD, Condition={"stringequals": {"aws:x": "y"}}), "Invalid Condition type : stringequals"),
        (changed(GOOD, Condition={"NullIfExists": {"aws:x": "true"}}), "Invalid Condition type : NullIfExists"),
        (changed(GOOD, Condition={"ForAll:Bool": {"aws:x": "true"}}), "Invalid Condition type : ForAll:Bool"),
        (
            changed(GOOD, Condition={"StringEquals": {"x": "y"}}),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (changed(GOOD, Condition={"NumericEquals": {"aws:x": "ten"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"NumericEquals": {"aws:x": "9" * 5000}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"DateEquals": {"aws:x": "2020-13-01"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"DateEquals": {"aws:x": "${aws:y}"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"IpAddress": {"aws:x": "10.0.0.0/33"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"IpAddress": {"aws:x": "fe80::1%eth0"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"BinaryEquals": {"aws:x": "?"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"Bool": {"aws:x": "maybe"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Condition={"Null": {"aws:x": "maybe"}}), "The policy failed legacy parsing"),
        (changed(GOOD, Sid=7), "Syntax errors in policy."),
    ],
)
def test_identity_statements(statement: dict[str, Any], words: str) -> None:
    assert reason(statement) == words
    assert reason([statement], "control") == words


def test_versions() -> None:
    wrong = "Policy document must be version 2012-10-17 or greater."
    assert reason(GOOD, Version="2012-10-18") == wrong
    assert reason(GOOD, Version=20121017) == wrong
    assert reason(GOOD, Version=["2012-10-17"]) == wrong
    assert reason(OPEN, "resource", Version="") == "The policy must contain a valid version string"
    for version in ("2008-10-17", "2012-10-17"):
        assert parse_policy(json.dumps({"Version": version, "Statement": GOOD}), "identity").statements


def test_sids() -> None:
    twice = [changed(GOOD, Sid="a"), changed(GOOD, Sid="a")]
    assert reason(twice) == "Statement IDs (SID) in a single policy must be unique."
    assert reason(changed(GOOD, Sid="a b")).startswith("Statement IDs (SID) must be alpha-numeric.")
    assert reason(changed(GOOD, Sid="é")).startswith("Statement IDs (SID) must be alpha-numeric.")
    spaces = {"Statement": changed(OPEN, Sid="with spaces")}
    assert parse_policy(json.dumps(spaces), "resource").statements[0].sid == "with spaces"
    empty = {"Statement": [changed(GOOD, Sid=""), changed(GOOD, Sid="")]}
    assert len(parse_policy(json.dumps(empty), "identity").statements) == 2


def test_ids() -> None:
    """The Id is allowed in resource-based policies, but not in identity-based ones."""
    assert reason(GOOD, Id="x") == "Syntax errors in policy."
    assert reason(OPEN, "resource", Id=7) == "Invalid policy syntax."
    assert parse_policy(json.dumps({"Id": "x y", "Statement": OPEN}), "resource").statements


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (changed(TRUST, Principal=None), "Missing required field Principal"),
        (changed(TRUST, Principal={}), "Missing required field Principal cannot be empty!"),
        (changed(TRUST, Principal=[]), "Invalid principal in policy"),
        (changed(TRUST, Principal={"AWS": []}), "Invalid principal in policy"),
        (changed(TRUST, Principal={"aws": "*"}), "Invalid principal in policy"),
        (changed(TRUST, Principal={"CanonicalUser": "0" * 64}), "Invalid principal in policy"),
        (changed(TRUST, Principal={"AWS": "bob"}), 'Invalid principal in policy: "AWS":"bob"'),
        (changed(TRUST, NotPrincipal="*"), "Has prohibited field NotPrincipal"),
        (changed(TRUST, Resource="*"), "Has prohibited field Resource"),
        (changed(TRUST, NotResource="*"), "Has prohibited field NotResource"),
        (changed(TRUST, Action="s3:*"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (changed(TRUST, Action="*"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (changed(TRUST, Action=None), "Missing required field Action"),
        (changed(TRUST, Effect=None), "Missing required field Effect"),
        (changed(TRUST, Effect="allow"), "Invalid effect: allow"),
        (changed(TRUST, Foo="x"), "Unknown field Foo"),
    ],
)
def test_trust_statements(statement: dict[str, Any], words: str) -> None:
    assert reason(statement, "trust") == words


def test_trust_policies() -> None:
    assert refused("{", "trust") == "This policy contains invalid Json"
    actions = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity", "sts:*"]
    found = parse_policy(json.dumps({"Statement": changed(TRUST, Action=actions)}), "trust", "arn:x")
    assert found.name == "arn:x"
    assert found.kind == "trust"
    assert found.principals() == (("Service", "ec2.amazonaws.com"),)


@pytest.mark.parametrize(
    ("kind", "value", "fine"),
    [
        ("AWS", "*", True),
        ("AWS", A, True),
        ("AWS", "11112222333", False),
        ("AWS", f"arn:aws:iam::{A}:root", True),
        ("AWS", f"arn:aws:iam::{A}:user/a/b", True),
        ("AWS", f"arn:aws:iam::{A}:user/*", False),
        ("AWS", f"arn:aws:iam::{A}:group/g", False),
        ("AWS", f"arn:aws:iam::{A}:role/r", True),
        ("AWS", f"arn:aws:sts::{A}:assumed-role/r/s", True),
        ("AWS", f"arn:aws:sts::{A}:assumed-role/r/*", False),
        ("AWS", f"arn:aws:sts::{A}:federated-user/f", True),
        ("AWS", "AIDACKCEVSQ6C2EXAMPLE", True),
        ("AWS", "AROADBQP57FF2AEXAMPLE", True),
        ("AWS", "AKIAIOSFODNN7EXAMPLE", False),
        ("Service", "ec2.amazonaws.com", True),
        ("Service", "ec2", False),
        ("Federated", "accounts.google.com", True),
        ("Federated", f"arn:aws:iam::{A}:saml-provider/x", True),
        ("Federated", f"arn:aws:iam::{A}:oidc-provider/x.example/id/1", True),
        ("CanonicalUser", "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be", True),
        ("CanonicalUser", "*", False),
    ],
)
def test_principal_values(kind: str, value: str, fine: bool) -> None:
    statement = changed(GOOD, Principal={kind: [value]})
    if fine:
        found = parse_policy(json.dumps({"Statement": statement}), "resource")
        assert found.principals() == ((kind, value),)
    else:
        assert reason(statement, "resource") == f'Invalid principal in policy: "{kind.upper()}":"{value}"'


def test_scalars_in_conditions_are_converted() -> None:
    condition = {"Bool": {"aws:SecureTransport": True}, "NumericEquals": {"s3:max-keys": [10, 1.5, 1e3]}}
    document = json.dumps({"Statement": changed(GOOD, Condition=condition)})
    assert len(parse_policy(document, "identity").statements[0].conditions) == 2
