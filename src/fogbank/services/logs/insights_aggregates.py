"""What `stats` computes. Each takes values one by one and keeps a bounded amount of them.

Percentiles are exact up to 10,000 values of a group, then within 0.5 per cent; count_distinct is exact up to 65,536, then within about
1 per cent.

Source: CloudWatch Logs User Guide, "stats".
"""

from __future__ import annotations

import math
from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from fogbank.services.logs.insights_values import bounded, number, order, text

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_EXACT: Final = 10_000  # values of a percentile
MOST_HASHES: Final = 65_536
REGISTERS: Final = 14  # bits: 16,384 registers of the estimate
GAMMA: Final = math.log(1.01)  # the width of a bucket of values


class Aggregate(Protocol):
    """What is computed of a group: `add` each value, with the time of its event; then `result`."""

    def add(self, value: Any, at: int) -> None:
        """One more; None where it is missing."""

    def result(self) -> Any:
        """What it comes to; None for nothing."""


class Count:
    """How many values there are."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def add(self, value: Any, _at: int) -> None:
        if value is not None:
            self.count += 1

    def result(self) -> int:
        return self.count


class Sum:
    """The sum of numbers, and their mean."""

    __slots__ = ("count", "mean", "total")

    def __init__(self, mean: bool = False) -> None:
        self.total: float | int = 0
        self.count = 0
        self.mean = mean

    def add(self, value: Any, _at: int) -> None:
        found = number(value)
        if found is not None:
            self.total += found
            self.count += 1

    def result(self) -> float | int | None:
        if not self.count:
            return None
        return bounded(self.total / self.count if self.mean else self.total)


class Deviation:
    """The standard deviation of numbers, by Welford's method."""

    __slots__ = ("count", "mean", "squares")

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = 0.0

    def add(self, value: Any, _at: int) -> None:
        found = number(value)
        if found is None:
            return
        self.count += 1
        away = found - self.mean
        self.mean += away / self.count
        self.squares += away * (found - self.mean)

    def result(self) -> float | int | None:
        return bounded(math.sqrt(self.squares / self.count)) if self.count else None


class Best:
    """The value that comes first, or last, by some key."""

    __slots__ = ("best", "key", "last", "value")

    def __init__(self, key: Callable[[Any, int], Any], last: bool) -> None:
        self.key = key
        self.last = last
        self.best: Any = None
        self.value: Any = None

    def add(self, value: Any, at: int) -> None:
        if value is None:
            return
        key = self.key(value, at)
        if self.value is None or (key > self.best if self.last else key < self.best):
            self.best, self.value = key, value

    def result(self) -> Any:
        return self.value


class Percentile:
    """The value that so many per cent of the values are not above."""

    __slots__ = ("buckets", "exact", "percent")

    def __init__(self, percent: float) -> None:
        self.percent = min(max(percent, 0.0), 100.0)
        self.exact: list[float] = []
        self.buckets: Counter[tuple[int, int]] = Counter()

    def add(self, value: Any, _at: int) -> None:
        found = number(value)
        if found is None:
            return
        if not self.buckets:
            self.exact.append(found)
            if len(self.exact) > MOST_EXACT:
                self.buckets.update(map(bucket, self.exact))
                self.exact.clear()
        else:
            self.buckets[bucket(found)] += 1

    def result(self) -> float | int | None:
        if not self.buckets:
            return sorted(self.exact)[self._rank(len(self.exact))] if self.exact else None
        rank = self._rank(self.buckets.total())
        for place in sorted(self.buckets):
            rank -= self.buckets[place]
            if rank < 0:
                return bounded(unbucket(place))
        return None

    def _rank(self, count: int) -> int:
        return max(math.ceil(self.percent / 100 * count) - 1, 0)


def bucket(value: float) -> tuple[int, int]:
    """The bucket of a number: its sign, and the number of its bucket, in the order of numbers."""
    if value == 0:
        return (0, 0)
    sign = 1 if value > 0 else -1
    return (sign, sign * math.floor(math.log(abs(value)) / GAMMA))


def unbucket(place: tuple[int, int]) -> float:
    """The middle of a bucket."""
    sign, at = place
    return sign * math.exp((sign * at + 0.5) * GAMMA) if sign else 0.0


class Distinct:
    """How many different values there are: by their hashes, then by HyperLogLog."""

    __slots__ = ("hashes", "registers")

    def __init__(self) -> None:
        self.hashes: set[int] = set()
        self.registers: bytearray | None = None

    def add(self, value: Any, _at: int) -> None:
        if value is None:
            return
        hashed = int.from_bytes(blake2b(text(value).encode(errors="replace"), digest_size=8).digest(), "big")
        if self.registers is not None:
            self._register(self.registers, hashed)
            return
        self.hashes.add(hashed)
        if len(self.hashes) > MOST_HASHES:
            self.registers = bytearray(1 << REGISTERS)
            for each in self.hashes:
                self._register(self.registers, each)
            self.hashes.clear()

    def _register(self, registers: bytearray, hashed: int) -> None:
        place = hashed & ((1 << REGISTERS) - 1)
        rest = hashed >> REGISTERS
        registers[place] = max(registers[place], 64 - REGISTERS - rest.bit_length() + 1)

    def result(self) -> int:
        if self.registers is None:
            return len(self.hashes)
        count = len(self.registers)
        total = sum(2.0**-each for each in self.registers)
        estimate = 0.7213 / (1 + 1.079 / count) * count * count / total
        empty = self.registers.count(0)
        return round(count * math.log(count / empty) if estimate <= 2.5 * count and empty else estimate)


class Kind(msgspec.Struct, frozen=True):
    """An aggregate's maker, given its constant argument if it has one, and how many arguments it takes."""

    make: Callable[..., Aggregate]
    least: int = 1
    most: int = 1


def _smallest(value: Any, _at: int) -> Any:
    return order(value)


def _earliest(_value: Any, at: int) -> int:
    return at


def _first(value: Any, _at: int) -> str:
    return text(value)


AGGREGATES: Final[dict[str, Kind]] = {
    "count": Kind(Count, 0, 1),
    "count_distinct": Kind(Distinct),
    "sum": Kind(Sum),
    "avg": Kind(lambda: Sum(mean=True)),
    "stddev": Kind(Deviation),
    "min": Kind(lambda: Best(_smallest, last=False)),
    "max": Kind(lambda: Best(_smallest, last=True)),
    "pct": Kind(Percentile, 2, 2),
    "percentile": Kind(Percentile, 2, 2),
    "median": Kind(lambda: Percentile(50)),
    "earliest": Kind(lambda: Best(_earliest, last=False)),
    "latest": Kind(lambda: Best(_earliest, last=True)),
    "sortsfirst": Kind(lambda: Best(_first, last=False)),
    "sortslast": Kind(lambda: Best(_first, last=True)),
}
