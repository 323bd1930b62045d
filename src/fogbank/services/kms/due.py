"""What becomes of keys as time passes: those whose waiting period is over are erased, others get new material or lose what expired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.kms.addressing import without_material
from fogbank.services.kms.deletion import DAY
from fogbank.services.kms.material import sealed
from fogbank.services.kms.records import (
    ENABLED,
    Key,
    aliases,
    aliases_of,
    due,
    granted,
    grants,
    keys,
    retirable,
)
from fogbank.services.kms.service import kms

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.region import Region
    from fogbank.store.api import Tx

MOST: Final = 100  # keys in one transaction
MINUTE: Final = 60.0


@kms.chore(MINUTE)
async def carry_out(work: Background) -> None:
    """Do what is due, a bounded part in each transaction."""
    region = work.region
    while await region.store.write(lambda tx: part(tx, region), bulk=True):
        continue


def part(tx: Tx, region: Region) -> int:
    """Do a part of what is due; how much it was."""
    now = int(region.clock.now().timestamp())
    end = due.span(start=now + 1)[0]
    found = [(key, due.decode(value)) for key, value in tx.scan(due.span()[0], end, limit=MOST)]
    for raw, place in found:
        tx.delete(raw)
        key = keys.get(tx, place.account, place.region, place.key)
        if key is not None:
            happen(tx, region, key, now)
    return len(found)


def happen(tx: Tx, region: Region, key: Key, now: int) -> None:
    """Do with a key what its time has come for."""
    if 0 < key.deletes <= now:
        erase(tx, key)
        return
    if 0 < key.expires <= now:
        key = without_material(key)
    if 0 < key.rotates <= now:
        key = rotated(tx, region, key)
    keys.put(tx, key, key.account, key.region, key.id)


def rotated(tx: Tx, region: Region, key: Key) -> Key:
    """A key with new material, and the date of the next. One that is not enabled waits until it is: see keys.switch."""
    if key.state != ENABLED:
        return key
    made = sealed(region.vault, key, region.ids.random(32), key.rotates, "AUTOMATIC")
    rotates = key.rotates + key.period * DAY
    return msgspec.structs.replace(key, rotates=rotates, materials=(*key.materials, made))


def erase(tx: Tx, key: Key) -> None:
    """Forget a key, its material, and all that led to it."""
    place = (key.account, key.region)
    for _, alias in list(aliases_of.scan(tx, *place, key.id)):
        aliases.delete(tx, *place, alias.name)
        aliases_of.delete(tx, *place, key.id, alias.name)
    for _, grant in list(grants.scan(tx, *place, key.id)):
        grants.delete(tx, *place, key.id, grant.id)
        granted.delete(tx, *place, key.id, grant.grantee_id, grant.id)
        if grant.retiring_id:
            retirable.delete(tx, key.region, grant.retiring_id, key.account, key.id, grant.id)
    keys.delete(tx, *place, key.id)
