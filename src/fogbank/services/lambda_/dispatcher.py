"""Runs asynchronous invocations when their time has come: many at once, functions side by side, none ahead of its line.

How many of a function run at once follows what it does: one more after each that took long, half after one that was throttled.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation".
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fogbank.core.errors import AwsError
from fogbank.core.vault import Unsealable
from fogbank.services.lambda_ import event_invoke, queue, results
from fogbank.services.lambda_.asking import Run
from fogbank.services.lambda_.concurrency import reserved_of
from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.resolving import find, resolve
from fogbank.services.lambda_.results import RETRIES_EXHAUSTED, SUCCESS, TOO_OLD, Result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.services.lambda_.asking import Ran
    from fogbank.services.lambda_.event_invoke import Rules
    from fogbank.services.lambda_.queue import Event, Given, Line, Waiting
    from fogbank.store.api import Tx

AT_ONCE: Final = 200  # invocations
OF_ONE: Final = 100  # of one function
FIRST: Final = 10  # of a function that nothing is known of
LONG: Final = 0.2  # seconds: what takes longer is worth more environments, and more starts of them
PAUSE: Final = 0.01  # seconds between two looks into the queue
GONE: Final = frozenset(("ResourceNotFoundException",))

_log = logging.getLogger("fogbank.lambda")


class Lane:
    """A function whose events are run: which ones now, and how many at once."""

    __slots__ = ("busy", "window")

    def __init__(self) -> None:
        self.busy: set[str] = set()
        self.window = float(FIRST)

    def ran(self, seconds: float) -> None:
        """An invocation reached the function, and took so long."""
        if seconds > LONG:
            self.window = min(self.window + 1, OF_ONE)

    def refused(self) -> None:
        """An invocation did not."""
        self.window = max(self.window / 2, 1.0)


class Dispatcher:
    """Runs what is due. `run` has a function run, in this process."""

    def __init__(self, ctx: Background, run: Callable[[Run], Awaitable[Ran]]) -> None:
        self._ctx = ctx
        self._run = run
        self._lanes: dict[Line, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Look into the queue, soon."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop().create_task(self._work())
        self._woken.set()

    async def close(self) -> None:
        """Stop. What was being tried stays in the queue."""
        tasks = [*self._tasks, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                self._fill()
            except Exception:
                _log.exception("the queue of asynchronous invocations cannot be read")
            await asyncio.sleep(PAUSE)

    def _fill(self) -> None:
        """Begin as many invocations as may run."""
        now = self._ctx.region.clock.now()
        with self._ctx.region.store.snapshot() as tx:
            lines = list(queue.lines(tx))
            for line in lines:
                lane = self._lanes.setdefault(line, Lane())
                free = self._free(lane, AT_ONCE // len(lines))
                if free > 0:
                    due = queue.due(tx, line, now, free + len(lane.busy))
                    for one in [one for one in due if one.id not in lane.busy][:free]:
                        self._begin(lane, one)
        for line in [line for line, lane in self._lanes.items() if not lane.busy]:
            del self._lanes[line]

    def _free(self, lane: Lane, share: int) -> int:
        """How many more of a function may begin: of its share some may, whatever others have begun before."""
        wanted, begun = int(lane.window) - len(lane.busy), len(self._tasks)
        fair = min(max(share, 1) - len(lane.busy), 2 * AT_ONCE - begun)
        return min(wanted, max(AT_ONCE - begun, fair))

    def _begin(self, lane: Lane, one: Waiting) -> None:
        lane.busy.add(one.id)
        task = asyncio.get_running_loop().create_task(self._try(lane, one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try(self, lane: Lane, one: Waiting) -> None:
        """Try one event, and keep what came of it."""
        try:
            await self._carry_out(lane, one)
        except asyncio.CancelledError:
            raise
        except Unsealable:
            _log.exception("an asynchronous invocation is lost: its payload is damaged", extra=told(one))
            await self._ctx.region.store.write(lambda tx: queue.done(tx, one))
        except Exception:  # the store's trouble: it is tried again
            _log.exception("an asynchronous invocation is tried again", extra=told(one))
            await asyncio.sleep(1)
        finally:
            lane.busy.discard(one.id)
            self._woken.set()

    async def _carry_out(self, lane: Lane, one: Waiting) -> None:
        region = self._ctx.region
        name = Name(*one.event.line, one.event.qualifier)
        with region.store.snapshot() as tx:
            if not queue.is_there(tx, one):
                return
            rules = event_invoke.rules(tx, name)
            given = queue.opened(region.vault, one.id, queue.payload_of(tx, one))
            closed = reserved_of(tx, name) == 0
            asked = None if closed else self._asked(tx, name, one, given)
        now = region.clock.now()
        if queue.is_too_old(one.event, now, rules.age):
            await self._over(one, rules, Result(TOO_OLD, "", one.event.tries), given.payload)
            return
        if closed:  # no invocation can ever run
            await self._over(one, rules, Result(RETRIES_EXHAUSTED, "", one.event.tries), given.payload)
            return
        if asked is None:
            await region.store.write(lambda tx: queue.done(tx, one))
            return
        run, version = asked
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            ran = await self._run(run)
        except AwsError as error:
            await self._refused(lane, one, error)
            return
        lane.ran(clock() - began)
        result = Result(
            RETRIES_EXHAUSTED if ran.error else SUCCESS, version, one.event.tries + 1, ran.error, ran.payload
        )
        again = queue.after_error(one.event, region.clock.now(), rules.retries) if ran.error else None
        if again is None:
            await self._over(one, rules, result, given.payload)
        else:
            await self._again(one, *again)

    def _asked(self, tx: Tx, name: Name, one: Waiting, given: Given) -> tuple[Run, str] | None:
        """What is run for an event, and the version's name; None where the function is gone."""
        if find(tx, name) is None:
            return None
        region = self._ctx.region
        version = resolve(tx, name, int.from_bytes(region.ids.random(4), "big") / 2**32).version
        run = Run(
            account=name.account,
            region=name.region,
            name=name.name,
            version=version.number,
            arn=name.arn,
            id=one.id,
            payload=given.payload,
            context=given.context,
            trace=one.event.trace,
        )
        return run, version.qualifier

    async def _refused(self, lane: Lane, one: Waiting, error: AwsError) -> None:
        """The event did not reach the function: it is tried again later, unless that is gone."""
        lane.refused()
        if error.code in GONE:
            await self._ctx.region.store.write(lambda tx: queue.done(tx, one))
            return
        await self._again(one, *queue.after_refusal(one.event, self._ctx.region.clock.now()))

    async def _again(self, one: Waiting, event: Event, when: datetime) -> None:
        await self._ctx.region.store.write(lambda tx: queue.again(tx, one, event, when))

    async def _over(self, one: Waiting, rules: Rules, result: Result, payload: bytes) -> None:
        """The event is done: cross it out, and have it told."""
        now = self._ctx.region.clock.now()

        def write(tx: Tx) -> None:
            if not queue.is_there(tx, one):
                return
            queue.done(tx, one)
            found = find(tx, Name(*one.event.line, one.event.qualifier))
            if found is None:
                return
            arn = rules.success if result.condition == SUCCESS else rules.failure
            role = found.version.role
            if arn:
                results.tell(self._ctx, tx, arn, role, one, results.record(one, result, payload, now), result.condition)
            if found.version.dead_letter and result.condition != SUCCESS:
                results.tell(self._ctx, tx, found.version.dead_letter, role, one, payload, result.condition)

        await self._ctx.region.store.write(write)


def told(one: Waiting) -> dict[str, dict[str, str]]:
    """An event, for a line of the log."""
    return {"fields": {"request_id": one.id, "function": one.event.name}}
