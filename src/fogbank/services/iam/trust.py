"""Trust policies: whom a role trusts is kept by unique id, so that a namesake made later is not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.core.identity.named import UnknownPrincipal, by_id, by_name
from fogbank.services.iam.entities import SIZES, parse, size

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.records import Role
    from fogbank.store.api import Tx


def checked(call: Call, document: str) -> str:
    """A trust policy as it is kept, with ids for the users and roles that it names; MalformedPolicyDocument if one is unknown."""
    policy = parse(document, "trust")
    if size(document) > SIZES["trust"]:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {SIZES['trust']}")
    try:
        return by_id(call.tx, call.account, document, policy)
    except UnknownPrincipal as unknown:
        message = f'Invalid principal in policy: "{unknown.kind.upper()}":"{unknown.value}"'
        raise AwsError("MalformedPolicyDocument", message) from None


def told(tx: Tx, role: Role) -> str:
    """A role's trust policy as it was given; a user or role that was renamed shows as it is called now, and one that is gone as
    the id that it had."""
    return by_name(tx, role.trust_given, role.trust)
