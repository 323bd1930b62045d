"""Grants: made, listed, retired by whom they are for, revoked by who made them.

A grant is in force at once; its token says nothing that is not known. One with a name is made once: the same request gives the same.

Source: API Reference, CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.auth.policy import PolicyError
from fogbank.auth.policy.principals import Principals
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.identity.named import arn_of_id, id_of
from fogbank.services.kms.addressing import by_id, find
from fogbank.services.kms.granted import CONSTRAINTS, addressed_grant, constraint_of
from fogbank.services.kms.listing import FEW, after, behind, paged
from fogbank.services.kms.records import Grant, granted, grants, retirable, when
from fogbank.services.kms.service import kms, need
from fogbank.services.kms.specs import AGREE, ENCRYPT, MAC, SIGN, SYMMETRIC
from fogbank.services.kms.states import keep, need_enabled, rehearsed, validation
from fogbank.services.kms.tokens import check_tokens, write_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key
    from fogbank.store.api import Tx

MOST: Final = 50_000  # grants of a key
MOST_EACH: Final = 500  # of them for one grantee, as it was on AWS once: every request of the grantee looks at them all
_ANY: Final = frozenset(("CreateGrant", "RetireGrant", "DescribeKey"))
_PAIR: Final = _ANY | {"GetPublicKey"}
_ENCRYPT: Final = frozenset(("Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo"))
_DATA_KEYS: Final = frozenset(
    f"GenerateDataKey{kind}" for kind in ("", "WithoutPlaintext", "Pair", "PairWithoutPlaintext")
)
_BY_USAGE: Final = {
    ENCRYPT: _PAIR | _ENCRYPT,
    SIGN: _PAIR | {"Sign", "Verify"},
    MAC: _ANY | {"GenerateMac", "VerifyMac"},
    AGREE: _PAIR | {"DeriveSharedSecret"},
}


@kms.operation(
    "write",
    "shared",
    takes="KeyId GranteePrincipal RetiringPrincipal Operations Constraints GrantTokens Name DryRun",
    needs_policy=True,
)
def create_grant(call: Call, req: Input) -> dict[str, Any]:
    """Allow a principal some operations with a key."""
    key = find(call, req["KeyId"])
    need_enabled(key)
    check_tokens(call, req)
    wanted = described(call, req, key)
    rehearsed(req)
    same = twin(call.tx, key, wanted) if wanted.name else None
    made = same or wanted
    if same is None:
        add(call, key, made)
    return {"GrantToken": write_token(call.vault, key, made.id), "GrantId": made.id}


def described(call: Call, req: Input, key: Key) -> Grant:
    """The grant that is asked for, checked."""
    if "GranteePrincipal" not in req:
        raise validation("GranteePrincipal is required.")
    operations = tuple(sorted(set(req["Operations"])))
    if not operations or not set(operations) <= allowed(key):
        what = ", ".join(sorted(set(operations) - allowed(key))) or "none"
        raise validation(f"The grant operations are not valid for {key.arn}: {what}")
    constraint, context = constrained(req, key)
    return Grant(
        id=call.ids.random(32).hex(),
        key=key.id,
        created=int(call.now.timestamp()),
        name=req.get("Name", ""),
        grantee=req["GranteePrincipal"],
        grantee_id=principal(call, req["GranteePrincipal"]),
        retiring=req.get("RetiringPrincipal", ""),
        retiring_id=principal(call, req["RetiringPrincipal"]) if "RetiringPrincipal" in req else "",
        operations=operations,
        constraint=constraint,
        context=context,
        issuer=call.account,
    )


def allowed(key: Key) -> frozenset[str]:
    """The operations that grants of a key may allow."""
    if key.spec == SYMMETRIC:
        return _ANY | _ENCRYPT | _DATA_KEYS
    return _BY_USAGE[key.usage]


def constrained(req: Input, key: Key) -> tuple[str, dict[str, str]]:
    """The constraint of a new grant."""
    given = req.get("Constraints") or {}
    if "SourceArn" in given:
        raise not_implemented("CreateGrant with a SourceArn constraint")
    if all(given.get(member) for member in CONSTRAINTS):
        raise validation("A grant has one constraint on the encryption context.")
    constraint, context = constraint_of(req)
    if constraint and key.spec != SYMMETRIC:
        raise validation("Grant constraints on the encryption context need a symmetric encryption key.")
    return constraint, context


def principal(call: Call, given: str) -> str:
    """What a principal is matched by: the unique id of a user or role that is here; InvalidArnException for one that is not."""
    try:
        Principals({"AWS": [given]})
        found = None if given == "*" else id_of(call.tx, call.account, given)
    except PolicyError:
        found = None
    if found is None:
        raise AwsError("InvalidArnException", f"Invalid principal {given}", status=400)
    return f"arn:aws:iam::{found}:root" if found.isdecimal() else found


def twin(tx: Tx, key: Key, wanted: Grant) -> Grant | None:
    """The grant of the same name and content, if there is one."""
    for parts, _ in granted.scan(tx, key.account, key.region, key.id, wanted.grantee_id):
        found = grants.get(tx, key.account, key.region, key.id, parts[-1])
        if found is not None and msgspec.structs.replace(found, id=wanted.id, created=wanted.created) == wanted:
            return found
    return None


@kms.operation("scan", "shared", takes="Limit Marker KeyId GrantId GranteePrincipal", needs_policy=True)
def list_grants(call: Call, req: Input) -> dict[str, Any]:
    """The grants of a key, or those for a principal."""
    key = find(call, req["KeyId"])
    place = (key.account, key.region, key.id)
    if "GrantId" in req:
        found = iter([addressed_grant(call, key, req)])
    elif "GranteePrincipal" in req:
        found = to_grantee(call, req, key)
    else:
        found = (grant for _, grant in grants.scan(call.tx, *place, start_after=after(req)))
    pairs = ((grant.id, grant) for grant in found)
    return paged(req, "Grants", behind(req, pairs), lambda grant: told(call.tx, key, grant), FEW)


def to_grantee(call: Call, req: Input, key: Key) -> Iterator[Grant]:
    """The grants of a key for a principal."""
    place = (key.account, key.region, key.id)
    for parts, _ in granted.scan(call.tx, *place, principal(call, req["GranteePrincipal"])):
        found = grants.get(call.tx, *place, parts[-1])
        if found is not None:
            yield found


@kms.operation("scan", "*", takes="Limit Marker RetiringPrincipal")
def list_retirable_grants(call: Call, req: Input) -> dict[str, Any]:
    """The grants, of all accounts' keys, that a principal of the caller's account may retire."""
    if "RetiringPrincipal" not in req:
        raise validation("RetiringPrincipal is required.")
    unique = principal(call, req["RetiringPrincipal"])
    arn = arn_of_id(call.tx, unique.partition(":")[0]) or unique
    if arn.split(":")[4:5] != [call.account]:
        raise AwsError("InvalidArnException", f"Invalid principal {req['RetiringPrincipal']}", status=400)
    return paged(req, "Grants", behind(req, to_retire(call, unique)), lambda pair: told(call.tx, *pair), FEW)


def to_retire(call: Call, unique: str) -> Iterator[tuple[str, tuple[Key, Grant]]]:
    """The grants of a retiring principal with their keys, in order."""
    for parts, place in retirable.scan(call.tx, call.region, unique):
        key = by_id(call, place.account, place.key)
        grant = grants.get(call.tx, place.account, place.region, place.key, parts[-1])
        if key is not None and grant is not None:
            yield f"{place.account}/{place.key}/{grant.id}", (key, grant)


@kms.operation("write", "shared", takes="GrantToken KeyId GrantId DryRun", needs_policy=True)
def retire_grant(call: Call, req: Input) -> dict[str, Any]:
    """Give a grant back: for whom it is, or who was named for that."""
    return remove(call, req)


@kms.operation("write", "shared", takes="KeyId GrantId DryRun", needs_policy=True)
def revoke_grant(call: Call, req: Input) -> dict[str, Any]:
    """Take a grant away."""
    return remove(call, req)


def remove(call: Call, req: Input) -> dict[str, Any]:
    """Remove the addressed grant."""
    key = need(call, req)
    grant = addressed_grant(call, key, req)
    rehearsed(req)
    place = (key.account, key.region, key.id)
    grants.delete(call.tx, *place, grant.id)
    granted.delete(call.tx, *place, grant.grantee_id, grant.id)
    if grant.retiring_id:
        retirable.delete(call.tx, key.region, grant.retiring_id, key.account, key.id, grant.id)
    keep(call, msgspec.structs.replace(key, grants=key.grants - 1))
    return {}


def add(call: Call, key: Key, grant: Grant) -> None:
    """Keep a new grant, found by its key, its grantee and its retiring principal."""
    if key.grants >= MOST:
        raise AwsError("LimitExceededException", f"A key has at most {MOST} grants.", status=400)
    place, found = (key.account, key.region, key.id), key.place
    if sum(1 for _ in granted.scan(call.tx, *place, grant.grantee_id, limit=MOST_EACH)) >= MOST_EACH:
        raise AwsError("LimitExceededException", f"A principal has at most {MOST_EACH} grants of a key.", status=400)
    grants.put(call.tx, grant, *place, grant.id)
    granted.put(call.tx, found, *place, grant.grantee_id, grant.id)
    if grant.retiring_id:
        retirable.put(call.tx, found, key.region, grant.retiring_id, key.account, key.id, grant.id)
    keep(call, msgspec.structs.replace(key, grants=key.grants + 1))


def told(tx: Tx, key: Key, grant: Grant) -> dict[str, Any]:
    """A grant as it is listed."""
    made: dict[str, Any] = {
        "KeyId": key.arn,
        "GrantId": grant.id,
        "CreationDate": when(grant.created),
        "GranteePrincipal": shown(tx, grant.grantee, grant.grantee_id),
        "IssuingAccount": f"arn:aws:iam::{grant.issuer}:root",
        "Operations": list(grant.operations),
    }
    made |= {"Name": grant.name} if grant.name else {}
    made |= {"RetiringPrincipal": shown(tx, grant.retiring, grant.retiring_id)} if grant.retiring else {}
    made |= {"Constraints": {f"EncryptionContext{grant.constraint}": grant.context}} if grant.constraint else {}
    return made


def shown(tx: Tx, given: str, unique: str) -> str:
    """A principal as it was given; one that is gone as the id that it had."""
    base = unique.partition(":")[0]
    return given if base == "arn" or arn_of_id(tx, base) else unique
