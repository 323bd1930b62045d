"""Chunks of a group become a segment: a file of blocks, in order, with an index of where it has what.

It happens behind requests, when a group has much or many chunks. The newest segment, if it is small, is written anew with what
follows, so that a group that gets little at a time has few segments, too. A segment's puts follow each other, and its events are
sealed with one key: what came under a KMS key stays under it. Events that expired, or whose stream is gone, are left out.

    file     block 0 | block 1 | …       each compressed, then sealed with AES-256-GCM
    nonce    the segment's 8 random bytes | the block's number, 4 bytes, big-endian
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.logs.addressing import group_of_id
from fogbank.services.logs.blocks import OVERHEAD, SMALL, Columns, column, pack, seal
from fogbank.services.logs.purge import count, drop_segment
from fogbank.services.logs.reading import Keys
from fogbank.services.logs.records import (
    Block,
    Chunk,
    Index,
    Segment,
    Tally,
    chunks,
    full,
    group_ids,
    indexes,
    is_full,
    segments,
    stream_names,
    tallies,
)
from fogbank.services.logs.service import logs
from fogbank.services.logs.sources import Material, read_block, read_chunk
from fogbank.store.blobs import BlobRef, link
from fogbank.store.chunks import new_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.core.background import Background
    from fogbank.core.region import Region
    from fogbank.services.logs.blocks import Run
    from fogbank.services.logs.records import Group, Place
    from fogbank.store.api import Tx
    from fogbank.store.blobs import BlobWriter

    Choose = Callable[[Tx], "Taken | None"]

EVERY: Final = 2.0  # seconds
LARGE: Final = 8 << 20  # bytes of events, as AWS counts them, of a segment
MANY: Final = 1024  # chunks that go into a segment
LITTLE: Final = 2 << 20  # bytes of a segment that is written anew with what follows
BLOCK: Final = 256 << 10  # bytes of a block's events

Row = tuple[int, int, int, int, int, bytes]  # time, put, number in it, stream, ingestion time, message
_log = logging.getLogger("fogbank.logs")


class Taken(msgspec.Struct, frozen=True):
    """What a segment is made of: chunks by their puts, and segments that it replaces by their places, all under one key."""

    group: Group
    key: int
    chunks: dict[int, Chunk]
    segments: dict[tuple[Any, ...], Segment]


class Written(msgspec.Struct, frozen=True):
    """A file of events that is durable, and what is kept of it."""

    ref: BlobRef
    segment: Segment
    blocks: tuple[Block, ...]


@logs.chore(EVERY)
async def seal_chunks(background: Background) -> None:
    """Put the chunks of full groups into segments."""
    home = background.region
    with home.store.snapshot() as tx:
        found = [int(where[0]) for where, _ in full.scan(tx)]
    for group in found:
        try:
            while await seal_some(home, group):
                pass
        except AwsError as error:  # its KMS key cannot be used: its chunks wait until it can
            _log.warning("log events cannot be sealed", extra={"fields": {"group": group, "why": error.message}})


async def seal_some(home: Region, group: int) -> bool:
    """Put the oldest chunks of a group into a segment, if it has enough; whether it had."""
    if await replace(home, partial(take, number=group)):
        return True
    await home.store.write(lambda tx: full.delete(tx, group) if not is_full(tallies.get(tx, group)) else None)
    return False


async def replace(home: Region, choose: Choose) -> bool:
    """Write what is chosen as a segment; whether there was anything. If it changes meanwhile, all stays as it is."""
    with home.blobs.create() as writer:
        taken, written = await asyncio.to_thread(write, home, choose, writer)
        if taken is None:
            return False
        await home.store.write(partial(commit, home=home, taken=taken, written=written), bulk=True)
        return True


def take(tx: Tx, number: int) -> Taken | None:
    """The oldest chunks of a group, if it is full, and its newest segment, if that is small."""
    group = group_of_id(tx, number)
    if group is None or not is_full(tallies.get(tx, number)):
        return None
    found: dict[int, Chunk] = {}
    size = 0
    for place, chunk in chunks.scan(tx, number, limit=MANY):
        if size >= LARGE or (found and chunk.key != next(iter(found.values())).key):
            break
        found[int(place[1])] = chunk
        size += chunk.raw
    key = next(iter(found.values())).key
    newest = max(segments.scan(tx, number), key=lambda row: row[1].put_last, default=None)
    small = newest is not None and newest[1].raw < LITTLE and newest[1].key == key
    return Taken(group, key, found, {newest[0]: newest[1]} if newest and small else {})


def write(home: Region, choose: Choose, writer: BlobWriter) -> tuple[Taken | None, Written | None]:
    """Write the events of what is chosen to a file, in order: what that is, None for nothing, and the file, None for no events."""
    with home.store.snapshot() as tx:
        taken = choose(tx)
        if taken is None:
            return None, None
        material = Material(tx, home.blobs, taken.group, Keys(home, tx, taken.group))
        cutoff = taken.group.cutoff(int(home.clock.now().timestamp() * 1000))
        rows = [row for run in runs(material, taken) for row in rows_of(run, cutoff)]
        gone = {stream for stream in {row[3] for row in rows} if stream_names.get(tx, taken.group.id, stream) is None}
        key = material.keys[taken.key]
    if gone:
        rows = [row for row in rows if row[3] not in gone]
    if not rows:
        return taken, None
    rows.sort()
    salt = new_nonce()
    blocks = tuple(write_block(writer, key, salt, number, part) for number, part in enumerate(cut(rows)))
    ref = writer.finish()
    return taken, Written(ref, described(ref, taken, rows, salt), blocks)


def described(ref: BlobRef, taken: Taken, rows: list[Row], salt: bytes) -> Segment:
    """What is kept of a segment."""
    puts = [*taken.chunks, *(put for each in taken.segments.values() for put in (each.put_first, each.put_last))]
    return Segment(
        blob=ref.id,
        size=ref.size,
        count=len(rows),
        raw=sum(len(row[5]) for row in rows) + OVERHEAD * len(rows),
        first=rows[0][0],
        last=rows[-1][0],
        put_first=min(puts),
        put_last=max(puts),
        key=taken.key,
        salt=salt,
    )


def runs(material: Material, taken: Taken) -> Iterator[Run]:
    """All blocks of what was taken."""
    for where, segment in taken.segments.items():
        index = indexes.get(material.tx, *where[::2])
        for number, block in enumerate(index.blocks if index else ()):
            yield read_block(material, segment, number, block)
    for put, chunk in taken.chunks.items():
        yield read_chunk(material, put, chunk)


def rows_of(run: Run, cutoff: int) -> Iterator[Row]:
    """The events of a block that are not expired."""
    messages = (run.message(at) for at in range(len(run.ends)))
    rows = zip(run.times, run.puts, run.numbers, run.streams, run.ingested, messages, strict=True)
    return (row for row in rows if row[0] >= cutoff) if cutoff else rows


def cut(rows: list[Row]) -> Iterator[list[Row]]:
    """Events in order, as many as a block has at a time."""
    start = size = 0
    for at, row in enumerate(rows):
        size += len(row[5]) + OVERHEAD
        if size >= BLOCK:
            yield rows[start : at + 1]
            start, size = at + 1, 0
    if start < len(rows):
        yield rows[start:]


def write_block(writer: BlobWriter, key: bytes, salt: bytes, number: int, rows: list[Row]) -> Block:
    """Write a block; what the index says of it."""
    times, puts, numbers, streams, ingested, messages = zip(*rows, strict=True)
    columns = Columns(
        column("q", times),
        column("q", ingested),
        column("I", streams),
        column("Q", puts),
        column("H", numbers),
        column("I", map(len, messages)),
        b"".join(messages),
    )
    sealed = seal(key, salt + number.to_bytes(4, "big"), pack(columns, SMALL))
    start = writer.size
    writer.write(sealed)
    return Block(start, len(sealed), place_of(rows[0]), place_of(rows[-1]), column("I", sorted(set(streams))))


def place_of(row: Row) -> Place:
    """Where an event is."""
    return row[0], row[1], row[2]


def commit(tx: Tx, home: Region, taken: Taken, written: Written | None) -> bool:
    """Have the segment instead of what it is made of; False, and nothing is changed, if that is not all there any more."""
    group = taken.group.id
    if group_ids.get(tx, group) is None:
        return False
    if any(chunks.get(tx, group, put) != chunk for put, chunk in taken.chunks.items()):
        return False
    if any(segments.get(tx, *where) != segment for where, segment in taken.segments.items()):
        return False
    for where in taken.segments:
        drop_segment(tx, where, home.clock.now())
    for put, chunk in taken.chunks.items():
        tx.delete_bytes(chunk.blob)
        chunks.delete(tx, group, put)
    count(tx, group, emptied(taken))
    if written is not None:
        add(tx, group, written)
    return True


def emptied(taken: Taken) -> dict[str, int]:
    """How a group's tally changes when chunks are taken from it."""
    raw = sum(chunk.raw for chunk in taken.chunks.values())
    return {
        "chunks": -len(taken.chunks),
        "waiting": -raw,
        "raw": -raw,
        "events": -sum(chunk.count for chunk in taken.chunks.values()),
        "disk": -sum(chunk.size for chunk in taken.chunks.values()),
    }


def add(tx: Tx, group: int, written: Written) -> None:
    """Keep a segment whose file is durable."""
    segment = written.segment
    number = (tallies.get(tx, group) or Tally()).segments + 1
    link(tx, written.ref)
    segments.put(tx, segment, group, segment.last, number)
    indexes.put(tx, Index(blocks=written.blocks), group, number)
    count(tx, group, {"segments": 1, "raw": segment.raw, "events": segment.count, "disk": segment.size})
