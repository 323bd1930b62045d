"""The log of events on disk: lines of JSON in segments, appended by each process to its own, bounded, read newest first.

A directory holds segments `<microseconds>-<pid>.ndjson`, named after the time of their first event. A line ends with the time that
its request was answered, in microseconds since the epoch and 16 digits (`TAIL`); within a segment these rise, so that a time is
found in it by bisection. A line that a crash or a full disk tore has no such end: readers skip it.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import threading
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["management", "data", "access"]
KINDS: tuple[Kind, ...] = ("management", "data")
LOGS: tuple[Kind, ...] = (*KINDS, "access")  # what services are to deliver of requests, besides the events
SUFFIX = ".ndjson"
LAST_TIME = 9_999_999_999_999_999  # microseconds: the year 2286
MOST_SEGMENTS = 1024
MOST_LINE = 65_536  # bytes
MOST_BATCH = 2 * MOST_LINE  # bytes that writers append at once, or a little more: one line
SMALLEST_SEGMENT = MOST_BATCH + MOST_LINE
_MARK = b'"answered":'
TAIL = len(_MARK) + 16 + len(b"}}")  # a line ends with this many bytes: its time
_CHUNK = 2 * MOST_LINE


def segment_size(limit: int, writers: int) -> int:
    """How large a segment of a log of `limit` bytes gets: small enough that what each writer has open is a small part of the log."""
    return max(limit // (64 + 8 * writers), SMALLEST_SEGMENT)


class EventLog:
    """One directory's log, as one process appends to it. `sync` is for another thread, one at a time; the rest for one thread."""

    def __init__(self, directory: Path, limit: int, writers: int = 1) -> None:
        self._directory = directory
        self._limit = limit
        self._segment = segment_size(limit, writers)
        self._descriptor = -1
        self._size = 0
        self._torn = False
        self._retired: list[int] = []
        self._lock = threading.Lock()

    def append(self, lines: bytes, at: int) -> bool:
        """Append whole lines, the first answered at `at` (microseconds). Whether they are kept: with a full disk they are lost."""
        try:
            if self._descriptor < 0 or self._size + len(lines) > self._segment:
                self._begin(at)
            # Behind a torn line that could not be cut off, a new one begins.
            torn = self._torn
            written = os.write(self._descriptor, b"\n" + lines if torn else lines)
            self._size += written
            if written < len(lines) + torn:
                self._torn = True
                os.ftruncate(self._descriptor, self._size - written)
                self._size -= written
                self._torn = torn
                return False
        except OSError:
            return False
        self._torn = False
        return True

    def _begin(self, at: int) -> None:
        # Now, not with the next sync: a flood would be over the limit by then. It is once in megabytes, and takes 0.2 ms.
        prune(self._directory, self._limit, self._segment)
        path = self._directory / f"{at:016d}-{os.getpid()}{SUFFIX}"
        new = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self._lock:
            if self._descriptor >= 0:
                self._retired.append(self._descriptor)
            self._descriptor, self._size, self._torn = new, os.fstat(new).st_size, False

    def sync(self) -> None:
        """Make durable what was appended."""
        with self._lock:
            current, retired, self._retired = self._descriptor, self._retired, []
        for descriptor in retired:
            with contextlib.suppress(OSError):
                os.fdatasync(descriptor)
            os.close(descriptor)
        if current >= 0:
            with contextlib.suppress(OSError):
                os.fdatasync(current)

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Segment(NamedTuple):
    """A file of the log. `first` is its first event's time in microseconds."""

    first: int
    pid: int
    name: str
    size: int


def segments(directory: Path) -> list[Segment]:
    """The segments of a log, oldest first. Other files are left out."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            first, _, pid = entry.name.removesuffix(SUFFIX).partition("-")
            if not entry.name.endswith(SUFFIX) or not (first.isdigit() and pid.isdigit()):
                continue
            with contextlib.suppress(FileNotFoundError):
                found.append(Segment(int(first), int(pid), entry.name, entry.stat().st_size))
    return sorted(found)


def prune(directory: Path, limit: int, segment: int) -> int:
    """Delete the oldest segments of a log beyond `limit` bytes; how many.

    The newest one of each process that lives counts as two full ones (of `segment` bytes), itself and its successor: so the log stays
    within its limit until the next one begins.
    """
    found = segments(directory)
    live = _live(found)
    total, removed = sum(max(one.size, 2 * segment) for one in live), 0
    for kept, one in enumerate((one for one in reversed(found) if one not in live), 1):
        total += one.size
        if total > limit or kept > MOST_SEGMENTS:
            with contextlib.suppress(OSError):
                os.unlink(directory / one.name)
                removed += 1
    return removed


def expire(directory: Path, before: int) -> int:
    """Delete the segments whose last event is older than `before` (microseconds); how many."""
    found = segments(directory)
    live, removed = _live(found), 0
    for one in found:
        if one.first < before and one not in live and last_time(directory / one.name, one.size) < before:
            with contextlib.suppress(OSError):
                os.unlink(directory / one.name)
                removed += 1
    return removed


def _live(found: list[Segment]) -> set[Segment]:
    """The newest segment of each process that lives, which it may be appending to."""
    newest = {one.pid: one for one in found}
    return {one for pid, one in newest.items() if os.path.exists(f"/proc/{pid}")}


class Found(NamedTuple):
    """A line of the log and where it stands in the order of answers: `answered` in microseconds, then the segment's name."""

    answered: int
    segment: str
    line: bytes


