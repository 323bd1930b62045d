"""What an environment writes: from its pipe into events of its log stream, bounded.

AWS's runtimes frame their log messages (type, length, microseconds, message), so that a message of several lines is one
event; everything else is an event per line. Both come through the one pipe.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Event = tuple[int, str]

FRAME = b"\xa5\x5a\x00"
FRAME_HEAD = 16
MAX_EVENT = 256 * 1024 - 26  # of PutLogEvents, less what it counts for an event
TAIL = 4096
CHUNK = 65536
TURN = 500  # events in a turn of the event loop, for which others wait a millisecond
MOST_TURNS = 40  # at once, at the end of an invocation: lines of four bytes that fill a pipe
FLUSH_BYTES = 64 * 1024
MAX_HELD = 4 * 1024 * 1024  # bytes that wait
FLUSH_SECONDS = 0.25

# Log levels, and the frame types that have them (bits 2 to 4 of the type's last byte).
LEVELS = {"TRACE": 1, "DEBUG": 2, "INFO": 3, "WARN": 4, "WARNING": 4, "ERROR": 5, "FATAL": 6, "CRITICAL": 6}


class Level(msgspec.Struct):
    """What a line of JSON says of itself."""

    level: str = "INFO"


class Output:
    """The log of one environment. `write(events)` delivers; while what it returned is not done, the pipe is not read.

    `least`: the level below which lines are dropped, for the log format JSON; 0 keeps all.
    """

    def __init__(
        self,
        pipe: int,
        now: Callable[[], float],
        write: Callable[[list[Event]], Awaitable[None] | None],
        least: int = 0,
    ) -> None:
        self._pipe = pipe
        self._now = now
        self._write = write
        self._least = least
        self._loop = asyncio.get_running_loop()
        self._rest = bytearray()  # a line or a frame that is not whole
        self._need = 0  # bytes that a frame needs to be whole; 0 for a line
        self._more = False  # what waits has not been looked at: it is much
        self._turn: asyncio.Handle | None = None  # which looks at it
        self._events: list[Event] = []
        self._bytes = 0
        self._tail = b""
        self._timer: asyncio.TimerHandle | None = None
        self._blocked: asyncio.Future[Any] | None = None
        self._closed = False
        os.set_blocking(pipe, False)
        self._loop.add_reader(pipe, self._readable)

    def begin(self) -> None:
        """An invocation begins: its tail is of it alone."""
        self.drain()
        self._tail = b""

    def add(self, message: str) -> None:
        """An event of the platform's own, after all that has been written so far."""
        self._event(message, len(message))

    def drain(self) -> None:
        """Take what is in the pipe, at most some chunks or turns, and end its last line."""
        for _ in range(MOST_TURNS):
            if self._blocked or not self._read():
                break
        if self._rest and not self._more and not self._rest.startswith(FRAME):
            self._line(bytes(self._rest))
            self._rest = bytearray()

    @property
    def tail(self) -> bytes:
        """The last 4 KiB of the invocation's log."""
        return self._tail[-TAIL:]

    def flush(self) -> None:
        """Deliver what there is."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._events or self._blocked:
            return
        events, self._events, self._bytes = self._events, [], 0
        waiting = self._write(events)
        if waiting is not None and not self._closed:
            self._loop.remove_reader(self._pipe)
            self._blocked = asyncio.ensure_future(waiting)
            self._blocked.add_done_callback(self._unblocked)

    def close(self) -> None:
        """Take and deliver the rest; the pipe is its owner's to close."""
        self.drain()
        while self._more and not self._blocked:
            self.drain()
        self._closed = True
        self._loop.remove_reader(self._pipe)
        if self._blocked:
            self._blocked.cancel()
            self._blocked = None
        self.flush()

    def _unblocked(self, done: asyncio.Future[Any]) -> None:
        if done.cancelled() or self._closed:
            return
        done.result()
        self._blocked = None
        self.flush()
        if not self._blocked:
            self._loop.add_reader(self._pipe, self._readable)
            self._go_on()

    def _readable(self) -> None:
        if self._turn is None:
            self._look()

    def _look(self) -> None:
        """Take what there is, for a moment."""
        self._turn = None
        if self._closed or self._blocked or not self._read():
            return
        if self._bytes > FLUSH_BYTES:
            self.flush()
        elif self._events and not self._timer:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self.flush)
        self._go_on()

    def _go_on(self) -> None:
        """Look at what is left in the next turn of the event loop; where nobody takes events now, when somebody does."""
        if self._more and not self._blocked and self._turn is None:
            self._turn = self._loop.call_soon(self._look)

    def _read(self) -> bool:
        """Whether there was something."""
        if self._more:
            self._take(bytes(self._rest))
            return True
        try:
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._pipe)
            return False
        if self._rest:
            whole = self._makes_whole(data)
            self._rest += data
            if not whole:
                return True
            data = bytes(self._rest)
        self._take(data)
        return True

    def _makes_whole(self, data: bytes) -> bool:
        """Whether what waits may be an event with this: what waits is not looked through again for every byte."""
        size = len(self._rest) + len(data)
        if self._need:
            return size >= self._need
        return size > MAX_EVENT or b"\n" in data or FRAME[0] in data or FRAME[0] in self._rest[-2:]

    def _take(self, data: bytes) -> None:
        """Take whole lines and frames, so many as are not too much at once."""
        start = events = 0
        frame = data.find(FRAME)  # the next one, looked for once and not for each line
        while start < len(data) and events < TURN:
            if 0 <= frame < start:
                frame = data.find(FRAME, start)
            end = self._frame(data, start) if frame == start else self._plain(data, start, frame)
            if end < 0:
                break
            start, events = end, events + 1
        self._rest = bytearray(data[start:])
        self._more = events == TURN and start < len(data)
        self._need = 0
        if self._rest.startswith(FRAME):
            size = int.from_bytes(self._rest[4:8], "big") if len(self._rest) >= FRAME_HEAD else 0
            self._need = FRAME_HEAD + size

    def _frame(self, data: bytes, start: int) -> int:
        """The end of a frame; -1 if it is not whole."""
        if len(data) - start < FRAME_HEAD:
            return -1
        size = int.from_bytes(data[start + 4 : start + 8], "big")
        if size > MAX_EVENT:  # not one of the runtimes': they cut their messages
            self._line(data[start : start + FRAME_HEAD])
            return start + FRAME_HEAD
        end = start + FRAME_HEAD + size
        if end > len(data):
            return -1
        self._message(data[start + FRAME_HEAD : end], data[start + 3] >> 2 & 7)
        return end

    def _plain(self, data: bytes, start: int, frame: int) -> int:
        """The end of a line, or of as much of it as an event takes; -1 if it is not whole. `frame`: where the next frame begins."""
        end = data.find(b"\n", start, frame if frame >= 0 else len(data))
        if 0 <= end <= start + MAX_EVENT:
            self._line(data[start : end + 1])
            return end + 1
        stop = min(x for x in (frame, len(data)) if x >= 0)
        if stop - start > MAX_EVENT:
            stop = character(data, start, start + MAX_EVENT)
        elif frame < 0:
            return -1
        self._line(data[start:stop])
        return stop

    def _line(self, line: bytes) -> None:
        level = 0
        if self._least and line.startswith(b"{"):
            try:
                level = LEVELS.get(msgspec.json.decode(line, type=Level).level.upper(), 0)
            except (msgspec.DecodeError, msgspec.ValidationError):
                level = 0
        self._message(line, level)

    def _message(self, message: bytes, level: int) -> None:
        if self._least <= (level or LEVELS["INFO"]):
            self._event(message.decode("utf-8", "replace"), len(message))

    def _event(self, message: str, size: int) -> None:
        """A tail that is full is cut only when it has doubled."""
        if self._bytes < MAX_HELD:  # lines of the platform's own, that nobody takes for long
            self._events.append((int(self._now() * 1000), message))
            self._bytes += size + 26
        self._tail += message.encode() + (b"" if message.endswith("\n") else b"\n")
        if len(self._tail) > 2 * TAIL:
            self._tail = self._tail[-TAIL:]


def character(data: bytes, start: int, stop: int) -> int:
    """`stop`, or the start of the character of UTF-8 that it would cut."""
    for back in range(min(3, stop - start - 1)):
        if data[stop - back] & 0xC0 != 0x80:
            return stop - back
    return stop
