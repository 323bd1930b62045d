"""What the evaluator is asked and answers: its types, without behaviour."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Kind = Literal["identity", "resource", "trust", "control"]
Effect = Literal["Allow", "Deny"]
Layer = Literal["identity", "resource", "boundary", "session", "control"]


class PolicyError(ValueError):
    """A document that is not a policy. `reason` says why in AWS's words; IAM answers MalformedPolicyDocument with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Context(Protocol):
    """The request context. A dict is one.

    Source: IAM User Guide, "AWS global condition context keys"; "Single-valued vs. multivalued context keys".
    """

    def get(self, key: str, /) -> str | tuple[str, ...] | None:
        """The values of a condition key, which is given in lower case: a str if it is single-valued; None if it is absent."""


class Who(Protocol):
    """The caller, as Principal elements see it."""

    @property
    def kind(self) -> Literal["root", "user", "role", "federated", "service", "anonymous"]:
        """What sort of principal it is; a role is always the session of one."""

    @property
    def account(self) -> str:
        """The number of its account."""

    @property
    def arn(self) -> str:
        """The ARN of the user, the root, the assumed-role session or the federated user."""

    @property
    def issuer(self) -> str:
        """aws:PrincipalArn: the role's ARN (with its path) for a session; else `arn`."""

    @property
    def id(self) -> str:
        """aws:userid: AIDA…; AROA…:session; the account's number for root; account:name for a federated user."""

    @property
    def service(self) -> str:
        """`lambda.amazonaws.com` for kind "service", else empty."""

    @property
    def provider(self) -> str:
        """Who federated the session: the ARN or host of an OIDC or SAML provider; else empty."""


class Match(msgspec.Struct, frozen=True):
    """A statement that took part in a decision: the policy's name, and the statement's Sid or its position from "1"."""

    policy: str
    statement: str


class Decision(msgspec.Struct, frozen=True):
    """What was decided and why.

    `explicit`: by a Deny statement. `kind`: the kind of policy that decided; for an implicit deny, the one that did not allow.
    `by`: the statements that decided, at least one per layer for an allow, none for an implicit deny. `missing`: condition
    keys (lower case) that statements for this action asked for and the request did not have.
    """

    allowed: bool
    explicit: bool
    kind: Layer
    by: tuple[Match, ...]
    missing: tuple[str, ...]
