"""A directory tree of real files: what is on this machine anyway, and what it takes to be difficult."""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = 2000  # taken from this machine, if it has so many
LEAST = 2000  # in all: the rest is made
BYTES = 110 << 20
LARGE = 40 << 20
_LARGEST = 16 << 20
_SKIPPED = {"__pycache__", "site-packages", "dist-packages"}
NAMES = (
    "with space.txt", "two  spaces.txt", "plus+sign.txt", "100%.txt", "%41.txt", "a&b=c;d.txt",
    "hash#and?question.txt", "quote's \"x\".txt", "umlaut ä ö ü ß.txt", "日本語.txt", "emoji 🌫.txt",
    "combining e\u0301.txt", "~tilde.txt", "(brackets)[x]{y}.txt", "comma, colon:.txt", "*star*.txt", "$HOME `x`.txt",
    ".hidden", "no-extension", "equals=.txt", "at@sign.txt", "back\\slash.txt", "<less>.txt",
)  # fmt: skip


class File(NamedTuple):
    """A file's size, and the SHA-256 and MD5 of its content, in hexadecimal."""

    size: int
    sha256: str
    md5: str


def files_of(root: Path) -> Iterator[tuple[str, Path]]:
    """The regular files of a tree with their paths relative to it, sorted. Links are not followed."""
    for directory, below, names in os.walk(root):
        below.sort()
        for name in sorted(names):
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix(), path


def read(path: Path) -> File:
    """A file's digests."""
    sha, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    return File(size, sha.hexdigest(), md5.hexdigest())


def digests(root: Path) -> dict[str, File]:
    """All files of a tree."""
    return {name: read(path) for name, path in files_of(root)}


def build(target: Path, least: int = LEAST) -> str:
    """Make the tree, and say what it is made of."""
    sources = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    copied = sum(1 for _ in _copied(sources, target))
    target.joinpath("names").mkdir(parents=True)
    for name in NAMES:
        target.joinpath("names", name).write_text(f"This file is called {name}\n")
    target.joinpath("names", "empty").touch()
    for number in range(least - copied - len(NAMES)):
        path = target / "made" / f"{number // 100:03}" / f"{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(hashlib.sha256(str(number).encode()).digest() * (number % 500))
    return f"{copied:,} files of Python's library on this machine, {len(NAMES) + 1} with difficult names"


def large_file(path: Path, size: int) -> None:
    """A file too large for one request; nothing in it repeats, so that pieces in a wrong place are noticed."""
    with path.open("wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - start)))


def _copied(sources: list[Path], target: Path) -> Iterator[None]:
    files, left = 0, BYTES
    for source in sources:
        for path in _taken(source):
            size = path.stat().st_size
            if files >= FILES or size > left:
                continue
            copy = target / source.name / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            files, left = files + 1, left - size
            yield


def _taken(source: Path) -> Iterator[Path]:
    for directory, below, names in os.walk(source):
        below[:] = sorted(set(below) - _SKIPPED)
        for name in sorted(names):
            path = Path(directory, name)
            usable = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
            if usable and path.suffix != ".pyc" and path.stat().st_size <= _LARGEST:
                yield path
