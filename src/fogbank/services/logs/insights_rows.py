"""Rows: log events as queries see them, with the fields that are discovered in them, each when it is first asked for.

Discovered are the fields of messages that are JSON (the first fragment of it in a function's log), nested ones by dots, 200 at most;
and in functions' logs what START, END and REPORT lines say.

Source: CloudWatch Logs User Guide, "Supported logs and discovered fields".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.services.logs.reading import Event

MOST_FIELDS: Final = 200  # that are discovered in a message
MEGABYTE: Final = 1_000_000  # AWS's, in these fields
LAMBDA: Final = "/aws/lambda/"
_LINE: Final = re.compile(r"(START|END|REPORT) RequestId: (\S{1,100})", re.ASCII)
_REPORT: Final = re.compile(
    r"\t(Duration|Billed Duration|Memory Size|Max Memory Used|Init Duration): ([0-9.]{1,20}) (?:ms|MB)", re.ASCII
)
_TRACE: Final = re.compile(r"XRAY TraceId: (\S{1,100})\s+SegmentId: (\S{1,100})", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
REPORTED: Final = {
    "Duration": ("@duration", 1),
    "Billed Duration": ("@billedDuration", 1),
    "Init Duration": ("@initDuration", 1),
    "Memory Size": ("@memorySize", MEGABYTE),
    "Max Memory Used": ("@maxMemoryUsed", MEGABYTE),
}
FUNCTIONS: Final = frozenset(
    ("@requestId", "@type", "@xrayTraceId", "@xraySegmentId", *(name for name, _ in REPORTED.values()))
)
_decoder: Final = json.JSONDecoder()
_UNREAD: Final = object()


class Origin(msgspec.Struct, frozen=True):
    """Where rows are from: `log` is account:group."""

    log: str
    function: bool  # whether it is the log of a function


class Row:
    """An event, or what an aggregation came to, with the values that the query made. `at` is in milliseconds."""

    __slots__ = ("_few", "_function", "_json", "_message", "at", "event", "origin", "values")

    def __init__(self, origin: Origin | None = None, event: Event | None = None, at: int = 0) -> None:
        self.origin = origin
        self.event = event
        self.at = event.timestamp if event is not None else at
        self.values: dict[str, Any] = {}
        self._message: str | None = None
        self._json: Any = _UNREAD
        self._few = False
        self._function: dict[str, Any] | None = None

    @property
    def raw(self) -> bytes:
        """The message, as it was put."""
        return self.event.message if self.event is not None else b""

    @property
    def message(self) -> str:
        """The message."""
        if self._message is None:
            self._message = self.raw.decode(errors="replace")
        return self._message

    def document(self) -> Any:
        """The message as JSON; None if it is none."""
        if self._json is _UNREAD:
            self._json = self._read()
        return self._json

    def _read(self) -> Any:
        raw = self.raw.lstrip()
        try:
            if raw[:1] == b"{":
                return msgspec.json.decode(raw)
            at = self.message.find("{") if self.origin is not None and self.origin.function else -1
            return _decoder.raw_decode(self.message, at)[0] if at >= 0 else None
        except (ValueError, RecursionError):
            return None

    def discovered(self, name: str, key: bytes) -> Any:
        """The field of JSON that is called so; `key` is the last part of its name, which the message contains if it has it."""
        document = self._json
        if document is _UNREAD:
            raw = self.raw
            if key not in raw and b"\\" not in raw:
                return None
            document = self.document()
            self._few = raw.count(b",") < MOST_FIELDS
        if not isinstance(document, dict):
            return None
        if self._few:
            found = document[name] if name in document else walk(document, name)
        else:
            found = next((value for path, value in found_first(document) if path == name), None)
        return None if isinstance(found, dict | list) else found

    def of_function(self, name: str) -> Any:
        """What a line of a function's log says."""
        if self._function is None:
            mine = self.origin is not None and self.origin.function
            self._function = said(self.message[:2000]) if mine else {}
        return self._function.get(name)


def walk(value: Any, name: str) -> Any:
    """What a name with dots leads to in a structure; None for nothing. Names of members may have dots themselves."""
    if isinstance(value, dict) and name in value:
        return value[name]
    head, dot, rest = name.partition(".")
    while dot:
        inner = step(value, head)
        if inner is not None:
            found = walk(inner, rest)
            if found is not None:
                return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return step(value, name)


def step(value: Any, name: str) -> Any:
    """A member of an object, or an element of an array."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isdigit() and len(name) < 10 and int(name) < len(value):
        return value[int(name)]
    return None


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values in a structure that have none in them, by their names."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path, value
        return
    for name, each in inner:
        yield from leaves(each, f"{path}.{name}" if path else str(name))


def found_first(document: Any) -> Iterator[tuple[str, Any]]:
    """The fields that are discovered in JSON."""
    return (each for _, each in zip(range(MOST_FIELDS), leaves(document), strict=False))


def said(message: str) -> dict[str, Any]:
    """The fields of a line of a function's log."""
    line = _LINE.match(message)
    if line is None:
        found = _UUID.search(message, 0, 200)
        return {"@requestId": found[0]} if found else {}
    values: dict[str, Any] = {"@type": line[1], "@requestId": line[2]}
    if line[1] == "REPORT":
        for what, amount in _REPORT.findall(message):
            name, times = REPORTED[what]
            values[name] = float(amount) * times
        if trace := _TRACE.search(message):
            values |= {"@xrayTraceId": trace[1], "@xraySegmentId": trace[2]}
    return values
