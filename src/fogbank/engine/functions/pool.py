"""The environments of this machine: started on demand, kept warm, frozen, stopped; shared out under the limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fogbank.engine.functions.admission import Admission
from fogbank.engine.functions.answer import StreamedAnswer
from fogbank.engine.functions.environment import ON_DEMAND, PROVISIONED, Environment
from fogbank.engine.functions.group import Group
from fogbank.engine.functions.spec import CONCURRENT, Network, Provisioned, Status, Throttled, Unavailable
from fogbank.engine.functions.starting import Starter

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from fogbank.engine.functions.admission import Permit
    from fogbank.engine.functions.exchange import Failed
    from fogbank.engine.functions.needs import Launcher
    from fogbank.engine.functions.spec import FunctionSpec, Hooks, Invocation, Limits, Outcome

TICK = 0.5  # seconds between looks at what is idle


class Pool:
    """Runs invocations. `directory`: a directory of its own, for what is mounted into environments."""

    def __init__(
        self, launcher: Launcher, hooks: Hooks, limits: Limits, directory: Path, network: Network | None = None
    ) -> None:
        self._hooks = hooks
        self._limits = limits
        self._starter = Starter(launcher, hooks, limits, network or Network(), directory)
        self._admission = Admission()
        self._groups: dict[str, Group] = {}
        self._memory = 0
        self._starting = 0
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run an invocation whole. Raises Throttled and Unavailable. Who stops to wait does not stop the function."""
        permit = self._admission.admit(spec, self._hooks.concurrency(spec))
        environment = await self._environment(spec, permit)
        future = environment.begin(invocation, None)
        future.add_done_callback(permit.give_back)
        return await asyncio.shield(future)

    async def stream(self, spec: FunctionSpec, invocation: Invocation) -> StreamedAnswer:
        """Run an invocation; its answer once that has begun, or has ended before it did. Raises Throttled and Unavailable."""
        permit = self._admission.admit(spec, self._hooks.concurrency(spec))
        environment = await self._environment(spec, permit)
        answer = StreamedAnswer(self._limits.streamed)
        environment.begin(invocation, answer).add_done_callback(permit.give_back)
        try:
            await asyncio.shield(answer.begun)
        except asyncio.CancelledError:
            await answer.aclose()
            raise
        return answer

    async def provision(self, spec: FunctionSpec, count: int) -> None:
        """Have `count` environments initialised ahead, from now on; 0 ends it. Raises Provisioned and Unavailable."""
        group = self._group(spec)
        group.target = count
        group.trim()
        while not self._closed and group.target == count and len(group.provisioned) < count:
            missing = count - len(group.provisioned) - group.preparing
            if missing > 0:
                await self._provision(group, missing)
            else:
                await asyncio.sleep(TICK / 10)  # another call prepares them
        self._forget(group)

    async def warm(self, runtime: str) -> None:
        """Have ready what environments of a runtime begin with, which takes seconds the first time. Raises Unavailable."""
        await self._starter.warm(runtime)

    def retire(self, key: str) -> None:
        """No invocation of this code and configuration comes any more: what runs, ends; what is idle, goes."""
        group = self._groups.get(key)
        if group:
            group.retired = True
            group.target = 0
            group.trim()
            for environment in list(group.idle):
                self._discard(environment)
            self._forget(group)

    def running(self, spec: FunctionSpec) -> int:
        """Invocations of a function, all its versions, that run or wait."""
        return self._admission.functions[spec.account, spec.region, spec.name]

    def mounted(self) -> set[Path]:
        """The directories of code and layers that environments have, or will have as soon as they start."""
        specs = [group.spec for group in self._groups.values()]
        return {directory for spec in specs for directory in (spec.task, *spec.layers)}

    def status(self) -> Status:
        """The pool as it is."""
        groups = self._groups.values()
        everywhere = [environment for group in groups for environment in group.environments]
        return Status(
            environments=len(everywhere),
            busy=sum(environment.busy for environment in everywhere),
            idle=sum(len(group.idle) for group in groups),
            frozen=sum(environment.frozen for environment in everywhere),
            starting=self._starting,
            waiting=self._waiting,
            memory=self._memory,
            provisioned={key: len(group.provisioned) for key, group in self._groups.items() if group.target},
        )

    async def close(self) -> None:
        """Stop everything, whatever it does."""
        self._closed = True
        if self._timer:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        for group in list(self._groups.values()):
            refuse(group, Unavailable("the region is stopping"))
            for environment in list(group.environments):
                self._discard(environment)
        while self._tasks or self._closing:
            await asyncio.wait([*self._tasks, *self._closing])

    # --- an environment for an invocation

    def _group(self, spec: FunctionSpec) -> Group:
        group = self._groups.get(spec.key)
        if group is None:
            group = self._groups[spec.key] = Group(spec)
        return group

    async def _environment(self, spec: FunctionSpec, permit: Permit) -> Environment:
        """An environment that is this invocation's now. No other task runs meanwhile if one is idle."""
        try:
            if self._closed:
                raise Unavailable("the region is stopping")
            group = self._group(spec)
            return group.take() or await self._wait(group)
        except BaseException:
            permit.give_back()
            raise

    async def _wait(self, group: Group) -> Environment:
        if self._waiting >= self._limits.waiting:
            raise Throttled(CONCURRENT)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Environment] = loop.create_future()
        entry = waiter, loop.time()
        group.waiters.append(entry)
        self._waiting += 1
        self._grow()
        try:
            async with asyncio.timeout(self._limits.wait):
                return await waiter
        except TimeoutError:
            raise Throttled(CONCURRENT) from None
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._idle(waiter.result())
            raise
        finally:
            self._waiting -= 1
            if entry in group.waiters:
                group.waiters.remove(entry)

    def _grow(self) -> None:
        """Start environments for those who wait, as many at once as is allowed and fits."""
        for group in list(self._groups.values()):
            while group.wanting() and self._starting < self._limits.starts and self._room(group.spec):
                self._reserve(group)
                self._groups[group.spec.key] = self._groups.pop(group.spec.key)  # the others come before it next time
                self._spawn(self._start(group), self._tasks)

    def _room(self, spec: FunctionSpec) -> bool:
        """Whether one more fits; idle ones of other functions make room. Alone, even the largest does."""
        while not self._fits(spec):
            victims = [e for group in self._groups.values() for e in group.idle if e.how != PROVISIONED]
            if not victims:
                return self._memory == 0
            self._discard(min(victims, key=lambda environment: environment.idle_since))
        return True

    def _fits(self, spec: FunctionSpec) -> bool:
        count = sum(len(group.environments) + group.starting for group in self._groups.values())
        return count < self._limits.environments and self._memory + spec.room <= self._limits.memory

    async def _start(self, group: Group) -> None:
        """An environment on demand, for whoever waits when it is there. Its first initialisation may fail: it is tried again."""
        try:
            environment = await self._made(group, ON_DEMAND)
        except Exception as error:  # of the hooks, too: whoever waits is to know
            refuse(group, error)
        else:
            self._idle(environment)

    def _reserve(self, group: Group) -> None:
        group.starting += 1
        self._starting += 1
        self._memory += group.spec.room

    async def _made(self, group: Group, how: str) -> Environment:
        """A new environment of a group, initialised or not, for which room is reserved."""
        environment = None
        try:
            environment = await self._starter.start(group.spec, how, self._idle)
            await environment.initialise("init", self._limits.init)
        except BaseException:
            self._memory -= group.spec.room
            if environment:
                self._close(environment)
            raise
        finally:
            group.starting -= 1
            self._starting -= 1
        group.environments.add(environment)
        return environment

    async def _provision(self, group: Group, count: int) -> None:
        group.preparing += count
        try:
            made = await asyncio.gather(*(self._provision_one(group) for _ in range(count)), return_exceptions=True)
        finally:
            group.preparing -= count
        failed = next((result for result in made if result is not None), None)
        if failed:
            group.target = 0
        group.trim()  # the target may have changed meanwhile
        if failed:
            self._forget(group)
            raise failed

    async def _provision_one(self, group: Group) -> None:
        while not self._closed and not (self._starting < self._limits.starts and self._room(group.spec)):
            await asyncio.sleep(TICK / 10)
        if self._closed:
            raise Unavailable("the region is stopping")
        self._reserve(group)
        environment = await self._made(group, PROVISIONED)
        failure = environment.init_failure
        if failure:
            group.target = 0
            self._discard(environment)
            raise Provisioned(failure_text(failure))
        self._idle(environment)

    # --- what becomes of environments

    def _idle(self, environment: Environment) -> None:
        """An environment has nothing to do."""
        group = self._groups.get(environment.spec.key)
        if group is None or environment not in group.environments:
            return
        if self._spent(group, environment):
            self._discard(environment)
        elif not group.give(environment):
            if environment not in group.idle:
                group.idle.append(environment)
            self._watch()
        if self._waiting:
            self._grow()

    def _spent(self, group: Group, environment: Environment) -> bool:
        """Whether an environment is not used again."""
        if self._closed or environment.broken or self._old(environment):
            return True
        return (group.retired and not group.waiters) or (self._waiting > 0 and self._starved(group))

    def _starved(self, group: Group) -> bool:
        """Whether a function that has no environment at all waits longer than this one, and none fits."""
        return any(
            other.oldest < group.oldest and not other.environments and not other.starting and not self._fits(other.spec)
            for other in self._groups.values()
            if other.waiters
        )

    def _old(self, environment: Environment) -> bool:
        return bool(environment.expires) and self._hooks.now() > environment.expires

    def _discard(self, environment: Environment) -> None:
        """Close an environment; one that runs is broken off."""
        group = self._groups[environment.spec.key]
        if environment in group.environments:
            group.environments.discard(environment)
            self._memory -= environment.spec.room
            self._close(environment)
        if environment in group.idle:
            group.idle.remove(environment)
        if not self._closed and len(group.provisioned) < group.target:
            self._spawn(self._replace(group), self._tasks)
        self._forget(group)

    async def _replace(self, group: Group) -> None:
        """A provisioned environment has gone: another one. If that fails, invocations start theirs on demand."""
        try:
            await self.provision(group.spec, group.target)
        except Exception:  # whatever the hooks raise, too
            group.target = 0
            group.trim()

    def _forget(self, group: Group) -> None:
        if group.empty:
            self._groups.pop(group.spec.key, None)

    def _close(self, environment: Environment) -> None:
        self._spawn(environment.close(), self._closing)

    def _spawn(self, work: Coroutine[None, None, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # --- time

    def _watch(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._look)

    def _look(self) -> None:
        """Freeze what has been idle for a moment, stop what has been for long or has old credentials."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for group in list(self._groups.values()):
            for environment in list(group.idle):
                rests = now - environment.idle_since
                if self._old(environment) or (rests > self._limits.idle and environment.how != PROVISIONED):
                    self._discard(environment)
                elif rests > self._limits.freeze and not environment.frozen:
                    environment.freeze()
        if any(group.idle for group in self._groups.values()):
            self._watch()


def refuse(group: Group, error: Exception) -> None:
    """Tell all who wait that there will be none."""
    for waiter, _ in group.waiters:
        if not waiter.done():
            waiter.set_exception(error)


def failure_text(failure: Failed) -> str:
    """Why an initialisation failed, for who provisions."""
    return f"{failure.error_type}: {failure.message}" if failure.message else failure.error_type
