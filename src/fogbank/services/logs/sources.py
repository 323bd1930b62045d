"""What of a group is to be read: its chunks and segments, and the blocks of those, of which each is read as a whole.

A source is a row of blocks in order. None is opened before what is read is as far as it begins; so a page that ends early has read
little, and the memory that reading takes is that of the blocks that overlap.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from typing import TYPE_CHECKING

import msgspec

from fogbank.services.logs.blocks import NONCE, Run, read_column, run_of, unpack, unseal
from fogbank.services.logs.records import Block, Chunk, Segment, chunks, indexes, segments
from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fogbank.services.logs.records import Group, Place
    from fogbank.store.api import Tx
    from fogbank.store.blobs import Blobs


class Want(msgspec.Struct, frozen=True):
    """Which events: from `start` to before `end` (ms), of some streams (by number; None: all), with all of some literals in their
    messages, behind the place `after` in the order of reading.
    """

    start: int
    end: int
    streams: frozenset[int] | None = None
    contains: tuple[bytes, ...] = ()
    reverse: bool = False
    after: Place | None = None

    def meets(self, first: Place, last: Place) -> bool:
        """Whether events between two places may be wanted."""
        if last[0] < self.start or first[0] >= self.end:
            return False
        if self.after is None:
            return True
        return first < self.after if self.reverse else last > self.after

    def has(self, streams: Sequence[int]) -> bool:
        """Whether any of some streams, in order, is wanted."""
        if self.streams is None:
            return True
        if len(self.streams) < len(streams):
            return any(_is_in(number, streams) for number in self.streams)
        return any(number in self.streams for number in streams)


def _is_in(number: int, ordered: Sequence[int]) -> bool:
    at = bisect_left(ordered, number)
    return at < len(ordered) and ordered[at] == number


class Part(msgspec.Struct, frozen=True):
    """A block that may hold what is wanted: its first and last place, the bytes of its events, and how it is read."""

    first: Place
    last: Place
    raw: int
    read: Callable[[], Run]


class Source(msgspec.Struct, frozen=True):
    """A row of blocks: a chunk, or a segment. `first` and `last` bound its places; `parts` finds the blocks that matter, in order."""

    first: Place
    last: Place
    parts: Callable[[], list[Part]]


class Material(msgspec.Struct, frozen=True):
    """What reading takes: a view of the state, the files, the group and its opened keys by number."""

    tx: Tx
    blobs: Blobs
    group: Group
    keys: Mapping[int, bytes]


def sources(material: Material, want: Want) -> list[Source]:
    """The chunks and segments of a group that may hold what is wanted."""
    return [*_chunks(material, want), *_segments(material, want)]


def _chunks(material: Material, want: Want) -> Iterator[Source]:
    for where, chunk in chunks.scan(material.tx, material.group.id):
        put = int(where[1])
        first, last = (chunk.first, put, 0), (chunk.last, put, chunk.count - 1)
        if want.meets(first, last) and want.has((chunk.stream,)):
            yield Source(first, last, _only(material, put, chunk, first, last))


def _only(material: Material, put: int, chunk: Chunk, first: Place, last: Place) -> Callable[[], list[Part]]:
    return lambda: [Part(first, last, chunk.raw, lambda: read_chunk(material, put, chunk))]


def read_chunk(material: Material, put: int, chunk: Chunk) -> Run:
    """The events of a chunk."""
    data = material.tx.get_bytes(chunk.blob)
    if data is None:
        raise StoreError(f"log events of put {put} are missing")
    columns = unpack(unseal(material.keys[chunk.key], data[:NONCE], data[NONCE:]))
    same = chunk.count
    return Run(
        read_column("q", columns.times),
        [chunk.ingested] * same,
        [chunk.stream] * same,
        [put] * same,
        range(same),
        read_column("I", columns.sizes),
        columns.messages,
    )


def _segments(material: Material, want: Want) -> Iterator[Source]:
    group = material.group.id
    for where, segment in segments.scan(material.tx, group, start=want.start):
        first, last = (segment.first, 0, -1), (segment.last, (1 << 64) - 1, (1 << 16) - 1)
        if want.meets(first, last):
            yield Source(first, last, _parts(material, int(where[2]), segment, want))


def _parts(material: Material, number: int, segment: Segment, want: Want) -> Callable[[], list[Part]]:
    def find() -> list[Part]:
        index = indexes.get(material.tx, material.group.id, number)
        if index is None:
            raise StoreError(f"segment {number} of log group {material.group.id} has no index")
        material.tx.memo.pop((indexes.name, (material.group.id, number)), None)  # they are many, and large
        return [
            Part(block.first, block.last, segment.raw // len(index.blocks), _reader(material, segment, at, block))
            for at, block in enumerate(index.blocks)
            if want.meets(block.first, block.last) and want.has(read_column("I", block.streams))
        ]

    return find


def _reader(material: Material, segment: Segment, number: int, block: Block) -> Callable[[], Run]:
    return lambda: read_block(material, segment, number, block)


def read_block(material: Material, segment: Segment, number: int, block: Block) -> Run:
    """The events of a segment's block."""
    try:
        with open(material.blobs.path(segment.blob), "rb", buffering=0) as file:
            data = os.pread(file.fileno(), block.size, block.start)
    except OSError as error:
        raise StoreError(f"segment {segment.blob} of log events: {error}") from error
    nonce = segment.salt + number.to_bytes(4, "big")
    return run_of(unpack(unseal(material.keys[segment.key], nonce, data)))
