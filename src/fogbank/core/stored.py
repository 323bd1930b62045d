"""Stored bytes, read: as they are, or decrypted, when they were sealed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from fogbank.store import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import FileRange
    from fogbank.store.blobs import Blobs

RUN: Final = 1 << 20  # bytes of a plain file that are read at a time


class Missing(Exception):
    """A blob's file is not what its record says: it is gone, or too short."""


# Why stored bytes cannot be given: the file or some of it is gone, was changed, or cannot be read.
UNREADABLE: Final = (Missing, chunks.Corrupt, OSError)


def opened(path: str, piece: FileRange) -> int:
    """The file of a range, open; it is the caller's to close. Raises Missing."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Missing(f"blob {piece.blob} is missing") from None


def runs(file: int, piece: FileRange) -> Iterator[bytes | memoryview]:
    """The bytes of a range, in order; a view is overwritten by the next one. Raises one of UNREADABLE, and never gives wrong bytes."""
    if piece.key:
        return chunks.read_range(file, piece.key, piece.nonce, piece.start, piece.length)
    return _plain(file, piece)


def _plain(file: int, piece: FileRange) -> Iterator[bytes]:
    start, end = piece.start, piece.start + piece.length
    while start < end:
        run = os.pread(file, min(end - start, RUN), start)
        if not run:
            raise Missing(f"blob {piece.blob} is shorter than its record says")
        start += len(run)
        yield run


def read(path: str, piece: FileRange) -> bytes:
    """All bytes of a range, where they are few. Raises one of UNREADABLE."""
    file = opened(path, piece)
    try:
        return b"".join([bytes(run) for run in runs(file, piece)])
    finally:
        os.close(file)


def verify(path: str, piece: FileRange) -> None:
    """Raise Corrupt unless the first chunk of a sealed range is what was sealed."""
    first = min(piece.length, chunks.CHUNK - piece.start % chunks.CHUNK)
    file = opened(path, piece)
    try:
        chunks.Opener(piece.key, piece.nonce).read(file, piece.start, first, chunks.new_buffers(1))
    finally:
        os.close(file)


def read_content(blobs: Blobs, content: list[bytes | FileRange]) -> Iterator[bytes | memoryview]:
    """All bytes of a body, in order; a view is overwritten by the next one. Raises one of UNREADABLE. In a thread: it reads files."""
    for piece in content:
        if isinstance(piece, bytes):
            yield piece
            continue
        file = opened(str(blobs.path(piece.blob)), piece)
        try:
            yield from runs(file, piece)
        finally:
            os.close(file)
