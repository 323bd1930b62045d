"""What is said to be public and what is: a policy that is not lets in no stranger, whatever the stranger says of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.auth.policy import decide, parse_policy
from fogbank.core.principal import ANONYMOUS, root_of
from fogbank.services.s3.policy_public import is_public

STRANGER = root_of("999999999999")
ARN = "arn:aws:s3:::bucket/k"

PRINCIPALS = st.sampled_from(
    ["*", {"AWS": "*"}, {"AWS": "111122223333"}, {"AWS": ["111122223333", "*"]}, {"Service": "logging.s3.amazonaws.com"},
     {"CanonicalUser": "0" * 64}, {"AWS": "arn:aws:iam::111122223333:role/r"}]
)  # fmt: skip
OPERATORS = st.sampled_from(
    ["StringEquals", "StringLike", "StringNotEquals", "StringEqualsIfExists", "StringLikeIfExists", "ForAllValues:StringEquals",
     "ForAnyValue:StringEquals", "ForAllValues:StringLike", "ForAnyValue:StringLike", "StringEqualsIgnoreCase", "ArnLike"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["aws:SourceVpc", "aws:SourceArn", "aws:SourceAccount", "aws:PrincipalOrgID", "aws:userid", "aws:PrincipalAccount",
     "aws:PrincipalArn", "aws:Referer", "aws:UserAgent", "s3:ExistingObjectTag/a"]
)  # fmt: skip
VALUES = st.sampled_from(
    ["true", "false", "*", "vpc-1", "vpc-*", "arn:aws:sns:us-east-1:111122223333:t", "AROAX:*", "?", "${aws:Referer}"]
)
ADDRESSES = st.sampled_from(
    ["192.0.2.0/24", "198.51.100.7", "10.0.0.0/8", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "2000::/3"]
)
CONDITIONS = st.one_of(
    st.just({}),
    st.builds(
        lambda operator, key, values: {operator: {key: values}},
        OPERATORS,
        KEYS,
        st.lists(VALUES, min_size=1, max_size=2),
    ),
    st.builds(lambda key, value: {"Null": {key: value}}, KEYS, st.sampled_from(["true", "false"])),
    st.builds(lambda values: {"IpAddress": {"aws:SourceIp": values}}, st.lists(ADDRESSES, min_size=1, max_size=2)),
    st.builds(lambda values: {"NotIpAddress": {"aws:SourceIp": values}}, st.lists(ADDRESSES, min_size=1, max_size=2)),
)
STATEMENTS = st.builds(
    lambda effect, principal, condition: {
        "Effect": effect, "Principal": principal, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*",
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Allow", "Deny"]), PRINCIPALS, CONDITIONS,
)  # fmt: skip
# What a stranger can have: an address anywhere, an agent and a referer of its choice; no network, organization or source.
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "aws:sourceip": st.sampled_from(["203.0.113.9", "9.9.9.9", "2001:db9::1", "250.1.1.1"]),
        "aws:useragent": VALUES, "aws:referer": VALUES, "s3:existingobjecttag/a": VALUES,
    },
)  # fmt: skip


@given(st.lists(STATEMENTS, min_size=1, max_size=3), CONTEXTS)
def test_what_is_not_public_lets_in_no_stranger(statements: list[Any], context: dict[str, str]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    if is_public(document):
        return
    policy = parse_policy(document, "resource")
    for who in (ANONYMOUS, STRANGER):
        keys = {**who.keys, **context}
        decision = decide("s3:GetObject", ARN, who, keys, who.policies, resource_policy=policy, same_account=False)
        assert not decision.allowed


@pytest.mark.parametrize(
    ("network", "public"),
    [
        ("0.0.0.0/0", True), ("::/0", True), ("240.0.0.0/4", True), ("8.0.0.0/7", True), ("8.0.0.0/8", False),
        ("10.0.0.0/8", False), ("172.16.0.0/12", False), ("2001:db8::/31", True), ("2001:db8::/32", False), ("fc00::/7", False),
        ("192.0.2.1", False), ("2001:db8::1", False),
    ],
)  # fmt: skip
def test_how_wide_a_network_may_be(network: str, public: bool) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket/*"}
    condition = {"IpAddress": {"aws:SourceIp": network}}
    assert is_public(json.dumps({"Statement": [statement | {"Condition": condition}]})) is public
