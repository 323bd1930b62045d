"""Events in the order of their places, merged from all that a group has, for a page or for a long read.

Nothing here runs on the event loop: reading decompresses, in a thread.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs import data_keys
from fogbank.services.logs.addressing import find_group
from fogbank.services.logs.places import write_id
from fogbank.services.logs.records import Place, stream_names, streams
from fogbank.services.logs.sources import Material, Source, Want, sources

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from fogbank.core.region import Region
    from fogbank.services.logs.blocks import Run
    from fogbank.services.logs.records import Group
    from fogbank.services.logs.sources import Part
    from fogbank.store.api import Tx

BUDGET: Final = 128 << 20  # bytes of events that a page looks at, about half a second
STEP: Final = 64 << 20  # and a view of a long read
FEW: Final = 20_000  # events that it has in memory
_PASSED: Final = object()  # instead of an event: all up to this place has been looked at
_EDGE: Final = object()  # instead of an event: a source goes on here


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event. `timestamp` and `ingested` are in ms, `message` is UTF-8; `group` is the group's id, `place` its place in that."""

    group: int
    place: Place
    ingested: int
    stream: str
    message: bytes

    @property
    def timestamp(self) -> int:
        """When it happened, as its sender says."""
        return self.place[0]

    @property
    def id(self) -> str:
        """Its id, of 56 digits."""
        return write_id(self.group, self.place)


class Reading:
    """The wanted events of a group, in order; it ends when all are given, or the budget is used up.

    `place` is how far it has looked: all wanted events up to it (in the direction of reading) were given. `ended` says that there
    are no more.
    """

    def __init__(self, material: Material, want: Want, budget: int = BUDGET) -> None:
        self.place = want.after
        self.ended = False
        self._material = material
        self._want = want
        self._budget = budget
        self._names: dict[int, str | None] = {}

    def __iter__(self) -> Iterator[Event]:
        want, began = self._want, self.place
        walks = [self._walk(number, source) for number, source in enumerate(sources(self._material, want))]
        for time, put, at, _, found in merge(*walks, reverse=want.reverse):
            if found is _EDGE:
                if self._budget <= 0 and self.place != began:
                    return
                continue
            self.place = (time, put, at)
            if found is not _PASSED:
                yield found
        self.ended = True

    def _walk(self, number: int, source: Source) -> Iterator[tuple[int, int, int, int, Any]]:
        """One source's events, and marks where its blocks begin and end. The source's number makes each entry another."""
        turn = reversed if self._want.reverse else iter
        yield (*self._edge(source), number, _EDGE)
        for part in turn(source.parts()):
            yield (*self._edge(part), number, _EDGE)
            self._budget -= part.raw
            run = part.read()
            for at in turn(self._wanted(run)):
                event = self._event(run, at)
                if event is not None:
                    yield (*event.place, number, event)
            last = part.first if self._want.reverse else part.last
            yield (*last, number, _PASSED)

    def _edge(self, of: Source | Part) -> Place:
        return of.last if self._want.reverse else of.first

    def _wanted(self, run: Run) -> list[int] | range:
        """The events of a block that are wanted, in order."""
        want = self._want
        lower, upper = bisect_left(run.times, want.start), bisect_left(run.times, want.end)
        if want.after is not None:
            cut = _behind(run, want.after)
            lower, upper = (lower, min(upper, cut)) if want.reverse else (max(lower, cut), upper)
            if want.reverse and cut and _place(run, cut - 1) == want.after:
                upper = min(upper, cut - 1)
        found: list[int] | range = range(lower, upper)
        if want.contains and found:
            found = [at for at in run.holding(want.contains) if lower <= at < upper]
        if want.streams is not None:
            numbers, streams = want.streams, run.streams
            found = [at for at in found if streams[at] in numbers]
        return found

    def _event(self, run: Run, at: int) -> Event | None:
        """An event of a block; None if its stream was deleted."""
        stream = self._name(run.streams[at])
        if stream is None:
            return None
        return Event(self._material.group.id, _place(run, at), run.ingested[at], stream, run.message(at))

    def _name(self, number: int) -> str | None:
        try:
            return self._names[number]
        except KeyError:
            found = stream_names.get(self._material.tx, self._material.group.id, number)
            name = self._names[number] = found.name if found else None
            return name


def _place(run: Run, at: int) -> Place:
    return run.times[at], run.puts[at], run.numbers[at]


def _behind(run: Run, place: Place) -> int:
    """The first event of a block that is behind a place."""
    at = bisect_left(run.times, place[0])
    end = bisect_right(run.times, place[0])
    while at < end and _place(run, at) <= place:
        at += 1
    return at


def material_of(home: Region, tx: Tx, group: Group) -> Material:
    """What reading a group takes. AwsError if KMS does not open one of its keys."""
    return Material(tx, home.blobs, group, Keys(home, tx, group))


class Keys(dict[int, bytes]):
    """A group's data keys, opened when they are first needed: old events under a key that is lost do not hide new ones."""

    def __init__(self, home: Region, tx: Tx, group: Group) -> None:
        super().__init__()
        self._home, self._tx, self._group = home, tx, group

    def __missing__(self, number: int) -> bytes:
        key = self[number] = data_keys.open_key(self._home, self._tx, self._group, number)
        return key


def numbers_of(tx: Tx, group: Group, names: Iterable[str]) -> frozenset[int]:
    """The numbers of those streams that are there."""
    found = (streams.get(tx, group.id, name) for name in names)
    return frozenset(stream.number for stream in found if stream is not None)


def scan(
    home: Region,
    group: Group,
    start: int,
    end: int,
    *,
    names: Collection[str] | None = None,
    contains: tuple[bytes, ...] = (),
    reverse: bool = False,
) -> Iterator[Event]:
    """All events of a group from `start` to before `end` (ms), in order, for reads that may take long.

    Every STEP bytes or FEW events it takes a fresh view of the state. It ends early if the group is deleted meanwhile. AwsError if KMS
    does not open a key, StoreError if what is on disk is damaged.
    """
    place: Place | None = None
    while True:
        with home.store.snapshot() as tx:
            now = find_group(tx, group.account, group.region, group.name)
            if now is None or now.id != group.id:
                return
            cutoff = now.cutoff(int(home.clock.now().timestamp() * 1000))
            chosen = None if names is None else numbers_of(tx, now, names)
            want = Want(max(start, cutoff), end, chosen, contains, reverse, place)
            reading = Reading(material_of(home, tx, now), want, STEP)
            found = list(islice(reading, FEW))
        yield from found
        if reading.ended:
            return
        place = reading.place
