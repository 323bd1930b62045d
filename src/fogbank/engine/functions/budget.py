"""Descriptors of this process that the environments' connections may take, all together and each."""

from __future__ import annotations

import resource

LEAST = 16  # that every environment gets while there are any
MOST = 384  # of one: its Runtime API, and both ends of what it has open to the region and outside


class Budget:
    """All environments' connections. By default half of what the process may have open."""

    def __init__(self, total: int = 0) -> None:
        self.total = total or resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        self.used = 0
        self.environments = 0

    @property
    def part(self) -> int:
        """The fair part of one environment, as many as there are now."""
        return max(LEAST, min(MOST, self.total // max(1, self.environments)))


class Share:
    """What one environment has of a budget, until it is closed."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._used = 0
        self._closed = False
        budget.environments += 1

    def take(self, count: int) -> bool:
        """Whether so many more may be opened; they count until they are given back."""
        budget = self._budget
        if self._used + count > budget.part or budget.used + count > budget.total:
            return False
        self._used += count
        budget.used += count
        return True

    def give_back(self, count: int) -> None:
        """So many are closed."""
        self._used -= count
        self._budget.used -= count

    def close(self) -> None:
        """The environment is gone; connections that are still ending give back by themselves."""
        if not self._closed:
            self._closed = True
            self._budget.environments -= 1
