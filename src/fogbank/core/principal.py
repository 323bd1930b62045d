"""Who makes a request."""

from __future__ import annotations

from typing import Literal

import msgspec

from fogbank.auth.policy import Policies, PolicySet, parse_policy

Kind = Literal["root", "user", "role", "federated", "service", "anonymous"]
Value = str | tuple[str, ...]  # of a condition key: single-valued, or multi-valued

NOTHING = Policies(identity=PolicySet(()))
EVERYTHING = Policies(
    identity=PolicySet(
        (
            parse_policy(
                '{"Version":"2012-10-17","Statement":[{"Sid":"Root","Effect":"Allow","Action":"*","Resource":"*"}]}',
                "identity",
                "the account's root user",
            ),
        )
    )
)


class Session(msgspec.Struct, frozen=True, array_like=True):
    """What a session token says, sealed. `of` says whose it is: a role's, a user's (GetSessionToken), a federated user's or a root's.

    `name` and `id` are the role's or user's; `label` is the session's or the federated user's name. `policies` are the documents of
    inline session policies, `arns` name managed ones; `scoped` says that there are any. Times are seconds since the
    epoch; `mfa` is when a second factor was shown, 0 for never. `keys` are condition keys that the provider's token gave.
    """

    key_id: str
    secret: str
    account: str
    of: Literal["role", "user", "federated", "root"]
    name: str
    id: str
    label: str
    issued: int
    expires: int
    scoped: bool = False
    policies: tuple[str, ...] = ()
    arns: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    source_identity: str = ""
    mfa: int = 0
    provider: str = ""
    chained: bool = False
    keys: dict[str, Value] = {}

    def __repr__(self) -> str:
        return f"Session({self.key_id}, of {self.of} {self.account} {self.name})"


class Principal(msgspec.Struct, frozen=True):
    """A caller whose signature was verified, or the anonymous one.

    `arn` is the caller's (for a role the session's), `issuer` what policies see as aws:PrincipalArn (the role's); `id` is
    aws:userid (the account's number for its root). `name` is the user's or role's, empty for others. `keys` are the condition
    keys that follow from who calls, in lower case. `session` is what its session token said, if it has one.
    """

    kind: Kind
    account: str
    arn: str
    id: str
    access_key_id: str = ""
    issuer: str = ""
    name: str = ""
    service: str = ""
    provider: str = ""
    policies: Policies = NOTHING
    keys: dict[str, Value] = {}
    session: Session | None = None

    def __repr__(self) -> str:
        return f"Principal({self.kind}, {self.arn})"


ANONYMOUS = Principal(
    kind="anonymous", account="anonymous", arn="*", id="anonymous", keys={"aws:principaltype": "Anonymous"}
)


def root_of(account: str, access_key_id: str = "") -> Principal:
    """The root user of an account."""
    arn = f"arn:aws:iam::{account}:root"
    keys: dict[str, Value] = {
        "aws:principalarn": arn,
        "aws:principalaccount": account,
        "aws:principaltype": "Account",
        "aws:userid": account,
        "aws:principalisawsservice": "false",
    }
    return Principal("root", account, arn, account, access_key_id, issuer=arn, policies=EVERYTHING, keys=keys)


def service_of(name: str, account: str, source: str) -> Principal:
    """A service (`s3.amazonaws.com`) that acts by itself, for the resource `source` of an account.

    Source: IAM User Guide, "AWS global condition context keys": aws:SourceArn, aws:SourceAccount, aws:PrincipalServiceName.
    """
    keys: dict[str, Value] = {
        "aws:sourcearn": source,
        "aws:sourceaccount": account,
        "aws:principalservicename": name,
        "aws:principalservicenameslist": (name,),
        "aws:principalisawsservice": "true",
    }
    return Principal("service", account, name, name, service=name, keys=keys)
