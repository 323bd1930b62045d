"""After a new master key: the data keys of groups are sealed anew, so that the earlier key can be given up in the end.

Events stay as they are. It is done in the background, once for each new master key; groups that are made meanwhile have it already.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.service import Chore
from fogbank.services.logs.data_keys import context
from fogbank.services.logs.records import groups
from fogbank.services.logs.service import logs
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.vault import Vault
    from fogbank.services.logs.records import DataKey
    from fogbank.store.api import Tx

    Place = tuple[Any, ...]

EVERY: Final = 60.0  # seconds between looks whether there is a new master key
BATCH: Final = 500  # groups that are looked at in a transaction


class Rewrapped(Record, version=1):
    """The number of the master key that all groups' keys are sealed with, or a newer one."""

    number: int


rewrapped = Table("logs.rewrapped", Rewrapped)  # "keys"


async def rewrap(background: Background) -> None:
    """Seal all data keys with the newest master key, if they are not yet."""
    store, vault = background.region.store, background.region.vault
    with store.snapshot() as tx:
        done = rewrapped.get(tx, "keys")
    if done is not None and done.number >= vault.newest:
        return
    after: Place | None = ()
    while after is not None:
        after = await store.write(partial(batch, vault=vault, after=after), bulk=True)
    await store.write(lambda tx: rewrapped.put(tx, Rewrapped(number=vault.newest), "keys"))


def batch(tx: Tx, vault: Vault, after: Place) -> Place | None:
    """Seal some groups' keys anew; the place of the last one, None at the end."""
    found = list(groups.scan(tx, start_after=after or None, limit=BATCH))
    for place, group in found:
        keys = tuple(sealed_anew(vault, group.arn, key) for key in group.keys)
        if keys != group.keys:
            groups.put(tx, msgspec.structs.replace(group, keys=keys), *place)
    return found[-1][0] if len(found) == BATCH else None


def sealed_anew(vault: Vault, arn: str, key: DataKey) -> DataKey:
    """A key under the newest master key; one that KMS wraps as it is."""
    if key.arn or vault.is_current(key.wrapped):
        return key
    bound_to = context(arn, key.number)
    return msgspec.structs.replace(key, wrapped=vault.seal(vault.open(key.wrapped, bound_to), bound_to))


logs.chores.append(Chore("logs.rewrap", EVERY, rewrap))
