"""What functions write, on its way to CloudWatch Logs: in order, in batches, as the function's role.

What waits is bounded: a function that writes faster than it is taken is read more slowly. Lines are lost only where Logs refuses them
for good, as where the role may not write.

Source: CloudWatch Logs API Reference, PutLogEvents; Lambda Developer Guide, "Sending Lambda function logs to CloudWatch Logs".
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Put = Callable[[Any, str, dict[str, Any]], Awaitable[Any]]  # (for whom, operation of Logs, input)

LINE: Final = 26  # bytes that a line counts for, beside its text
MOST_BYTES: Final = 1_048_576  # of a batch
MOST_LINES: Final = 10_000  # of a batch
MOST_TEXT: Final = 262_144 - LINE  # bytes of a line; a longer one is cut in pieces
LONGEST: Final = 86_000_000  # milliseconds between the first and the last line of a batch
ROOM: Final = 4 << 20  # bytes that wait for one stream before it is read no further
ENOUGH: Final = 64 << 10  # bytes that are worth a batch at once
LINGER: Final = 0.4  # seconds that fewer wait for more
IN_FLIGHT: Final = 16  # batches at once
FIRST_RETRY: Final = 0.1  # seconds
LAST_RETRY: Final = 10.0
REFUSED: Final = frozenset(
    [
        "AccessDeniedException",
        "InvalidParameterException",
        "ValidationException",
        "LimitExceededException",
        "NotImplemented",
    ]
)

_log = logging.getLogger("fogbank.lambda")


class Place(msgspec.Struct, frozen=True):
    """A log stream; `role` is who writes to it, for the function `function` (its unqualified ARN)."""

    account: str
    region: str
    group: str
    stream: str
    role: str
    function: str


class Stream:
    """What waits for one log stream."""

    __slots__ = ("lines", "room", "size", "task")

    def __init__(self) -> None:
        self.lines: deque[tuple[int, str, int]] = deque()
        self.size = 0
        self.room: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None

    def add(self, when: int, text: str) -> None:
        """Append a line, in pieces if it is too long for one."""
        for piece in pieces(text):
            size = len(piece.encode("utf-8", "replace")) + LINE
            self.lines.append((when, piece, size))
            self.size += size

    def batch(self) -> list[tuple[int, str, int]]:
        """The first lines that fit into one batch."""
        found: list[tuple[int, str, int]] = []
        size = 0
        for line in self.lines:
            size += line[2]
            if size > MOST_BYTES or len(found) == MOST_LINES or (found and line[0] - found[0][0] > LONGEST):
                break
            found.append(line)
        return found

    def drop(self, count: int) -> None:
        """The first lines are delivered, or lost."""
        for _ in range(count):
            self.size -= self.lines.popleft()[2]
        if self.room is not None and self.size <= ROOM // 2:
            self.room.set_result(None)
            self.room = None


def pieces(text: str) -> list[str]:
    """A line in pieces that Logs takes; it takes none that is empty."""
    if len(text) * 4 <= MOST_TEXT:
        return [text] if text else []
    raw, found = text.encode("utf-8", "replace"), []
    while raw:
        end = min(MOST_TEXT, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
        found.append(raw[:end].decode())
        raw = raw[end:]
    return found


class Delivery:
    """Takes lines and delivers them. `put` calls an operation of Logs for a Place."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._streams: dict[Place, Stream] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._closing = asyncio.Event()
        self._told: set[tuple[str, str]] = set()
        self.lost = 0  # lines

    def add(self, place: Place, lines: list[tuple[int, str]]) -> Awaitable[None] | None:
        """Take lines, each with its time in milliseconds; where there is no more room, an awaitable that is done when there is."""
        stream = self._streams.get(place)
        if stream is None:
            stream = self._streams[place] = Stream()
        for when, text in lines:
            stream.add(when, text)
        if stream.lines and stream.task is None:
            stream.task = asyncio.get_running_loop().create_task(self._deliver(place, stream))
        if stream.size <= ROOM:
            return None
        if stream.room is None:
            stream.room = asyncio.get_running_loop().create_future()
        return stream.room

    async def _deliver(self, place: Place, stream: Stream) -> None:
        """Deliver what waits for a stream, until nothing does."""
        wait = FIRST_RETRY
        try:
            while stream.lines:
                if stream.size < ENOUGH:
                    await self._linger()
                batch = stream.batch()
                try:
                    async with self._slots:
                        await self._send(place, batch)
                except Exception as error:
                    if not isinstance(error, AwsError) or error.code not in REFUSED:
                        _log.warning("log lines wait", extra={"fields": {"group": place.group}}, exc_info=True)
                        await asyncio.sleep(wait)
                        wait = min(wait * 2, LAST_RETRY)
                        continue
                    self._lose(place, len(batch), error)
                stream.drop(len(batch))
                wait = FIRST_RETRY
        finally:
            stream.task = None
            if not stream.lines:
                self._streams.pop(place, None)

    async def _linger(self) -> None:
        """Wait a moment for more lines: a batch of many costs hardly more than one of few. At the end nothing is waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                await self._closing.wait()

    async def _send(self, place: Place, batch: list[tuple[int, str, int]]) -> None:
        """Put a batch; the stream, and the group, are made where they are missing."""
        named = {"logGroupName": place.group, "logStreamName": place.stream}
        times = accumulate((when for when, _, _ in batch), max)  # Logs takes them in order only
        events = [{"timestamp": when, "message": text} for when, (_, text, _) in zip(times, batch, strict=True)]
        for made in ((), ("CreateLogStream",), ("CreateLogGroup", "CreateLogStream")):
            try:
                for operation in made:
                    await self._make(place, operation, named)
                await self._put(place, "PutLogEvents", {**named, "logEvents": events})
                return
            except AwsError as error:
                if error.code != "ResourceNotFoundException":
                    raise
        raise AwsError("InvalidParameterException", "The log group is deleted as soon as it is made.")

    async def _make(self, place: Place, operation: str, named: dict[str, str]) -> None:
        wanted = named if operation == "CreateLogStream" else {"logGroupName": place.group}
        try:
            await self._put(place, operation, dict(wanted))
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    def _lose(self, place: Place, count: int, error: AwsError) -> None:
        """Tell, once for a function and a reason, that lines are lost."""
        self.lost += count
        if (place.function, error.code) not in self._told:
            self._told.add((place.function, error.code))
            fields = {"function": place.function, "group": place.group, "code": error.code, "why": error.message[:300]}
            _log.warning("log lines are lost: Logs refuses them", extra={"fields": fields})

    async def flush(self) -> None:
        """Wait until all that waits now is delivered."""
        while tasks := [stream.task for stream in self._streams.values() if stream.task is not None]:
            await asyncio.wait(tasks)

    async def close(self, seconds: float = 5.0) -> None:
        """Deliver what can be delivered in time, and end."""
        self._closing.set()
        tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
