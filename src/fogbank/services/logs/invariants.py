"""What is always true of the records of CloudWatch Logs: `fogbank fsck` looks whether it is. A repair loses no event."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from fogbank.services.logs.addressing import group_of_id
from fogbank.services.logs.purge import KIND, Gone
from fogbank.services.logs.queries_records import ACTIVE, queries, turns, weights
from fogbank.services.logs.records import (
    Stream,
    Where,
    chunks,
    full,
    group_ids,
    groups,
    indexes,
    is_full,
    segments,
    stream_names,
    streams,
    streams_by_time,
    tallies,
)
from fogbank.services.logs.service import logs
from fogbank.store import outbox
from fogbank.store.check import Problem, readable
from fogbank.store.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx
    from fogbank.store.table import Table


def held(tx: Tx) -> Iterator[Held]:
    """All references to bytes."""
    for where, chunk in readable(tx, chunks):
        yield Held(f"put {where[1]} of log group {where[0]}", chunk.size, inline=chunk.blob)
    for where, segment in readable(tx, segments):
        yield Held(f"segment {where[2]} of log group {where[0]}", segment.size, segment.blob)


def check(tx: Tx) -> Iterator[Problem]:
    """All that is wrong."""
    yield from check_groups(tx)
    yield from check_streams(tx)
    yield from check_segments(tx)
    yield from check_tallies(tx)
    yield from check_queries(tx)


def check_groups(tx: Tx) -> Iterator[Problem]:
    """A group is found by its id, and what has an id belongs to a group, or is about to be removed."""
    for where, group in readable(tx, groups):
        place = Where(account=str(where[0]), region=str(where[1]), name=str(where[2]))
        if group_ids.get(tx, group.id) != place:
            yield Problem(
                f"log group {group.arn}: it is not found by its id", partial(point, where=place, group=group.id)
            )
    known = {int(where[0]) for where, _ in readable(tx, group_ids)}
    for number in known:
        if group_of_id(tx, number) is None:
            yield Problem(f"log group {number}: an id of no group")
    known |= {Gone.decode(payload).group for payload in outbox.payloads(tx, KIND)}
    tables: tuple[Table[Any], ...] = (chunks, segments, streams, tallies)
    for table in tables:
        for number in {int(where[0]) for where, _ in readable(tx, table)} - known:
            yield Problem(f"log group {number}: it is not there, but {table.name} has records of it")


def point(tx: Tx, where: Where, group: int) -> None:
    """Say which group an id is."""
    group_ids.put(tx, where, group)


def check_streams(tx: Tx) -> Iterator[Problem]:
    """A stream is found by its number, and by the time of its last event; no two of a group have the same number."""
    names = {where: each.name for where, each in readable(tx, stream_names)}
    times = {where for where, _ in readable(tx, streams_by_time)}
    for where, stream in readable(tx, streams):
        group, name = where
        if names.pop((group, stream.number), None) != name or (group, stream.last, name) not in times:
            what = f"log stream {name!r} of log group {group}: it is not found by its number and time"
            yield Problem(what, partial(index, group=group, stream=stream))
        times.discard((group, stream.last, name))
    for where in [*names, *times]:
        yield Problem(f"log group {where[0]}: {where[1:]} leads to no log stream", partial(unindex, where=where))


def index(tx: Tx, group: int, stream: Stream) -> None:
    """Have a stream found."""
    streams.delete(tx, group, stream.name)
    streams.put(tx, stream, group, stream.name)


def unindex(tx: Tx, where: tuple[Any, ...]) -> None:
    """Forget what leads to no stream."""
    (streams_by_time if len(where) == 3 else stream_names).delete(tx, *where)


def check_segments(tx: Tx) -> Iterator[Problem]:
    """A segment has an index that fits it."""
    known = {(where[0], where[2]): (where[1], segment) for where, segment in readable(tx, segments)}
    for where, found in readable(tx, indexes):
        last, segment = known.pop(where, (0, None))
        size = sum(block.size for block in found.blocks)
        if segment is None:
            yield Problem(f"segment {where[1]} of log group {where[0]}: there is only its index")
        elif size != segment.size or found.blocks[-1].last[0] != segment.last or last != segment.last:
            yield Problem(f"segment {where[1]} of log group {where[0]}: its index does not fit it")
    for where in known:
        yield Problem(f"segment {where[1]} of log group {where[0]}: it has no index")


def check_tallies(tx: Tx) -> Iterator[Problem]:
    """What a group counts is what it has, and a group that is full is known to be."""
    counted: dict[int, list[int]] = {}
    for where, chunk in readable(tx, chunks):
        add(counted, int(where[0]), (chunk.count, chunk.raw, chunk.size, 1, chunk.raw))
    for where, segment in readable(tx, segments):
        add(counted, int(where[0]), (segment.count, segment.raw, segment.size, 0, 0))
    for where, tally in readable(tx, tallies):
        group = int(where[0])
        mine = [tally.events, tally.raw, tally.disk, tally.chunks, tally.waiting]
        found = counted.pop(group, [0] * 5)
        if mine != found:
            yield Problem(f"log group {group}: it counts {mine}, not {found}")
        if is_full(tally) and full.get(tx, group) is None:
            yield Problem(f"log group {group}: it is full, and nobody knows")
    for group in counted:
        yield Problem(f"log group {group}: it does not count what it has")


def check_queries(tx: Tx) -> Iterator[Problem]:
    """Queries that are active have turns, no others have; and what is counted of results is what they have."""
    active: set[tuple[Any, ...]] = set()
    sizes: Counter[tuple[Any, ...]] = Counter()
    for where, query in readable(tx, queries):
        sizes[where[:2]] += query.size
        if query.status in ACTIVE:
            active.add(where)
    having = {where for where, _ in readable(tx, turns)}
    yield from (Problem(f"query {where[2]} has no turn, or one too much") for where in sorted(active ^ having))
    for where, weight in readable(tx, weights):
        if weight.bytes != sizes[where]:
            yield Problem(f"account {where[0]} counts {weight.bytes} bytes of queries' results, not {sizes[where]}")


def add(counted: dict[int, list[int]], group: int, by: tuple[int, ...]) -> None:
    """Count more of a group."""
    counted[group] = [old + new for old, new in zip(counted.get(group, [0] * 5), by, strict=True)]


logs.holdings = held
logs.invariants = check