class EventReader:
    """Reads the logs under a directory, of all processes. Keeps nothing open."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def newest(
        self, kind: Kind, *, since: int = 0, until: int = LAST_TIME, before: tuple[int, str] | None = None
    ) -> Iterator[Found]:
        """Events that were answered from `since` to `until` (microseconds), newest first; `before` continues behind an earlier one."""
        directory = self._root / kind
        if before is not None:
            until = min(until, before[0])
        waiting = []  # segments by their last event's time, the newest at the end
        for one in segments(directory):
            if one.first <= until:
                last = last_time(directory / one.name, one.size)
                if last >= since:
                    waiting.append((last, one.name, one.size))
        waiting.sort()
        for found in _merged(directory, waiting, until):
            if found.answered < since:
                return
            if before is None or (-found.answered, found.segment) > (-before[0], before[1]):
                yield found

    def since(self, kind: Kind, offsets: dict[str, int], most: int = LAST_TIME) -> list[Found]:
        """What was appended behind `offsets` (by segment, brought up to date), in the order of answers; `most` bytes of a segment."""
        directory, found = self._root / kind, []
        for one in segments(directory):
            start = offsets.get(one.name, 0)
            if one.size <= start:
                continue
            text = _read(directory / one.name, start, min(one.size - start, most))
            whole = text[: text.rfind(b"\n") + 1]
            offsets[one.name] = start + len(whole)
            lines = ((time_of(line), line) for line in whole.split(b"\n"))
            found += [Found(at, one.name, line) for at, line in lines if at is not None]
        return sorted(found)

    def forget(self, kind: Kind, offsets: dict[str, int]) -> None:
        """Delete the segments that were read to their ends and that nobody appends to; `offsets` then has only those that are left."""
        directory = self._root / kind
        found = segments(directory)
        live = _live(found)
        for one in found:
            if one not in live and offsets.get(one.name, 0) >= one.size:
                with contextlib.suppress(OSError):
                    os.unlink(directory / one.name)
        left = {one.name for one in segments(directory)}
        for name in offsets.keys() - left:
            del offsets[name]

    def ends(self, kind: Kind) -> dict[str, int]:
        """The offsets that mean `from now on` to `since`."""
        return {one.name: one.size for one in segments(self._root / kind)}


def time_of(line: bytes) -> int | None:
    """When the request of a line was answered; None for a torn line."""
    if not line.startswith(b"{") or not line.endswith(b"}}") or line[-TAIL : -TAIL + len(_MARK)] != _MARK:
        return None
    digits = line[-18:-2]
    return int(digits) if digits.isdigit() else None


def last_time(path: Path, size: int) -> int:
    """The time of a segment's last whole line; -1 if it has none (near its end)."""
    for line in _backwards(_read(path, max(0, size - _CHUNK), _CHUNK)):
        at = time_of(line)
        if at is not None:
            return at
    return -1


def _merged(directory: Path, waiting: list[tuple[int, str, int]], until: int) -> Iterator[Found]:
    """The events of several segments, newest first. A segment is read when it may have the next one."""
    heap: list[tuple[int, str, bytes, Iterator[tuple[int, bytes]]]] = []

    def push(name: str, lines: Iterator[tuple[int, bytes]]) -> None:
        found = next(lines, None)
        if found is not None:
            heapq.heappush(heap, (-found[0], name, found[1], lines))

    while waiting or heap:
        while waiting and (not heap or waiting[-1][0] >= -heap[0][0]):
            _, name, size = waiting.pop()
            push(name, _lines(directory / name, size, until))
        if heap:
            at, name, line, lines = heapq.heappop(heap)
            yield Found(-at, name, line)
            push(name, lines)


def _lines(path: Path, size: int, until: int) -> Iterator[tuple[int, bytes]]:
    """A segment's events up to a time, the last first."""
    end, rest = _end_of(path, size, until), b""
    while end > 0:
        start = max(0, end - _CHUNK)
        text = _read(path, start, end - start) + rest
        cut = text.find(b"\n") + 1 if start else 0
        rest = text[:cut]
        for line in _backwards(text[cut:]):
            at = time_of(line)
            if at is not None and at <= until:
                yield at, line
        end = start


def _end_of(path: Path, size: int, until: int) -> int:
    """Where the events up to a time end in a segment, or a little behind: the start of a line."""
    low, high = 0, size
    while until < LAST_TIME and high - low > _CHUNK:
        middle = (low + high) // 2
        text = _read(path, middle, _CHUNK)
        skipped = text.find(b"\n") + 1
        at = next((at for line in text[skipped:].split(b"\n") if (at := time_of(line)) is not None), None)
        if at is not None and at <= until:
            low = middle
        elif middle + skipped < high:
            high = middle + skipped
        else:
            break
    return high


def _backwards(text: bytes) -> Iterator[bytes]:
    """The whole lines of a text, the last first. What follows the last newline is none."""
    return reversed(text.split(b"\n")[:-1])


def _read(path: Path, start: int, size: int) -> bytes:
    """Bytes of a segment; none if it was deleted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(descriptor, size, start)
    finally:
        os.close(descriptor)
