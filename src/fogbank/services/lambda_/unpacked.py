"""Packages of code, unpacked for functions to run from: read-only, one directory for each, by the SHA-256 of the zip.

    DATA/functions/code/<sha256>/tree/…   what is in the zip
    DATA/functions/code/<sha256>/boot     the machine's boot that it was unpacked in; modified when it was last used
    DATA/functions/code/<sha256>/size     the bytes of the disk that it takes
    DATA/functions/code/new-<random>/     being made, or being removed

A directory gets its name when it is complete. Its files are not synced: one that was made in another boot of the machine may have lost
some of its bytes, and is made anew. The zip's hash is checked before, and each file's checksum while it is unpacked.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import stat
import tempfile
from calendar import timegm
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from fogbank.services.lambda_ import archive, code
from fogbank.services.lambda_.records import packages
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.core.background import Background
    from fogbank.core.region import Region
    from fogbank.services.lambda_.archive import Buffer, Entry

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
NEW: Final = "new-"
BLOCK: Final = 4096  # bytes: what a file takes is rounded up to it, and one more is for its inode
RESERVE: Final = 256 << 20  # bytes of the disk that code leaves to others
HOUR: Final = 3600.0
_log = logging.getLogger("fogbank.lambda")
_at_work: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
_making: set[Path] = set()


class Lost(Exception):
    """A package whose bytes are not there, or not what they were."""


def place(region: Region) -> Path:
    """Where packages are unpacked: beside the blobs, in the data directory."""
    return region.blobs.root.parent / "functions" / "code"


async def ensure(region: Region, package: str) -> Path:
    """The directory that a package is unpacked in, which is made if it is not there. Only in the control process. Raises Lost."""
    home = place(region) / package
    async with turn(home):
        return await asyncio.to_thread(_ensure, region, home)


def turn(directory: Path) -> asyncio.Lock:
    """Who makes or removes a directory has it alone."""
    lock = _at_work.get(directory)
    if lock is None:
        lock = _at_work[directory] = asyncio.Lock()
    return lock


def _ensure(region: Region, home: Path) -> Path:
    boot = this_boot()
    try:
        if (home / "boot").read_text() == boot:
            mark(home)
            return home / "tree"
        remove(home)
    except FileNotFoundError:
        pass
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = temporary(home.parent)
    try:
        taken = make(region, home.name, new / "tree")
        (new / "size").write_text(str(taken))
        (new / "boot").write_text(boot)
        new.chmod(0o755)
        new.rename(home)
    except BaseException:
        remove(new)
        raise
    finally:
        _making.discard(new)
    return home / "tree"


def mark(home: Path) -> None:
    """An unpacked package was used just now."""
    os.utime(home / "boot")


def used(home: Path) -> float:
    """When an unpacked package was last used, in seconds."""
    return (home / "boot").stat().st_mtime


def size(home: Path) -> int:
    """The bytes that an unpacked package takes of the disk. They are counted where its file does not tell: that is not synced."""
    with suppress(FileNotFoundError, ValueError):
        return int((home / "size").read_text())
    return sum(path.lstat().st_blocks * 512 for path in home.rglob("*"))


def this_boot() -> str:
    """What tells this boot of the machine from others; empty where the system does not tell."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def temporary(directory: Path) -> Path:
    """A new directory, for what is being made or removed."""
    made = Path(tempfile.mkdtemp(prefix=NEW, dir=directory))
    _making.add(made)
    return made


