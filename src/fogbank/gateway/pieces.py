"""Objects in several pieces, or sealed ones: little is read whole, much goes through a pipe that the server reads like a file."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from fogbank.core import stored
from fogbank.core.call import FileRange
from fogbank.gateway.pipe import CAPACITY, Pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from fogbank.core.call import Content

HELD = 512  # files that a response opens at once; an object may have 10,000, and open files are bounded


async def send_pieces(
    protocol: Any, status: int, headers: list[tuple[str, str]], body: Content, path_of: Callable[[str], str]
) -> None:
    """Send a body that is in several pieces, or sealed. Before anything is sent: Missing, if a file is not there."""
    pieces = Pieces(body, path_of)
    run = asyncio.get_running_loop().run_in_executor
    with closing(pieces):
        await run(None, pieces.open_first)
        if pieces.size <= CAPACITY:
            protocol.response_bytes(status, headers, await run(None, pieces.read))
            return
        pipe, given = Pipe(), False
        try:
            protocol.response_file(status, headers, pipe.path)
            given = True
            with closing(pieces.into(pipe)) as steps:
                await pipe.feed(steps)
        finally:
            await pipe.close(given=given)


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
                self._files[index] = stored.opened(self._path_of(piece.blob), piece)

    def _take(self, index: int, piece: FileRange) -> int:
        """The open file of a piece; it is the caller's to close."""
        return self._files.pop(index) if index in self._files else stored.opened(self._path_of(piece.blob), piece)

    def read(self) -> bytes:
        """All of it, where it is little."""
        return b"".join([bytes(run) for index, piece in enumerate(self.body) for run in self._runs(index, piece)])

    def _runs(self, index: int, piece: bytes | FileRange) -> Iterator[bytes | memoryview]:
        if isinstance(piece, bytes):
            yield piece
            return
        file = self._take(index, piece)
        try:
            yield from stored.runs(file, piece)
        finally:
            os.close(file)

    def into(self, pipe: Pipe) -> Generator[None, None, None]:
        """The steps of writing all pieces into a pipe. Raises what the pipe does, and one of stored.UNREADABLE."""
        for index, piece in enumerate(self.body):
            if isinstance(piece, bytes):
                yield from pipe.write(piece)
                continue
            file = self._take(index, piece)
            try:
                yield from pipe.send(file, piece)
            finally:
                os.close(file)

    def close(self) -> None:
        """Let go of what was not taken."""
        while self._files:
            os.close(self._files.popitem()[1])
