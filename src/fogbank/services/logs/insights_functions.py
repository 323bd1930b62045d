"""The functions of Insights queries, by name in lower case. A value that is missing or of another kind makes the result missing.

Source: CloudWatch Logs User Guide, "Boolean, comparison, numeric, datetime, and other functions".
"""

from __future__ import annotations

import ipaddress
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs.insights_values import LONGEST, Length, Stamp, bounded, number, text, truth

if TYPE_CHECKING:
    from collections.abc import Callable

MANY: Final = 1000  # arguments


class Function(msgspec.Struct, frozen=True):
    """What computes a value, and how many arguments it takes."""

    run: Callable[..., Any]
    least: int = 1
    most: int = 1


def numeric(run: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers, none of them missing."""

    def checked(*values: Any) -> Any:
        numbers = [number(value) for value in values]
        if None in numbers:
            return None
        try:
            return bounded(run(*numbers))
        except (ArithmeticError, ValueError):
            return None

    return checked


def textual(run: Callable[..., Any]) -> Callable[..., Any]:
    """A function of texts, none of them missing."""

    def checked(*values: Any) -> Any:
        return None if None in values else run(*(text(value) for value in values))

    return checked


def power(base: float, exponent: float) -> float | int:
    """A power, in floating point; a whole one as such, where it is exact."""
    found = math.pow(base, exponent)
    return int(found) if found.is_integer() and abs(found) < 1 << 53 else found


def divide(left: float, right: float) -> float | int:
    """A quotient; a whole one as such."""
    found = left / right
    return int(found) if found.is_integer() and abs(found) < 1 << 53 else found


def substr(value: Any, start: Any, count: Any = None) -> str | None:
    """A part of a text."""
    begin, length = number(start), number(count)
    if value is None or begin is None:
        return None
    begin = max(int(begin), 0)
    return text(value)[begin:] if length is None else text(value)[begin : begin + max(int(length), 0)]


def replace(value: str, old: str, new: str) -> str | None:
    """A text with each of one text replaced by another; missing where that gets too long."""
    if not old or len(value) + value.count(old) * (len(new) - len(old)) > LONGEST:
        return value if not old else None
    return value.replace(old, new)


def concat(*values: Any) -> str | None:
    """Texts, one after the other; missing ones are empty."""
    found = "".join(text(value) for value in values)
    return found if len(found) <= LONGEST else None


def coalesce(*values: Any) -> Any:
    """The first that is not missing."""
    return next((value for value in values if value is not None), None)


def trimmed(how: Callable[..., str]) -> Callable[..., Any]:
    """A text without white space, or certain characters, at its ends."""
    return textual(lambda value, *characters: how(value, *characters))


def from_millis(value: Any) -> Stamp | None:
    """Milliseconds as a time."""
    found = number(value)
    return None if found is None else Stamp(found)


def to_millis(value: Any) -> int | None:
    """A time as milliseconds."""
    found = number(value)
    return None if found is None else int(found)


def date_floor(value: Any, period: Any) -> Stamp | None:
    """A time, rounded down."""
    found = number(value)
    return period.floor(int(found)) if found is not None and isinstance(period, Length) else None


def date_ceil(value: Any, period: Any) -> Stamp | None:
    """A time, rounded up."""
    found = number(value)
    return period.ceil(int(found)) if found is not None and isinstance(period, Length) else None


def address(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A text as an address; None if it is none."""
    try:
        return ipaddress.ip_address(text(value)) if value is not None and len(text(value)) < 64 else None
    except ValueError:
        return None


@lru_cache(maxsize=256)
def subnet(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A text as a range of addresses; None if it is none."""
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None


def is_ip(*versions: int) -> Callable[[Any], bool]:
    """Whether a text is an address of one of these versions."""

    def test(value: Any) -> bool:
        found = address(value)
        return found is not None and found.version in versions

    return test


def in_subnet(*versions: int) -> Callable[[Any, Any], bool]:
    """Whether an address of one of these versions is in a range."""

    def test(value: Any, within: Any) -> bool:
        found, network = address(value), subnet(text(within))
        return found is not None and network is not None and found.version in versions and found in network

    return test


def json_parse(value: Any) -> Any:
    """The structure that a text is in JSON; missing if it is not."""
    try:
        return msgspec.json.decode(text(value)) if value is not None else None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


FUNCTIONS: Final[dict[str, Function]] = {
    "abs": Function(numeric(abs)),
    "ceil": Function(numeric(math.ceil)),
    "floor": Function(numeric(math.floor)),
    "greatest": Function(numeric(lambda *values: max(values)), 1, MANY),
    "least": Function(numeric(lambda *values: min(values)), 1, MANY),
    "log": Function(numeric(math.log)),
    "sqrt": Function(numeric(math.sqrt)),
    "strlen": Function(textual(len)),
    "toupper": Function(textual(str.upper)),
    "tolower": Function(textual(str.lower)),
    "trim": Function(trimmed(str.strip), 1, 2),
    "ltrim": Function(trimmed(str.lstrip), 1, 2),
    "rtrim": Function(trimmed(str.rstrip), 1, 2),
    "substr": Function(substr, 2, 3),
    "replace": Function(textual(replace), 3, 3),
    "strcontains": Function(textual(lambda value, part: int(part in value)), 2, 2),
    "concat": Function(concat, 1, MANY),
    "isempty": Function(lambda value: text(value) == ""),
    "isblank": Function(lambda value: not text(value).strip()),
    "ispresent": Function(lambda value: value is not None),
    "coalesce": Function(coalesce, 1, MANY),
    "if": Function(lambda condition, yes, no=None: yes if truth(condition) else no, 2, 3),
    "unmask": Function(lambda value: value),
    "bin": Function(date_floor, 1, 2),
    "datefloor": Function(date_floor, 2, 2),
    "dateceil": Function(date_ceil, 2, 2),
    "frommillis": Function(from_millis),
    "tomillis": Function(to_millis),
    "now": Function(to_millis, 0, 0),
    "isvalidip": Function(is_ip(4, 6)),
    "isvalidipv4": Function(is_ip(4)),
    "isvalidipv6": Function(is_ip(6)),
    "isipinsubnet": Function(in_subnet(4, 6), 2, 2),
    "isipv4insubnet": Function(in_subnet(4), 2, 2),
    "isipv6insubnet": Function(in_subnet(6), 2, 2),
    "jsonparse": Function(json_parse),
    "jsonstringify": Function(lambda value: None if value is None else msgspec.json.encode(value).decode()),
}

OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    "+": numeric(lambda left, right: left + right),
    "-": numeric(lambda left, right: left - right),
    "*": numeric(lambda left, right: left * right),
    "/": numeric(divide),
    "%": numeric(math.fmod),
    "^": numeric(power),
    "negative": numeric(lambda value: -value),
}
