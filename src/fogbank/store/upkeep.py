"""Upkeep of blobs: `sweep` removes what no record will ever refer to, `scrub` verifies what is kept.

Both are iterators, for a worker thread: each step does a bounded amount of work, and whoever runs them sets the pace.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec
from awscrt.checksums import crc64nvme

from fogbank.store.api import StoreCorrupt, StoreError
from fogbank.store.blobs import BlobEntry, blob_refs
from fogbank.store.disk import open_unused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta
    from pathlib import Path

    from fogbank.store.api import Store
    from fogbank.store.blobs import Blobs

CHUNK: Final = 4 << 20  # bytes read at a time
PAGE: Final = 256


class Checked(msgspec.Struct, frozen=True):
    """Progress of a scrub: `size` more bytes were read, of this blob."""

    blob: str
    size: int


class Corrupt(msgspec.Struct, frozen=True):
    """A blob whose CRC64NVME is `found` (None: it is missing or cannot be read), not `expected`."""

    blob: str
    expected: int
    found: int | None


def sweep(blobs: Blobs, store: Store, now: datetime, grace: timedelta) -> Iterator[int]:
    """Remove temporary files of dead writers, and files that the state does not know; per directory, how many.

    Only what was last written `grace` ago (by the file system's clock) is looked at, and never what a writer has open: a file is
    removed with its lock held, and only if a view taken after that has no entry for it.
    """
    oldest = now.timestamp() - grace.total_seconds()
    yield sum(_remove(blobs, path, store=None) for path in _old_files(blobs.root / "tmp", oldest))
    for directory in _leaves(blobs.root):
        yield sum(_remove(blobs, path, store=store) for path in _old_files(directory, oldest))


def blob_files(blobs: Blobs) -> Iterator[Path]:
    """All files of blobs, finished ones and temporary ones."""
    for directory in (blobs.root / "tmp", *_leaves(blobs.root)):
        yield from (directory / name for name in _entries(directory))


def _leaves(root: Path) -> Iterator[Path]:
    for first in _entries(root):
        if len(first) == 2:
            for second in _entries(root / first):
                yield root / first / second


def _entries(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []


def _old_files(directory: Path, oldest: float) -> Iterator[Path]:
    for name in _entries(directory):
        path = directory / name
        try:
            old = path.stat().st_mtime < oldest
        except FileNotFoundError:
            continue
        if old:
            yield path


def _remove(blobs: Blobs, path: Path, store: Store | None) -> bool:
    """Remove a file that is not in use and, if a store is given, has no entry in it; whether it was."""
    if store is not None and entry_of(store, path.name) is not None:
        return False
    file = open_unused(path)
    if file is None:
        return False
    try:
        if (
            store is not None and entry_of(store, path.name) is not None
        ):  # its writer committed just before we locked it
            return False
        blobs.disk.unlink(path)
    finally:
        os.close(file)
    return True


def entry_of(store: Store, blob: str) -> BlobEntry | None:
    """What the state knows of a blob now."""
    with store.snapshot() as tx:
        return blob_refs.get(tx, blob)


def scrub(blobs: Blobs, store: Store) -> Iterator[Checked | Corrupt]:
    """Read every blob again, from the device where the system allows it, files first, and compare its checksum."""
    after = ""
    while page := _page(store, after):
        for blob, entry in page:
            if entry.refs:
                yield from _scrub_file(blobs, store, blob, entry)
        after = page[-1][0]
    yield from _scrub_small(store)


def _page(store: Store, after: str) -> list[tuple[str, BlobEntry]]:
    with store.snapshot() as tx:
        return [(str(parts[0]), entry) for parts, entry in blob_refs.scan(tx, start_after=after, limit=PAGE)]


def _scrub_file(blobs: Blobs, store: Store, blob: str, entry: BlobEntry) -> Iterator[Checked | Corrupt]:
    found: int | None = 0
    try:
        with open(blobs.path(blob), "rb", buffering=0) as file:
            # What is cached and clean is dropped, so that the device is read, not the memory.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while chunk := file.read(CHUNK):
                found = crc64nvme(chunk, found)
                yield Checked(blob, len(chunk))
    except OSError:
        found = None
    if found != entry.crc64:
        now = entry_of(store, blob)
        if now is not None and now.refs:  # not unlinked meanwhile
            yield Corrupt(blob, entry.crc64, found)


def _scrub_small(store: Store) -> Iterator[Checked | Corrupt]:
    after = 0
    while True:
        with store.snapshot() as tx:
            page = tx.list_bytes(after, PAGE)
        for blob in page:
            outcome = _scrub_one_small(store, blob)
            if outcome is not None:
                yield outcome
        if len(page) < PAGE:
            return
        after = page[-1]


def _scrub_one_small(store: Store, blob: int) -> Checked | Corrupt | None:
    try:
        with store.snapshot() as tx:
            data = tx.get_bytes(blob)
    except StoreCorrupt as error:
        return Corrupt(error.blob, error.expected, error.found)
    except StoreError:
        return Corrupt(str(blob), 0, None)
    return None if data is None else Checked(str(blob), len(data))
