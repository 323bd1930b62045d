"""What CloudWatch Logs keeps: groups, streams, and events in chunks and segments. Times are in milliseconds since the epoch.

Every put leaves one chunk, compressed and sealed, in the state database; chunks of a group are later put together in segments, which
are files (sealing.py). A group that is made again has another id, a stream that is made again another number: what their predecessors
held is never theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

STANDARD = "STANDARD"
INFREQUENT = "INFREQUENT_ACCESS"
DAY = 86_400_000

Place = tuple[int, int, int]  # of an event: its timestamp, the number of its put, its number in that


class DataKey(msgspec.Struct, frozen=True, array_like=True):
    """A key that a group's events are sealed with. `arn` is the KMS key that wraps it; empty: the region's vault does."""

    number: int
    arn: str
    wrapped: bytes

    def __repr__(self) -> str:
        return f"DataKey({self.number}, {self.arn})"


class Group(Record, version=1):
    """A log group. `kms` is the associated KMS key's ARN; the last of `keys` seals what comes. `retention` is in days, 0: none."""

    account: str
    region: str
    name: str
    id: int
    created: int
    kind: str
    keys: tuple[DataKey, ...]
    kms: str = ""
    retention: int = 0
    protected: bool = False
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Its ARN, without `:*`."""
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.name}"

    def cutoff(self, now: int) -> int:
        """The time before which its events are expired."""
        return max(now - self.retention * DAY, 0) if self.retention else 0


class Stream(Record, version=1):
    """A log stream. `number` is its own in the group; `first` and `last` are the timestamps of its events, `ingested` is when the last
    came; 0 for none.
    """

    name: str
    number: int
    created: int
    first: int = 0
    last: int = 0
    ingested: int = 0


class Name(Record, version=1):
    """The name of a stream that an index leads to."""

    name: str


class Where(Record, version=1):
    """Which group an id is."""

    account: str
    region: str
    name: str


class Tally(Record, version=1):
    """What a group counts: puts, streams and segments so far; its events and their bytes, as AWS counts them, and on disk.

    `chunks` and `waiting` (bytes, as AWS counts them) are of what is not in segments yet.
    """

    puts: int = 0
    streams: int = 0
    segments: int = 0
    events: int = 0
    raw: int = 0
    disk: int = 0
    chunks: int = 0
    waiting: int = 0


class Chunk(Record, version=1):
    """The events of one put. `raw` is their size as AWS counts it, `size` that of the small blob `blob`, sealed with key `key`."""

    stream: int
    ingested: int
    first: int
    last: int
    count: int
    raw: int
    size: int
    key: int
    blob: int


class Segment(Record, version=1):
    """The events of many puts in a file, in order. `put_first` and `put_last` bound the puts' numbers; `salt` begins the nonces."""

    blob: str
    size: int
    count: int
    raw: int
    first: int
    last: int
    put_first: int
    put_last: int
    key: int
    salt: bytes


class Block(msgspec.Struct, frozen=True, array_like=True):
    """A part of a segment that is read as a whole: where it is in the file, its first and last events, its streams (packed)."""

    start: int
    size: int
    first: Place
    last: Place
    streams: bytes


class Index(Record, version=1):
    """Where a segment has what."""

    blocks: tuple[Block, ...]


class Full(Record, version=1):
    """A group that has enough chunks for a segment."""


FULL_CHUNKS = 512
FULL_BYTES = 8 << 20


def is_full(tally: Tally | None) -> bool:
    """Whether a group has so many chunks, or so much in them, that they are put into a segment."""
    return tally is not None and (tally.chunks >= FULL_CHUNKS or tally.waiting >= FULL_BYTES)


def index_times(tx: Tx, key: bytes, old: Stream | None, new: Stream | None) -> None:
    """Keep true what finds streams by the time of their last event, and by their numbers."""
    group = streams.parts(key)[0]
    if old is not None and (new is None or new.last != old.last):
        streams_by_time.delete(tx, group, old.last, old.name)
    if new is not None and (old is None or new.last != old.last):
        streams_by_time.put(tx, Name(name=new.name), group, new.last, new.name)
    if old is not None and (new is None or new.number != old.number):
        stream_names.delete(tx, group, old.number)
    if new is not None and (old is None or new.number != old.number):
        stream_names.put(tx, Name(name=new.name), group, new.number)


groups = Table("logs.group", Group)  # account, region, name
group_ids = Table("logs.group_id", Where)  # id
streams = Table("logs.stream", Stream, on_change=index_times)  # group's id, name
streams_by_time = Table("logs.stream_by_time", Name)  # group's id, timestamp of the last event, name
stream_names = Table("logs.stream_name", Name)  # group's id, number
tallies = Table("logs.tally", Tally)  # group's id
chunks = Table("logs.chunk", Chunk)  # group's id, number of the put
segments = Table("logs.segment", Segment)  # group's id, timestamp of its last event, number
full = Table("logs.full", Full)  # group's id
indexes = Table("logs.segment_index", Index)  # group's id, number
