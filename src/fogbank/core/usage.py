"""Metering: how much of what was used, by account, region, service and resource, each day; measured where it happens.

A service adds what it measured in its own transaction, in units that it names: Lambda `requests` and `gb_ms` (memory in GiB times
billed milliseconds). `fogbank usage` reads it a month at a time, and prices units by their names (cli/usage_prices.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from fogbank.store.api import Tx

MONTH: Final = "%Y-%m"


class Usage(Record, version=1):
    """What one resource used in a month: by the day of the month, the amount of each unit."""

    days: dict[int, dict[str, float]]


usages = Table("usage", Usage)  # month, account, region, service, resource: a month lists in one run


class Metered(msgspec.Struct, frozen=True):
    """What one resource used in a month (`2026-11`): the amount of each unit, and the same by the day of the month."""

    month: str
    account: str
    region: str
    service: str
    resource: str
    units: dict[str, float]
    days: dict[int, dict[str, float]]


def add(tx: Tx, account: str, region: str, service: str, resource: str, day: date, /, **units: float) -> None:
    """Add what a resource used on a day (a date, or a time in UTC): `requests=3, gb_ms=384.0`.

    One read and one write of a small record: who measures often adds up first. ValueError for an amount below zero, or none at all.
    """
    if wrong := [unit for unit, amount in units.items() if not 0 <= amount < math.inf]:
        raise ValueError(f"not an amount of {wrong[0]}: {units[wrong[0]]}")
    where = (day.strftime(MONTH), account, region, service, resource)
    found = usages.get(tx, *where)
    days = dict(found.days) if found else {}
    used = dict(days.get(day.day, {}))
    for unit, amount in units.items():
        used[unit] = used.get(unit, 0.0) + amount
    days[day.day] = used
    usages.put(tx, Usage(days=days), *where)


def of_month(tx: Tx, month: str, account: str = "") -> Iterator[Metered]:
    """What was used in a month, by account, region, service and resource in this order; only of `account`, if one is given."""
    for parts, found in usages.scan(tx, month, *([account] if account else [])):
        _, owner, region, service, resource = map(str, parts)
        yield Metered(month, owner, region, service, resource, total(found.days), found.days)


def months(tx: Tx) -> list[str]:
    """The months that have anything, the first one first. One look at each."""
    found: list[str] = []
    while True:
        after = found[-1] if found else None
        parts = next((parts for parts, _ in usages.scan(tx, start_after=after, limit=1)), None)
        if parts is None:
            return found
        found.append(str(parts[0]))


def total(days: dict[int, dict[str, float]]) -> dict[str, float]:
    """The amount of each unit, of all days."""
    units: dict[str, float] = {}
    for used in days.values():
        for unit, amount in used.items():
            units[unit] = units.get(unit, 0.0) + amount
    return units
