"""Scalars on their way out: each function takes a handler's value, refuses what is not of the type, and gives its text."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.wire.model import Shape

INTEGERS = frozenset({"integer", "long", "short", "byte", "bigInteger"})
FLOATS = frozenset({"float", "double", "bigDecimal"})
STRINGS = frozenset({"string", "character"})


def utc(value: datetime) -> datetime:
    """The same moment in UTC; a time without a zone is refused."""
    zone = value.tzinfo
    if zone is None:
        raise ValueError(f"a time without a time zone: {value!r}")
    return value if zone is UTC else value.astimezone(UTC)


# datetime.isoformat takes three times as long for an aware time as looking the parts up here, in one function.
_TWO = tuple(f"{number:02d}" for number in range(60))
_MILLISECONDS = tuple(f".{number:03d}Z" for number in range(1000))


@lru_cache(maxsize=4096)  # a page of a listing has few different times
def iso8601_milliseconds(value: datetime) -> str:
    """`2009-10-12T17:50:30.000Z`, as S3 and EC2 write times in XML."""
    time = value if value.tzinfo is UTC else utc(value)
    return (
        f"{time.year:04d}-{_TWO[time.month]}-{_TWO[time.day]}T{_TWO[time.hour]}:{_TWO[time.minute]}:{_TWO[time.second]}"
        f"{_MILLISECONDS[time.microsecond // 1000]}"
    )


def iso8601(value: datetime) -> str:
    """`2009-10-12T17:50:30Z`, with milliseconds only where there are some, as the query services write times."""
    text = iso8601_milliseconds(value)
    return text if value.microsecond >= 1000 else f"{text[:-5]}Z"


@lru_cache(maxsize=4096)
def rfc7231(value: datetime) -> str:
    """`Mon, 12 Oct 2009 17:50:30 GMT`, as HTTP headers write times."""
    time = utc(value)
    return (
        f"{_DAYS[time.weekday()]}, {_TWO[time.day]} {_MONTHS[time.month - 1]} {time.year:04d} "
        f"{_TWO[time.hour]}:{_TWO[time.minute]}:{_TWO[time.second]} GMT"
    )


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def epoch(value: datetime) -> int | float:
    """Seconds since 1970: whole where the time is whole, else with milliseconds."""
    seconds = utc(value).replace(microsecond=0)
    whole = (seconds - _EPOCH) // _SECOND
    milliseconds = value.microsecond // 1000
    return whole + milliseconds / 1000 if milliseconds else whole


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) - _EPOCH


def epoch_text(value: datetime) -> str:
    """`epoch` as text; never with an exponent."""
    return str(epoch(value))


def integer(value: int) -> str:
    """A whole number; neither a bool nor a float is one."""
    return str(value) if type(value) is int else _refuse(value)


def floating(value: float) -> str:
    """The shortest text that reads back the same, and Smithy's names for what is not a number."""
    number = real(value)
    return repr(number) if number - number == 0 else non_finite(number)


def real(value: float) -> float:
    """A float from an int or a float; nothing else is a number here."""
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f"not a number: {value!r}")


def non_finite(number: float) -> str:
    """Smithy's names for not-a-number and the infinities."""
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def boolean(value: bool) -> str:
    """`true` or `false`; nothing but a bool is one."""
    return "true" if value is True else "false" if value is False else _refuse(value)


def string(value: str) -> str:
    """A string; nothing but a str is one."""
    return value if isinstance(value, str) else _refuse(value)


def base64(value: bytes) -> str:
    """Base64 of the bytes."""
    return b64encode(value).decode()


def _refuse(value: Any) -> Any:
    raise TypeError(f"a value of the wrong type: {value!r}")


TIMESTAMPS: dict[str, Callable[[datetime], str]] = {
    "iso8601": iso8601,
    "iso8601-milliseconds": iso8601_milliseconds,
    "rfc822": rfc7231,
    "unixTimestamp": epoch_text,
}


def text_function(shape: Shape, timestamp_format: str) -> Callable[[Any], str]:
    """The function that gives a scalar's text; times in the shape's own format, or in `timestamp_format`."""
    kind = shape.type
    if kind in STRINGS:
        return string
    if kind in INTEGERS:
        return integer
    if kind == "boolean":
        return boolean
    if kind == "timestamp":
        return TIMESTAMPS[shape.traits.get("timestampFormat", timestamp_format)]
    if kind in FLOATS:
        return floating
    if kind == "blob":
        return base64
    raise ValueError(f"{shape.name} ({kind}) is not a scalar")
