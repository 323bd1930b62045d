"""What is kept of each request: a line in the access log, and counters for metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Protocol

    from fogbank.auth import Claim
    from fogbank.core.authorize import Asked
    from fogbank.core.principal import Principal
    from fogbank.gateway.steps import Identified
    from fogbank.wire import HttpRequest, HttpResponse

    class Sink(Protocol):
        """Where lines of the access log go."""

        def write(self, line: bytes) -> None: ...


FLUSH = 0.2  # seconds that lines may wait, so that a write serves many
FLUSH_LINES = 512
# Upper bounds in seconds of the latency histogram's buckets.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_encode = msgspec.json.Encoder().encode


class Record:
    """What is known of a request so far; the steps fill it in, so that a failure at any of them can be told and logged."""

    __slots__ = (
        "asked", "at", "claim", "error", "id", "identified", "input", "message", "principal", "request", "result", "started",
    )  # fmt: skip

    def __init__(self, request: HttpRequest, request_id: str, at: datetime) -> None:
        self.request = request
        self.id = request_id
        self.at = at
        self.started = time.perf_counter()
        self.claim: Claim | None = None
        self.identified: Identified | None = None
        self.principal: Principal | None = None
        self.input: Mapping[str, Any] | None = None
        self.asked: list[Asked] = []
        self.result: Any = None
        self.error = ""
        self.message = ""

    @property
    def operation(self) -> str:
        """`service:Operation`, as far as it is known."""
        return f"{self.identified.meaning.service}:{self.identified.meaning.operation}" if self.identified else "-"


class Line(msgspec.Struct):
    """A line of the access log.

    `time` is in seconds since the epoch; `microseconds` is the time until the answer was ready; `key` the access key that signed.
    """

    time: float
    id: str
    client: str
    account: str
    key: str
    operation: str
    method: str
    path: str
    status: int
    error: str
    microseconds: int


class Recorder:
    """Counts requests and logs them. `counters` maps (operation, status) to [requests, seconds, a count per bucket]."""

    def __init__(self, sink: Sink, loop: asyncio.AbstractEventLoop) -> None:
        self.counters: dict[tuple[str, int], list[Any]] = {}
        self._sink = sink
        self._loop = loop
        self._lines: list[bytes] = []

    def take(self, record: Record, response: HttpResponse) -> None:
        """Keep what there is to keep of an answered request."""
        seconds = time.perf_counter() - record.started
        self._count(record.operation, response.status, seconds)
        if not self._lines:
            self._loop.call_later(FLUSH, self.flush)
        self._lines.append(_encode(line_of(record, response.status, seconds)))
        if len(self._lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._sink.write(b"\n".join(lines) + b"\n")

    def _count(self, operation: str, status: int, seconds: float) -> None:
        counter = self.counters.get((operation, status))
        if counter is None:
            counter = self.counters[(operation, status)] = [0, 0.0, [0] * len(BUCKETS)]
        counter[0] += 1
        counter[1] += seconds
        for index, bound in enumerate(BUCKETS):
            if seconds <= bound:
                counter[2][index] += 1
                break


def line_of(record: Record, status: int, seconds: float) -> Line:
    """The access log's line for a request. The query is left out: a presigned one is a credential."""
    principal = record.principal
    return Line(
        time=round(record.at.timestamp(), 3),
        id=record.id,
        client=record.request.client,
        account=principal.account if principal else "-",
        key=record.claim.access_key_id[:128] if record.claim else "-",
        operation=record.operation,
        method=record.request.method,
        path=record.request.path[:1024],
        status=status,
        error=record.error,
        microseconds=int(seconds * 1e6),
    )
