"""What buckets hold, counted: for `fogbank s3 usage` as of one moment, and for metrics every few minutes."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.service import Gauge
from fogbank.services.s3.records import Object, Part, buckets, objects, parts, uploads, versions
from fogbank.services.s3.service import s3
from fogbank.store.keys import first_text
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fogbank.core.background import Background
    from fogbank.services.s3.records import Upload
    from fogbank.store.api import Tx

    View = Callable[[], AbstractContextManager[Tx]]

COUNT_EVERY: Final = 300.0  # seconds
SHARE: Final = 0.25  # of a core: what counting in the background may take
PAGE: Final = 1000
MOST_TOLD: Final = 1000  # buckets: what Prometheus keeps of them is bounded


class Amount(msgspec.Struct, array_like=True):
    """How many versions, and their bytes as their writers sent them."""

    number: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """One more."""
        self.number += 1
        self.bytes += size


class Usage(Record, version=1):
    """What a bucket holds: current objects and noncurrent versions by storage class, delete markers, uploads and their parts.

    `counted` is when, in seconds since the epoch.
    """

    bucket: str
    account: str
    counted: int = 0
    current: dict[str, Amount] = msgspec.field(default_factory=dict)
    noncurrent: dict[str, Amount] = msgspec.field(default_factory=dict)
    markers: Amount = msgspec.field(default_factory=Amount)
    uploads: Amount = msgspec.field(default_factory=Amount)
    parts: Amount = msgspec.field(default_factory=Amount)


usages = Table("s3.usage", Usage)  # bucket


def count(view: View, now: int) -> Iterator[dict[str, Usage]]:
    """Count all buckets; after each page, what is counted so far. `view` opens what is looked at, once a page."""
    found: dict[str, Usage] = {}
    with view() as tx:
        for _, made in buckets.scan(tx):
            found[made.name] = Usage(bucket=made.name, account=made.account, counted=now)
    yield found
    for table, read, add in TABLES:
        for page in pages(view, table, read):
            for bucket, record in page:
                if bucket in found:
                    add(found[bucket], record)
            yield found


def pages(view: View, table: Table[Any], read: Callable[[bytes], Any]) -> Iterator[list[tuple[str, Any]]]:
    """All records of a table, with their buckets."""
    lower, upper = table.span()
    cut = len(lower)
    while True:
        with view() as tx:
            rows = list(tx.scan(lower, upper, limit=PAGE))
        yield [(first_text(key[cut:]), read(value)) for key, value in rows]
        if len(rows) < PAGE:
            return
        lower = rows[-1][0] + b"\0"


def add_object(usage: Usage, found: Object) -> None:
    """Count a current object."""
    usage.current.setdefault(found.storage_class, Amount()).add(found.size)


def add_version(usage: Usage, found: Object) -> None:
    """Count a noncurrent version, or a delete marker."""
    if found.marker:
        usage.markers.add(0)
    else:
        usage.noncurrent.setdefault(found.storage_class, Amount()).add(found.size)


def add_upload(usage: Usage, _: Upload) -> None:
    """Count an upload in progress."""
    usage.uploads.add(0)


def add_part(usage: Usage, found: Part) -> None:
    """Count a part of an upload in progress."""
    usage.parts.add(found.size)


_object = Object.reader("size", "storage_class", "marker")
TABLES: Final[tuple[tuple[Table[Any], Callable[[bytes], Any], Callable[[Usage, Any], None]], ...]] = (
    (objects, _object, add_object),
    (versions, _object, add_version),
    (uploads, uploads.decode, add_upload),
    (parts, Part.reader("size"), add_part),
)


@s3.chore(COUNT_EVERY)
async def count_usage(background: Background) -> None:
    """Count what all buckets hold, a page at a time and with pauses, and keep it for metrics."""
    store = background.region.store
    steps = count(store.snapshot, int(background.region.clock.now().timestamp()))
    found: dict[str, Usage] = {}
    began = perf_counter()
    while (step := await asyncio.to_thread(next, steps, None)) is not None:
        found = step
        await asyncio.sleep((perf_counter() - began) * (1 / SHARE - 1))
        began = perf_counter()
    await store.write(lambda tx: keep(tx, found), bulk=True)


def keep(tx: Tx, found: dict[str, Usage]) -> None:
    """Keep what was counted, in the place of what was before."""
    for _, before in list(usages.scan(tx)):
        if before.bucket not in found:
            usages.delete(tx, before.bucket)
    for bucket, usage in found.items():
        usages.put(tx, usage, bucket)


def gauges(tx: Tx) -> Iterator[Gauge]:
    """What was counted last, of the buckets that are there; of the largest ones, if they are many."""
    found = [usage for _, usage in usages.scan(tx) if buckets.get(tx, usage.bucket) is not None]
    found.sort(key=lambda usage: sum(amount.bytes for _, amount in amounts(usage)), reverse=True)
    for usage in found[:MOST_TOLD]:
        for labels, amount in amounts(usage):
            told = {"bucket": usage.bucket, **labels}
            yield Gauge("fogbank_s3_bucket_objects", "Versions and parts in a bucket.", told, amount.number)
            yield Gauge("fogbank_s3_bucket_bytes", "Bytes of them, as they were sent.", told, amount.bytes)
        yield Gauge("fogbank_s3_bucket_counted", "When a bucket was counted.", {"bucket": usage.bucket}, usage.counted)


def amounts(usage: Usage) -> list[tuple[dict[str, str], Amount]]:
    """All amounts of a bucket, with the labels that tell them apart."""
    found = [({"kind": "current", "storage_class": name}, amount) for name, amount in usage.current.items()]
    found += [({"kind": "noncurrent", "storage_class": name}, amount) for name, amount in usage.noncurrent.items()]
    others = {"delete_marker": usage.markers, "upload": usage.uploads, "part": usage.parts}
    return found + [({"kind": kind, "storage_class": ""}, amount) for kind, amount in others.items()]


s3.gauges.append(gauges)
