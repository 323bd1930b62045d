"""A saboteur: makes the N-th step of a store fail, kills the process there, or cuts the power.

It sits between SQLite and the disk (an apsw VFS over the system's own; the WAL's shared memory is passed through) and between
blobs and the disk (a `Disk`). A step is a write, sync, truncation, deletion or rename. A power cut forgets what was not synced: each
unsynced write is kept, torn at a sector, or lost, at random by a seed; nothing works after it until `restore`.
"""

from __future__ import annotations

import os
import signal
from enum import Enum, auto
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from fogbank.store.api import StoreError, StoreFull
from fogbank.store.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Callable

SECTOR = 512


class Mode(Enum):
    """What happens at the N-th step: an I/O error once, a full disk from then on, SIGKILL, or a power cut.

    For UNREADABLE the steps are the reads, else they are not counted.
    """

    ERROR = auto()
    UNREADABLE = auto()
    FULL = auto()
    KILL = auto()
    CUT = auto()


class Write(NamedTuple):
    """An unsynced change of a file: `new` at `offset` over `old`, or a truncation to `offset` (then `new` is None)."""

    offset: int
    old: bytes
    new: bytes | None
    old_size: int


class Saboteur:
    """Counts steps; at number `at` does its deed. `at` 0 lets all pass."""

    def __init__(self, mode: Mode, at: int, seed: int = 0) -> None:
        self.mode = mode
        self.at = at
        self.steps = 0
        self.struck = False
        self.dead = False
        self.random = Random(seed)
        self.unsynced: dict[str, list[Write]] = {}
        self.undo_names: list[Callable[[], None]] = []

    def step(self, kind: str) -> StoreError | None:
        """Count a step; the error that it meets, if it does."""
        if self.dead:
            return StoreError("no power")
        if self.mode is Mode.UNREADABLE and kind != "read":
            return None
        self.steps += 1
        if self.steps == self.at:
            self.struck = True
            if self.mode is Mode.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            self.dead = self.mode is Mode.CUT
            return StoreFull(kind) if self.mode is Mode.FULL else StoreError(kind)
        if self.struck and self.mode is Mode.FULL and kind in ("write", "allocate"):
            return StoreFull(kind)
        return None

    def relent(self) -> None:
        """There is space again."""
        self.at = 0
        self.struck = False

    def restore(self) -> None:
        """After a power cut, with all files closed: leave on disk what may be there."""
        for path, writes in self.unsynced.items():
            if Path(path).exists():  # else it was noted under a name that it did not come to have
                self._rewrite(Path(path), writes)
        for undo in reversed(self.undo_names):
            if self.random.random() < 0.5:
                undo()
        for path in self.unsynced:
            if path.endswith("-wal"):
                Path(path.removesuffix("-wal") + "-shm").unlink(missing_ok=True)
        self.unsynced = {}

    def _rewrite(self, path: Path, writes: list[Write]) -> None:
        file = os.open(path, os.O_RDWR)
        try:
            for one in reversed(writes):
                os.pwrite(file, one.old, one.offset)
                os.ftruncate(file, one.old_size)
            for one in writes:
                fate = self.random.random()
                if fate < 0.4:
                    continue
                if one.new is None:
                    os.ftruncate(file, one.offset)
                    continue
                kept = len(one.new)
                if fate < 0.6:
                    kept = self.random.randrange(0, kept + 1, SECTOR)
                os.pwrite(file, one.new[:kept], one.offset)
        finally:
            os.close(file)


class SaboteurVFS(apsw.VFS):
    """SQLite's files, under a saboteur. Kept alive by whoever made it; `unregister` it in the end."""

    def __init__(self, name: str, saboteur: Saboteur) -> None:
        self.saboteur = saboteur
        super().__init__(name, base="unix")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return SaboteurFile(name, flags, self.saboteur)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        _meet(self.saboteur.step("delete"))
        super().xDelete(filename, syncdir)


class SaboteurFile(apsw.VFSFile):
    """One of SQLite's files, under a saboteur."""

    def __init__(self, name: Any, flags: list[int], saboteur: Saboteur) -> None:
        self.saboteur = saboteur
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("unix", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        _meet(self.saboteur.step("write"))
        if self.saboteur.mode is Mode.CUT:
            self._note(offset, bytes(data), len(data))
        super().xWrite(data, offset)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self.saboteur.mode is Mode.UNREADABLE or self.saboteur.dead:
            _meet(self.saboteur.step("read"))
        return super().xRead(amount, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        _meet(self.saboteur.step("truncate"))
        if self.saboteur.mode is Mode.CUT:
            self._note(newsize, None, max(self.xFileSize() - newsize, 0))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        _meet(self.saboteur.step("sync"))
        super().xSync(flags)
        self.saboteur.unsynced[self.name] = []

    def _note(self, offset: int, new: bytes | None, length: int) -> None:
        size = self.xFileSize()
        there = max(min(length, size - offset), 0)
        old = super().xRead(there, offset) if there else b""
        self.saboteur.unsynced.setdefault(self.name, []).append(Write(offset, old, new, size))


def _meet(error: StoreError | None) -> None:
    if isinstance(error, StoreFull):
        raise apsw.FullError(str(error))
    if error is not None:
        raise apsw.IOError(str(error))


class SaboteurDisk(Disk):
    """Blob files, under a saboteur. A full disk takes half of what is written."""

    def __init__(self, saboteur: Saboteur) -> None:
        self.saboteur = saboteur

    def _step(self, kind: str) -> None:
        error = self.saboteur.step(kind)
        if error is not None:
            raise error

    def create(self, path: Path) -> int:
        self._step("create")
        return super().create(path)

    def free(self, file: int) -> int:
        self._step("allocate")
        return super().free(file)

    def allocate(self, file: int, start: int, length: int) -> None:
        self._step("allocate")
        super().allocate(file, start, length)

    def write(self, file: int, data: memoryview) -> None:
        error = self.saboteur.step("write")
        if error is not None:
            if not self.saboteur.dead:
                super().write(file, data[: len(data) // 2])
            raise error
        self._note(file)
        super().write(file, data)

    def truncate(self, file: int, size: int) -> None:
        self._step("truncate")
        super().truncate(file, size)

    def sync(self, file: int) -> None:
        self._step("sync")
        super().sync(file)
        self.saboteur.unsynced[_path(file)] = []

    def rename(self, old: Path, new: Path) -> None:
        self._step("rename")
        self.saboteur.unsynced[str(new)] = self.saboteur.unsynced.pop(str(old), [])
        self.saboteur.undo_names.append(lambda: os.rename(new, old) if new.exists() else None)
        super().rename(old, new)

    def sync_directory(self, path: Path) -> None:
        self._step("sync directory")
        super().sync_directory(path)
        self.saboteur.undo_names.clear()

    def unlink(self, path: Path) -> None:
        self._step("unlink")
        super().unlink(path)
        self.saboteur.unsynced.pop(str(path), None)

    def _note(self, file: int) -> None:
        """Its bytes are not durable: after a power cut the file is as long as it was."""
        size = os.fstat(file).st_size
        self.saboteur.unsynced.setdefault(_path(file), []).append(Write(size, b"", None, size))


def _path(file: int) -> str:
    return os.readlink(f"/proc/self/fd/{file}")
