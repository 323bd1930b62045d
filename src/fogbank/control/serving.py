"""The control process's Unix socket: carries out the commands that workers ask for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, cast

from fogbank.core.errors import AwsError
from fogbank.core.frames import ASK, END, ERROR, PIECE, STREAM, Frames, reachable, tell

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from fogbank.core.control import Here

_log = logging.getLogger("fogbank.control")


class Answering(Frames):
    """One worker's connection. When it goes, the streams that were for it end; what was asked for goes on to its end."""

    def __init__(self, here: Here, all_tasks: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self._here = here
        self._tasks = all_tasks
        self._streams: set[asyncio.Task[None]] = set()

    def received(self, number: int, kind: int, body: bytes) -> None:
        """A command."""
        try:
            service, command, request = body.split(b"\0", 2)
            name = (service.decode(), command.decode())
        except ValueError:  # a UnicodeDecodeError is one
            self.transport.abort()
            return
        if kind == ASK:
            self._begin(self._answer(number, name, request), self._tasks)
        elif kind == STREAM:
            task = self._begin(self._pour(number, name, request), self._tasks)
            self._streams.add(task)
            task.add_done_callback(self._streams.discard)

    def ended(self) -> None:
        """Nobody takes the pieces any more."""
        for task in self._streams:
            task.cancel()

    def _begin(self, work: Any, tasks: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    async def _answer(self, number: int, name: tuple[str, str], request: bytes) -> None:
        try:
            answer = await self._here.ask(*name, request)
        except Exception as error:
            self.send(number, ERROR, _failure(name, error))
        else:
            self.send(number, END, answer)

    async def _pour(self, number: int, name: tuple[str, str], request: bytes) -> None:
        try:
            pieces = cast("AsyncGenerator[bytes, None]", self._here.stream(*name, request))
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    self.send(number, PIECE, piece)
                    await self.writable()
        except ConnectionError:
            return
        except Exception as error:
            self.send(number, ERROR, _failure(name, error))
        else:
            self.send(number, END, b"")


def _failure(name: tuple[str, str], error: Exception) -> bytes:
    if not isinstance(error, AwsError):
        _log.exception("a command failed", exc_info=error, extra={"fields": {"command": ":".join(name)}})
        error = AwsError("InternalFailure", "An internal error occurred.", status=500)
    return tell(error)


@contextlib.asynccontextmanager
async def serving(path: Path, here: Here) -> Any:
    """Serve the socket at a path. Only the region's own user can reach it: it lies in the data directory."""
    tasks: set[asyncio.Task[None]] = set()
    path.unlink(missing_ok=True)
    with reachable(path) as short:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Answering(here, tasks), short)
    path.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
