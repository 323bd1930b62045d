"""AWS's scalars from text: timestamps in their three formats, numbers, booleans, blobs. Bad text raises ValueError.

Formats are Smithy's (https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait): `iso8601` (date-time),
`rfc822` (http-date) and `unixTimestamp` (epoch-seconds, with a fraction). Reading is as lenient as SDKs need, within bounds.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INT_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_SPECIAL_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(?:([Zz]|GMT|UTC)|([+-])(\d\d):?(\d\d)?)?",
    re.ASCII,
)
_HTTP_DATE = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?(\d{1,2})[ -]([A-Za-z]{3})[ -](\d{4}|\d\d)\s+(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s*"
    r"(?:GMT|UTC|Z|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
_ASCTIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})", re.ASCII)


def parse_integer(text: str) -> int:
    """An integer in decimal, at most 20 digits."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(text[:100])
    return int(text)


def parse_float(text: str) -> float:
    """A decimal number, or NaN, Infinity, -Infinity; nothing else that Python's float would take (`1_0`, `nan`, `٣`)."""
    if _FLOAT.fullmatch(text):
        return float(text)
    try:
        return _SPECIAL_FLOATS[text]
    except KeyError:
        raise ValueError(text[:100]) from None


def parse_boolean(text: str) -> bool:
    """`true` or `false`, in any case: SDKs for Python send `True`."""
    lower = text.lower()
    if lower == "true":
        return True
    if lower == "false":
        return False
    raise ValueError(text[:100])


def parse_blob(text: str | bytes) -> bytes:
    """Base64 with its padding; line breaks and spaces between are fine, nothing else is."""
    data = text.encode("ascii") if isinstance(text, str) else text
    try:
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except binascii.Error:
        return binascii.a2b_base64(b"".join(data.split()), strict_mode=True)


def _fraction(digits: str | None) -> int:
    return int(digits[:6].ljust(6, "0")) if digits else 0


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> timedelta:
    if not sign:
        return timedelta()
    delta = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if delta >= timedelta(days=1):
        raise ValueError("offset is out of range")
    return delta if sign == "+" else -delta


def parse_iso8601(text: str) -> datetime:
    """`2015-01-25T08:00:00Z`, with or without a fraction, an offset, a time; without a zone it is UTC."""
    if len(text) == 20 and text[19] == "Z" and text.isascii() and text[10] == "T":
        return datetime.fromisoformat(text)
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(text[:100])
    year, month, day, hour, minute, second, fraction, _, sign, off_hours, off_minutes = match.groups()
    value = datetime(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), _fraction(fraction), UTC
    )
    return _shift(value, _offset(sign, off_hours, off_minutes))


def _shift(value: datetime, offset: timedelta) -> datetime:
    try:
        return value - offset if offset else value
    except OverflowError as error:
        raise ValueError("year is out of range") from error


def parse_rfc822(text: str) -> datetime:
    """An HTTP date (RFC 9110, 5.6.7) in any of its three forms; a fraction or a numeric offset is taken too."""
    match = _HTTP_DATE.fullmatch(text)
    if match is None:
        return _parse_asctime(text)
    day, month, year, hour, minute, second, fraction, sign, off_hours, off_minutes = match.groups()
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= 70 else 2000
    value = datetime(number, _month(month), int(day), int(hour), int(minute), int(second), _fraction(fraction), UTC)
    return _shift(value, _offset(sign, off_hours, off_minutes))


def _parse_asctime(text: str) -> datetime:
    match = _ASCTIME.fullmatch(text)
    if match is None:
        raise ValueError(text[:100])
    month, day, hour, minute, second, year = match.groups()
    return datetime(int(year), _month(month), int(day), int(hour), int(minute), int(second), 0, UTC)


def _month(name: str) -> int:
    try:
        return _MONTH_NUMBERS[name.capitalize()]
    except KeyError:
        raise ValueError(name) from None


def parse_epoch(value: float) -> datetime:
    """Seconds since 1970, exact to the microsecond."""
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("timestamp is out of range") from error


def _parse_epoch_text(text: str) -> datetime:
    return parse_epoch(parse_float(text))


def parse_timestamp(text: str) -> datetime:
    """A timestamp in whichever of the three formats it is: AWS takes more than its models say."""
    if text[:1].isalpha() or "," in text[:12]:
        return parse_rfc822(text)
    if _FLOAT.fullmatch(text) and len(text) != 8:  # eight digits are a date in ISO 8601's basic form
        return _parse_epoch_text(text)
    return parse_iso8601(text)


def _parser(strict: Callable[[str], datetime]) -> Callable[[str], datetime]:
    def parse(text: str) -> datetime:
        try:
            return strict(text)
        except ValueError:
            return parse_timestamp(text.strip())

    return parse


TIMESTAMP_PARSERS: dict[str, Callable[[str], datetime]] = {
    "iso8601": _parser(parse_iso8601),
    "rfc822": _parser(parse_rfc822),
    "unixTimestamp": _parser(_parse_epoch_text),
}
"""By timestampFormat: the format that the model names first, then the others."""


def _bounded(type_name: str) -> Callable[[str], int]:
    low, high = INT_RANGES[type_name]

    def read(text: str) -> int:
        value = parse_integer(text)
        if low <= value <= high:
            return value
        raise ValueError(text[:100])

    return read


_READERS: dict[str, Callable[[str], object]] = {
    "integer": _bounded("integer"),
    "long": _bounded("long"),
    "float": parse_float,
    "double": parse_float,
    "boolean": parse_boolean,
    "blob": parse_blob,
}


def text_reader(type_name: str, timestamp_format: str) -> Callable[[str], object] | None:
    """What reads a scalar of a model's type from text (ValueError if it is not one); None for strings, which are the text."""
    if type_name == "timestamp":
        return TIMESTAMP_PARSERS[timestamp_format]
    return _READERS.get(type_name)
