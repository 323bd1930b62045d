"""Trust policies: whom a role trusts is kept by unique id, so that a namesake made later is not trusted.

Source: IAM User Guide, "AWS JSON policy elements: Principal", on what becomes of ARNs of users, roles and their sessions.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import accounts
from fogbank.core.identity.records import arn_of, key_of, roles, users
from fogbank.services.iam.entities import SIZES, parse, size
from fogbank.services.iam.identifiers import arn_of_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.identity.records import Role
    from fogbank.store.api import Tx

_ARN: Final = re.compile(r"arn:aws:iam::(\d{12}):(user|role)/(?:[!-~]*/)?([\w+=,.@-]{1,128})", re.ASCII)
_SESSION: Final = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([\w+=,.@-]{1,128})/([\w+=,.@-]{1,64})", re.ASCII)
_ID: Final = re.compile(r"(?:AIDA|AROA)[A-Z0-9]+", re.ASCII)
_SERVICES: Final = (".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal")


def checked(call: Call, document: str) -> str:
    """A trust policy as it is kept, with ids for the users and roles that it names; MalformedPolicyDocument if one is unknown."""
    policy = parse(document, "trust")
    if size(document) > SIZES["trust"]:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {SIZES['trust']}")
    ids: dict[str, str] = {}
    for kind, value in policy.principals():
        known = kind != "Service" or value == "*" or value.endswith(_SERVICES)
        unique = _id(call, value) if kind == "AWS" else value
        if not known or unique is None:
            raise AwsError("MalformedPolicyDocument", f'Invalid principal in policy: "{kind.upper()}":"{value}"')
        if unique != value:
            ids[value] = unique
    return _rewritten(document, ids) if ids else document


def told(tx: Tx, role: Role) -> str:
    """A role's trust policy as it was given; a user or role that was renamed shows as it is called now, and one that is gone as
    the id that it had."""
    if role.trust == role.trust_given:
        return role.trust_given
    pairs = zip(_named(json.loads(role.trust_given)), _named(json.loads(role.trust)), strict=True)
    changed = {arn: now for arn, unique in pairs if arn != unique and (now := _now(tx, arn, unique)) != arn}
    return _rewritten(role.trust_given, changed) if changed else role.trust_given


def _id(call: Call, value: str) -> str | None:
    """What is kept for an AWS principal; None if it ought to be there and is not.

    Of accounts that this region does not have, nothing is known, and their ARNs are kept.
    """
    session = _SESSION.fullmatch(value)
    if session:
        account, name, label = session.groups()
        role = roles.get(call.tx, account, key_of(name))
        return f"{role.id}:{label}" if role else _unless_here(call, account, value)
    if _ID.fullmatch(value.partition(":")[0]):
        return value if arn_of_id(call.tx, value.partition(":")[0]) else None
    match = _ARN.fullmatch(value)
    if match is None:
        return value
    found = _unique(call.tx, value)
    return found or _unless_here(call, match[1], value)


def _unless_here(call: Call, account: str, value: str) -> str | None:
    """The value, unless its account is one of this region's."""
    if account == call.account or accounts.get(call.tx, account) is not None:
        return None
    known = any(next(table.scan(call.tx, account, limit=1), None) for table in (users, roles))
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
