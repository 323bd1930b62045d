"""Principals and layers of policies. Source: IAM User Guide, "Policy evaluation logic", "Principal", "NotPrincipal"."""

from __future__ import annotations

from typing import Any

import pytest

from auth.policy.asking import (
    ANYONE,
    BOB,
    FEDERATED,
    LAMBDA,
    ROOT,
    SESSION,
    WEB,
    A,
    B,
    Caller,
    ask,
    bucket,
    layer,
    policies,
    policy,
)
from fogbank.auth.policy import Match, Policies, PolicySet

NOTHING = policies()
ACCOUNT = f"arn:aws:iam::{A}:root"
NONE = layer({"Action": "ec2:*"})


@pytest.mark.parametrize(
    ("who", "principal", "bare", "limited"),
    [  # allowed without any other policy; allowed with a boundary and a session policy that do not allow
        (BOB, {"AWS": BOB.arn}, True, True),
        (BOB, {"AWS": BOB.id}, True, True),
        (BOB, {"AWS": A}, False, False),
        (BOB, {"AWS": ACCOUNT}, False, False),
        (BOB, "*", True, True),
        (BOB, {"AWS": "*"}, True, True),
        (BOB, {"AWS": f"arn:aws:iam::{A}:user/BOB"}, False, False),
        (BOB, {"Service": "lambda.amazonaws.com"}, False, False),
        (SESSION, {"AWS": SESSION.arn}, True, True),
        (SESSION, {"AWS": SESSION.issuer}, True, False),
        (SESSION, {"AWS": "AROADBQP57FF2AEXAMPLE"}, True, False),
        (SESSION, {"AWS": f"arn:aws:iam::{A}:role/r"}, False, False),
        (SESSION, {"AWS": f"arn:aws:sts::{A}:assumed-role/r/other"}, False, False),
        (SESSION, "*", True, True),
        (SESSION, {"AWS": A}, False, False),
        (FEDERATED, {"AWS": FEDERATED.arn}, True, True),
        (FEDERATED, {"AWS": BOB.arn}, False, False),
        (FEDERATED, {"AWS": A}, False, False),
        (WEB, {"Federated": "accounts.google.com"}, True, True),
        (WEB, {"Federated": "graph.facebook.com"}, False, False),
        (LAMBDA, {"Service": "lambda.amazonaws.com"}, True, True),
        (LAMBDA, {"Service": "ec2.amazonaws.com"}, False, False),
        (LAMBDA, {"AWS": A}, False, False),
        (LAMBDA, "*", True, True),
        (ANYONE, "*", True, True),
        (ANYONE, {"AWS": "*"}, True, True),
        (ANYONE, {"AWS": A}, False, False),
    ],
)
def test_grants_of_resource_policies(who: Caller, principal: Any, bare: bool, limited: bool) -> None:
    grant = bucket({"Principal": principal})
    assert ask(NOTHING, who=who, resource_policy=grant).allowed == bare
    bounded = Policies(PolicySet.EMPTY, boundary=NONE, session=NONE)
    assert ask(bounded, who=who, resource_policy=grant).allowed == limited
    denied = ask(policies({}), who=who, resource_policy=bucket({"Principal": principal, "Effect": "Deny"}))
    named = bare or (who not in (LAMBDA, ANYONE) and principal in ({"AWS": A}, {"AWS": ACCOUNT}))
    assert denied.explicit == named


def test_a_federated_user_is_limited_where_his_user_is_named() -> None:
    eve = Caller("federated", A, FEDERATED.arn, BOB.arn, FEDERATED.id)
    grant = bucket({"Principal": {"AWS": BOB.arn}})
    everything = layer({"Action": "*"})
    assert ask(Policies(PolicySet.EMPTY, session=everything), who=eve, resource_policy=grant).allowed
    assert not ask(NOTHING, who=eve, resource_policy=grant).allowed
    assert not ask(Policies(PolicySet.EMPTY, session=NONE), who=eve, resource_policy=grant).allowed


def test_canonical_users_are_accounts() -> None:
    canonical = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
    grant = bucket({"Principal": {"CanonicalUser": canonical}})
    context: dict[str, Any] = {"fogbank:canonicaluserid": canonical}
    assert ask(policies({}), resource_policy=grant, context=context, same_account=False).allowed
    assert not ask(policies({}), resource_policy=grant, same_account=False).allowed


@pytest.mark.parametrize(
    ("who", "names", "spared"),
    [
        (BOB, [BOB.arn, ACCOUNT], True),
        (BOB, [BOB.arn], False),
        (BOB, [ACCOUNT], False),
        (SESSION, [SESSION.arn, SESSION.issuer, ACCOUNT], True),
        (SESSION, [SESSION.issuer, ACCOUNT], True),
        (SESSION, [f"arn:aws:sts::{A}:assumed-role/r/other", SESSION.issuer, ACCOUNT], False),
        (SESSION, [SESSION.arn, ACCOUNT], False),
        (ROOT, [ACCOUNT], True),
        (FEDERATED, [FEDERATED.arn, ACCOUNT], True),
        (ANYONE, [ACCOUNT], False),
        (LAMBDA, [ACCOUNT], False),
        (BOB, ["*"], True),
    ],
)
def test_not_principal_with_deny(who: Caller, names: list[str], spared: bool) -> None:
    deny = bucket({"Effect": "Deny", "NotPrincipal": {"AWS": names}}, {"Principal": "*"})
    found = ask(policies({}), who=who, resource_policy=deny)
    assert found.allowed == spared
    assert found.explicit != spared


