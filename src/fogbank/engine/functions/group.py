"""The environments of one version of a function."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from fogbank.engine.functions.environment import ON_DEMAND, PROVISIONED

if TYPE_CHECKING:
    import asyncio

    from fogbank.engine.functions.environment import Environment
    from fogbank.engine.functions.spec import FunctionSpec


class Group:
    """The environments of a key: idle ones (the one used last is taken first), and invocations that wait for one."""

    def __init__(self, spec: FunctionSpec) -> None:
        self.spec = spec
        self.environments: set[Environment] = set()
        self.idle: list[Environment] = []
        self.waiters: deque[tuple[asyncio.Future[Environment], float]] = deque()  # with the times since when
        self.starting = 0
        self.target = 0  # environments to be provisioned
        self.preparing = 0  # of them, those that are on their way
        self.retired = False

    @property
    def provisioned(self) -> list[Environment]:
        """The environments that were initialised ahead."""
        return [environment for environment in self.environments if environment.how == PROVISIONED]

    def trim(self) -> None:
        """Provisioned environments beyond the target are from now on like any other: they go when they have been idle."""
        for environment in self.provisioned[self.target :]:
            environment.how = ON_DEMAND

    @property
    def empty(self) -> bool:
        """Whether nothing would be lost with it."""
        return not (self.environments or self.waiters or self.starting or self.target)

    def take(self) -> Environment | None:
        """An idle environment: provisioned ones first, then the one that was used last."""
        usable = [environment for environment in self.idle if environment.usable]
        ahead = [environment for environment in usable if environment.how == PROVISIONED]
        if not usable:
            return None
        found = (ahead or usable)[-1]
        self.idle.remove(found)
        return found

    @property
    def oldest(self) -> float:
        """Since when somebody waits; for ever in the future if nobody does."""
        return next((since for waiter, since in self.waiters if not waiter.done()), math.inf)

    def give(self, environment: Environment) -> bool:
        """Hand an environment to who waits longest; False if nobody does."""
        while self.waiters:
            waiter, _ = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(environment)
                return True
        return False

    def wanting(self) -> bool:
        """Whether more wait than will be there soon."""
        soon = self.starting + sum(environment.resetting for environment in self.environments)
        return sum(not waiter.done() for waiter, _ in self.waiters) > soon
