"""After a new master key: the data keys of objects are sealed anew, so that the earlier key can be given up in the end.

The bytes of the objects stay as they are. It is done in the background, once for each new master key, in small transactions; what is
written meanwhile is sealed with the new key already.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

import msgspec

from fogbank.core.service import Chore
from fogbank.services.s3.encryption import vault_context
from fogbank.services.s3.encryption_request import AES256
from fogbank.services.s3.records import Object, Upload, objects, uploads, versions
from fogbank.services.s3.service import s3
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.vault import Vault
    from fogbank.store.api import Tx

EVERY: Final = 60.0  # seconds between looks whether there is a new master key
BATCH: Final = 500  # records that are looked at in a transaction
Place = tuple[str | int | bytes, ...]


class Rewrapped(Record, version=1):
    """The number of the master key that all of S3's data keys are sealed with, or a newer one."""

    number: int


rewrapped = Table("s3.rewrapped", Rewrapped)  # "keys"


async def rewrap(background: Background) -> None:
    """Seal all data keys with the newest master key, if they are not yet."""
    store, vault = background.region.store, background.region.vault
    with store.snapshot() as tx:
        done = rewrapped.get(tx, "keys")
    if done is not None and done.number >= vault.newest:
        return
    for table in cast("list[Table[Object | Upload]]", [objects, versions, uploads]):
        after: Place | None = ()
        while after is not None:
            after = await store.write(partial(batch, vault=vault, table=table, after=after), bulk=True)
    await store.write(lambda tx: rewrapped.put(tx, Rewrapped(number=vault.newest), "keys"))


def batch(tx: Tx, vault: Vault, table: Table[Object | Upload], after: Place) -> Place | None:
    """Seal some records' keys anew; the place of the last one, None at the end."""
    found = list(table.scan(tx, start_after=after or None, limit=BATCH))
    for place, record in found:
        changed = sealed_anew(vault, record, str(place[0]), str(place[1]))
        if changed is not None:
            table.put(tx, changed, *place)
    return found[-1][0] if len(found) == BATCH else None


def sealed_anew(vault: Vault, record: Object | Upload, bucket: str, key: str) -> Object | Upload | None:
    """A record with its data key under the newest master key; None for one that needs no change."""
    encryption = record.encryption
    if encryption is None or encryption.algorithm != AES256 or vault.is_current(encryption.wrapped):
        return None
    context = vault_context(bucket, key)
    wrapped = vault.seal(vault.open(encryption.wrapped, context), context)
    return msgspec.structs.replace(record, encryption=msgspec.structs.replace(encryption, wrapped=wrapped))


s3.chores.append(Chore("s3.rewrap", EVERY, rewrap))
