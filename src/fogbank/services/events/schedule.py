"""Schedules: `rate(5 minutes)` and `cron(0 12 * * ? *)`, in UTC. Times are whole seconds since the epoch.

Source: EventBridge User Guide, "Setting a schedule pattern for scheduled rules (legacy)".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from fogbank.services.events.cron import Cron, CronError, cron

if TYPE_CHECKING:
    from collections.abc import Mapping

RATE: Final = re.compile(r"rate\(([0-9]{1,9})\s+(minutes?|hours?|days?)\)", re.ASCII)
CRON: Final = re.compile(r"cron\((.{1,240})\)", re.ASCII)
SECONDS: Final[Mapping[str, int]] = {"minute": 60, "hour": 3600, "day": 86400}


class Schedule(Protocol):
    """When a rule is due. `since` is when its schedule began, which rates count from."""

    def after(self, moment: int, since: int) -> int | None:
        """The first time after a moment; None if there is none."""

    def until(self, moment: int, since: int) -> int | None:
        """The last time that is not after a moment; None if there was none."""


class Rate(msgspec.Struct, frozen=True):
    """Every so many seconds, for the first time when they have passed."""

    seconds: int

    def after(self, moment: int, since: int) -> int | None:
        """See Schedule."""
        return since + (max(moment - since, 0) // self.seconds + 1) * self.seconds

    def until(self, moment: int, since: int) -> int | None:
        """See Schedule."""
        passed = (moment - since) // self.seconds
        return since + passed * self.seconds if passed > 0 else None


class Times(msgspec.Struct, frozen=True):
    """At the times of a cron expression, whenever the schedule began."""

    cron: Cron

    def after(self, moment: int, since: int) -> int | None:
        """See Schedule."""
        return self.cron.after(max(moment, since))

    def until(self, moment: int, since: int) -> int | None:
        """See Schedule."""
        found = self.cron.until(moment)
        return found if found is not None and found > since else None


@lru_cache(maxsize=4096)
def parse(expression: str) -> Schedule | None:
    """The schedule that an expression means; None if it means none. A rate of one has its unit in the singular, others do not."""
    rate = RATE.fullmatch(expression)
    if rate:
        value, unit = int(rate[1]), rate[2]
        fits = value > 0 and (value == 1) == (not unit.endswith("s"))
        return Rate(value * SECONDS[unit.rstrip("s")]) if fits else None
    given = CRON.fullmatch(expression)
    try:
        return Times(cron(given[1])) if given else None
    except CronError:
        return None
