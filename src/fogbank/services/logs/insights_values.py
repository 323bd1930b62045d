"""Values in Insights queries: numbers, strings, truth, times, structures from JSON, and None for what is missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
LONGEST_NUMBER: Final = 40  # characters
DECIMALS: Final = 4  # of numbers that a query computes, in its results
LONGEST: Final = 1 << 20  # characters of a string that a query makes
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIXED: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
CAPS: Final = {"ms": 1000, "s": 60, "m": 60, "h": 24}  # AWS's: bin(300s) is bin(60s)
MONTHS: Final = {"mo": 1, "q": 3, "y": 12}
MONDAY: Final = 4 * 86_400_000  # the first, in milliseconds since the epoch


class Stamp(int):
    """A time, in milliseconds since the epoch."""

    __slots__ = ()


class Length(msgspec.Struct, frozen=True):
    """A length of time: milliseconds, or months."""

    ms: int = 0
    months: int = 0

    def floor(self, at: int) -> Stamp | None:
        """The beginning of the length that a time is in; None where there is no such date."""
        if self.months:
            return self._month(at, 0)
        return Stamp((at - self.start) // self.ms * self.ms + self.start) if self.ms else None

    @property
    def start(self) -> int:
        """Where one of them begins: weeks do on Mondays."""
        return MONDAY if self.ms and self.ms % FIXED["w"] == 0 else 0

    def ceil(self, at: int) -> Stamp | None:
        """The end of it: the next beginning, for a time that is none itself."""
        below = self.floor(at)
        if below is None or below == at:
            return below
        return self._month(at, 1) if self.months else Stamp(below + self.ms)

    def _month(self, at: int, more: int) -> Stamp | None:
        try:
            when = _EPOCH + timedelta(milliseconds=at)
            months = (when.year * 12 + when.month - 1) // self.months * self.months + more * self.months
            begin = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
        except (OverflowError, ValueError):
            return None
        return Stamp((begin - _EPOCH) // timedelta(milliseconds=1))


def length(count: int, unit: str) -> Length:
    """A length of time, as AWS takes it: not more than CAPS of a unit."""
    if unit in MONTHS:
        return Length(months=min(count, 12_000) * MONTHS[unit])
    return Length(ms=min(count, CAPS.get(unit, count)) * FIXED[unit])


def number(value: Any) -> int | float | None:
    """A value as a number; None if it is none."""
    kind = type(value)
    if kind is int or kind is float:
        found: int | float = value
        return found
    if isinstance(value, int | float):
        return value if not isinstance(value, bool) else int(value)
    if not isinstance(value, str) or len(value) > LONGEST_NUMBER:
        return None
    value = value.strip()
    written = NUMBER.fullmatch(value)
    if written is None:
        return None
    return float(value) if written[2] or "." in value else int(value)


def bounded(value: float | int) -> float | int | None:
    """A result of arithmetic: exact as long as it is small, and never without end."""
    if isinstance(value, int) and abs(value) >= 1 << 63:
        value = float(value)
    return None if isinstance(value, float) and (value != value or abs(value) == float("inf")) else value


def text(value: Any) -> str:
    """A value as results show it; empty for one that is missing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Stamp):
        return stamp_text(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, int):
        return str(value)
    return msgspec.json.encode(value).decode()


def rounded(value: Any) -> Any:
    """A value that a query computed, as its results have it: four decimals, as AWS's; four digits where that would leave none."""
    if not isinstance(value, float):
        return value
    return round(value, DECIMALS) if abs(value) >= 10**-DECIMALS else float(f"{value:.{DECIMALS}g}")


def stamp_text(value: int) -> str:
    """A time as results show it, in UTC."""
    try:
        when = _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        return str(int(value))
    return f"{when:%Y-%m-%d %H:%M:%S}.{value % 1000:03}"


def truth(value: Any) -> bool:
    """Whether a condition holds."""
    return value if isinstance(value, bool) else number(value) not in (None, 0)


def order(value: Any) -> tuple[int, float | int, str]:
    """What values are sorted by: numbers, then strings."""
    found = number(value)
    return (0, found, "") if found is not None else (1, 0, text(value))


def equal(left: Any, right: Any) -> bool:
    """Whether two values, neither of them missing, are alike: as numbers if both are, else as text."""
    if isinstance(left, bool) and isinstance(right, str):
        return right.lower() == str(left).lower() or _same_numbers(left, right)
    return text(left) == text(right) or _same_numbers(left, right)


def _same_numbers(left: Any, right: Any) -> bool:
    first = number(left)
    return first is not None and first == number(right)


def less(left: Any, right: Any) -> bool:
    """Whether a value is below another: as numbers if both are, else as text."""
    first, second = number(left), number(right)
    if first is not None and second is not None:
        return first < second
    return text(left) < text(right)
