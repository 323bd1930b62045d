"""Makes provisioned concurrency so: as many initialised environments as are wanted, whatever happened before.

An alias that is of two versions has its environments divided between them by its weights.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from fogbank.core.errors import AwsError
from fogbank.engine.functions.spec import Provisioned, Unavailable
from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.provisioned import Place, Standing, configs
from fogbank.services.lambda_.resolving import find

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fogbank.core.background import Background
    from fogbank.engine.functions.spec import FunctionSpec, Status
    from fogbank.services.lambda_.metering import Meter
    from fogbank.services.lambda_.resolving import Found
    from fogbank.services.lambda_.specs import Loaded
    from fogbank.store.api import Tx

AGAIN: Final = 30.0  # seconds until what failed is tried again
_log = logging.getLogger("fogbank.lambda")

Where = tuple[str, str, str, int]  # account, region, function's name, version's number


class Pool(Protocol):
    """What is needed of the engine's pool."""

    async def provision(self, spec: FunctionSpec, count: int) -> None: ...

    def status(self) -> Status: ...


class Owner(Protocol):
    """What is needed of the functions that run."""

    pool: Pool
    meter: Meter

    async def loaded(self, account: str, region: str, name: str, number: int) -> Loaded: ...


class Having(msgspec.Struct):
    """What a version has been given: `count` environments of `spec`; `failure` and when it was (seconds), if it failed."""

    spec: FunctionSpec
    count: int
    failure: str = ""
    failed: float = 0.0


class Provisioning:
    """Compares what is wanted with what there is, and acts."""

    def __init__(self, ctx: Background, owner: Owner) -> None:
        self._ctx = ctx
        self._owner = owner
        self._having: dict[Where, Having] = {}
        self._making: set[asyncio.Task[None]] = set()
        self._looking = False
        self._closed = False
        self._metered = ctx.region.clock.now().timestamp()

    def wake(self) -> None:
        """Look at what is wanted, soon."""
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._look)

    async def close(self) -> None:
        """Stop."""
        self._closed = True
        for task in self._making:
            task.cancel()
        await asyncio.gather(*self._making, return_exceptions=True)

    def standing(self, places: list[Place]) -> list[Standing]:
        """How far it is at some places."""
        self.wake()
        have = self._owner.pool.status().provisioned
        with self._ctx.region.store.snapshot() as tx:
            return [self._standing(tx, place, have) for place in places]

    def _standing(self, tx: Tx, place: Place, have: dict[str, int]) -> Standing:
        allocated, failure = 0, ""
        for where, share in shares(tx, place).items():
            having = self._having.get(where)
            if having is not None:
                allocated += min(have.get(having.spec.key, 0), share)
                failure = failure or having.failure
        return Standing(allocated, allocated, failure)

    def _look(self) -> None:
        """Compare, and begin what is to be done."""
        self._looking = False
        if self._closed:
            return
        try:
            with self._ctx.region.store.snapshot() as tx:
                wanted = all_shares(tx)
        except Exception:
            _log.exception("provisioned concurrency is looked at again later")
            return
        self._meter()
        for where, count in wanted.items():
            self._begin(self._make(where, count))
        for where in [where for where in self._having if where not in wanted]:
            self._begin(self._end(where))

    def _begin(self, step: Coroutine[Any, Any, None]) -> None:
        """Take a step beside others: what initialises slowly holds nobody up."""
        task = asyncio.get_running_loop().create_task(step)
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _make(self, where: Where, count: int) -> None:
        """Give a version what it is to have."""
        now = self._ctx.region.clock.now().timestamp()
        try:
            spec = (await self._owner.loaded(*where)).spec
            having = self._having.get(where)
            same = having is not None and (having.spec.key, having.count) == (spec.key, count)
            if same and having is not None and (not having.failure or now < having.failed + AGAIN):
                return
            self._having[where] = Having(spec, count)
            await self._owner.pool.provision(spec, count)
        except (Provisioned, Unavailable, AwsError) as error:
            found = self._having.get(where)
            if found is not None:
                found.failure, found.failed = reason(error), now

    async def _end(self, where: Where) -> None:
        """A version is to have nothing any more."""
        having = self._having.pop(where, None)
        if having is not None:
            await self._owner.pool.provision(having.spec, 0)

    def _meter(self) -> None:
        """Count the time for which environments are kept."""
        now = self._ctx.region.clock.now().timestamp()
        passed, self._metered = now - self._metered, now
        have = self._owner.pool.status().provisioned
        for having in self._having.values():
            spec = having.spec
            if kept := have.get(spec.key, 0):
                used = kept * spec.memory / 1024 * passed * 1000
                self._owner.meter.add(spec.account, spec.region, spec.name, gb_ms_provisioned=used)


def reason(error: Exception) -> str:
    """Why it failed, as Lambda tells it."""
    return f"FUNCTION_ERROR_INIT_FAILURE: {error}"[:1000] if isinstance(error, Provisioned) else str(error)[:1000]


def all_shares(tx: Tx) -> dict[Where, int]:
    """What every version is to have."""
    found: dict[Where, int] = {}
    for parts, _ in configs.scan(tx):
        account, region, name, qualifier = (str(part) for part in parts)
        for where, share in shares(tx, (account, region, name, qualifier)).items():
            found[where] = found.get(where, 0) + share
    return found


def shares(tx: Tx, place: Place) -> dict[Where, int]:
    """What is wanted at a place, by version."""
    account, region, name, qualifier = place
    wanted = configs.get(tx, *place)
    found = find(tx, Name(account, region, name, qualifier))
    if wanted is None or found is None:
        return {}
    return {(account, region, name, number): share for number, share in divided(found, wanted.count).items() if share}


def divided(found: Found, count: int) -> dict[int, int]:
    """A number of environments by version, as an alias divides its invocations."""
    result: dict[int, int] = {}
    if found.alias is not None:
        for number, weight in found.alias.weights.items():
            result[int(number)] = round(count * weight)
    main = found.version.number
    result[main] = result.get(main, 0) + count - sum(result.values())
    return result