def test_not_principal_with_deny_and_a_boundary_denies_always() -> None:
    deny = bucket({"Effect": "Deny", "NotPrincipal": {"AWS": [BOB.arn, ACCOUNT]}})
    assert ask(policies({}, boundary=layer({})), resource_policy=deny).explicit


def test_not_principal_with_allow() -> None:
    grant = bucket({"NotPrincipal": {"AWS": BOB.arn}})
    assert not ask(NOTHING, resource_policy=grant).allowed
    assert ask(NOTHING, resource_policy=grant, who=ANYONE).allowed
    assert ask(NOTHING, resource_policy=grant, who=SESSION).allowed


def test_layers_of_one_account() -> None:
    full = layer({})
    assert ask(policies({}, boundary=full, session=full, control=(full, full))).allowed
    for name, applied in {
        "identity": policies({"Action": "ec2:*"}, boundary=full),
        "boundary": policies({}, boundary=NONE),
        "session": policies({}, boundary=full, session=NONE),
        "control": policies({}, control=(full, NONE)),
    }.items():
        found = ask(applied)
        assert (found.allowed, found.explicit, found.kind, found.by) == (False, False, name, ())
    deny = layer({"Effect": "Deny", "Sid": "no"}, {})
    for name, applied in {
        "identity": policies({}, {"Effect": "Deny", "Sid": "no"}),
        "boundary": policies({}, boundary=deny),
        "session": policies({}, session=deny),
        "control": policies({}, control=(full, deny)),
    }.items():
        found = ask(applied, resource_policy=bucket({"Principal": {"AWS": BOB.arn}}))
        assert (found.allowed, found.explicit, found.kind, found.by) == (False, True, name, (Match("p", "no"),))


def test_control_limits_grants_of_resource_policies() -> None:
    grant = bucket({"Principal": {"AWS": BOB.arn}})
    assert ask(Policies(PolicySet.EMPTY, control=(NONE,)), resource_policy=grant).kind == "control"


def test_the_statements_that_decided_are_told() -> None:
    full = PolicySet([policy({"Sid": "full"}, name="boundary")])
    found = ask(policies({"Action": "ec2:*"}, {"Action": "s3:*"}, boundary=full))
    assert found.by == (Match("p", "2"), Match("boundary", "full"))
    found = ask(NOTHING, resource_policy=bucket({"Principal": "*"}))
    assert (found.kind, found.by) == ("resource", (Match("bucket", "1"),))


def test_root() -> None:
    """By default, root may do everything, but service control policies and explicit denies limit it."""
    assert ask(NOTHING, who=ROOT).allowed
    assert ask(Policies(PolicySet.EMPTY, control=(NONE,)), who=ROOT).kind == "control"
    assert ask(NOTHING, who=ROOT, resource_policy=bucket({"Effect": "Deny", "Principal": {"AWS": A}})).explicit
    assert not ask(NOTHING, who=ROOT, same_account=False).allowed
    assert ask(NOTHING, who=ROOT, same_account=False, resource_policy=bucket({"Principal": {"AWS": A}})).allowed


@pytest.mark.parametrize("principal", ["*", {"AWS": A}, {"AWS": ACCOUNT}, {"AWS": BOB.arn}])
def test_across_accounts_both_have_to_allow(principal: Any) -> None:
    grant = bucket({"Principal": principal})
    assert ask(policies({}), resource_policy=grant, same_account=False).allowed
    assert ask(NOTHING, resource_policy=grant, same_account=False).kind == "identity"
    assert ask(policies({}, session=NONE), resource_policy=grant, same_account=False).kind == "session"
    assert ask(policies({}), same_account=False).kind == "resource"
    other = bucket({"Principal": {"AWS": B}})
    assert ask(policies({}), resource_policy=other, same_account=False).kind == "resource"


def test_a_session_across_accounts_is_limited_even_where_it_is_named() -> None:
    grant = bucket({"Principal": {"AWS": SESSION.arn}})
    assert not ask(NOTHING, who=SESSION, resource_policy=grant, same_account=False).allowed
    assert ask(policies({}), who=SESSION, resource_policy=grant, same_account=False).allowed


@pytest.mark.parametrize(
    ("principal", "without", "with_identity"),
    [({"AWS": A}, False, True), ({"AWS": BOB.arn}, True, True), ({"AWS": B}, False, False)],
)
def test_trust_policies_have_to_allow(principal: Any, without: bool, with_identity: bool) -> None:
    trust = policy({"Principal": principal}, kind="trust")
    question: dict[str, Any] = {
        "action": "sts:AssumeRole",
        "resource": f"arn:aws:iam::{A}:role/r",
        "resource_policy": trust,
        "needs_resource_policy": True,
    }
    assert ask(NOTHING, **question).allowed == without
    assert ask(policies({}), **question).allowed == with_identity
    assert ask(policies({}), **question | {"resource_policy": None}).kind == "resource"


def test_service_control_does_not_limit_services() -> None:
    grant = bucket({"Principal": {"Service": "lambda.amazonaws.com"}})
    assert ask(Policies(PolicySet.EMPTY, control=(NONE,)), who=LAMBDA, resource_policy=grant).allowed
    assert ask(policies({}), who=LAMBDA).kind == "resource"


def test_many_actions_stay_bounded() -> None:
    applied = policies({"Action": "s3:*"})
    for number in range(3000):
        assert ask(applied, action=f"s3:Get{number}").allowed
    assert not ask(applied, action="x" * 100_000).allowed
