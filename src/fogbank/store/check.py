"""Whether a store is as it must be, below what services know of it: its database, its records, its files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from fogbank.store import (
    keys,
    outbox,
    scrubs,  # noqa: F401 - its table has to be known here
)
from fogbank.store.api import StoreError
from fogbank.store.blobs import UNLINK, BlobEntry, blob_refs
from fogbank.store.disk import open_unused
from fogbank.store.record import Record
from fogbank.store.table import table_of
from fogbank.store.upkeep import blob_files, entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fogbank.store.api import Store, Tx
    from fogbank.store.blobs import Blobs
    from fogbank.store.table import Table

R = TypeVar("R", bound=Record)
END: Final = b"\xff"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
COUNTERS: Final = ("outbox-sequence", "iam.generation")  # what is kept beside tables: integers, big-endian


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it must be. `repair` puts it right without losing what anybody was promised, if that is possible."""

    what: str
    repair: Callable[[Tx], Any] | None = None


def check_records(tx: Tx) -> Iterator[Problem]:
    """Every key is one of a table that is known, and every record can be read."""
    for key, value in tx.scan(b"", END):
        try:
            table = table_of(key)
            name = keys.decode(key)[0] if table is None else table.name
            if table is not None:
                table.parts(key)
                table.decode(value)
            elif name not in COUNTERS:
                yield Problem(f"record {key[:100]!r}: no table of this release is named {name!r}")
        except (ValueError, IndexError):
            yield Problem(f"record {key[:100]!r}: its key cannot be read")
        except StoreError as error:
            yield Problem(f"record {keys.decode(key)!r}: {error}")


def readable(
    tx: Tx, table: Table[R], read: Callable[[bytes], Any] | None = None
) -> Iterator[tuple[tuple[Any, ...], R]]:
    """The records of a table, without those that cannot be read: `check_records` tells of them. `read` may read less of each."""
    lower, upper = table.span()
    decode = read or table.decode
    for key, value in tx.scan(lower, upper):
        try:
            row = table.parts(key), decode(value)
        except (ValueError, StoreError):
            continue
        yield row


def check_files(blobs: Blobs, store: Store, tx: Tx) -> Iterator[Problem]:
    """Every blob that is counted has its file, of its size, and every file is counted (or has a writer that lives).

    What is not so in the view of `tx` is looked at again in a fresh one: files come and go while the region runs.
    """
    known: set[str] = set()
    for where, entry in readable(tx, blob_refs):
        blob = str(where[0])
        known.add(blob)
        if entry.refs and (wrong := _wrong_with(blobs.path(blob), entry)):
            now = entry_of(store, blob)
            if now is not None and now.refs:
                yield Problem(f"blob {blob}: its file {wrong}")
    for path in blob_files(blobs):
        if path.name not in known and _is_unused(store, path):
            yield Problem(f"file {path}: nothing refers to it", partial(remove, blobs=blobs, path=path))


def _wrong_with(path: Path, entry: BlobEntry) -> str:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "is missing"
    return "" if size == entry.size else f"has {size} bytes, not {entry.size}"


def _is_unused(store: Store, path: Path) -> bool:
    """Whether no writer has a file open, and no record refers to it."""
    file = open_unused(path)
    if file is None:
        return False
    os.close(file)
    return entry_of(store, path.name) is None


def check_unlinks(tx: Tx) -> Iterator[Problem]:
    """Every blob without references waits for its file to be removed."""
    waiting = {payload.decode() for payload in outbox.payloads(tx, UNLINK)}
    for where, entry in readable(tx, blob_refs):
        blob = str(where[0])
        if entry.refs == 0 and blob not in waiting:
            yield Problem(
                f"blob {blob}: nothing refers to it, and nothing removes its file",
                partial(forget, blob=blob),
            )


def forget(tx: Tx, blob: str) -> None:
    """Have the file of a blob removed soon that nothing refers to."""
    entry = blob_refs.get(tx, blob)
    if entry is not None:
        blob_refs.put(tx, msgspec.structs.replace(entry, refs=0), blob)
        outbox.emit(tx, UNLINK, blob.encode(), now=EPOCH)


def remove(_: Tx, blobs: Blobs, path: Path) -> None:
    """Remove a file."""
    blobs.disk.unlink(path)
