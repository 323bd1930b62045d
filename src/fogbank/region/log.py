"""The log: one line per event, JSON or text, from every process of a region into one file of bounded size.

Each line is one `write` to a descriptor opened with O_APPEND, so that lines of several processes never mix. Only the supervisor
rotates; the others notice within a second that the file's name means another file, and open that.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

KEPT = 4  # older files beside the current one
_CHECK_SECONDS = 1.0
_MAX_LINE = 16_384  # bytes: one event must not fill the file
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_NAMES = {number: name for name, number in _LEVELS.items()}
_SECRET_NAME = re.compile(
    r"secret|password|passwd|authorization|session.?token|security.?token|private.?key|signature|credential",
    re.IGNORECASE,
)
# What carries a secret inside a text: query arguments of presigned URLs, header values, AWS's own JSON members. A presigned URL
# is a bearer token while it lives, so its signature is one too.
_SECRET_TEXT = re.compile(
    r"(authorization[\"']?\s*[:=]\s*)[^\n]+"
    r"|((?:signature|security[-_ ]?token|session[-_ ]?token|secret[-_ ]?access[-_ ]?key|password)[\"']?\s*[:=]\s*)"
    r"(?:\"[^\"]*\"?|'[^']*'?|[^\s&\"',;}]+)",
    re.IGNORECASE,
)
_SECRET_WORDS = ("authorization", "signature", "token", "secret", "password")
_HIDDEN = "***"
_encode = msgspec.json.Encoder(enc_hook=str).encode


def hide_secrets(text: str) -> str:
    """`text` without the values that sign requests or open accounts."""
    lower = text.lower()  # most texts have none of these words, and the pattern is ten times slower
    if any(word in lower for word in _SECRET_WORDS):
        return _SECRET_TEXT.sub(lambda found: (found[1] or found[2]) + _HIDDEN, text)
    return text


@lru_cache(maxsize=1024)
def _is_secret(field: str) -> bool:
    return bool(_SECRET_NAME.search(field))


class Sink(Protocol):
    """Where lines go."""

    def write(self, line: bytes) -> None:
        """Write one line, with its newline; never raise."""


class LogFile:
    """The log file as one process writes it. `follow` descriptors (stdout, stderr) are kept on the same file."""

    def __init__(
        self, path: Path, *, follow: tuple[int, ...] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._follow = follow
        self._clock = clock
        self._descriptor = self._open()
        self._checked = clock()

    def _open(self) -> int:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for other in self._follow:
            os.dup2(descriptor, other)
        return descriptor

    def write(self, line: bytes) -> None:
        """Append one line. A full disk loses the line, not the process."""
        now = self._clock()
        if now - self._checked >= _CHECK_SECONDS:
            self._checked = now
            self._reopen_if_moved()
        with contextlib.suppress(OSError):
            os.write(self._descriptor, line)

    def _reopen_if_moved(self) -> None:
        with contextlib.suppress(OSError):
            ours = os.fstat(self._descriptor)
            try:
                theirs = os.stat(self._path)
                moved = (ours.st_ino, ours.st_dev) != (theirs.st_ino, theirs.st_dev)
            except FileNotFoundError:
                moved = True
            if moved:
                old, self._descriptor = self._descriptor, self._open()
                os.close(old)


class Stream:
    """A terminal or a pipe."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor

    def write(self, line: bytes) -> None:
        """Write one line, if anybody still reads."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, line)


def rotate(path: Path, limit: int) -> bool:
    """Put the log file aside if it has grown over `limit` bytes; for the supervisor alone. Whether it did."""
    try:
        if path.stat().st_size < limit:
            return False
        for number in range(KEPT - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}.{number}", f"{path}.{number + 1}")
        os.replace(path, f"{path}.1")
    except OSError:
        return False
    return True


class Log:
    """Where one process writes its events. Messages are constant texts; what varies goes into the fields."""

    def __init__(
        self, sink: Sink, process: str, *, level: str = "info", text: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._sink = sink
        self._process = process
        self._least = _LEVELS[level]
        self._text = text
        self._now = now

    def enabled(self, level: str) -> bool:
        """Whether events of this level are written."""
        return _LEVELS[level] >= self._least

    def debug(self, message: str, **fields: Any) -> None:
        """What only a developer wants to know."""
        self.write("debug", message, fields)

    def info(self, message: str, **fields: Any) -> None:
        """What happened, as intended."""
        self.write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """What the operator may want to change."""
        self.write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """What went wrong; inside an `except` block, `exception=error` adds the traceback."""
        self.write("error", message, fields)

    def write(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        """One event with any fields. Fields whose names speak of secrets are hidden, and secrets within texts too."""
        if _LEVELS[level] < self._least:
            return
        shown = {name: self._field(name, value) for name, value in fields.items()}
        if self._text:
            line = self._as_text(level, hide_secrets(message), shown)
        else:
            line = _encode(
                {"time": self._timestamp(), "level": level, "process": self._process, "message": hide_secrets(message)}
                | shown
            )
        if len(line) > _MAX_LINE:
            line = self._shortened(level, message, len(line))
        self._sink.write(line + b"\n")

    @staticmethod
    def _field(name: str, value: Any) -> Any:
        if _is_secret(name):
            return _HIDDEN
        if isinstance(value, BaseException):
            return hide_secrets("".join(traceback.format_exception(value)).strip()[-_MAX_LINE // 2 :])
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return hide_secrets(value if isinstance(value, str) else str(value))

    def _timestamp(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="microseconds")[:-6] + "Z"

    def _as_text(self, level: str, message: str, fields: Mapping[str, Any]) -> bytes:
        time_of_day = datetime.fromtimestamp(self._now()).strftime("%H:%M:%S")
        parts = [f"{name}={value}" for name, value in fields.items()]
        line = f"{time_of_day} {level:<7} {self._process:<10} {message} {' '.join(parts)}".rstrip()
        # What a client sent must not move the reader's cursor or forge a line.
        printable = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in line)
        return printable.replace("\n", "\n    ").encode("utf-8", "backslashreplace")

    def _shortened(self, level: str, message: str, size: int) -> bytes:
        fields = {"cut": f"{size} bytes"}
        if self._text:
            return self._as_text(level, hide_secrets(message)[:1000], fields)
        return _encode(
            {
                "time": self._timestamp(),
                "level": level,
                "process": self._process,
                "message": hide_secrets(message)[:1000],
            }
            | fields
        )


class _Bridge(logging.Handler):
    """What libraries log through the standard library, written as events."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, Any] = {"logger": record.name} | getattr(record, "fields", {})
            if record.exc_info and record.exc_info[1]:
                fields["exception"] = record.exc_info[1]
            self._log.write(_NAMES.get(record.levelno // 10 * 10, "debug"), record.getMessage(), fields)
        except Exception:
            self.handleError(record)


def adopt_logging(log: Log) -> None:
    """Write what the standard library's `logging` gets (in all of this process) to `log`; `extra={"fields": …}` are its fields."""
    root = logging.getLogger()
    root.handlers = [_Bridge(log)]
    root.setLevel(logging.DEBUG if log.enabled("debug") else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def open_log(path: Path | None, process: str, *, level: str, style: str, detached: bool = False) -> Log:
    """The log of one process: to `path`, or to the terminal (stderr) if None. `style` is the setting `log_format`."""
    if path is None:
        text = style == "text" or (style == "auto" and sys.stderr.isatty())
        return Log(Stream(), process, level=level, text=text)
    return Log(LogFile(path, follow=(1, 2) if detached else ()), process, level=level, text=style == "text")


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of the log, for an error message."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 64 * 1024))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
