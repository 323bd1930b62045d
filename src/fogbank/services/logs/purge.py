"""What is left of deleted groups and streams is removed behind requests, a bounded part at a time.

A group's streams, chunks and segments are found by its id, which no other group has again; a stream's events by its number. Both are
out of reach from the moment of their deletion: readers find no stream of that number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs.records import (
    Stream,
    Tally,
    chunks,
    full,
    indexes,
    segments,
    streams,
    tallies,
)
from fogbank.services.logs.service import logs
from fogbank.store import blobs, outbox
from fogbank.store.record import Record

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

KIND: Final = "logs.purge"
STREAM_KIND: Final = "logs.purge_stream"
BATCH: Final = 500  # records a transaction


class Gone(Record, version=1):
    """A group that was deleted; with a `stream`, only that stream of it was."""

    group: int
    stream: int = 0


def purge_group(call: Call, group: Group) -> None:
    """Have all that a deleted group holds removed."""
    outbox.emit(call.tx, KIND, Gone(group=group.id), now=call.now)


def purge_stream(call: Call, group: Group, stream: Stream) -> None:
    """Have the chunks of a deleted stream removed."""
    outbox.emit(call.tx, STREAM_KIND, Gone(group=group.id, stream=stream.number), now=call.now)


@logs.effect(KIND)
async def carry_out_group(background: Background, payload: bytes) -> None:
    """Remove what a deleted group held."""
    store, gone = background.region.store, Gone.decode(payload)
    now = background.region.clock.now()
    while await store.write(lambda tx: remove_some(tx, gone.group, now), bulk=True):
        pass


def remove_some(tx: Tx, group: int, now: datetime) -> bool:
    """Remove a part of what a group held; whether there was anything."""
    some = [(segments, where) for where, _ in segments.scan(tx, group, limit=BATCH)]
    if some:
        for _, where in some:
            drop_segment(tx, where, now)
        return True
    for where, _ in list(chunks.scan(tx, group, limit=BATCH)):
        drop_chunk(tx, where)
        some.append((segments, where))
    if some:
        return True
    found = list(streams.scan(tx, group, limit=BATCH))
    for where, _ in found:
        streams.delete(tx, *where)
    if not found:
        tallies.delete(tx, group)
        full.delete(tx, group)
    return bool(found)


def drop_chunk(tx: Tx, where: tuple[Any, ...]) -> None:
    """Remove a chunk, with its events."""
    chunk = chunks.get(tx, *where)
    if chunk is None:
        return
    tx.delete_bytes(chunk.blob)
    chunks.delete(tx, *where)
    count(tx, where[0], less(chunk.count, chunk.raw, chunk.size) | {"chunks": -1, "waiting": -chunk.raw})


def drop_segment(tx: Tx, where: tuple[Any, ...], now: datetime) -> None:
    """Remove a segment, with its events."""
    segment = segments.get(tx, *where)
    if segment is None:
        return
    blobs.unlink(tx, segment.blob, now)
    segments.delete(tx, *where)
    indexes.delete(tx, where[0], where[2])
    count(tx, where[0], less(segment.count, segment.raw, segment.size))


def less(events: int, size: int, disk: int) -> dict[str, int]:
    """How a tally changes when events go."""
    return {"events": -events, "raw": -size, "disk": -disk}


def count(tx: Tx, group: int, by: dict[str, int]) -> None:
    """Change a group's tally."""
    tally = tallies.get(tx, group) or Tally()
    changed = {name: getattr(tally, name) + number for name, number in by.items()}
    tallies.put(tx, msgspec.structs.replace(tally, **changed), group)
