"""The control process's end of a socket to a template, or to the first process of a sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from fogbank.engine.sandbox.inside import kernel
from fogbank.engine.sandbox.spec import SandboxError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    Received = Callable[[dict[str, Any], list[int]], None]

_FULL = 0.005  # seconds until a full socket is tried again
_ANSWER = 60.0  # seconds until an answer will not come any more


class Channel:
    """Sends and receives messages.

    `received` gets those that answer no question; `closed` is called once, when the other end is gone.
    """

    def __init__(self, end: socket.socket, received: Received, closed: Callable[[], None]) -> None:
        end.setblocking(False)
        self._end = end
        self._received = received
        self._closed = closed
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end.fileno(), self._read)

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return self._end.fileno() >= 0

    async def send(self, message: dict[str, Any], fds: Iterable[int] = ()) -> None:
        """Send a message with descriptors. Raises SandboxError if the other end is gone."""
        while True:
            try:
                kernel.send(self._end, message, fds)
                return
            except BlockingIOError:
                await asyncio.sleep(_FULL)
            except OSError as error:
                raise SandboxError("the sandbox is gone") from error

    async def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Send a request, and wait for its answer. Raises SandboxError."""
        self._number += 1
        number = self._number
        answer = self._asked[number] = self._loop.create_future()
        try:
            await self.send({"id": number, "do": do, **fields})
            found: dict[str, Any] = await asyncio.wait_for(answer, _ANSWER)
        except TimeoutError as error:
            raise SandboxError("the sandbox does not answer") from error
        finally:
            self._asked.pop(number, None)
        if "error" in found:
            raise SandboxError(found["error"])
        return found

    def _read(self) -> None:
        try:
            message, fds = kernel.receive(self._end)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            message, fds = None, []
        if message is None:
            self.close()
        elif "id" in message:
            answer = self._asked.get(message["id"])
            if answer and not answer.done():
                answer.set_result(message)
        else:
            self._received(message, fds)

    def close(self) -> None:
        """Let go of the other end. Whoever waits for an answer gets a SandboxError."""
        if not self.open:
            return
        self._loop.remove_reader(self._end.fileno())
        self._end.close()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result({"error": "the sandbox is gone"})
        self._closed()


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors, also some that are closed already."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
