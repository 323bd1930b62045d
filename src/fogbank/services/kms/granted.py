"""What grants allow: each is a statement beside the key's policy, if it is for the caller and its constraints hold.

Source: KMS Developer Guide, "Grants in AWS KMS", "Using grant constraints", "Granting CreateGrant permission"; API Reference,
RetireGrant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.auth.policy import Match, Policy
from fogbank.auth.policy.policies import Statement
from fogbank.auth.policy.principals import Principals
from fogbank.core.errors import AwsError
from fogbank.services.kms.condition_keys import ENCRYPTS, context_of
from fogbank.services.kms.records import granted, grants
from fogbank.services.kms.tokens import read_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.principal import Principal
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Grant, Key

CONSTRAINTS: Final = {"EncryptionContextEquals": "Equals", "EncryptionContextSubset": "Subset"}


def with_grants(call: Call, key: Key, names: Input, own: Policy) -> Policy:
    """A key's policy, and what its grants allow the caller with this request."""
    found = tuple(statement(grant) for grant in of_caller(call, key) if fits(call, grant, names))
    return Policy(own.name, own.kind, own.statements + found) if found else own


def of_retiring(call: Call, key: Key, names: Input, own: Policy) -> Policy:
    """Who may retire a grant: its retiring principal, its grantee if that is among its operations, and the root of the key's account.

    A key's policy can deny it, but not allow it.
    """
    grant = addressed_grant(call, key, names)
    allowed = [grant.retiring_id] if grant.retiring_id else []
    if "RetireGrant" in grant.operations:
        allowed.append(grant.grantee_id)
    if call.principal.kind == "root" and call.principal.account == key.account:
        allowed.append(call.principal.arn)
    denies = tuple(each for each in own.statements if each.effect == "Deny")
    retires = tuple(allowing(grant.id, each, ("RetireGrant",)) for each in allowed)
    return Policy(own.name, own.kind, denies + retires)


def addressed_grant(call: Call, key: Key, names: Input) -> Grant:
    """The grant that a request names by its token or its id."""
    from_token = names.get("GrantToken")
    name = read_token(call.vault, from_token).grant if from_token else names.get("GrantId", "")
    found = grants.get(call.tx, key.account, key.region, key.id, name)
    if found is None:
        raise AwsError("NotFoundException", f"Grant ID {name[:128]} not found", status=400)
    return found


def of_caller(call: Call, key: Key) -> Iterator[Grant]:
    """The grants of a key that name the caller, its role or its account."""
    place = (key.account, key.region, key.id)
    for name in names_of(call.principal):
        for parts, _ in granted.scan(call.tx, *place, name):
            found = grants.get(call.tx, *place, parts[-1])
            if found is not None:
                yield found


def names_of(who: Principal) -> list[str]:
    """What a grant may call a principal by."""
    root = f"arn:aws:iam::{who.account}:root"
    return list(dict.fromkeys((who.arn, who.id, who.id.partition(":")[0], who.issuer, root)))


def fits(call: Call, grant: Grant, names: Input) -> bool:
    """Whether a grant's constraints hold for a request. They are about operations with an encryption context, and about new grants."""
    operation = call.bound.name
    if operation == "CreateGrant":
        return set(names.get("Operations", ())) <= set(grant.operations) and passes_on(grant, names)
    if operation not in ENCRYPTS or not grant.constraint:
        return True
    context = context_of(names)
    return context == grant.context if grant.constraint == "Equals" else context.items() >= grant.context.items()


def passes_on(grant: Grant, names: Input) -> bool:
    """Whether a new grant is at least as strict as the grant that allows to make it."""
    constraint, context = constraint_of(names)
    if not grant.constraint:
        return True
    if grant.constraint == "Equals":
        return (constraint, context) == ("Equals", grant.context)
    return bool(constraint) and context.items() >= grant.context.items()


def constraint_of(names: Input) -> tuple[str, dict[str, Any]]:
    """The constraint that a new grant is to have, and its encryption context."""
    found = [
        (kind, names["Constraints"][member])
        for member, kind in CONSTRAINTS.items()
        if names.get("Constraints", {}).get(member)
    ]
    return found[0] if found else ("", {})


def statement(grant: Grant) -> Statement:
    """A grant as a statement of a key policy."""
    return allowing(grant.id, grant.grantee_id, grant.operations)


def allowing(name: str, principal: str, operations: tuple[str, ...]) -> Statement:
    """A statement that allows a principal some operations."""
    actions = frozenset(f"kms:{operation}".lower() for operation in operations)
    return Statement(
        sid=name,
        effect="Allow",
        index=0,
        match=Match("grant", name),
        actions=actions.__contains__,
        other_actions=False,
        about=None,
        resources=None,
        conditions=(),
        principals=Principals({"AWS": [principal]}),
        other_principals=False,
    )
