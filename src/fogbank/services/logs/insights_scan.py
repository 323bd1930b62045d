"""Reading a group for a query: in the order of time, or, where that makes no difference, block by block.

Each view of the state is short, so that it holds up no one: its size grows from FIRST_STEP, as a query with a limit may need little.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import msgspec

from fogbank.services.logs import feed
from fogbank.services.logs.addressing import find_group
from fogbank.services.logs.insights_rows import LAMBDA, Origin, Row
from fogbank.services.logs.reading import Event, Reading
from fogbank.services.logs.records import chunks, indexes, segments, stream_names
from fogbank.services.logs.sources import Material, Want, read_block, read_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fogbank.services.logs.blocks import Run
    from fogbank.services.logs.records import Segment
    from fogbank.store.api import Store, Tx
    from fogbank.store.blobs import Blobs

FIRST_STEP, LAST_STEP = 1 << 20, 16 << 20  # bytes of events in a view


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

    @property
    def origin(self) -> Origin:
        """Where its rows are from."""
        return Origin(f"{self.account}:{self.name}", self.name.startswith(LAMBDA))


class Meter:
    """Counts what is looked at, and calls `tick` now and then: a moment to tell how far it is."""

    def __init__(self, tick: Callable[[], None] = lambda: None) -> None:
        self.events = 0
        self.bytes = 0
        self.tick = tick

    def count(self, run: Run, lower: int, upper: int) -> None:
        """Some events of a block."""
        if lower < upper:
            self.events += upper - lower
            self.bytes += run.size(lower, upper)


class Scan:
    """The rows of a group.

    `hints` are literals of the messages that are wanted, where those have no backslashes, with which JSON may write them otherwise.
    """

    def __init__(self, store: Store, blobs: Blobs, target: Target, meter: Meter, hints: tuple[bytes, ...] = ()) -> None:
        self._store = store
        self._blobs = blobs
        self._target = target
        self._meter = meter
        self._hints = hints
        self._names: dict[int, str | None] = {}

    def _material(self, tx: Tx) -> Material | None:
        """What reading takes; None if the group is gone."""
        target = self._target
        group = find_group(tx, target.account, target.region, target.name)
        return Material(tx, self._blobs, group, target.keys) if group is not None and group.id == target.id else None

    def ordered(self, want: Want) -> Iterator[Row]:
        """All that is wanted, in the order of time, or the reverse."""
        origin, place, budget = self._target.origin, want.after, FIRST_STEP
        while True:
            with self._store.snapshot() as tx:
                material = self._material(tx)
                if material is None:
                    return
                reading = Counted(
                    material, msgspec.structs.replace(want, after=place), budget, self._meter, self._hints
                )
                found = list(reading)
            for event in found:
                yield Row(origin, event)
            if reading.ended:
                return
            place, budget = reading.place, min(budget * 2, LAST_STEP)
            self._meter.tick()

    def unordered(self, want: Want, counts: Callable[[Sequence[int]], None] | None = None) -> Iterator[Row]:
        """All that is wanted and was put before now, in the order of segments and puts, which saves merging them by time.

        With `counts`, blocks that are wanted whole are not given as rows: it is told the times of their events.
        """
        with self._store.snapshot() as tx:
            newest = feed.head(tx, self._target.id)
        put = 0
        while put < newest:
            with self._store.snapshot() as tx:
                material = self._material(tx)
                if material is None:
                    return
                runs, following = stretch(material, want, put)
                names = {number: self._name(tx, number) for run in runs for number in set(run.streams)}
            for run in runs:
                yield from self._rows(run, want, names, (put, newest), counts)
            put = following
            self._meter.tick()

    def _rows(
        self,
        run: Run,
        want: Want,
        names: Mapping[int, str | None],
        between: tuple[int, int],
        counts: Callable[[Sequence[int]], None] | None,
    ) -> Iterator[Row]:
        """The wanted rows of a block that were put behind a put, and not behind the newest."""
        put, newest = between
        origin, group = self._target.origin, self._target.id
        lower, upper = bisect_left(run.times, want.start), bisect_left(run.times, want.end)
        self._meter.count(run, lower, upper)
        wanted: list[int] | range = range(lower, upper)
        literals = want.contains + hinted(run, self._hints)
        if literals and wanted:
            wanted = [at for at in run.holding(literals) if lower <= at < upper]
        if counts is not None and whole(run, names, between):
            counts([run.times[at] for at in wanted])
            return
        times, puts, numbers, ingested, streams = run.times, run.puts, run.numbers, run.ingested, run.streams
        message = run.message
        for at in wanted:
            name = names[streams[at]]
            if name is not None and put < puts[at] <= newest:
                yield Row(origin, Event(group, (times[at], puts[at], numbers[at]), ingested[at], name, message(at)))

    def _name(self, tx: Tx, number: int) -> str | None:
        if number not in self._names:
            found = stream_names.get(tx, self._target.id, number)
            self._names[number] = found.name if found else None
        return self._names[number]


def whole(run: Run, names: Mapping[int, str | None], between: tuple[int, int]) -> bool:
    """Whether all events of a block were put in time, and no stream of theirs is gone."""
    return between[0] < min(run.puts) <= max(run.puts) <= between[1] and all(names[each] for each in set(run.streams))


def stretch(material: Material, want: Want, put: int) -> tuple[list[Run], int]:
    """The blocks of the segments behind a put that may hold what is wanted, about LAST_STEP bytes, or else those of chunks; and the
    put that is the last of them.
    """
    tx, group = material.tx, material.group.id
    found: list[Run] = []
    size = 0
    behind = [(one.put_first, int(where[2]), one) for where, one in segments.scan(tx, group) if one.put_last > put]
    for _, number, segment in sorted(behind, key=lambda one: one[0]):
        if size >= LAST_STEP:
            return found, put
        if want.meets((segment.first, 0, -1), (segment.last, 1 << 64, 0)):
            found += blocks_of(material, segment, number, want)
            size += segment.raw
        put = segment.put_last
    for where, chunk in chunks.scan(tx, group, start_after=put):  # what is not in segments yet came later
        number = int(where[1])
        if size >= LAST_STEP:
            return found, put
        if want.meets((chunk.first, number, 0), (chunk.last, number, chunk.count)):
            found.append(read_chunk(material, number, chunk))
            size += chunk.raw
        put = number
    return found, max(put, feed.head(tx, group))


def blocks_of(material: Material, segment: Segment, number: int, want: Want) -> list[Run]:
    """The blocks of a segment that may hold what is wanted."""
    index = indexes.get(material.tx, material.group.id, number)
    blocks = index.blocks if index else ()
    return [
        read_block(material, segment, at, block)
        for at, block in enumerate(blocks)
        if want.meets(block.first, block.last)
    ]


class Counted(Reading):
    """A reading whose events are counted, those too that are left out for the literals."""

    def __init__(self, material: Material, want: Want, budget: int, meter: Meter, hints: tuple[bytes, ...]) -> None:
        super().__init__(material, want, budget)
        self._meter = meter
        self._hints = hints
        self._plain = want

    def _wanted(self, run: Run) -> list[int] | range:
        want, literals = self._plain, self._plain.contains + hinted(run, self._hints)
        self._want = msgspec.structs.replace(want, contains=())
        every = super()._wanted(run)
        if every:
            self._meter.count(run, every[0], every[-1] + 1)
        if not literals:
            return every
        self._want = msgspec.structs.replace(want, contains=literals)
        return super()._wanted(run)


def hinted(run: Run, hints: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The hints, where they hold for a block."""
    return hints if hints and b"\\" not in run.messages else ()
