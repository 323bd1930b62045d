"""Bodies that the server reads from a pipe, as if it were a file.

The server's own streams take whatever they are given, so that a caller who reads slowly, or not at all, would fill the memory. A
pipe holds its writer up. It is written to in a thread while the caller keeps up; one who does not costs no thread.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import mmap
import os
import select
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fogbank.core import stored
from fogbank.store import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import FileRange

CAPACITY: Final = 1 << 20  # bytes that a pipe holds, and the most that are answered without one
SPARSE: Final = (
    1 << 18
)  # bytes that it holds when there are many: callers may be slow, and all that is in pipes is memory
MANY: Final = 64
BLOCKS: Final = 4  # of memory, that fill a pipe
SENDERS: Final = 256  # callers who keep up, at a time
PATIENCE: Final = 20  # milliseconds that a thread waits for a caller
STALL: Final = 300.0  # seconds without a byte taken, after which a caller is given up
OPENING: Final = 2.0  # seconds in which the server surely opens what it was given

_log = logging.getLogger("fogbank.gateway")
_cores: set[int] = set()


def use_cores(cores: set[int]) -> None:
    """Let senders run on these cores, whatever the process is pinned to: they decrypt, beside the loop and the server's threads."""
    _cores.update(cores)


def _spread() -> None:
    if _cores:
        os.sched_setaffinity(0, _cores)


_senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender", initializer=_spread)
Full = None  # what a step yields when the pipe takes no more


class Gone(Exception):
    """The caller reads no more."""


class Ring:
    """Blocks of memory that chunks are opened into, and whose pages then go into a pipe without being copied.

    What is in a pipe must not be written to: a block's turn comes again once so many others have followed it, whole, that a pipe
    cannot hold them all.
    """

    def __init__(self, capacity: int) -> None:
        self.block = capacity // BLOCKS
        size = self.block * (BLOCKS + 1)
        self.file = os.memfd_create("fogbank-ring", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.file, size)
            memory = memoryview(mmap.mmap(self.file, size))
        except BaseException:
            self.close()
            raise
        sealed = memoryview(bytearray(self.block // chunks.CHUNK * chunks.SEALED))
        self._blocks = [chunks.Buffers(sealed, memory[at : at + self.block]) for at in range(0, size, self.block)]
        self._turn = 0

    @property
    def buffers(self) -> chunks.Buffers:
        """The block whose turn it is."""
        return self._blocks[self._turn]

    @property
    def place(self) -> int:
        """Where it is in the file."""
        return self._turn * self.block

    def turn(self) -> None:
        """Go on to the next."""
        self._turn = (self._turn + 1) % len(self._blocks)

    def close(self) -> None:
        """Let go of the memory; what is in the pipe stays there."""
        os.close(self.file)


class Pipe:
    """A pipe whose reading end the server opens by its path. Ours is kept until the server has read from its own."""

    count = 0  # of those that are open

    def __init__(self) -> None:
        self.capacity = CAPACITY if Pipe.count < MANY else SPARSE
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        Pipe.count += 1
        with suppress(PermissionError):  # one without privileges has room for few large pipes; a small one is slower
            fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, self.capacity)
        self.path = f"/proc/self/fd/{self._reader}"
        self.written = 0
        self._stopped = False
        self._ring: Ring | None = None
        self._poll = select.poll()
        self._poll.register(self._writer, select.POLLOUT)

    def write(self, data: bytes | memoryview) -> Iterator[None]:
        """The steps of writing bytes. Raises Gone."""
        view = memoryview(data)
        while view:
            try:
                taken = os.write(self._writer, view)
            except BlockingIOError:
                yield Full
                continue
            except BrokenPipeError:
                raise Gone from None
            view = view[taken:]
            self._wrote(taken)

    def send(self, file: int, piece: FileRange) -> Iterator[None]:
        """The steps of sending a range of a file. Raises Gone, and one of stored.UNREADABLE."""
        if not piece.key:
            yield from self._splice(file, piece.start, piece.length, piece.blob)
            return
        ring = self._ring = self._ring or Ring(self.capacity)
        opener = chunks.Opener(piece.key, piece.nonce)
        start, length = piece.start, piece.length
        while length:
            run = opener.read(file, start, length, ring.buffers)
            start += len(run)
            length -= len(run)
            if len(run) == ring.block:
                yield from self._splice(ring.file, ring.place, ring.block, "")
                ring.turn()
            else:
                yield from self.write(run)

    def _splice(self, file: int, start: int, length: int, blob: str) -> Iterator[None]:
        """The steps of sending bytes of a file as they are, which do not pass through Python."""
        position, end = start, start + length
        while position < end:
            try:
                moved = os.splice(file, self._writer, min(end - position, CAPACITY), offset_src=position)
            except BlockingIOError:
                yield Full
                continue
            except BrokenPipeError:
                raise Gone from None
            if moved == 0:
                raise stored.Missing(f"blob {blob} is shorter than its record says")
            position += moved
            self._wrote(moved)

    def _wrote(self, count: int) -> None:
        """Once more was written than a pipe holds, the server has opened its end: ours can go."""
        self.written += count
        if self.written > self.capacity:
            self._let_go()

    async def _advanced(self, steps: Iterator[None]) -> bool:
        working = asyncio.get_running_loop().run_in_executor(_senders, self._advance, steps)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            self._stopped = True
            await asyncio.wait((working,))  # it has the files
            raise

    def _advance(self, steps: Iterator[None]) -> bool:
        """Go through steps while the caller keeps up, in a thread; whether there are no more."""
        try:
            for _ in steps:
                events = () if self._stopped else self._poll.poll(PATIENCE)
                if not events:
                    return False
                if events[0][1] & select.POLLERR:
                    return True
        except Gone:
            return True
        except stored.UNREADABLE as error:
            _log.error("an object's bytes cannot be read", extra={"fields": {"error": str(error)}})
        return True

    async def _room(self) -> None:
        """Wait until the pipe takes more, or nobody reads it. Raises Gone if that takes too long."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._writer, ready.set)
        try:
            async with asyncio.timeout(STALL):
                await ready.wait()
        except TimeoutError:
            raise Gone from None
        finally:
            loop.remove_writer(self._writer)

    async def feed(self, steps: Iterator[None]) -> None:
        """Go through all steps. Where they end early, the connection breaks: the announced length is not reached."""
        with suppress(Gone):
            while not await self._advanced(steps):
                await self._room()

    async def close(self, *, given: bool) -> None:
        """Let go of it all; `given` says whether the server has been given its end."""
        Pipe.count -= 1
        os.close(self._writer)
        if self._ring is not None:
            self._ring.close()
        try:
            if given and self.written <= self.capacity:
                # It failed early: if the server found no pipe, it would answer that there is nothing.
                await asyncio.sleep(OPENING)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        reader, self._reader = self._reader, -1
        if reader >= 0:
            os.close(reader)
