"""Answers that are passed on as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fogbank.engine.functions.connection import Connection
    from fogbank.engine.functions.spec import Outcome

HIGH = 256 * 1024  # bytes that wait for the reader before the function has to


class StreamedAnswer:
    """An `Answer`. The environment feeds it, the caller iterates it; `begun` is done with its first byte or with its end."""

    def __init__(self, limit: int) -> None:
        self.content_type = "application/octet-stream"
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.too_large = False
        self.broken = False  # whether the connection was cut before the end of the answer
        self._limit = limit
        self._outcome: Outcome | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._taken = 0
        self._abandoned = False
        self._connection: Connection | None = None
        self._news = asyncio.Event()

    @property
    def outcome(self) -> Outcome:
        """What came of the invocation, once the answer has been iterated."""
        assert self._outcome is not None, "the answer has not ended"
        return self._outcome

    def open(self, content_type: str, connection: Connection) -> None:
        """The head of the answer is there."""
        self.content_type = content_type or self.content_type
        self._connection = connection

    def feed(self, data: bytes) -> None:
        """Take a part. The connection is not read on while too much waits."""
        self._taken += len(data)
        if self._taken > self._limit:
            self.too_large = True
        if self.too_large or self._abandoned:
            return
        self._chunks.append(data)
        self._held += len(data)
        if self._held > HIGH and self._connection:
            self._connection.pause()
        self._tell()

    def abort(self) -> None:
        """The connection is gone."""
        self.broken = True
        self._connection = None

    def finish(self, outcome: Outcome) -> None:
        """The invocation has ended."""
        self._outcome = outcome
        self._connection = None
        self._tell()

    @property
    def bytes_taken(self) -> int:
        """Bytes that the function has sent."""
        return self._taken

    def _tell(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._chunks:
                data = self._chunks.popleft()
                self._held -= len(data)
                if self._held <= HIGH and self._connection:
                    self._connection.resume()
                yield data
            if self._outcome is not None:
                return
            self._news.clear()
            await self._news.wait()

    async def aclose(self) -> None:
        """Give the rest up: the function runs on, what it sends is dropped."""
        self._abandoned = True
        self._chunks.clear()
        self._held = 0
        if self._connection:
            self._connection.resume()
