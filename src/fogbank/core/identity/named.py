"""Users and roles that resource-based policies name are kept by unique id, so that a namesake made later is not meant.

Source: IAM User Guide, "AWS JSON policy elements: Principal", on what becomes of ARNs of users, roles and their sessions.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, Literal

from fogbank.core.identity.accounts import accounts
from fogbank.core.identity.records import arn_of, key_of, roles, users
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.auth.policy import Policy
    from fogbank.store.api import Tx

_ARN: Final = re.compile(r"arn:aws:iam::(\d{12}):(user|role)/(?:[!-~]*/)?([\w+=,.@-]{1,128})", re.ASCII)
_SESSION: Final = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([\w+=,.@-]{1,128})/([\w+=,.@-]{1,64})", re.ASCII)
_ID: Final = re.compile(r"(?:AIDA|AROA)[A-Z0-9]+", re.ASCII)
_SERVICES: Final = (".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal")

Kind = Literal["user", "role"]


class Entity(Record, version=1):
    """Whose a unique id is."""

    account: str
    kind: Kind
    name: str


entities = Table("iam.entity", Entity)  # unique id


class UnknownPrincipal(Exception):
    """A policy names a principal that is not there. `kind` is the Principal element's key: AWS, Service …"""

    def __init__(self, kind: str, value: str) -> None:
        super().__init__(value)
        self.kind, self.value = kind, value


def by_id(tx: Tx, account: str, document: str, policy: Policy) -> str:
    """A document as it is kept, with ids for the users and roles that it names. `policy` is it, parsed; `account` the caller's.

    Raises UnknownPrincipal.
    """
    ids: dict[str, str] = {}
    for kind, value in policy.principals():
        known = kind != "Service" or value == "*" or value.endswith(_SERVICES)
        unique = id_of(tx, account, value) if kind == "AWS" else value
        if not known or unique is None:
            raise UnknownPrincipal(kind, value)
        if unique != value:
            ids[value] = unique
    return _rewritten(document, ids) if ids else document


def by_name(tx: Tx, given: str, kept: str) -> str:
    """A document as it was given; a user or role that was renamed shows as it is called now, and one that is gone as the id that
    it had."""
    if given == kept:
        return given
    pairs = zip(_named(json.loads(given)), _named(json.loads(kept)), strict=True)
    changed = {arn: now for arn, unique in pairs if arn != unique and (now := _now(tx, arn, unique)) != arn}
    return _rewritten(given, changed) if changed else given


def arn_of_id(tx: Tx, unique: str) -> str | None:
    """The ARN that a user or role has now; None if there is none of this id."""
    entity = entities.get(tx, unique)
    if entity is None:
        return None
    table = users if entity.kind == "user" else roles
    found = table.get(tx, entity.account, key_of(entity.name))
    return arn_of(entity.account, found) if found else None


def id_of(tx: Tx, caller: str, value: str) -> str | None:
    """What is kept for an AWS principal; None if it ought to be there and is not.

    Of accounts that this region does not have, nothing is known, and their ARNs are kept.
    """
    session = _SESSION.fullmatch(value)
    if session:
        account, name, label = session.groups()
        role = roles.get(tx, account, key_of(name))
        return f"{role.id}:{label}" if role else _unless_here(tx, caller, account, value)
    if _ID.fullmatch(value.partition(":")[0]):
        return value if arn_of_id(tx, value.partition(":")[0]) else None
    match = _ARN.fullmatch(value)
    if match is None:
        return value
    found = _unique(tx, value)
    return found or _unless_here(tx, caller, match[1], value)


def _unless_here(tx: Tx, caller: str, account: str, value: str) -> str | None:
    """The value, unless its account is one of this region's."""
    if account == caller or accounts.get(tx, account) is not None:
        return None
    known = any(next(table.scan(tx, account, limit=1), None) for table in (users, roles))
    return None if known else value


def _unique(tx: Tx, arn: str) -> str | None:
    """The unique id of the user or role that has this ARN now."""
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    account, kind, name = match.groups()
    found = (users if kind == "user" else roles).get(tx, account, key_of(name))
    return found.id if found and arn_of(account, found) == arn else None


def _now(tx: Tx, arn: str, unique: str) -> str:
    """What is shown for a principal that was given as an ARN and is kept by its id."""
    base, colon, label = unique.partition(":")
    now = arn if _unique(tx, arn) == unique else arn_of_id(tx, base)
    if now is None or not colon:
        return now or unique
    account, name = now.split(":")[4], now.rpartition("/")[2]
    return f"arn:aws:sts::{account}:assumed-role/{name}/{label}"


def _rewritten(document: str, names: dict[str, str]) -> str:
    """A document with its AWS principals changed. Numbers become strings, which conditions take as well."""
    policy = json.loads(document, parse_float=str, parse_int=str)
    for named in _elements(policy):
        given = named["AWS"]
        named["AWS"] = [names.get(one, one) for one in given] if isinstance(given, list) else names.get(given, given)
    return json.dumps(policy)


def _named(policy: Any) -> list[str]:
    """The AWS principals of a policy, in order."""
    values = [named["AWS"] for named in _elements(policy)]
    return [one for given in values for one in (given if isinstance(given, list) else [given])]


def _elements(policy: Any) -> Iterator[dict[str, Any]]:
    """The Principal and NotPrincipal elements that name AWS principals."""
    statements = policy["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, dict) and "AWS" in named:
                yield named
