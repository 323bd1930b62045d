"""Trust policies: whom a role trusts is kept by unique id, so that a namesake made later is not trusted.

Source: IAM User Guide, "AWS JSON policy elements: Principal", on what becomes of ARNs of users and roles.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import key_of, roles, users
from fogbank.services.iam.entities import check_size, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from fogbank.core.identity.records import Role

_ARN: Final = re.compile(r"arn:aws:iam::(\d{12}):(user|role)/(?:[!-~]*/)?([\w+=,.@-]{1,128})", re.ASCII)


def checked(call: Call, document: str, name: str) -> str:
    """A trust policy as it is kept, with ids for the users and roles that it names; MalformedPolicyDocument if one is unknown."""
    parse(document, "trust")
    check_size(document, "trust", name)
    return _rewritten(document, lambda arn: _id(call, arn))


def told(call: Call, role: Role) -> str:
    """A role's trust policy as it was given; a user or role that is gone since shows as the id that it had."""
    kept = iter(_principals(json.loads(role.trust)))

    def now(arn: str) -> str:
        trusted = next(kept)
        return arn if trusted == arn or _find(call, arn) == trusted else trusted

    shown = _rewritten(role.trust_given, now)
    return role.trust_given if json.loads(shown) == json.loads(role.trust_given) else shown


def _id(call: Call, arn: str) -> str:
    if _ARN.fullmatch(arn) is None:
        return arn
    found = _find(call, arn)
    if found is None:
        raise AwsError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"')
    return found


def _find(call: Call, arn: str) -> str | None:
    """The unique id of the user or role that has this ARN now."""
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    account, kind, name = match.groups()
    found = (users if kind == "user" else roles).get(call.tx, account, key_of(name))
    path = arn.partition(f":{kind}")[2][: -len(name)]
    return found.id if found and found.path == path else None


def _rewritten(document: str, change: Callable[[str], str]) -> str:
    """A document with its AWS principals changed."""
    policy = json.loads(document)
    for statement in _statements(policy):
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, dict) and "AWS" in named:
                given = named["AWS"]
                named["AWS"] = [change(one) for one in given] if isinstance(given, list) else change(given)
    return json.dumps(policy)


def _principals(policy: Any) -> list[str]:
    """The AWS principals of a policy, in order."""
    found: list[str] = []
    for statement in _statements(policy):
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, dict) and "AWS" in named:
                found.extend(named["AWS"] if isinstance(named["AWS"], list) else [named["AWS"]])
    return found


def _statements(policy: Any) -> list[dict[str, Any]]:
    found = policy["Statement"]
    return found if isinstance(found, list) else [found]
