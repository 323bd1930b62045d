"""The process of a query: it reads the events of groups from the state itself, and carries the query out over them.

It is a process of its own so that regular expressions cannot hold up the region, however long they take; memory is bounded by the
kernel; and it ends when it is told to, or when whoever started it is gone. On standard input comes one task, on standard output go
frames: lengths (4 bytes, big-endian), each before MessagePack. The keys of the groups come with the task, opened.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from bisect import bisect_left
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.logs.addressing import find_group
from fogbank.services.logs.insights_rows import LAMBDA, Origin, Row
from fogbank.services.logs.insights_run import Plan, Run
from fogbank.services.logs.insights_stats import TooManyGroupsError
from fogbank.services.logs.places import write_pointer
from fogbank.services.logs.reading import STEP, Reading
from fogbank.services.logs.sources import Material, Want
from fogbank.store.api import StoreError
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.services.logs.blocks import Run as Block
    from fogbank.services.logs.records import Place
    from fogbank.store.api import Store

LENGTH: Final = 4  # bytes
MEMORY: Final = 2 << 30  # bytes of address space
TELL_EVERY: Final = 0.5  # seconds
LOOK_EVERY: Final = 256  # events between looks at the clock
MOST_BYTES: Final = 32 << 20  # of results: what does not fit is left out


class Target(msgspec.Struct, frozen=True):
    """A group to read: where it is, its id, its opened data keys, and the time before which its events are expired (ms)."""

    account: str
    region: str
    name: str
    id: int
    keys: dict[int, bytes]
    cutoff: int

    def __repr__(self) -> str:
        return f"Target({self.name})"


class Task(msgspec.Struct, frozen=True):
    """A query to carry out: `start` and `end` in milliseconds, the end exclusive; `now` in seconds."""

    state: str
    blobs: str
    query: str
    now: int
    limit: int
    start: int
    end: int
    targets: list[Target]


class Told(msgspec.Struct, frozen=True):
    """How far it is: events and bytes looked at, events that matched. `fault` ends it; so does `done`, with the rows."""

    scanned: int
    matched: int
    bytes: int
    done: bool = False
    fault: str = ""
    rows: list[list[tuple[str, str]]] = []


class Meter:
    """Counts what is looked at."""

    def __init__(self) -> None:
        self.events = 0
        self.bytes = 0


class Counted(Reading):
    """A reading whose events are counted, those too that are left out for the literals."""

    def __init__(self, material: Material, want: Want, meter: Meter) -> None:
        super().__init__(material, want, STEP)
        self._meter = meter

    def _wanted(self, run: Block) -> list[int] | range:
        want, meter = self._want, self._meter
        lower, upper = bisect_left(run.times, want.start), bisect_left(run.times, want.end)
        if want.after is not None and lower < upper:
            cut = bisect_left(run.times, want.after[0])
            lower, upper = (lower, min(upper, cut)) if want.reverse else (max(lower, cut), upper)
        if lower < upper:
            meter.events += upper - lower
            meter.bytes += run.ends[upper - 1] - (run.ends[lower - 1] if lower else 0)
        return super()._wanted(run)


def rows_of(store: Store, blobs: Blobs, target: Target, want: Want, meter: Meter) -> Iterator[Row]:
    """The rows of a group, in order; a fresh view of the state is taken now and then."""
    origin = Origin(f"{target.account}:{target.name}", target.name.startswith(LAMBDA))
    place: Place | None = None
    while True:
        with store.snapshot() as tx:
            group = find_group(tx, target.account, target.region, target.name)
            if group is None or group.id != target.id:
                return
            material = Material(tx, blobs, group, target.keys)
            reading = Counted(material, msgspec.structs.replace(want, after=place), meter)
            found = list(reading)
        for event in found:
            yield Row(origin, event)
        if reading.ended:
            return
        place = reading.place
        yield Row(origin)  # nothing: so that it is told how far it is


def carry_out(task: Task, store: Store, blobs: Blobs) -> None:
    """Carry out a task, telling how far it is."""
    plan = Plan(task.query, task.now, task.limit)
    work, meter = Run(plan), Meter()
    walks = []
    for target in task.targets:
        start = max(task.start, target.cutoff)
        want = Want(start, task.end, None, tuple(plan.contains), plan.reverse)
        walks.append(rows_of(store, blobs, target, want, meter))
    rows = walks[0] if len(walks) == 1 else merge(*walks, key=_time, reverse=plan.reverse)
    told = time.monotonic()
    for number, row in enumerate(rows):
        if row.event is not None:
            work.add(row)
            if work.full:
                break
        if (number % LOOK_EVERY == 0 or row.event is None) and time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell(Told(meter.events, work.matched, meter.bytes))
    found = within(work.results(pointer))
    tell(Told(meter.events, work.matched, meter.bytes, done=True, rows=found))


def _time(row: Row) -> int:
    return row.at


def pointer(row: Row) -> str:
    """The @ptr of a row that is an event."""
    return write_pointer(row.event.group, row.event.place) if row.event is not None else ""


def within(rows: list[list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    """As many rows as results may have bytes."""
    left = MOST_BYTES
    for number, row in enumerate(rows):
        left -= sum(len(name) + len(value) + 8 for name, value in row)
        if left < 0:
            return rows[:number]
    return rows


def tell(told: Told) -> None:
    """Write a frame."""
    data = msgspec.msgpack.encode(told)
    sys.stdout.buffer.write(len(data).to_bytes(LENGTH, "big") + data)
    sys.stdout.buffer.flush()


def main() -> None:
    """Carry out the task on standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(5)
    size = int.from_bytes(sys.stdin.buffer.read(LENGTH), "big")
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(size), type=Task)
    store = SqliteStore(Path(task.state))
    try:
        carry_out(task, store, Blobs(Path(task.blobs)))
    except (MemoryError, TooManyGroupsError):
        tell(Told(0, 0, 0, fault="the query takes more memory than it may"))
    except (StoreError, KeyError, RecursionError) as error:
        tell(Told(0, 0, 0, fault=f"{type(error).__name__}: {error}"[:1000]))
    finally:
        store.close()


if __name__ == "__main__":
    main()
