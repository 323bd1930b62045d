"""What records of services refer to: a blob as often as it is counted, a small one once, and none is kept in vain."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.store.blobs import blob_refs
from fogbank.store.check import Problem, forget, readable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from fogbank.store.api import Tx

PAGE: Final = 1000


class Held(msgspec.Struct, frozen=True):
    """A reference to bytes: a file (`blob`) or a small blob (`inline`), of `size` bytes as stored. `who` tells whose, as text."""

    who: object
    size: int
    blob: str = ""
    inline: int = 0

    @property
    def id(self) -> str:
        """The blob's id as a scrub tells it: a file's, or a small blob's number."""
        return self.blob or str(self.inline)


def check_references(tx: Tx, found: Iterable[Held]) -> Iterator[Problem]:
    """All bytes that are referred to are there, with their size; files are counted, and small blobs referred to once."""
    counts: Counter[str] = Counter()
    small: set[int] = set()
    for held in found:
        if wrong := wrong_with(tx, held, small):
            yield Problem(f"{held.who}: {wrong}")
        if held.blob:
            counts[held.blob] += 1
        else:
            small.add(held.inline)
        if len(tx.memo) > PAGE:
            tx.memo.clear()
    for where, entry in readable(tx, blob_refs):
        counted = counts[str(where[0])]
        if counted != entry.refs:
            what = f"blob {where[0]}: {counted} records refer to it, not {entry.refs}"
            yield Problem(what, partial(recount, blob=str(where[0]), refs=counted))
    yield from check_small(tx, small)


def wrong_with(tx: Tx, held: Held, small: set[int]) -> str:
    """What is wrong with a reference; `small` are the small blobs that others refer to."""
    if held.blob:
        entry = blob_refs.get(tx, held.blob)
        size = entry.size if entry is not None and entry.refs else None
    else:
        if held.inline in small:
            return f"small blob {held.inline} is another's, too"
        size = tx.size_of_bytes(held.inline)
    what = f"blob {held.id}"
    return (
        ""
        if size == held.size
        else f"{what} is missing"
        if size is None
        else f"{what} has {size} bytes, not {held.size}"
    )


def check_small(tx: Tx, used: set[int]) -> Iterator[Problem]:
    """No small blob is kept that nothing refers to."""
    after = 0
    while page := tx.list_bytes(after, PAGE):
        for blob in page:
            if blob not in used:
                yield Problem(f"small blob {blob}: nothing refers to it", partial(delete_bytes, blob=blob))
        after = page[-1]


def delete_bytes(tx: Tx, blob: int) -> None:
    """Remove a small blob."""
    tx.delete_bytes(blob)


def recount(tx: Tx, blob: str, refs: int) -> None:
    """Count a blob's references anew."""
    entry = blob_refs.get(tx, blob)
    if entry is not None and refs:
        blob_refs.put(tx, msgspec.structs.replace(entry, refs=refs), blob)
    else:
        forget(tx, blob)


def names_of(found: Iterable[Held], blobs: Collection[str]) -> dict[str, list[str]]:
    """Who refers to each of these blobs, as people read it."""
    names: dict[str, list[str]] = {blob: [] for blob in blobs}
    for held in found if names else ():
        if held.id in names:
            names[held.id].append(str(held.who))
    return names
