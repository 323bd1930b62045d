"""S3 Bucket Keys: a data key of KMS that is used for a bucket's objects for a while, so that KMS is asked less often.

A key is kept for each bucket, KMS key and caller, as on AWS: everybody's own right to use the KMS key has been looked at within
REUSED. What is kept is sealed by the vault. Only writers reuse keys; to read, KMS is asked every time.

Source: S3 User Guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.service import Chore
from fogbank.services.s3.service import s3
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket
    from fogbank.store.api import Tx

REUSED: Final = timedelta(minutes=5)
SWEEP: Final = 600.0  # seconds
BATCH: Final = 1000  # keys that are forgotten in a transaction


class BucketKey(Record, version=1):
    """A bucket key: the ARN of its KMS key, itself (sealed), its ciphertext, and when it was made, in seconds since the epoch."""

    arn: str
    sealed: bytes
    blob: bytes
    made: int


class Fresh(msgspec.Struct, frozen=True):
    """A new bucket key, and where it is kept."""

    place: tuple[str, str, str]
    key: BucketKey


kept_keys = Table("s3.bucket_key", BucketKey)  # bucket, KMS key as it is asked for, principal's ARN


def _context(place: tuple[str, str, str]) -> str:
    return "s3.bucket_key:" + "\n".join(place)


def find(call: Call, bucket: Bucket, key_id: str) -> tuple[str, bytes, bytes] | None:
    """The caller's bucket key of a KMS key, while it is reused: the ARN of the KMS key, the key itself, its ciphertext."""
    place = (bucket.name, key_id, call.principal.arn)
    found = kept_keys.get(call.tx, *place)
    if found is None or not 0 <= call.now.timestamp() - found.made < REUSED.total_seconds():
        return None
    if found.made < bucket.created or found.arn.split(":")[3] != bucket.region:  # an earlier bucket of the name had it
        return None
    return found.arn, call.vault.open(found.sealed, _context(place)), found.blob


def fresh(call: Call, bucket: Bucket, key_id: str, made: dict[str, Any]) -> Fresh:
    """A bucket key of what KMS made."""
    place = (bucket.name, key_id, call.principal.arn)
    sealed = call.vault.seal(made["Plaintext"], _context(place))
    key = BucketKey(arn=made["KeyId"], sealed=sealed, blob=made["CiphertextBlob"], made=int(call.now.timestamp()))
    return Fresh(place, key)


def keep(call: Call, new: Fresh) -> None:
    """Keep a bucket key, in a transaction that writes."""
    kept_keys.put(call.tx, new.key, *new.place)


async def forget(background: Background) -> None:
    """Forget the keys that are reused no longer."""
    region = background.region
    before = (region.clock.now() - REUSED).timestamp()

    def work(tx: Tx) -> int:
        old = [parts for parts, found in kept_keys.scan(tx) if found.made < before][:BATCH]
        for parts in old:
            kept_keys.delete(tx, *parts)
        return len(old)

    while await region.store.write(work, bulk=True) == BATCH:
        pass


s3.chores.append(Chore("s3.bucket_keys", SWEEP, forget))
