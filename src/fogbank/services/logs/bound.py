"""How much all groups take on disk, and that it is not more than the operator lets them: the oldest events go first, a segment or a
chunk at a time. Whatever is removed is told in the log and in metrics.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.service import Gauge
from fogbank.services.logs.purge import drop_chunk, drop_segment
from fogbank.services.logs.records import chunks, segments, tallies
from fogbank.services.logs.service import logs
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.store.api import Tx

EVERY: Final = 30.0  # seconds
BATCH: Final = 200  # segments and chunks that are removed in a transaction
_log = logging.getLogger("fogbank.logs")


class Usage(Record, version=1):
    """What all groups have, as of the last count; and what was removed because it was too much: parts, events, bytes on disk."""

    groups: int = 0
    events: int = 0
    raw: int = 0
    disk: int = 0
    removed: int = 0
    removed_events: int = 0
    removed_disk: int = 0


class Row(msgspec.Struct, frozen=True):
    """A segment or a chunk: the time of its last event, its place, its events, its bytes on disk."""

    last: int
    where: tuple[Any, ...]
    events: int
    disk: int
    chunk: bool


usages = Table("logs.usage", Usage)  # one, without a key


@logs.chore(EVERY)
async def hold_bound(background: Background) -> None:
    """Count what there is, and remove the oldest events of all groups while it is too much."""
    home, limit = background.region, background.options.logs_size
    before, usage = await asyncio.to_thread(counted, background)
    if usage != before:
        await home.store.write(lambda tx: usages.put(tx, usage))
    while usage.disk > limit:
        step = partial(remove, usage=usage, limit=limit, now=home.clock.now())
        after = await home.store.write(step, bulk=True)
        if after is None:
            return
        fields = {
            "events": after.removed_events - usage.removed_events,
            "bytes": after.removed_disk - usage.removed_disk,
        }
        _log.warning("log events were removed: there were more than logs_size", extra={"fields": fields})
        usage = after


def counted(background: Background) -> tuple[Usage, Usage]:
    """What all groups had at the last count, and what they have now."""
    with background.region.store.snapshot() as tx:
        usage = usages.get(tx) or Usage()
        found = [0, 0, 0, 0]
        for _, tally in tallies.scan(tx):
            found = [mine + its for mine, its in zip(found, (1, tally.events, tally.raw, tally.disk), strict=True)]
    return usage, msgspec.structs.replace(usage, groups=found[0], events=found[1], raw=found[2], disk=found[3])


def remove(tx: Tx, usage: Usage, limit: int, now: datetime) -> Usage | None:
    """Remove some of the oldest segments and chunks; what there is then. None if there is nothing to remove."""
    events = disk = number = 0
    for row in oldest(tx):
        if usage.disk - disk <= limit or number == BATCH:
            break
        if row.chunk:
            drop_chunk(tx, row.where)
        else:
            drop_segment(tx, row.where, now)
        events, disk, number = events + row.events, disk + row.disk, number + 1
    if not number:
        return None
    after = msgspec.structs.replace(
        usage,
        events=usage.events - events,
        disk=usage.disk - disk,
        removed=usage.removed + number,
        removed_events=usage.removed_events + events,
        removed_disk=usage.removed_disk + disk,
    )
    usages.put(tx, after)
    return after


def oldest(tx: Tx) -> Iterator[Row]:
    """The segments and chunks of all groups, by the time of their last event."""
    of_groups = [of_group(tx, int(where[0])) for where, _ in tallies.scan(tx)]
    return heapq.merge(*of_groups, key=lambda row: row.last)


def of_group(tx: Tx, group: int) -> list[Row]:
    """The oldest segments and the first chunks of a group, by the time of their last event; BATCH of each at most."""
    found = [
        Row(one.last, where, one.count, one.size, chunk=False) for where, one in segments.scan(tx, group, limit=BATCH)
    ]
    found += [
        Row(one.last, where, one.count, one.size, chunk=True) for where, one in chunks.scan(tx, group, limit=BATCH)
    ]
    found.sort(key=lambda row: row.last)
    return found


def gauges(tx: Tx) -> Iterator[Gauge]:
    """What there is, as it was counted last."""
    usage = usages.get(tx) or Usage()
    yield Gauge("fogbank_logs_groups", "Log groups that have streams or events.", {}, usage.groups)
    yield Gauge("fogbank_logs_events", "Log events.", {}, usage.events)
    yield Gauge("fogbank_logs_bytes", "Bytes of log events, as AWS counts them.", {}, usage.raw)
    yield Gauge("fogbank_logs_disk_bytes", "Bytes that log events take on disk.", {}, usage.disk)
    yield Gauge("fogbank_logs_removed_events", "Log events removed because of logs_size.", {}, usage.removed_events)
    yield Gauge("fogbank_logs_removed_bytes", "Bytes on disk of those.", {}, usage.removed_disk)


logs.gauges.append(gauges)
