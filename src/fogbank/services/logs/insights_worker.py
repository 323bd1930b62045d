"""The process of a query: it reads the events of groups from the state itself, and carries the query out over them.

It is a process of its own so that regular expressions cannot hold up the region, however long they take; memory is bounded by the
kernel; and it ends when it is told to, or when whoever started it is gone. On standard input comes one task, on standard output go
frames: lengths (4 bytes, big-endian), each before MessagePack. The keys of the groups come with the task, opened.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
import time
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.logs.insights_run import Plan, Run
from fogbank.services.logs.insights_scan import Meter, Scan, Target
from fogbank.services.logs.insights_stats import TooManyGroupsError
from fogbank.services.logs.places import write_pointer
from fogbank.services.logs.sources import Want
from fogbank.store.api import StoreError
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.services.logs.insights_rows import Row
    from fogbank.store.api import Store

LENGTH: Final = 4  # bytes
PR_SET_PDEATHSIG: Final = 1
MEMORY: Final = 2 << 30  # bytes of address space
COLLECT_EVERY: Final = 1_000_000  # objects between looks for cycles, of which there are none
TELL_EVERY: Final = 0.5  # seconds
LOOK_EVERY: Final = 256  # events between looks at the clock
MOST_BYTES: Final = 32 << 20  # of results: what does not fit is left out


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


def carry_out(task: Task, store: Store, blobs: Blobs) -> None:
    """Carry out a task, telling how far it is."""
    plan = Plan(task.query, task.now, task.limit)
    work = Run(plan)
    told = time.monotonic()

    def tick() -> None:
        nonlocal told
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell(Told(meter.events, work.matched, meter.bytes))

    meter = Meter(tick)
    scans = [Scan(store, blobs, target, meter, tuple(plan.hints)) for target in task.targets]
    for number, row in enumerate(rows_of(task, plan, scans, work)):
        work.add(row)
        if work.full:
            break
        if number % LOOK_EVERY == 0:
            tick()
    found = within(work.results(pointer))
    tell(Told(meter.events, work.matched, meter.bytes, done=True, rows=found))


def rows_of(task: Task, plan: Plan, scans: list[Scan], work: Run) -> Iterator[Row]:
    """The rows that a query is on, in order where that matters, but those that are only counted."""
    walks = []
    for target, scan in zip(task.targets, scans, strict=True):
        want = Want(max(task.start, target.cutoff), task.end, None, tuple(plan.contains), plan.reverse)
        walks.append(scan.unordered(want, work.counts) if plan.unordered else scan.ordered(want))
    if plan.unordered or len(walks) == 1:
        return chain.from_iterable(walks)
    return merge(*walks, key=_time, reverse=plan.reverse)


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


def end_with(parent: int) -> None:
    """Have the kernel end this process when the one that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before
        sys.exit(1)


def main() -> None:
    """Carry out the task on standard input, for the process of the given id."""
    end_with(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(5)
    gc.set_threshold(COLLECT_EVERY)
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
