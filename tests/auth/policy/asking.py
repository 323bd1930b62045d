"""Callers, policies and questions, in few words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fogbank.auth.policy import Decision, Policies, Policy, PolicySet, decide, parse_policy

if TYPE_CHECKING:
    from fogbank.auth.policy import Kind

A, B = "111122223333", "444455556666"
OBJECT = "arn:aws:s3:::b/k"


class Caller(msgspec.Struct, frozen=True):
    """Who asks."""

    kind: Literal["root", "user", "role", "federated", "service", "anonymous"]
    account: str
    arn: str = ""
    issuer: str = ""
    id: str = ""
    service: str = ""
    provider: str = ""


BOB = Caller("user", A, f"arn:aws:iam::{A}:user/bob", f"arn:aws:iam::{A}:user/bob", "AIDACKCEVSQ6C2EXAMPLE")
ROOT = Caller("root", A, f"arn:aws:iam::{A}:root", f"arn:aws:iam::{A}:root", A)
SESSION = Caller(
    "role", A, f"arn:aws:sts::{A}:assumed-role/r/s", f"arn:aws:iam::{A}:role/path/r", "AROADBQP57FF2AEXAMPLE:s"
)
FEDERATED = Caller(
    "federated", A, f"arn:aws:sts::{A}:federated-user/eve", f"arn:aws:sts::{A}:federated-user/eve", f"{A}:eve"
)
WEB = Caller("federated", A, id="subject", provider="accounts.google.com")
LAMBDA = Caller("service", A, service="lambda.amazonaws.com")
ANYONE = Caller("anonymous", "anonymous", "*", "*", "anonymous")


def policy(
    *statements: dict[str, Any], kind: Kind = "identity", name: str = "p", version: str = "2012-10-17"
) -> Policy:
    """A policy of statements, whose Effect, Action and Resource default to allowing everything."""
    usual: dict[str, Any] = {"Effect": "Allow"}
    full = [usual | each for each in statements]
    for each in full:
        if not {"Action", "NotAction"} & each.keys():
            each["Action"] = "sts:AssumeRole" if kind == "trust" else "*"
        if kind != "trust" and not {"Resource", "NotResource"} & each.keys():
            each["Resource"] = "*"
    return parse_policy(json.dumps({"Version": version, "Statement": full}), kind, name)


def policies(*statements: dict[str, Any], **layers: Any) -> Policies:
    """What applies to a caller with one identity-based policy (none without statements)."""
    return Policies(PolicySet([policy(*statements)] if statements else []), **layers)


def layer(*statements: dict[str, Any]) -> PolicySet:
    """A boundary, session policy or service control policy."""
    return PolicySet([policy(*statements)])


def bucket(*statements: dict[str, Any]) -> Policy:
    """A resource-based policy."""
    return policy(*statements, kind="resource", name="bucket")


def ask(
    applied: Policies,
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    who: Caller = BOB,
    context: dict[str, str | tuple[str, ...]] | None = None,
    **more: Any,
) -> Decision:
    """The decision about one request."""
    return decide(action, resource, who, context or {}, applied, **more)


def allows(statement: dict[str, Any], **question: Any) -> bool:
    """Whether one statement of an identity-based policy allows."""
    return ask(policies(statement), **question).allowed
