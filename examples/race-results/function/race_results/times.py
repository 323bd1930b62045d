"""Times of day as timing systems write them, with or without a date, and what lies between two of them. All in milliseconds."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

DAY = 86_400_000
_TIME = re.compile(
    r"(?:(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)[T ]\s*|(?P<d2>\d\d?)[./](?P<m2>\d\d?)[./](?P<y2>\d{4})[T ]\s*)?"
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)


class Moment(NamedTuple):
    """A time of day, in milliseconds since midnight; the day's number, if it was told; minutes east of UTC, if they were told."""

    of_day: int
    day: int | None = None
    zone: int | None = None


def parse(text: str) -> Moment:
    """`10:00:01.250`, `2026-06-14T10:00:01,25+02:00`, `14.06.2026 10:00`. ValueError for anything else. 14/06 is the 14th of June."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a time: {text[:40]!r}")
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"not a time: {text[:40]!r}")
    part = int((found["part"] or "0").ljust(3, "0")[:3])
    year, month, day = (found[name] or found[f"{name}2"] for name in ("y", "m", "d"))
    number = date(int(year), int(month), int(day)).toordinal() if year else None
    return Moment(((hour * 60 + minute) * 60 + second) * 1000 + part, number, _zone(found["zone"]))


def _zone(text: str | None) -> int | None:
    if text is None or text == "Z":
        return None if text is None else 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return -minutes if text[0] == "-" else minutes


def between(start: Moment, end: Moment) -> int:
    """From `start` to `end`. If either has no date: by the clock, from 12 hours before to 12 hours after, across midnight too."""
    apart = end.of_day - start.of_day
    if start.zone is not None and end.zone is not None:
        apart -= (end.zone - start.zone) * 60_000
    if start.day is not None and end.day is not None:
        return apart + (end.day - start.day) * DAY
    return (apart + DAY // 2) % DAY - DAY // 2


def shown(milliseconds: int) -> str:
    """A running time: `17:05`, `1:02:03`. Rounded up to the second, as World Athletics' rules have it for road races."""
    seconds = -(-milliseconds // 1000)
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
