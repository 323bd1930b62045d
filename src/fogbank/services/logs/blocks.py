"""Runs of events as bytes: in columns, compressed and sealed. Chunks hold one, segments many.

    packed   MessagePack array of Columns' fields
    sealed   AES-256-GCM over the compressed packed bytes, under a data key of the group

The messages stand in one run of bytes, so that a literal is looked for in all of them at once.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OVERHEAD: Final = 26  # bytes that AWS counts an event beside its message
FAST: Final = 1  # zstandard's level for what clients wait for
SMALL: Final = 3  # and for what is kept for long
NONCE: Final = 12  # bytes
MOST: Final = 64 << 20  # bytes of a packed run; none that is written comes near it


class Columns(msgspec.Struct, array_like=True):
    """Events in order, by columns of packed integers: timestamps, ingestion times, streams, puts, numbers in them, sizes."""

    times: bytes
    ingested: bytes
    streams: bytes
    puts: bytes
    numbers: bytes
    sizes: bytes
    messages: bytes


class Run:
    """The events of a block, unpacked. Where each message ends is worked out when it is first asked for: often no event is wanted."""

    __slots__ = ("_ends", "_sizes", "ingested", "messages", "numbers", "puts", "streams", "times")

    def __init__(
        self,
        times: Sequence[int],
        ingested: Sequence[int],
        streams: Sequence[int],
        puts: Sequence[int],
        numbers: Sequence[int],
        sizes: Sequence[int],
        messages: bytes,
    ) -> None:
        self.times, self.ingested, self.streams, self.puts, self.numbers = times, ingested, streams, puts, numbers
        self.messages = messages
        self._sizes = sizes
        self._ends: list[int] = []

    @property
    def ends(self) -> list[int]:
        """Where each message ends."""
        if not self._ends:
            self._ends = list(accumulate(self._sizes))
        return self._ends

    def size(self, lower: int, upper: int) -> int:
        """The bytes of the messages of some events, one at least."""
        if upper - lower == len(self._sizes):
            return len(self.messages)
        return self.ends[upper - 1] - (self.ends[lower - 1] if lower else 0)

    def message(self, at: int) -> bytes:
        """The message of an event."""
        ends = self._ends or self.ends
        return self.messages[ends[at - 1] if at else 0 : ends[at]]

    def holding(self, literals: tuple[bytes, ...]) -> list[int]:
        """The events whose messages hold all of some literals, in order."""
        first, *others = sorted(literals, key=len, reverse=True)
        found: list[int] = []
        messages, at = self.messages, self.messages.find(first)
        ends = self.ends if at >= 0 else []
        while at >= 0:
            event = bisect_right(ends, at)
            start, end = ends[event - 1] if event else 0, ends[event]
            if at + len(first) > end:  # it reaches into the next message
                at = messages.find(first, at + 1)
                continue
            if all(messages.find(other, start, end) >= 0 for other in others):
                found.append(event)
            at = messages.find(first, end)
        return found


def pack(columns: Columns, level: int) -> bytes:
    """Columns, compressed."""
    return zstandard.ZstdCompressor(level=level).compress(msgspec.msgpack.encode(columns))


def column(code: str, values: Iterable[int]) -> bytes:
    """A column of integers."""
    return array(code, values).tobytes()


def read_column(code: str, data: bytes) -> array[int]:
    """The integers of a column."""
    found: array[int] = array(code)
    found.frombytes(data)
    return found


def unpack(data: bytes) -> Columns:
    """What `pack` packed."""
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=MOST)
    return msgspec.msgpack.decode(raw, type=Columns)


def run_of(columns: Columns) -> Run:
    """The events of a segment's block."""
    return Run(
        read_column("q", columns.times),
        read_column("q", columns.ingested),
        read_column("I", columns.streams),
        read_column("Q", columns.puts),
        read_column("H", columns.numbers),
        read_column("I", columns.sizes),
        columns.messages,
    )


def seal(key: bytes, nonce: bytes, packed: bytes) -> bytes:
    """Encrypt packed events."""
    return AESGCM(key).encrypt(nonce, packed, None)


def unseal(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    """What `seal` encrypted. StoreError if it is not that."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise StoreError("log events on disk are not those that were written") from None
