"""A worker's way to the control process: its Unix socket. A control process that is being started anew is waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from fogbank.core.control import gone
from fogbank.core.frames import ASK, END, ERROR, PIECE, STREAM, Frames, reachable, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATIENCE: Final = 10.0  # seconds that a control process may take to start
RETRY: Final = 0.05  # seconds between attempts to connect
AHEAD: Final = 16  # pieces that wait for their taker, from which on no more are read
F = TypeVar("F", bound=Frames)


class Asking(Frames):
    """A connection on which many commands wait for their answers."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    async def ask(self, request: bytes) -> bytes:
        """Send a command and wait for its answer."""
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.send(number, ASK, request)
        try:
            answer: bytes = await future
        finally:
            self._waiting.pop(number, None)
        return answer

    def received(self, number: int, kind: int, body: bytes) -> None:
        """An answer; nobody may wait for it any more."""
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if kind == END:
            future.set_result(body)
        else:
            future.set_exception(told(body))

    def ended(self) -> None:
        """None of the answers will come."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(gone())


class Streaming(Frames):
    """A connection for the pieces of one answer. It reads ahead of who takes them by AHEAD pieces."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    def received(self, number: int, kind: int, body: bytes) -> None:
        """A piece, or the end."""
        self._pieces.put_nowait((kind, body))
        if self._pieces.qsize() >= AHEAD and kind == PIECE:
            self.transport.pause_reading()

    def ended(self) -> None:
        """No more will come; of no consequence after the end."""
        self._pieces.put_nowait((-1, b""))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The pieces, until the end."""
        while True:
            kind, body = await self._pieces.get()
            if kind == END:
                return
            if kind == ERROR:
                raise told(body)
            if kind != PIECE:
                raise gone()
            if self.transport is not None and not self.transport.is_reading():
                self.transport.resume_reading()
            yield body


class ControlLink:
    """See core.control.Control."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._asking: Asking | None = None
        self._connecting: asyncio.Lock | None = None

    async def ask(self, service: str, command: str, request: bytes) -> bytes:
        """See Control."""
        link = self._asking
        if link is None or link.transport is None or link.transport.is_closing():
            link = await self._connected()
        return await link.ask(_address(service, command) + request)

    async def stream(self, service: str, command: str, request: bytes) -> AsyncIterator[bytes]:
        """See Control."""
        link = await self._connect(Streaming)
        try:
            link.send(1, STREAM, _address(service, command) + request)
            async for piece in link.pieces():
                yield piece
        finally:
            if link.transport is not None:
                link.transport.abort()

    def close(self) -> None:
        """Let go of the connection."""
        if self._asking is not None and self._asking.transport is not None:
            self._asking.transport.abort()

    async def _connected(self) -> Asking:
        """The one connection for asking, which others may be making."""
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._asking is None or self._asking.transport is None or self._asking.transport.is_closing():
                self._asking = await self._connect(Asking)
            return self._asking

    async def _connect(self, kind: type[F]) -> F:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        with reachable(self._path) as path:
            while True:
                try:
                    _, link = await loop.create_unix_connection(kind, path)
                    return link
                except OSError:  # there is none yet, or one that is just ending
                    if loop.time() > deadline:
                        raise gone() from None
                await asyncio.sleep(RETRY)


def _address(service: str, command: str) -> bytes:
    return f"{service}\0{command}\0".encode()
