"""A load generator of many keep-alive connections on one core: asyncio protocols over uvloop, requests ready as bytes.

It reads of a response only what it must: status, length, whether the connection stays open. Anything but a 2xx stops the run:
a benchmark of error pages is worth nothing.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEAD = ord("H")  # a request that begins so has an answer without a body
HANGS = 30.0  # seconds after the end of a run, when a server that does not answer is given up
END = b"\r\n\r\n"


@dataclass(frozen=True)
class Load:
    """What a run measured: requests a second, latencies in milliseconds, the client's CPU in microseconds a request."""

    rate: float
    p50: float
    p99: float
    sent: int  # the warm-up's requests among them
    client_us: float


class Failed(Exception):
    """The server answered with an error, or not at all."""


class _Run:
    """What the connections share: the requests, the clock, the latencies, and who waits for the end."""

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes], seconds: float, warm: float) -> None:
        self.address = address
        self.requests = requests
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies = array("d")
        self.open = 0
        self.last = 0.0
        self.answered = 0
        self.begin = time.perf_counter() + warm
        self.end = self.begin + seconds

    def next(self, now: float) -> bytes | None:
        goes_on = now < self.end or not self.latencies  # a machine that stalls all the while gets its time later
        return next(self.requests, None) if goes_on and not self.done.done() else None

    def take(self, sent: float, now: float) -> None:
        self.answered += 1
        if self.begin <= now and (now < self.end or not self.latencies):
            self.latencies.append(now - sent)
            self.last = now

    def fail(self, what: str) -> None:
        if not self.done.done():
            self.done.set_exception(Failed(what))

    def leave(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next; connects anew where the server closes."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._request: bytes | None = None
        self._buffer = b""
        self._missing = -1  # bytes of the body still to come; -1 while the head is awaited
        self._closes = False
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._send(time.perf_counter())

    def _send(self, now: float) -> None:
        assert self._transport is not None
        request = self._request = self._run.next(now)
        if request is None:
            self._transport.close()
            return
        self._sent = now
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            if self._buffer:
                data = self._buffer + data
            end = data.find(END)
            if end < 0:
                self._buffer = data
                return
            self._buffer = b""
            if not self._read_head(data[:end].lower(), data):
                return
            self._missing -= len(data) - end - 4
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._finish()
        elif self._missing < 0:
            self._run.fail("an answer is longer than it says")

    def _read_head(self, head: bytes, data: bytes) -> bool:
        if head[9:10] != b"2":
            self._run.fail(data[:600].decode(errors="replace"))
            return False
        assert self._request is not None
        at = head.find(b"\r\ncontent-length:")
        if self._request[0] == HEAD or head[9:12] == b"204":
            self._missing = 0
        elif at < 0:
            self._run.fail("an answer has no Content-Length: " + head.decode(errors="replace"))
            return False
        else:
            stop = head.find(b"\r", at + 17)
            self._missing = int(head[at + 17 : stop if stop > 0 else len(head)])
        self._closes = b"\r\nconnection: close" in head or head.startswith(b"http/1.0")
        return True

    def _finish(self) -> None:
        now = time.perf_counter()
        self._run.take(self._sent, now)
        self._missing = -1
        if self._closes:
            assert self._transport is not None
            self._request = None
            self._transport.close()
        else:
            self._send(now)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._request is not None:
            self._run.fail(f"the connection broke: {exc}")
        if self._closes and time.perf_counter() < self._run.end and not self._run.done.done():
            self._closes = False
            self._reconnect = asyncio.ensure_future(_connect(self._run, self))
            return
        self._run.leave()


async def _connect(run: _Run, connection: _Connection) -> None:
    try:
        await asyncio.get_running_loop().create_connection(lambda: connection, *run.address)
    except OSError as error:
        run.fail(f"no connection: {error}")


def _summary(run: _Run, cpu: float) -> Load:
    """The figures of a finished run, which took `cpu` seconds of this process."""
    count = len(run.latencies)
    if not count:
        raise Failed("no request was answered in time")
    ordered = sorted(run.latencies)
    p50, p99 = (1000 * ordered[int(count * share)] for share in (0.5, 0.99))
    return Load(count / (run.last - run.begin), p50, p99, run.answered, 1e6 * cpu / run.answered)


async def run(
    port: int,
    requests: Iterable[bytes],
    seconds: float,
    *,
    warm: float = 0.3,
    connections: int = 32,
    repeat: bool = False,
) -> Load:
    """Send requests over `connections` connections for `warm` and then `seconds` seconds, or until there are none left.

    `repeat` begins again with the first. What is answered in the warm-up is not counted.
    """
    state = _Run(("127.0.0.1", port), cycle(requests) if repeat else iter(requests), seconds, warm)
    cpu = time.process_time()
    state.open = connections
    for _ in range(connections):
        await _connect(state, _Connection(state))
    async with asyncio.timeout(warm + seconds + HANGS):
        await state.done
    return _summary(state, time.process_time() - cpu)


async def send_all(port: int, requests: Iterable[bytes], *, connections: int = 32) -> Load:
    """Send each request once, however long it takes."""
    return await run(port, requests, 600.0, warm=0.0, connections=connections)
