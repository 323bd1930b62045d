"""Objects in several pieces, sent through a pipe that the server reads like a file.

The server's own streams take whatever they are given, so that a caller who reads slowly, or not at all, would fill the memory. A
pipe holds its writer up; the bytes go from the files into it without passing through Python.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import select
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from fogbank.core.call import FileRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Content

CAPACITY = 1 << 20  # bytes that a pipe holds, and the most that are answered without one
HELD = 512  # files that a response opens at once; an object may have 10,000, and open files are bounded
SENDERS = 256  # responses of this kind at a time; a sender waits for its caller most of the time
STALL = 300.0  # seconds without a byte taken, after which a caller is given up
OPENING = 2.0  # seconds in which the server surely opens what it was given
_TICK = 0.5

_log = logging.getLogger("fogbank.gateway")
_senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")


class Missing(Exception):
    """A blob's file is not what its record says."""


class Gone(Exception):
    """The caller reads no more."""


async def send_pieces(
    protocol: Any, status: int, headers: list[tuple[str, str]], body: Content, path_of: Callable[[str], str]
) -> None:
    """Send a body that is in several pieces. Missing, before anything is sent, if a file is not there."""
    pieces = Pieces(body, path_of)
    run = asyncio.get_running_loop().run_in_executor
    try:
        await run(None, pieces.open_first)
        if pieces.size <= CAPACITY:
            protocol.response_bytes(status, headers, await run(None, pieces.read))
            return
        pipe = Pipe()
        protocol.response_file(status, headers, pipe.path)
        await run(_senders, pipe.feed, pieces)
    finally:
        pieces.close()


class Pieces:
    """A body's pieces, with their files. The first ones are opened at once: they may be unlinked while they are sent."""

    def __init__(self, body: Content, path_of: Callable[[str], str]) -> None:
        self.body = body
        self.size = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in body)
        self._path_of = path_of
        self._files: dict[int, int] = {}

    def open_first(self) -> None:
        """Open the first files, by their places."""
        for index, piece in enumerate(self.body):
            if len(self._files) == HELD:
                return
            if isinstance(piece, FileRange):
                self._files[index] = self._open(piece)

    def _open(self, piece: FileRange) -> int:
        try:
            return os.open(self._path_of(piece.blob), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Missing(f"blob {piece.blob} is missing") from None

    def take(self, index: int, piece: FileRange) -> int:
        """The open file of a piece; it is the caller's to close."""
        return self._files.pop(index) if index in self._files else self._open(piece)

    def read(self) -> bytes:
        """All of it, where it is little."""
        parts = []
        for index, piece in enumerate(self.body):
            if isinstance(piece, bytes):
                parts.append(piece)
                continue
            file = self.take(index, piece)
            try:
                parts.append(os.pread(file, piece.length, piece.start))
            finally:
                os.close(file)
            if len(parts[-1]) != piece.length:
                raise Missing(f"blob {piece.blob} is shorter than its record says")
        return b"".join(parts)

    def close(self) -> None:
        """Let go of what was not taken."""
        while self._files:
            os.close(self._files.popitem()[1])


class Pipe:
    """A pipe whose reading end the server opens by its path. Ours is kept until the server has read from its own."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, CAPACITY)
        self.path = f"/proc/self/fd/{self._reader}"
        self._written = 0
        self._ready = select.poll()
        self._ready.register(self._writer, select.POLLOUT)

    def feed(self, pieces: Pieces) -> None:
        """Write all pieces, in a thread. Where it ends early, the connection breaks: the announced length is not reached."""
        try:
            for index, piece in enumerate(pieces.body):
                if isinstance(piece, bytes):
                    self._write(piece)
                else:
                    self._splice(pieces.take(index, piece), piece)
        except Gone:
            pass
        except Missing as error:
            _log.error("an object's bytes are missing", extra={"fields": {"error": str(error)}})
        finally:
            os.close(self._writer)
            if (
                self._written <= CAPACITY
            ):  # it failed early: if the server found no pipe, it would answer that there is nothing
                threading.Event().wait(OPENING)
            self._let_go()

    def _splice(self, file: int, piece: FileRange) -> None:
        position, end = piece.start, piece.start + piece.length
        try:
            while position < end:
                self._wait()
                try:
                    moved = os.splice(file, self._writer, min(end - position, CAPACITY), offset_src=position)
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise Gone from None
                if moved == 0:
                    raise Missing(f"blob {piece.blob} is shorter than its record says")
                position += moved
                self._written += moved
        finally:
            os.close(file)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait()
            try:
                taken = os.write(self._writer, view)
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise Gone from None
            self._written += taken
            view = view[taken:]

    def _wait(self) -> None:
        """Wait until the pipe takes more. Once more was written than it holds, the server has opened its end: ours can go."""
        if self._written > CAPACITY:
            self._let_go()
        waited = 0.0
        while True:
            events = self._ready.poll(_TICK * 1000)
            if events and events[0][1] & select.POLLERR:
                raise Gone
            if events:
                return
            waited += _TICK
            if waited >= STALL:
                raise Gone

    def _let_go(self) -> None:
        reader, self._reader = self._reader, -1
        if reader >= 0:
            os.close(reader)
