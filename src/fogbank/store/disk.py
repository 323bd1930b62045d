"""What blobs ask of the file system, in one place, so that tests can make each step fail. OSErrors become the store's errors."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from fogbank.store.api import StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOW_WATER: Final = 64 << 20
"""Bytes of a device that bodies may not take, so that on a full one records can still be written: it can be emptied."""

_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull("no space is left on the device") from error
        raise StoreError(f"{type(error).__name__}: {error}") from error


def free(file: int) -> int:
    """Bytes that are free on the device of an open file; about 1 us."""
    found = os.fstatvfs(file)
    return found.f_bavail * found.f_frsize


class Disk:
    """The real file system."""

    def create(self, path: Path) -> int:
        """A new file, open for writing and locked until it is closed, so that a sweep knows that its writer lives."""
        with _translated():
            while True:
                try:
                    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                except FileNotFoundError:
                    self.make_directory(path.parent)
                    continue
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:
                    return file
                os.close(file)  # a sweep came between the two calls

    def free(self, file: int) -> int:
        """Bytes that are free for bodies where the file is."""
        with _translated():
            return free(file) - LOW_WATER

    def allocate(self, file: int, start: int, length: int) -> None:
        """Reserve space for these bytes; it also makes writing them cheaper."""
        with _translated():
            os.posix_fallocate(file, start, length)

    def write(self, file: int, data: memoryview) -> None:
        """All of `data` (of bytes), at the file's end."""
        with _translated():
            while data:
                data = data[os.write(file, data) :]

    def write_back(self, file: int, start: int, length: int) -> None:
        """Begin to write these bytes to the device, without waiting, so that the sync at the end is short.

        Linux starts the write-back of dirty pages before it drops clean ones; so what was just written stays cached.
        """
        with _translated():
            os.posix_fadvise(file, start, length, os.POSIX_FADV_DONTNEED)

    def truncate(self, file: int, size: int) -> None:
        """Give back what was reserved beyond `size`."""
        with _translated():
            os.ftruncate(file, size)

    def sync(self, file: int) -> None:
        """Make the file's bytes durable."""
        with _translated():
            os.fdatasync(file)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file its name, durably, making its directory if need be."""
        with _translated():
            try:
                os.rename(old, new)
            except FileNotFoundError:
                self.make_directory(new.parent)
                os.rename(old, new)
            self.sync_directory(new.parent)

    def make_directory(self, path: Path) -> None:
        """A directory and those above it, durably."""
        with _translated():
            missing = [path]
            while not missing[-1].parent.exists():
                missing.append(missing[-1].parent)
            for directory in reversed(missing):
                directory.mkdir(mode=0o700, exist_ok=True)  # another process may be as far
                self.sync_directory(directory.parent)

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        with _translated():
            directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there."""
        with _translated(), suppress(FileNotFoundError):
            os.unlink(path)


def open_unused(path: Path) -> int | None:
    """The file, open and locked; None if it is gone or its writer lives."""
    with _translated():
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file
