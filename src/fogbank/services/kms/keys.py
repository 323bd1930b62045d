"""Keys: made, described, listed, enabled and disabled.

Source: API Reference, CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import not_implemented
from fogbank.core.service import Permission
from fogbank.services.kms import key_policy, managed
from fogbank.services.kms.addressing import find, find_own
from fogbank.services.kms.listing import after, paged
from fogbank.services.kms.material import material_id, sealed
from fogbank.services.kms.records import (
    DISABLED,
    ENABLED,
    PENDING_DELETION,
    PENDING_IMPORT,
    Key,
    due,
    when,
)
from fogbank.services.kms.records import keys as kept
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import AGREE, ENCRYPT, MAC, SIGN, SPECS, SYMMETRIC, Made, make
from fogbank.services.kms.states import keep, need_kept, need_material, validation
from fogbank.services.kms.tags import checked_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from fogbank.core.service import Input

# The members of an answer that tell the algorithms of a usage.
TOLD: Final = {
    ENCRYPT: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
}


def also(call: Call, req: Input) -> list[Permission]:
    """Tags need a permission of their own."""
    if not req.get("Tags"):
        return []
    return [Permission("kms:TagResource", f"arn:aws:kms:{call.region}:{call.account}:key/*", req)]


def prepare(call: Call, req: Input) -> Callable[[], Made | None]:
    """Make the material before the transaction: a large RSA key takes seconds."""
    spec, origin = described(req)[0], req.get("Origin", "AWS_KMS")
    ids = call.ids
    return lambda: make(spec, ids) if origin == "AWS_KMS" else None


@kms.operation(
    "write",
    "*",
    takes="Policy Description KeyUsage CustomerMasterKeySpec KeySpec Origin BypassPolicyLockoutSafetyCheck Tags MultiRegion",
    also=also,
    prepare=prepare,
)
def create_key(call: Call, req: Input) -> dict[str, Any]:
    """Make a key, with material of ours or, with origin EXTERNAL, for the caller's."""
    spec, usage = described(req)
    made = material_for(call, req)
    now = int(call.now.timestamp())
    key = Key(
        account=call.account,
        region=call.region,
        id=call.ids.uuid(),
        created=now,
        description=req.get("Description", ""),
        usage=usage,
        spec=spec,
        origin=req.get("Origin", "AWS_KMS"),
        state=ENABLED if made else PENDING_IMPORT,
        policy=key_policy.default(call.account),
        policy_given=key_policy.default(call.account),
        tags=checked_tags({}, req.get("Tags", ())),
        materials=(),
        public=made.public if made else b"",
    )
    if made:
        key = msgspec.structs.replace(key, materials=(sealed(call.vault, key, made.secret, now),))
    if "Policy" in req:
        key = key_policy.with_policy(call, req, key)
    keep(call, key)
    return {"KeyMetadata": metadata(call, key)}


def material_for(call: Call, req: Input) -> Made | None:
    """The material that was made for the key; None where the caller is to import it."""
    if req.get("Origin") == "EXTERNAL":
        return None
    return call.prepared or make(described(req)[0], call.ids)  # a service that calls in process prepares nothing


def described(req: Input) -> tuple[str, str]:
    """The kind and the usage of a key to be made, checked."""
    if req.get("MultiRegion"):
        raise not_implemented("A multi-Region key")
    if req.get("Origin", "AWS_KMS") not in ("AWS_KMS", "EXTERNAL"):
        raise not_implemented(f"A key with the origin {req['Origin']}")
    if "KeySpec" in req and "CustomerMasterKeySpec" in req:
        raise validation("You cannot specify KeySpec and CustomerMasterKeySpec in the same request.")
    spec = req.get("KeySpec", req.get("CustomerMasterKeySpec", SYMMETRIC))
    if spec not in SPECS:
        raise not_implemented(f"A key of the spec {spec}")
    if "KeyUsage" not in req and spec != SYMMETRIC:
        raise validation("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
    usage = req.get("KeyUsage", ENCRYPT)
    if usage not in SPECS[spec].algorithms:
        raise validation(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if req.get("Origin") == "EXTERNAL" and spec != SYMMETRIC and not spec.startswith("HMAC_"):
        raise not_implemented(f"Imported material of the spec {spec}")
    return spec, usage


@kms.operation("read", "shared", takes="KeyId GrantTokens", needs_policy=True)
def describe_key(call: Call, req: Input) -> dict[str, Any]:
    """What there is to say of a key."""
    return {"KeyMetadata": metadata(call, find(call, req["KeyId"]))}


@kms.operation("scan", "*", takes="Limit Marker")
def list_keys(call: Call, req: Input) -> dict[str, Any]:
    """The account's keys in the region, by id. AWS managed keys are not among them: see managed.py."""
    now = call.now.timestamp()
    found = (
        (key.id, key)
        for _, key in kept.scan(call.tx, call.account, call.region, start_after=after(req))
        if not 0 < key.deletes <= now
    )
    return paged(req, "Keys", found, lambda key: {"KeyId": key.id, "KeyArn": key.arn})


@kms.operation("write", "key", takes="KeyId", needs_policy=True)
def enable_key(call: Call, req: Input) -> dict[str, Any]:
    """Let a key be used again."""
    return switch(call, req, ENABLED)


@kms.operation("write", "key", takes="KeyId", needs_policy=True)
def disable_key(call: Call, req: Input) -> dict[str, Any]:
    """Keep a key from being used."""
    return switch(call, req, DISABLED)


def switch(call: Call, req: Input, state: str) -> dict[str, Any]:
    """Enable or disable a key."""
    key = find_own(call, req["KeyId"])
    need_material(key)
    keep(call, msgspec.structs.replace(key, state=state))
    if state == ENABLED and 0 < key.rotates <= call.now.timestamp():  # it came due while the key was disabled
        due.put(call.tx, key.place, key.rotates, key.account, key.region, key.id)
    return {}


@kms.operation("write", "key", takes="KeyId Description", needs_policy=True)
def update_key_description(call: Call, req: Input) -> dict[str, Any]:
    """Replace the description of a key."""
    key = find_own(call, req["KeyId"])
    need_kept(key)
    keep(call, msgspec.structs.replace(key, description=req["Description"]))
    return {}


def metadata(call: Call, key: Key) -> dict[str, Any]:
    """A key as DescribeKey tells it."""
    told: dict[str, Any] = {
        "AWSAccountId": key.account,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": when(key.created),
        "Enabled": key.state == ENABLED,
        "Description": key.description,
        "KeyUsage": key.usage,
        "KeyState": key.state,
        "Origin": key.origin,
        "KeyManager": "CUSTOMER" if managed.service_of(key) is None else "AWS",
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        TOLD[key.usage]: list(SPECS[key.spec].algorithms[key.usage]),
        "MultiRegion": False,
    }
    if key.spec == SYMMETRIC and key.state != PENDING_IMPORT:
        told["CurrentKeyMaterialId"] = current_id(call, key)
    if key.state == PENDING_DELETION:
        told["DeletionDate"] = when(key.deletes)
    if key.origin == "EXTERNAL" and key.state != PENDING_IMPORT:
        told["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if key.expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
        told |= {"ValidTo": when(key.expires)} if key.expires else {}
    return told


def current_id(call: Call, key: Key) -> str | None:
    """The id of the material in use; None before there is any."""
    if key.materials:
        return key.materials[-1].id
    if managed.service_of(key) is None:
        return None
    number, _ = call.vault.derive("")
    return material_id(call.vault, key, number)
