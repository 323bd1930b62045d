"""What a target is sent of an event: all of it, a part, a constant, or a template that is filled.

Source: EventBridge User Guide, "Amazon EventBridge input transformation"; API Reference, Target, InputTransformer.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.events.matching import event_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PREDEFINED: Final = {
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
}
MISSING: Final = object()
LARGEST: Final = 1 << 20  # bytes of what a target is sent
_STEP: Final = re.compile(r"""\.(?:(\*)|([^.\[\]'"*$<>\s]+))|\[(?:(\*)|([0-9]{1,9})|'([^']+)'|"([^"]+)")\]""")
_MARK: Final = re.compile(r'\\.|(")|<([A-Za-z0-9_.\-]{1,256})>', re.DOTALL)
_KEY: Final = re.compile(r"\s*:")
_scan: Final = json.JSONDecoder().raw_decode

Step = str | int | None  # a field, an index, or all that there is


class TransformError(Exception):
    """A path or a template is none, or cannot be filled."""


class Hole(msgspec.Struct, frozen=True):
    """Where a template is filled: with a variable's JSON, or in a string with its text."""

    name: str
    quoted: bool


class Template(msgspec.Struct, frozen=True):
    """A template, taken apart. One that is no JSON makes a string."""

    parts: tuple[str | Hole, ...]
    plain: bool

    @property
    def names(self) -> list[str]:
        """The variables that it names."""
        return [part.name for part in self.parts if isinstance(part, Hole)]


@lru_cache(maxsize=4096)
def path(text: str) -> tuple[Step, ...]:
    """The steps of a JSON path: `$.detail.items[0].name`, with `*` for all. TransformError unless it is one."""
    if not text.startswith("$"):
        raise TransformError("a path begins with $")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise TransformError(f"not a path from character {at} on")
        every, name, all_items, index, single, double = found.groups()
        steps.append(None if every or all_items else int(index) if index else name or single or double)
        at = found.end()
    return tuple(steps)


def follow(value: Any, steps: tuple[Step, ...]) -> Any:
    """What a path leads to; a list of all, for one with `*`; MISSING if nothing is there."""
    found, many = [value], False
    for step in steps:
        many = many or step is None
        found = [each for one in found for each in _below(one, step)]
    if many:
        return found or MISSING
    return found[0] if found else MISSING


def _below(value: Any, step: Step) -> list[Any]:
    if isinstance(value, dict):
        if step is None:
            return list(value.values())
        return [value[step]] if isinstance(step, str) and step in value else []
    if isinstance(value, list):
        if step is None:
            return value
        return [value[step]] if isinstance(step, int) and step < len(value) else []
    return []


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """A template, taken apart. TransformError for one that begins as JSON and is none."""
    parts: list[str | Hole] = []
    at, inside = 0, False
    for mark in _MARK.finditer(text):
        if mark[1]:
            inside = not inside
        elif mark[2]:
            if not inside and _KEY.match(text, mark.end()):
                raise TransformError(f"the placeholder {mark[2]} is used as a key")
            parts += [text[at : mark.start()], Hole(mark[2], inside)]
            at = mark.end()
    parts.append(text[at:])
    if _is_json("".join(part if isinstance(part, str) else "x" if part.quoted else '"x"' for part in parts)):
        return Template(tuple(parts), plain=False)
    if text.lstrip().startswith(("{", "[")):
        raise TransformError("it is not valid JSON")
    return Template(tuple(parts), plain=True)


def _is_json(text: str) -> bool:
    """Whether a text is JSON, or several lines of it."""
    at, text = 0, text.strip()
    try:
        while at < len(text):
            _, at = _scan(text, at)
            begun = at
            while text[at : at + 1].isspace():
                at += 1
            if at < len(text) and "\n" not in text[begun:at]:
                return False
    except (ValueError, RecursionError):
        return False
    return bool(text)


def is_json(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        event_of(text)
    except (ValueError, RecursionError):
        return False
    return True


def parsed(event: bytes) -> Any:
    """An event of which parts are taken: its numbers stay as they were written."""
    return json.loads(event, parse_int=_raw, parse_float=_raw)


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def taken(event: bytes, text: str) -> bytes:
    """The part of an event that a path leads to; null if there is none."""
    found = follow(parsed(event), path(text))
    return b"null" if found is MISSING else encoded(found)


def filled(text: str, paths: Mapping[str, str], event: bytes, known: Mapping[str, Any]) -> bytes:
    """A template, filled with what paths lead to in an event; `known` are the predefined variables."""
    given, made = parsed(event), template(text)
    values = {name: follow(given, path(where)) for name, where in paths.items()}
    values |= {"aws.events.event": {name: one for name, one in given.items() if name != "detail"}}
    values |= {"aws.events.event.json": given, **known}
    found = bytearray()
    for part in made.parts:
        if isinstance(part, str):
            found += part.encode()
        else:
            found += _value(values.get(part.name, MISSING), part.quoted or made.plain, made)
        if len(found) > LARGEST:
            raise TransformError(f"it would have more than {LARGEST} bytes")
    return encoded(found.decode()) if made.plain else bytes(found)


def _value(value: Any, as_text: bool, made: Template) -> bytes:
    """A variable as it stands in a template. One that is not there is empty."""
    if value is MISSING:
        return b"" if as_text else b'""'
    if not as_text:
        return encoded(value)
    text = value if isinstance(value, str) else encoded(value).decode()
    return text.encode() if made.plain else encoded(text)[1:-1]


def encoded(value: Any) -> bytes:
    """A value as JSON. TransformError for one that has no text: half of a surrogate pair, or nested too deeply."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError) as error:
        raise TransformError(str(error)) from None
