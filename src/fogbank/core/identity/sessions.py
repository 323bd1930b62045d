"""Session tokens: sealed, and all that a session is, so that verifying one needs no lookup of it.

A token is bound to its access key: with another key it does not open. It is valid while its role (or user) is the one that it was
made for; a role's sessions are revoked by a policy with aws:TokenIssueTime, as AWS's console does, or by deleting the role.
"""

from __future__ import annotations

import zlib
from base64 import b32decode, b32encode, b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from fogbank.auth.policy import Policies, PolicySet, parse_policy
from fogbank.core.identity import documents, permissions
from fogbank.core.identity.accounts import controls, is_closed
from fogbank.core.identity.records import arn_of, key_of, roles, users
from fogbank.core.principal import EVERYTHING, Principal, Session
from fogbank.core.vault import Unsealable

if TYPE_CHECKING:
    from fogbank.core.ids import Ids
    from fogbank.core.principal import Value
    from fogbank.core.vault import Vault
    from fogbank.store.api import Tx

LONGEST: Final = 16_384  # characters of a token
LARGEST: Final = 65_536  # bytes of a session that is not compressed
RANDOM: Final = 39  # bits of an access key id that say nothing
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Session).decode

# What GetSessionToken's and GetFederationToken's credentials may not do.
# Source: IAM User Guide, "Compare AWS STS credentials".
_LIMITS = {
    "user": """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"sts:*","Resource":"*"},
  {"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity","sts:SetContext"],"Resource":"*"},
  {"Sid":"NoIamWithoutMfa","Effect":"Deny","Action":"iam:*","Resource":"*",
   "Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}""",
    "federated": """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
      {"Sid":"NoIam","Effect":"Deny","Action":["iam:*","sts:*"],"Resource":"*"}]}""",
}
LIMITS: Final = {
    of: PolicySet((parse_policy(document, "control", f"the limits of a {of}'s session token"),))
    for of, document in _LIMITS.items()
}


class BadToken(Exception):
    """A session token that is not ours, was changed, belongs to another key, or to an identity that is gone."""


class ExpiredToken(Exception):
    """A session token whose time is over."""


def seal(vault: Vault, session: Session) -> str:
    """The token of a session."""
    return b64encode(vault.seal(zlib.compress(_encode(session)), f"session:{session.key_id}")).decode()


def unseal(vault: Vault, token: str, key_id: str) -> Session:
    """The session of a token; BadToken if it does not belong to the access key."""
    if len(token) > LONGEST:
        raise BadToken
    try:
        opened = vault.open(b64decode(token, validate=True), f"session:{key_id}")
        return _decode(zlib.decompressobj().decompress(opened, LARGEST))
    except (Base64Error, ValueError, Unsealable, zlib.error) as error:
        raise BadToken from error


def new_key_id(ids: Ids, account: str) -> str:
    """An access key id for a session. It says the account, as AWS's do: the 40 bits behind the first."""
    random = int.from_bytes(b32decode(ids.unique("")), "big") & ((1 << RANDOM) - 1)
    return "ASIA" + b32encode((1 << 79 | int(account) << RANDOM | random).to_bytes(10, "big")).decode()


def account_of(key_id: str) -> str | None:
    """The account that an access key id of a session says; None if it says none."""
    if not key_id.startswith("ASIA") or len(key_id) != 20:
        return None
    try:
        number = int.from_bytes(b32decode(key_id[4:]), "big") >> RANDOM & ((1 << 40) - 1)
    except ValueError:
        return None
    return f"{number:012d}" if number < 10**12 else None


def principal_of(tx: Tx, session: Session) -> Principal:
    """Who acts in a session, with what applies to it now; BadToken if its role, user or account is gone."""
    if is_closed(tx, session.account):
        raise BadToken
    found = {"role": _role, "user": _user, "federated": _user, "root": _root}[session.of](tx, session)
    if session.scoped:
        inline = [documents.compiled(document, "the session policy") for document in session.policies]
        scope = PolicySet([*inline, *(permissions.of_managed(tx, arn) for arn in session.arns)])
        found = msgspec.structs.replace(found, policies=msgspec.structs.replace(found.policies, session=scope))
    return found


def _role(tx: Tx, session: Session) -> Principal:
    role = roles.get(tx, session.account, key_of(session.name))
    if role is None or role.id != session.id:
        raise BadToken
    issuer = arn_of(session.account, role)
    arn = f"arn:aws:sts::{session.account}:assumed-role/{role.name}/{session.label}"
    keys = _keys(session, issuer, "AssumedRole", f"{role.id}:{session.label}", {**role.tags, **session.tags})
    return _principal("role", session, arn, issuer, role.name, permissions.of_role(tx, session.account, role), keys)


def _user(tx: Tx, session: Session) -> Principal:
    if session.name == "":  # a root's federated user: it has what the session's policies give
        return _federated(session, _everything(tx, session), f"{session.account}:{session.label}")
    user = users.get(tx, session.account, key_of(session.name))
    if user is None or user.id != session.id:
        raise BadToken
    own = permissions.of_user(tx, session.account, user)
    if session.of == "federated":
        return _federated(session, own, f"{session.account}:{session.label}")
    arn = arn_of(session.account, user)
    keys = _keys(session, arn, "User", user.id, user.tags) | {"aws:username": user.name}
    limited = msgspec.structs.replace(own, control=(*own.control, LIMITS["user"]))
    return _principal("user", session, arn, arn, user.name, limited, keys)


def _federated(session: Session, own: Policies, user_id: str) -> Principal:
    arn = f"arn:aws:sts::{session.account}:federated-user/{session.label}"
    keys = _keys(session, arn, "FederatedUser", user_id, session.tags)
    scope = None if session.scoped else PolicySet(())  # without session policies only resource policies give anything
    limited = msgspec.structs.replace(own, control=(*own.control, LIMITS["federated"]), session=scope)
    return _principal("federated", session, arn, arn, "", limited, keys)


def _everything(tx: Tx, session: Session) -> Policies:
    """What a root may do: all that the service control policies over its account leave it."""
    return msgspec.structs.replace(EVERYTHING, control=controls(tx, session.account))


def _root(tx: Tx, session: Session) -> Principal:
    arn = f"arn:aws:iam::{session.account}:root"
    keys = _keys(session, arn, "Account", session.account, {})
    return _principal("root", session, arn, arn, "", _everything(tx, session), keys)


def _principal(
    kind: Literal["root", "user", "role", "federated"],
    session: Session,
    arn: str,
    issuer: str,
    name: str,
    own: Policies,
    keys: dict[str, Value],
) -> Principal:
    return Principal(
        kind=kind, account=session.account, arn=arn, id=str(keys["aws:userid"]), access_key_id=session.key_id,
        issuer=issuer, name=name, provider=session.provider, policies=own, keys=keys, session=session,
    )  # fmt: skip


def _keys(session: Session, arn: str, kind: str, user_id: str, tags: dict[str, str]) -> dict[str, Value]:
    keys: dict[str, Value] = {
        "aws:principalarn": arn,
        "aws:principalaccount": session.account,
        "aws:principaltype": kind,
        "aws:userid": user_id,
        "aws:principalisawsservice": "false",
        "aws:tokenissuetime": str(session.issued),
        "aws:multifactorauthpresent": "true" if session.mfa else "false",
    }
    keys |= {f"aws:principaltag/{key.lower()}": value for key, value in tags.items()}
    if session.source_identity:
        keys["aws:sourceidentity"] = session.source_identity
    if session.provider:
        keys["aws:federatedprovider"] = session.provider
    return keys | session.keys
