"""Blobs: large runs of bytes as files, written once, counted in the state.

A blob is durable before a record refers to it: it is written under a temporary name, synced, renamed, and the directory is
synced; then the transaction that refers to it counts it. Files and their life:

    tmp/<id>                 being written; locked (flock) by its writer
    <2 of id>/<1 of id>/<id> whole; still locked until its writer is closed, which is after the transaction
    ("blob", id) -> BlobEntry    counted; with no references left it waits for its file to be unlinked, GRACE after

`upkeep` removes what a dead writer left, and verifies what is kept. Ids are 32 hexadecimal digits, random.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Self

import msgspec
from awscrt.checksums import crc64nvme

from fogbank.store import outbox
from fogbank.store.api import StoreError, StoreFull
from fogbank.store.disk import Disk
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fogbank.store.api import Store, Tx
    from fogbank.store.outbox import Handler

INLINE_LIMIT: Final = 65536
"""Bytes. A body up to this size is better kept as a small blob in the state database, a larger one as a file.

Measured (bench/micro_store.py inline; 16 writers; microseconds a synced put, inline and as a file): 4 KiB 71 and 599, 64 KiB 308
and 528, 128 KiB 612 and 529, 256 KiB 1259 and 651. Whole reads: 64 KiB 29 and 25, 256 KiB 116 and 47.
"""

GRACE: Final = timedelta(seconds=60)
"""How long a file outlives its last reference, for a reader that has its path but has not opened it."""

WRITE_BACK: Final = 8 << 20  # bytes
RESERVE: Final = 64 << 20  # bytes; one who announces much and sends little keeps no more than this from the others
UNLINK: Final = "blob.unlink"


class BlobRef(msgspec.Struct, frozen=True):
    """A finished blob: `size` in bytes, `crc64` the CRC64NVME of all of it."""

    id: str
    size: int
    crc64: int


class BlobEntry(Record, version=1):
    """What the state knows of a blob: `refs` records refer to it; with none, its file is about to be unlinked."""

    refs: int
    size: int
    crc64: int


blob_refs: Table[BlobEntry] = Table("blob", BlobEntry)


def link(tx: Tx, ref: BlobRef) -> None:
    """Count one reference to a blob, the first to one that its writer just finished. StoreError if it is already gone."""
    entry = blob_refs.get(tx, ref.id)
    if entry is not None and entry.refs == 0:
        raise StoreError(f"blob {ref.id} is gone")
    refs = 1 if entry is None else entry.refs + 1
    blob_refs.put(tx, BlobEntry(refs=refs, size=ref.size, crc64=ref.crc64), ref.id)


def share(tx: Tx, blob: str) -> BlobRef:
    """Count one more reference to a blob that this transaction saw a reference to. StoreError if there is none."""
    entry = blob_refs.get(tx, blob)
    if entry is None or entry.refs == 0:
        raise StoreError(f"blob {blob} is gone")
    blob_refs.put(tx, msgspec.structs.replace(entry, refs=entry.refs + 1), blob)
    return BlobRef(blob, entry.size, entry.crc64)


def unlink(tx: Tx, blob: str, now: datetime) -> None:
    """Count one reference less; the last one has the file unlinked after GRACE. StoreError if there was none."""
    entry = blob_refs.get(tx, blob)
    if entry is None or entry.refs == 0:
        raise StoreError(f"blob {blob} is gone")
    blob_refs.put(tx, msgspec.structs.replace(entry, refs=entry.refs - 1), blob)
    if entry.refs == 1:
        outbox.emit(tx, UNLINK, blob.encode(), now=now, not_before=now + GRACE)


class BlobWriter:
    """Writes one blob, from worker threads, one at a time. Close it (leave its context) after the transaction that links it.

        with blobs.create() as writer:
            writer.write(data)
            ref = writer.finish()
            await store.write(lambda tx: link(tx, ref))

    Leaving the context unfinished aborts. After a StoreError or StoreFull the temporary file is gone.
    """

    def __init__(self, disk: Disk, temporary: Path, path: Path, expected_size: int | None) -> None:
        self.size = 0
        self.crc64 = 0
        self._disk = disk
        self._temporary = temporary
        self._path = path
        self._expected = expected_size or 0
        self._allocated = 0
        self._flushed = 0
        self._finished = False
        self._file: int | None = None
        self._file = disk.create(temporary)
        if self._expected:
            self._step(self._see_space, self._file)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append `data`."""
        file = self._open()
        view = memoryview(data).cast("B")
        self.crc64 = crc64nvme(view, self.crc64)
        while self._allocated < min(self.size + len(view), self._expected):
            length = min(RESERVE, self._expected - self._allocated)
            self._step(self._disk.allocate, file, self._allocated, length)
            self._allocated += length
        self._step(self._disk.write, file, view)
        self.size += len(view)
        if self.size - self._flushed >= WRITE_BACK:
            self._step(self._disk.write_back, file, self._flushed, self.size - self._flushed)
            self._flushed = self.size

    def finish(self) -> BlobRef:
        """Make the blob durable under its name. It stays locked until `close`."""
        file = self._open()
        if self.size < self._allocated:
            self._step(self._disk.truncate, file, self.size)
        self._step(self._disk.sync, file)
        self._step(self._disk.rename, self._temporary, self._path)
        self._finished = True
        return BlobRef(self._path.name, self.size, self.crc64)

    def abort(self) -> None:
        """Give up: the temporary file is removed. Does nothing after `finish`."""
        if not self._finished:
            try:
                self._disk.unlink(self._temporary)
            finally:
                self.close()

    def close(self) -> None:
        """Let go of the file: a finished blob that no record refers to may be swept from now on."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()
        self.close()

    def __del__(self) -> None:
        self.close()

    def _see_space(self, file: int) -> None:
        if self._disk.free(file) < self._expected:
            raise StoreFull("less space is left on the device than is to be sent")

    def _open(self) -> int:
        if self._file is None or self._finished:
            raise ValueError("this blob is finished or aborted")
        return self._file

    def _step(self, step: Callable[..., None], *arguments: object) -> None:
        try:
            step(*arguments)
        except BaseException:
            # What made it fail matters more than a file that the sweep will find.
            with suppress(StoreError):
                self.abort()
            self.close()
            raise


class Blobs:
    """The blob files under `root`, of any number of processes."""

    def __init__(self, root: Path, *, disk: Disk | None = None, new_id: Callable[[], str] | None = None) -> None:
        self.root = root
        self.disk = disk or Disk()
        self._new_id = new_id or (lambda: secrets.token_hex(16))

    def create(self, expected_size: int | None = None) -> BlobWriter:
        """A writer of a new blob. With `expected_size` (bytes) a disk without that space is found at once."""
        blob = self._new_id()
        return BlobWriter(self.disk, self.root / "tmp" / blob, self.path(blob), expected_size)

    def path(self, blob: BlobRef | str) -> Path:
        """Where the blob's file is."""
        name = blob if isinstance(blob, str) else blob.id
        return self.root / name[:2] / name[2] / name

    def effects(self, store: Store) -> dict[str, Handler]:
        """The handlers of this module's effects, for `outbox.carry_out`."""

        async def unlink_file(payload: bytes) -> None:
            blob = payload.decode()
            await asyncio.to_thread(self.disk.unlink, self.path(blob))
            await store.write(lambda tx: blob_refs.delete(tx, blob))

        return {UNLINK: unlink_file}