def make(region: Region, package: str, tree: Path) -> int:
    """Unpack a package; the bytes that it takes of the disk. Raises Lost."""
    with region.store.snapshot() as tx:
        content = code.content(tx, package)
    if content is None:
        raise Lost(f"package {package} is not there")
    with code.opened(region.blobs, content) as data:
        if sha256(data).hexdigest() != package:
            raise Lost(f"package {package} is damaged")
        entries = archive.read(data, code.LARGEST_UNZIPPED)
        wanted = sum(-(-entry.size // BLOCK) * BLOCK + BLOCK for entry in entries)
        check_space(wanted, tree.parent)
        unpack(data, entries, tree)
    return wanted


def check_space(wanted: int, directory: Path) -> None:
    """Raise OSError where so many bytes would fill the disk: others write to it, too."""
    if shutil.disk_usage(directory).free < wanted + RESERVE:
        raise OSError(errno.ENOSPC, f"{wanted} bytes of code do not fit on the disk")


def unpack(data: Buffer, entries: list[Entry], tree: Path) -> None:
    """Unpack a zip into a new directory, in which nothing can be written to. Links are made last: nothing is written through one."""
    tree.mkdir(mode=0o700)
    directories = {"": 0o755}
    for entry in entries:
        if entry.kind == "directory":
            directories[entry.path] = entry.mode
        for above in parents(entry.path):
            directories.setdefault(above, 0o755)
    for path in sorted(directories):
        if path:
            (tree / path).mkdir(mode=0o700)
    for entry in entries:
        if entry.kind == "file":
            write(data, entry, tree / entry.path)
    for entry in entries:
        if entry.kind == "link":
            os.symlink(archive.target(data, entry), tree / entry.path)
    for path in sorted(directories, reverse=True):
        (tree / path).chmod(directories[path] & 0o555 | 0o500)


def parents(path: str) -> Iterable[str]:
    """The directories above a path, the nearest first, without the root."""
    above = path.rpartition("/")[0]
    while above:
        yield above
        above = above.rpartition("/")[0]


def write(data: Buffer, entry: Entry, path: Path) -> None:
    """Write a file, with its time and permissions."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for run in archive.content(data, entry):
            view = memoryview(run)
            while view:
                view = view[os.write(file, view) :]
        os.fchmod(file, entry.mode & 0o555)
        changed = seconds(entry.modified)
        os.utime(file, (changed, changed))
    finally:
        os.close(file)


def seconds(modified: int) -> int:
    """A time of MS-DOS in seconds since the epoch, as if it were UTC; 1980's first for one that is none."""
    date, time = modified >> 16, modified & 0xFFFF
    year, month, day = (date >> 9) + 1980, min(max(date >> 5 & 15, 1), 12), max(date & 31, 1)
    return timegm((year, month, day, time >> 11, time >> 5 & 63, (time & 31) * 2))


def remove(directory: Path) -> None:
    """Remove a directory, if it is there: first its name, so that it is never seen in part."""
    if not directory.name.startswith(NEW):
        hidden = temporary(directory.parent)
        _making.discard(hidden)
        with suppress(FileNotFoundError):
            directory.rename(hidden / directory.name)
        directory = hidden
    for path, names, _ in os.walk(directory):
        for name in names:
            below = os.path.join(path, name)
            if not os.path.islink(below):
                os.chmod(below, stat.S_IRWXU)  # os.walk looks into it next
    shutil.rmtree(directory)


@lambda_.effect(code.UNREFERRED)
async def take_away(ctx: Background, payload: bytes) -> None:
    """Nobody has a package any more: what was unpacked of it is removed, if nobody has it again."""
    await sweep_one(ctx.region, place(ctx.region) / payload.decode())


async def sweep_one(region: Region, directory: Path) -> bool:
    """Remove a directory whose package is not there; whether it was."""
    async with turn(directory):
        with region.store.snapshot() as tx:
            if packages.get(tx, directory.name) is not None:
                return False
        await asyncio.to_thread(remove, directory)
    return True


@lambda_.chore(HOUR)
async def sweep(ctx: Background) -> None:
    """Remove what no package is there for: what a process left that died over it, or what was restored from a copy."""
    directory = place(ctx.region)
    if not directory.is_dir():
        return
    for found in await asyncio.to_thread(lambda: sorted(directory.iterdir())):
        if found in _making:
            continue
        if found.name.startswith(NEW):
            await asyncio.to_thread(remove, found)
        elif await sweep_one(ctx.region, found):
            _log.info("removed code", extra={"fields": {"package": found.name}})
