"""What scrubs found: the last one is kept, for whoever asks how the bytes are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.store import upkeep
from fogbank.store.blobs import blob_refs
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fogbank.store.api import Store, Tx

    Namer = Callable[[Tx, Collection[str]], dict[str, list[str]]]

MOST_KEPT: Final = 100  # damaged blobs that are kept by name; all are counted
MOST_NAMES: Final = 20  # of what refers to one blob


class Damage(msgspec.Struct, frozen=True, array_like=True):
    """A blob that is not as it was written, and what refers to it; `missing`, or else changed."""

    blob: str
    missing: bool
    holders: tuple[str, ...]


class Scrubbed(Record, version=1):
    """A finished scrub: when, in seconds since the epoch; how many blobs and bytes were read; what was found."""

    began: int
    ended: int
    blobs: int
    bytes: int
    damaged: int
    damage: tuple[Damage, ...]


class Tally:
    """Counts the steps of a scrub."""

    def __init__(self, began: int) -> None:
        self.began = began
        self.blobs = 0
        self.bytes = 0
        self.corrupt: list[upkeep.Corrupt] = []
        self._last = ""

    def take(self, step: upkeep.Checked | upkeep.Corrupt) -> None:
        """Take one step into account."""
        if isinstance(step, upkeep.Corrupt):
            self.corrupt.append(step)
            return
        self.bytes += step.size
        self.blobs += step.blob != self._last
        self._last = step.blob

    def finish(self, store: Store, name: Namer, ended: int) -> Scrubbed:
        """The result; `name` tells what refers to blobs."""
        with store.snapshot() as tx:
            names = name(tx, [found.blob for found in self.corrupt[:MOST_KEPT]])
        damage = tuple(
            Damage(found.blob, found.found is None, tuple(names[found.blob][:MOST_NAMES]))
            for found in self.corrupt[:MOST_KEPT]
        )
        return Scrubbed(
            began=self.began,
            ended=ended,
            blobs=self.blobs,
            bytes=self.bytes,
            damaged=len(self.corrupt),
            damage=damage,
        )


_scrubs = Table("scrub", Scrubbed)


def keep(tx: Tx, found: Scrubbed) -> None:
    """Keep a scrub as the last one."""
    _scrubs.put(tx, found, "last")


def last(tx: Tx) -> Scrubbed | None:
    """The last scrub that was finished."""
    return _scrubs.get(tx, "last")


def size_of_all(tx: Tx) -> int:
    """The bytes that a scrub reads."""
    return tx.total_bytes() + sum(entry.size for _, entry in blob_refs.scan(tx) if entry.refs)
