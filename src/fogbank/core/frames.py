"""How workers and the control process speak over a Unix socket: frames, of many commands at a time on one connection.

A frame is its length (of what follows), the number of the command it belongs to, a kind, and bytes; numbers are big-endian.

    ASK      service, NUL, command, NUL, request      one answer is wanted
    STREAM   the same                                 pieces are wanted
    PIECE    bytes                                    one of the pieces
    END      bytes                                    the answer, or the end of the pieces
    ERROR    MessagePack: code, message, status, fields
"""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASK, STREAM, PIECE, END, ERROR = range(5)
HEAD: Final = struct.Struct(">IIB")
MOST: Final = 64 << 20  # bytes of a frame
LONGEST: Final = 100  # characters of a path that a socket's address takes
HIGH: Final = 1 << 20  # bytes that wait to be written, from which on a sender of pieces waits


class Told(msgspec.Struct, frozen=True, array_like=True):
    """An AwsError on its way."""

    code: str
    message: str
    status: int | None
    fields: dict[str, Any]


def tell(error: AwsError) -> bytes:
    """An error as bytes."""
    return msgspec.msgpack.encode(Told(error.code, error.message, error.status, dict(error.fields)))


def told(data: bytes) -> AwsError:
    """The error that was told."""
    found = msgspec.msgpack.decode(data, type=Told)
    return AwsError(found.code, found.message, status=found.status, fields=found.fields)


class Frames(asyncio.Protocol):
    """One connection. What arrives goes to `received(number, kind, body)`; `ended` is called once when the connection is gone."""

    def __init__(self) -> None:
        self.transport: Any = None
        self._buffer = bytearray()
        self._writable = asyncio.Event()
        self._writable.set()

    def received(self, number: int, kind: int, body: bytes) -> None:
        """One frame."""
        raise NotImplementedError

    def ended(self) -> None:
        """The connection is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = transport
        self.transport.set_write_buffer_limits(HIGH)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.transport = None
        self._writable.set()
        self.ended()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= HEAD.size:
            length, number, kind = HEAD.unpack_from(buffer, at)
            if not HEAD.size - 4 <= length <= MOST:
                self.transport.abort()
                return
            end = at + 4 + length
            if len(buffer) < end:
                break
            self.received(number, kind, bytes(buffer[at + HEAD.size : end]))
            at = end
        del buffer[:at]

    def send(self, number: int, kind: int, body: bytes) -> None:
        """Send a frame. On a connection that is gone it is lost, as it would have been a moment later."""
        if self.transport is not None:
            self.transport.write(HEAD.pack(len(body) + HEAD.size - 4, number, kind) + body)

    async def writable(self) -> None:
        """Until what was sent has been taken, up to HIGH bytes. ConnectionError once the connection is gone."""
        await self._writable.wait()
        if self.transport is None:
            raise ConnectionResetError("the connection is gone")


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A path to a socket that is short enough for its address, as long as the context lasts."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
