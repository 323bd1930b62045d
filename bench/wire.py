"""One connection with large socket buffers, for large bodies: sends from memory and reads into one buffer."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from loadgen import Failed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

BUFFER = 4 << 20
TIMEOUT = 120.0
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Wire:
    """A connection to a server. `size` is the length of the last answer's body, `body` its first bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(TIMEOUT)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect(("127.0.0.1", port))
        self._buffer = bytearray(BUFFER)
        self.keep = 1 << 16  # bytes of a body that are kept
        self.body = b""
        self.size = 0

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, head: bytes, body: Iterable[bytes] = ()) -> bytes:
        """Send a request and read its answer to the end; returns the answer's head. Raises Failed unless it is a 2xx."""
        try:
            self._socket.sendall(head)
            for piece in body:
                self._socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Failed(f"the connection broke while sending: {error}") from error
        return self._read()

    def _read(self) -> bytes:
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            more = self._socket.recv(65536)
            if not more:
                raise Failed("the connection broke before the answer")
            data += more
        head, self.body = data[:end], data[end + 4 :]
        self.size = len(self.body)
        length = LENGTH.search(head)
        if length is None and CHUNKED.search(head):
            self._read_chunks()
        else:
            self._read_body(int(length[1]) if length else None)
        if head[9:10] != b"2":
            raise Failed((head + b"\r\n\r\n" + self.body)[:600].decode(errors="replace"))
        return head

    def _read_chunks(self) -> None:
        """A body in chunks, all of which is kept: an answer whose length its server did not know."""
        raw, self.body = self.body, b""
        while not raw.endswith(b"0\r\n\r\n"):
            more = self._socket.recv(65536)
            if not more:
                raise Failed("the connection broke within the answer")
            raw += more
        while raw:
            size, _, raw = raw.partition(b"\r\n")
            self.body += raw[: int(size, 16)]
            raw = raw[int(size, 16) + 2 :] if int(size, 16) else b""
        self.size = len(self.body)

    def _read_body(self, length: int | None) -> None:
        """Up to `length`, or to the end of the connection; only the first `keep` bytes are kept."""
        while length is None or self.size < length:
            got = self._socket.recv_into(self._buffer)
            if not got:
                if length is None:
                    return
                raise Failed("the connection broke within the answer")
            if len(self.body) < self.keep:
                self.body += self._buffer[:got]
            self.size += got
