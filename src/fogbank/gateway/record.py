"""What is kept of each request: an event in the log, and counters for metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from fogbank.gateway import access
from fogbank.gateway.event import Meaning, told
from fogbank.gateway.respond import size_of
from fogbank.gateway.traffic import Traffic
from fogbank.region.events import MOST_BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fogbank.auth import Claim
    from fogbank.core.authorize import Asked
    from fogbank.core.principal import Principal
    from fogbank.gateway.steps import Identified
    from fogbank.region.events import EventLog, Kind
    from fogbank.wire import HttpRequest, HttpResponse

FLUSH: Final = 0.2  # seconds that events may wait, so that a write serves many
MOST_UNTOLD: Final = 32  # data events that wait to be made, together: 0.3 ms of work, for which other requests wait
MOST_KEPT: Final = 4096  # bytes of the body of a request whose event waits to be made
FIRST_TIME: Final = 10**15  # microseconds, the year 2001: from then on times have the 16 digits that the log is read by
# Upper bounds in seconds of the latency histogram's buckets.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_log = logging.getLogger("fogbank.gateway")


class Record:
    """What is known of a request so far; the steps fill it in, so that a failure at any of them can be told and logged."""

    __slots__ = (
        "asked", "at", "claim", "error", "id", "identified", "input", "message", "principal", "read", "request", "result", "started",
        "watched",
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
        self.read = 0.0  # when its body was there, on the clock of `started`
        self.watched = False  # its resource has its access logged
        self.error = ""
        self.message = ""

    def body_read(self) -> None:
        """The body is there."""
        self.read = time.perf_counter()

    @property
    def operation(self) -> str:
        """`service:Operation`, as far as it is known."""
        return f"{self.identified.meaning.service}:{self.identified.meaning.operation}" if self.identified else "-"


class Waiting:
    """Events that are not written yet. `first` is the time of the first.

    `untold` are data events that are not even made: one after another they take a fifth of the time that each takes amid requests,
    where nothing of it is in the processor's caches.
    """

    __slots__ = ("first", "lines", "size", "untold")

    def __init__(self) -> None:
        self.first = 0
        self.lines: list[bytes] = []
        self.size = 0
        self.untold: list[tuple[Record, int, int, int, int]] = []

    def add(self, line: bytes, answered: int) -> None:
        """One more."""
        self.first = self.first or answered
        self.lines.append(line)
        self.size += len(line)


class Recorder:
    """Counts requests and records them as events. `counters` maps (operation, status) to [requests, seconds, a count per bucket].

    `lost` counts events that a full disk took. An event of a management write is written, with those that wait, before its caller is
    answered, so that it survives the process; the others wait for `FLUSH`. What was written is synced then, in a thread.
    """

    def __init__(self, logs: Mapping[Kind, EventLog], loop: asyncio.AbstractEventLoop) -> None:
        self.counters: dict[tuple[str, int], list[Any]] = {}
        self.traffic = Traffic()
        self.lost = 0
        self._logs = logs
        self._loop = loop
        self._waiting: dict[Kind, Waiting] = {kind: Waiting() for kind in logs}
        self._answered = FIRST_TIME
        self._timer: asyncio.TimerHandle | None = None
        self._unsynced = False
        self._syncing: asyncio.Future[None] | None = None
        self._losing = False

    def take(self, record: Record, response: HttpResponse) -> None:
        """Keep what there is to keep of an answered request."""
        seconds = time.perf_counter() - record.started
        self._count(record.operation, response.status, seconds)
        microseconds = int(seconds * 1e6)
        # Rising, whatever the clock does: the log is searched by it.
        self._answered = max(self._answered + 1, int(record.at.timestamp() * 1e6) + microseconds)
        sent = size_of(record.request.method, response)
        self.traffic.take(record, response.status, sent)
        if record.watched:
            self._watch(record, response.status, microseconds, sent)
        if (
            len(record.request.body) < MOST_KEPT
            and record.identified is not None
            and Meaning.of(record.identified).data
        ):
            self._defer(record, response.status, microseconds, sent)
        else:
            event = told(record, response.status, microseconds, self._answered, sent)
            if event.kind == "data":
                self._tell()  # in order
            waiting = self._waiting[event.kind]
            waiting.add(event.line, self._answered)
            if event.lasting or waiting.size >= MOST_BATCH:
                self._write(event.kind)
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH, self._flush)

    def _watch(self, record: Record, status: int, microseconds: int, sent: int) -> None:
        """Write what is kept of a request for a log of its resource's owner."""
        for line in access.lines(record, status, microseconds, self._answered, sent):
            self._waiting["access"].add(line, self._answered)
        self._append("access")

    def _defer(self, record: Record, status: int, microseconds: int, sent: int) -> None:
        """Have a data event made with others. It tells nothing of the result, which may be large."""
        record.result = None
        waiting = self._waiting["data"]
        waiting.untold.append((record, status, microseconds, self._answered, sent))
        if len(waiting.untold) >= MOST_UNTOLD:
            self._tell()

    def _tell(self) -> None:
        """Make the data events that wait for it, and write them where they are much."""
        untold, self._waiting["data"].untold = self._waiting["data"].untold, []
        for record, status, microseconds, answered, sent in untold:
            waiting = self._waiting["data"]
            waiting.add(told(record, status, microseconds, answered, sent).line, answered)
            if waiting.size >= MOST_BATCH:
                self._append("data")

    def flush(self) -> None:
        """Write the events that wait."""
        for kind in self._waiting:
            self._write(kind)

    async def close(self) -> None:
        """Write and sync all, and close the logs."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        if self._syncing is not None:
            await self._syncing
        for log in self._logs.values():
            await asyncio.to_thread(log.close)

    def _flush(self) -> None:
        self._timer = None
        self.flush()
        if self._unsynced and self._syncing is None:
            self._unsynced = False
            self._syncing = self._loop.run_in_executor(None, self._sync)
            self._syncing.add_done_callback(self._synced)

    def _sync(self) -> None:
        for log in self._logs.values():
            log.sync()

    def _synced(self, _: asyncio.Future[None]) -> None:
        self._syncing = None
        if self._unsynced and self._timer is None:
            self._timer = self._loop.call_later(FLUSH, self._flush)

    def _write(self, kind: Kind) -> None:
        if kind == "data":
            self._tell()
        self._append(kind)

    def _append(self, kind: Kind) -> None:
        waiting = self._waiting[kind]
        if not waiting.lines:
            return
        self._waiting[kind] = Waiting()
        self._unsynced = True
        if self._logs[kind].append(b"\n".join(waiting.lines) + b"\n", waiting.first):
            self._losing = False
            return
        self.lost += len(waiting.lines)
        if not self._losing:
            self._losing = True
            _log.error("events are lost: the disk is full", extra={"fields": {"events": len(waiting.lines)}})

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
