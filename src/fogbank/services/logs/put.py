"""PutLogEvents: a batch of events becomes one chunk, which is durable when the client is answered.

Source: API Reference, PutLogEvents.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs import data_keys
from fogbank.services.logs.addressing import need_group, need_stream
from fogbank.services.logs.blocks import FAST, NONCE, OVERHEAD, Columns, column, pack, seal
from fogbank.services.logs.errors import aborted, invalid
from fogbank.services.logs.places import write_id
from fogbank.services.logs.records import DAY, Chunk, Full, Tally, chunks, full, is_full, streams, tallies
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fogbank.core.call import Call
    from fogbank.core.service import Input, Work
    from fogbank.services.logs.records import Group, Stream

MOST: Final = 1 << 20  # bytes of a batch, and of an event
OLDEST: Final = 14 * DAY
NEWEST: Final = 2 * 3_600_000
SPAN: Final = DAY

# What else happens in the transaction of a put: it is told the group, the stream as it was, and the put's number.
reactions: Final[list[Callable[[Call, Group, Stream, int], None]]] = []


class Batch(msgspec.Struct, frozen=True):
    """The part of a batch that is taken, as times and messages, and what is said of the rest."""

    times: list[int]
    messages: list[bytes]
    raw: int
    rejected: dict[str, int]


class Packed(msgspec.Struct, frozen=True):
    """A batch that is ready to be kept: compressed, and sealed with a key of a group."""

    group: int
    key: int
    batch: Batch
    sealed: bytes


def prepare(call: Call, req: Input) -> Work:
    """Look at the group and its key; then compress and seal in a thread."""
    return packing(call, need_group(call, req), req)


@logs.operation("write", "stream", takes="logGroupName logStreamName logEvents sequenceToken", prepare=prepare)
def put_log_events(call: Call, req: Input) -> dict[str, Any]:
    """Keep events. Sequence tokens are ignored, as AWS does since 2023."""
    group = need_group(call, req)
    stream = need_stream(call, group, req["logStreamName"])
    packed: Packed = call.prepared or packing(call, group, req)()
    if packed.group != group.id or all(key.number != packed.key for key in group.keys):
        raise aborted()  # deleted, and made again; or it has forgotten the key, for another one
    put = keep(call, group, stream, packed) if packed.batch.times else 0
    told = {"rejectedLogEventsInfo": packed.batch.rejected} if packed.batch.rejected else {}
    return {"nextSequenceToken": write_id(group.id, (milliseconds(call), put, 0)), **told}


def packing(call: Call, group: Group, req: Input) -> Callable[[], Packed]:
    """The work of checking, compressing and sealing a batch."""
    need_stream(call, group, req["logStreamName"])
    number = group.keys[-1].number
    key, nonce = data_keys.open_key(call.home, call.tx, group, number), call.ids.random(NONCE)
    now = milliseconds(call)

    def work() -> Packed:
        batch = checked(req["logEvents"], now, group)
        packed = pack(columns_of(batch), FAST)
        return Packed(group.id, number, batch, nonce + seal(key, nonce, packed))

    return work


def columns_of(batch: Batch) -> Columns:
    """A batch as a chunk has it: stream, put and ingestion time are in its record, and its events count from 0."""
    sizes = column("I", map(len, batch.messages))
    return Columns(column("q", batch.times), b"", b"", b"", b"", sizes, b"".join(batch.messages))


def milliseconds(call: Call) -> int:
    """The time of a request."""
    return int(call.now.timestamp() * 1000)


def checked(events: Sequence[Mapping[str, Any]], now: int, group: Group) -> Batch:
    """What of a batch is taken. InvalidParameterException for one that is too large, out of order, or longer than a day."""
    times = [int(event["timestamp"]) for event in events]
    messages = [event["message"].encode() for event in events]
    size = sum(map(len, messages)) + OVERHEAD * len(messages)
    check_size(messages, size)
    if any(later < earlier for earlier, later in pairwise(times)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    old = sum(1 for time in times if time < now - OLDEST)
    expired = sum(1 for time in times if time < max(group.cutoff(now), now - OLDEST))
    end = sum(1 for time in times if time <= now + NEWEST)
    rejected = {"tooNewLogEventStartIndex": end} if end < len(times) else {}
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if expired > old:
        rejected["expiredLogEventEndIndex"] = expired
    taken, kept = times[expired:end], messages[expired:end]
    if taken and taken[-1] - taken[0] > SPAN:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    return Batch(taken, kept, sum(map(len, kept)) + OVERHEAD * len(kept), rejected)


def check_size(messages: list[bytes], size: int) -> None:
    """Refuse an event or a batch that is too large."""
    longest = max(map(len, messages))
    if longest > MOST - OVERHEAD:
        raise invalid(f"Log event too large: {longest + OVERHEAD} bytes exceeds limit of {MOST}")
    if size > MOST:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {MOST}")


def keep(call: Call, group: Group, stream: Stream, packed: Packed) -> int:
    """Keep a batch in the state; the put's number."""
    batch, now = packed.batch, milliseconds(call)
    tally = tallies.get(call.tx, group.id) or Tally()
    put, count, size = tally.puts + 1, len(batch.times), len(packed.sealed)
    chunk = Chunk(
        stream=stream.number,
        ingested=now,
        first=batch.times[0],
        last=batch.times[-1],
        count=count,
        raw=batch.raw,
        size=size,
        key=packed.key,
        blob=call.tx.put_bytes(packed.sealed),
    )
    chunks.put(call.tx, chunk, group.id, put)
    after = grown(tally, chunk)
    tallies.put(call.tx, after, group.id)
    if is_full(after) and not is_full(tally):
        full.put(call.tx, Full(), group.id)
    first = min(stream.first or chunk.first, chunk.first)
    seen = msgspec.structs.replace(stream, first=first, last=max(stream.last, chunk.last), ingested=now)
    streams.put(call.tx, seen, group.id, stream.name)
    for reaction in reactions:
        reaction(call, group, stream, put)
    return put


def grown(tally: Tally, chunk: Chunk) -> Tally:
    """A tally with one more chunk."""
    return msgspec.structs.replace(
        tally,
        puts=tally.puts + 1,
        events=tally.events + chunk.count,
        raw=tally.raw + chunk.raw,
        disk=tally.disk + chunk.size,
        chunks=tally.chunks + 1,
        waiting=tally.waiting + chunk.raw,
    )
