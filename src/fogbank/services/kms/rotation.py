"""Rotation: new material for a key, by itself as time passes or on demand. What older material encrypted is still decrypted.

Automatic rotations are done by a chore, within a minute or so of their time.

Source: API Reference, EnableKeyRotation, RotateKeyOnDemand, ListKeyRotations; KMS Developer Guide, "Rotate AWS KMS keys".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError, not_implemented
from fogbank.services.kms import managed
from fogbank.services.kms.addressing import find, find_own
from fogbank.services.kms.deletion import DAY
from fogbank.services.kms.listing import behind, paged
from fogbank.services.kms.material import sealed
from fogbank.services.kms.records import PENDING_DELETION, when
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import SYMMETRIC
from fogbank.services.kms.states import keep, need_enabled, unsupported

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key, Material

YEAR: Final = 365  # days
ON_DEMAND: Final = 25  # rotations of one key


@kms.operation("write", "key", takes="KeyId RotationPeriodInDays", needs_policy=True)
def enable_key_rotation(call: Call, req: Input) -> dict[str, Any]:
    """Have a key rotated every so many days, a year if nothing else was said, from now on."""
    key = automatic(call, req)
    period = req.get("RotationPeriodInDays", key.period or YEAR)
    if period != key.period:
        schedule(call, key, period)
    return {}


@kms.operation("write", "key", takes="KeyId", needs_policy=True)
def disable_key_rotation(call: Call, req: Input) -> dict[str, Any]:
    """Have a key rotated no more."""
    schedule(call, automatic(call, req), 0)
    return {}


def automatic(call: Call, req: Input) -> Key:
    """The addressed key, if it can be rotated automatically, and is enabled."""
    key = rotatable(find_own(call, req["KeyId"]))
    if key.origin == "EXTERNAL":
        raise unsupported(f"{key.arn} origin is EXTERNAL which is not valid for this operation.")
    need_enabled(key)
    return key


def schedule(call: Call, key: Key, period: int) -> None:
    """Set the days between rotations; 0 for none."""
    rotates = int(call.now.timestamp()) + period * DAY if period else 0
    keep(call, msgspec.structs.replace(key, period=period, rotates=rotates))


@kms.operation("read", "shared", takes="KeyId", needs_policy=True)
def get_key_rotation_status(call: Call, req: Input) -> dict[str, Any]:
    """Whether and when a key is rotated: those that cannot be are not."""
    key = find(call, req["KeyId"])
    if managed.service_of(key) is not None:
        return {"KeyId": key.arn, "KeyRotationEnabled": True, "RotationPeriodInDays": YEAR}
    told: dict[str, Any] = {"KeyId": key.arn, "KeyRotationEnabled": bool(key.period) and key.state != PENDING_DELETION}
    if key.period and key.state != PENDING_DELETION:
        told |= {"RotationPeriodInDays": key.period, "NextRotationDate": when(key.rotates)}
    return told


@kms.operation("write", "key", takes="KeyId", needs_policy=True)
def rotate_key_on_demand(call: Call, req: Input) -> dict[str, Any]:
    """Rotate a key now. When it is rotated by itself does not change."""
    key = rotatable(find_own(call, req["KeyId"]))
    need_enabled(key)
    if key.origin == "EXTERNAL":
        raise not_implemented("Rotation of imported material")
    if sum(material.kind == "ON_DEMAND" for material in key.materials) >= ON_DEMAND:
        what = f"A key can be rotated on demand {ON_DEMAND} times."
        raise AwsError("LimitExceededException", what, status=400)
    made = sealed(call.vault, key, call.ids.random(32), int(call.now.timestamp()), "ON_DEMAND")
    keep(call, msgspec.structs.replace(key, materials=(*key.materials, made)))
    return {"KeyId": key.arn}


@kms.operation("read", "key", takes="KeyId IncludeKeyMaterial Limit Marker", needs_policy=True)
def list_key_rotations(call: Call, req: Input) -> dict[str, Any]:
    """The rotations of a key that were completed, or all its material, oldest first."""
    key = rotatable(find_own(call, req["KeyId"]))
    every = req.get("IncludeKeyMaterial", "ROTATIONS_ONLY") == "ALL_KEY_MATERIAL"
    found = ((f"{each.number:08}", each) for each in key.materials if every or each.kind)
    return paged(req, "Rotations", behind(req, found), lambda material: told(key, material))


def told(key: Key, material: Material) -> dict[str, Any]:
    """A generation of material as it is listed."""
    made: dict[str, Any] = {
        "KeyId": key.id,
        "KeyMaterialId": material.id,
        "KeyMaterialState": "CURRENT" if material == key.materials[-1] else "NON_CURRENT",
    }
    if material.kind:
        made |= {"RotationDate": when(material.made), "RotationType": material.kind}
    if key.origin == "EXTERNAL":
        made["ImportState"] = "IMPORTED" if material.sealed else "PENDING_IMPORT"
    return made


def rotatable(key: Key) -> Key:
    """The key, if it is of a kind that can be rotated."""
    if key.spec != SYMMETRIC:
        raise unsupported(f"{key.arn} key spec is {key.spec} which is not valid for this operation.")
    return key
