"""Events in the order in which they were put, for who passes them on: live tails, subscription filters.

A put keeps its number and its order when its chunk goes into a segment, so whoever keeps the number of the last put that it passed on
goes on behind it, across crashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.logs.reading import Event, material_of
from fogbank.services.logs.records import Tally, chunks, indexes, segments, stream_names, tallies
from fogbank.services.logs.sources import read_block, read_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.region import Region
    from fogbank.services.logs.blocks import Run
    from fogbank.services.logs.records import Group
    from fogbank.services.logs.sources import Material
    from fogbank.store.api import Tx

MOST: Final = 4 << 20  # bytes of events at a time


class Put(msgspec.Struct, frozen=True):
    """What is left of one put: its number, and its events, all of one stream, in order."""

    number: int
    stream: str
    events: list[Event]


def head(tx: Tx, group: int) -> int:
    """The number of the newest put of a group; 0 for none."""
    return (tallies.get(tx, group) or Tally()).puts


def after(home: Region, group: Group, put: int, most: int = MOST) -> list[Put]:
    """The puts of a group behind a put, in order, about `most` bytes of them; none if there are none yet. In a thread.

    Puts whose streams are gone are left out.
    """
    with home.store.snapshot() as tx:
        material = material_of(home, tx, group)
        found: dict[int, list[Event]] = {}
        for number, run, at in _behind(material, put, most):
            name = stream_names.get(tx, group.id, run.streams[at])
            if name is not None:
                place = (run.times[at], number, run.numbers[at])
                event = Event(group.id, place, run.ingested[at], name.name, run.message(at))
                found.setdefault(number, []).append(event)
        return [Put(number, events[0].stream, events) for number, events in sorted(found.items())]


def _behind(material: Material, put: int, most: int) -> Iterator[tuple[int, Run, int]]:
    """Events behind a put: those of the segment that comes next, or else those of chunks."""
    group = material.group.id
    behind = [(one.put_first, where[2], one) for where, one in segments.scan(material.tx, group) if one.put_last > put]
    if behind:
        _, number, segment = min(behind, key=lambda one: one[0])
        index = indexes.get(material.tx, group, number)
        for at, block in enumerate(index.blocks if index else ()):
            run = read_block(material, segment, at, block)
            yield from ((of, run, event) for event, of in enumerate(run.puts) if of > put)
        return
    left = most
    for where, chunk in chunks.scan(material.tx, group, start_after=put):
        if left <= 0:
            return
        left -= chunk.raw
        run = read_chunk(material, int(where[1]), chunk)
        yield from ((int(where[1]), run, event) for event in range(chunk.count))
