"""Cron expressions of six fields: minutes, hours, day of month, month, day of week, year.

Source: EventBridge User Guide, "Setting a schedule pattern for scheduled rules (legacy)", cron expressions.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from calendar import day_abbr, month_abbr, monthrange
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

YEARS: Final = (1970, 2199)
MONTHS: Final = {name.upper(): at for at, name in enumerate(month_abbr) if at}
DAYS: Final = {name.upper(): (at + 1) % 7 + 1 for at, name in enumerate(day_abbr)}  # calendar's weeks begin on Mondays
NO_NAMES: Final[Mapping[str, int]] = {}
MINUTE: Final = 60
_ITEM: Final = re.compile(r"(?:(\*)|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:/([0-9]{1,4}))?", re.ASCII)
_NEAREST: Final = re.compile(r"([0-9]{1,2})W", re.ASCII)
_LAST: Final = re.compile(r"([0-9A-Z]+?)L", re.ASCII)
_NTH: Final = re.compile(r"([0-9A-Z]+)#([1-5])", re.ASCII)


class CronError(Exception):
    """An expression is none."""


class Days(msgspec.Struct, frozen=True):
    """Days of a month. `dates` are numbers of days, `nearest` those whose nearest working day is meant (0: the last of the month);
    `last` the month's last day. `weekdays` are days of the week (1 is Sunday), `finals` those that are meant for the last time in a
    month; `nth` is a day of the week and for which time in the month.
    """

    dates: frozenset[int] = frozenset()
    nearest: frozenset[int] = frozenset()
    last: bool = False
    weekdays: frozenset[int] = frozenset()
    finals: frozenset[int] = frozenset()
    nth: tuple[int, int] | None = None

    def of(self, year: int, month: int) -> list[int]:
        """The days of a month that are meant, in order."""
        first, length = monthrange(year, month)  # the first day's weekday, Monday is 0
        sunday = (first + 1) % 7  # the same, Sunday is 0
        found = {day for day in self.dates if day <= length}
        if self.last:
            found.add(length)
        found |= {_nearest(day or length, length, sunday) for day in self.nearest if day <= length}
        for day in range(1, length + 1):
            weekday = (sunday + day - 1) % 7 + 1
            if weekday in self.weekdays or (weekday in self.finals and day + 7 > length):
                found.add(day)
            if self.nth == (weekday, (day - 1) // 7 + 1):
                found.add(day)
        return sorted(found)


def _nearest(day: int, length: int, sunday: int) -> int:
    """The working day of the month that is nearest to a day."""
    weekday = (sunday + day - 1) % 7  # Sunday is 0
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


class Cron(msgspec.Struct, frozen=True):
    """An expression: `minutes` are minutes of a day, in order."""

    minutes: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def after(self, moment: int) -> int | None:
        """The first time after a moment (seconds since the epoch); None if there is none."""
        at = datetime.fromtimestamp((moment // MINUTE + 1) * MINUTE, UTC)
        for day in self._dates(at.date(), forward=True):
            first = bisect_left(self.minutes, at.hour * 60 + at.minute) if day == at.date() else 0
            if first < len(self.minutes):
                return _seconds(day, self.minutes[first])
        return None

    def until(self, moment: int) -> int | None:
        """The last time that is not after a moment; None if there was none."""
        at = datetime.fromtimestamp(moment, UTC)
        for day in self._dates(at.date(), forward=False):
            end = bisect_right(self.minutes, at.hour * 60 + at.minute) if day == at.date() else len(self.minutes)
            if end > 0:
                return _seconds(day, self.minutes[end - 1])
        return None

    def _dates(self, start: date, *, forward: bool) -> Iterator[date]:
        """The dates that are meant, from one on, forward or back."""
        sign = 1 if forward else -1
        month0 = sign * (start.year * 12 + start.month)
        for year in self.years[::sign]:
            if sign * year < sign * start.year:
                continue
            for month in self.months[::sign]:
                if sign * (year * 12 + month) < month0:
                    continue
                for day in self.days.of(year, month)[::sign]:
                    found = date(year, month, day)
                    if found >= start if forward else found <= start:
                        yield found


def _seconds(day: date, minute: int) -> int:
    """A minute of a day, in seconds since the epoch."""
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * 86400 + minute * MINUTE


def cron(fields: str) -> Cron:
    """The expression of six fields that white space separates. CronError unless it is one."""
    given = fields.upper().split()
    if len(given) != 6:
        raise CronError("six fields are needed")
    minutes, hours = _values(given[0], (0, 59)), _values(given[1], (0, 23))
    return Cron(
        minutes=tuple(hour * 60 + minute for hour in hours for minute in minutes),
        days=_days(given[2], given[4]),
        months=_values(given[3], (1, 12), MONTHS),
        years=_values(given[5], YEARS),
    )


def _days(dates: str, weekdays: str) -> Days:
    """What the two fields of days say: exactly one of them is `?`."""
    if (dates == "?") == (weekdays == "?"):
        raise CronError("one of the two fields of days is ?")
    return _of_dates(dates.split(",")) if weekdays == "?" else _of_weekdays(weekdays.split(","))


def _of_dates(items: Sequence[str]) -> Days:
    nearest = {item for item in items if _NEAREST.fullmatch(item) or item == "LW"}
    plain = [item for item in items if item not in nearest and item != "L"]
    working = {0 if item == "LW" else _number(item[:-1], (1, 31), NO_NAMES) for item in nearest}
    return Days(
        dates=frozenset(_values(",".join(plain), (1, 31)) if plain else ()),
        nearest=frozenset(working),
        last="L" in items,
    )


def _of_weekdays(items: Sequence[str]) -> Days:
    if any("#" in item for item in items):
        found = _NTH.fullmatch(items[0]) if len(items) == 1 else None
        if found is None:
            raise CronError("# stands alone")
        return Days(nth=(_number(found[1], (1, 7), DAYS), int(found[2])))
    finals = {item: found[1] for item in items if (found := _LAST.fullmatch(item))}
    plain = ["7" if item == "L" else item for item in items if item not in finals]
    return Days(
        weekdays=frozenset(_values(",".join(plain), (1, 7), DAYS) if plain else ()),
        finals=frozenset(_number(day, (1, 7), DAYS) for day in finals.values()),
    )


def _values(field: str, bounds: tuple[int, int], names: Mapping[str, int] = NO_NAMES) -> tuple[int, ...]:
    """The values that a field means, in order."""
    return tuple(sorted({value for item in field.split(",") for value in _item(item, bounds, names)}))


def _item(item: str, bounds: tuple[int, int], names: Mapping[str, int]) -> range | list[int]:
    """The values of one entry of a list: `*`, `5`, `5-10`, each with `/2` behind it. A range may pass over the end: `FRI-MON`."""
    found = _ITEM.fullmatch(item)
    if found is None:
        raise CronError(f"{item} is no value")
    everything, first, last, step = found.groups()
    low, high = bounds
    start = low if everything else _number(first, bounds, names)
    end = high if everything or (step and not last) else start if last is None else _number(last, bounds, names)
    by = int(step or 1)
    if by < 1:
        raise CronError("a step is at least one")
    if start <= end:
        return range(start, end + 1, by)
    size = high - low + 1
    return [low + (value - low) % size for value in range(start, end + size + 1, by)]


def _number(text: str, bounds: tuple[int, int], names: Mapping[str, int]) -> int:
    """A value, by number or name."""
    value = names.get(text, -1)
    if text.isascii() and text.isdecimal() and len(text) <= 4:
        value = int(text)
    if not bounds[0] <= value <= bounds[1]:
        raise CronError(f"{text} is out of bounds")
    return value
