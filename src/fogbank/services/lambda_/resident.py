"""What of Lambda runs in the control process: the pool of environments, the queue, and what both do for functions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.engine.functions.spec import (
    Concurrency,
    FunctionSpec,
    Granted,
    Invocation,
    Outcome,
    Throttled,
    Unavailable,
)
from fogbank.engine.sandbox.spec import SandboxError
from fogbank.services.lambda_ import credentials, engine
from fogbank.services.lambda_.activation import warming
from fogbank.services.lambda_.asking import BEGUN, ENDED, PIECE, Ran, decode_run, encode
from fogbank.services.lambda_.concurrency import LIMIT, reserved_of, total_of
from fogbank.services.lambda_.credentials import Roles
from fogbank.services.lambda_.dispatcher import Dispatcher
from fogbank.services.lambda_.errors import USER
from fogbank.services.lambda_.log_delivery import Delivery, Place
from fogbank.services.lambda_.metering import Meter
from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.provisioned import configs
from fogbank.services.lambda_.provisioning import Provisioning
from fogbank.services.lambda_.queue import events
from fogbank.services.lambda_.records import Version, versions
from fogbank.services.lambda_.service import lambda_
from fogbank.services.lambda_.specs import Loaded, Specs, current, key_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator

    from fogbank.core.background import Background
    from fogbank.services.lambda_.asking import Run
    from fogbank.store.api import Tx

_log = logging.getLogger("fogbank.lambda")
POLL: Final = 1.0  # seconds between looks into the queue that nobody asked for
TIDIED: Final = 50  # versions that are looked at in a turn: half a millisecond
MOST_PAYLOADS: Final = 256 << 20  # bytes of payloads that functions have at once
TOO_FAST: Final = "CallerRateLimitExceeded"
LEAVING: Final = 60.0  # seconds that an invocation which takes its whole time has before its credentials end


class Functions:
    """The functions of the region, as they run. It is what the engine's hooks are for: see engine.functions.spec.Hooks."""

    def __init__(self, ctx: Background) -> None:
        self.ctx = ctx
        self.region = ctx.region
        self.roles = Roles(ctx)
        self.specs = Specs(ctx, self.roles, self._retire)
        self.logs = Delivery(self._put)
        self.meter = Meter(ctx.region)
        self.launcher, self.pool = engine.start(ctx.options, self)
        self.dispatcher = Dispatcher(ctx, self.run)
        self.provisioning = Provisioning(ctx, self)
        self._limits: dict[str, Concurrency] = {}
        self._payloads = 0  # bytes
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what waits, and what is to be initialised; get ready the runtimes that functions have."""
        self._warming = asyncio.get_running_loop().create_task(self._warm())
        self.dispatcher.wake()
        self.provisioning.wake()

    async def _warm(self) -> None:
        for runtime in await asyncio.to_thread(self._runtimes):
            await self.warm(runtime)

    def _runtimes(self) -> set[str]:
        read = Version.reader("runtime")
        with self.region.store.snapshot() as tx:
            return {read(value).runtime for _, value in tx.scan(*versions.span())}

    async def warm(self, runtime: str) -> None:
        """Get a runtime ready, so that its first function need not wait for that."""
        try:
            await self.pool.warm(runtime)
        except Exception:  # who invokes it is told
            _log.warning("a runtime is not ready", exc_info=True, extra={"fields": {"runtime": runtime}})

    async def close(self) -> None:
        """Stop. What was being tried is tried again by the next one."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await self.provisioning.close()
        await self.dispatcher.close()
        await self.pool.close()
        await self.launcher.close()
        await self.logs.close()
        await self.meter.close()

    # Invocations

    async def run(self, asked: Run) -> Ran:
        """Have a function run, and wait for its answer. AwsError if it cannot."""
        loaded = await self.loaded(asked.account, asked.region, asked.name, asked.version)
        with self._held(asked), refusals():
            outcome = await self.pool.invoke(loaded.spec, invocation(asked))
        return ran(outcome)

    async def stream(self, asked: Run) -> AsyncGenerator[bytes, None]:
        """Have a function run, and give its answer as it comes; see asking.stream."""
        loaded = await self.loaded(asked.account, asked.region, asked.name, asked.version)
        with self._held(asked), refusals():
            answer = await self.pool.stream(loaded.spec, invocation(asked, stream=True))
        async with contextlib.aclosing(answer):
            yield BEGUN + answer.content_type.encode()
            async for piece in answer:
                yield PIECE + piece
            yield ENDED + encode(ran(answer.outcome))

    @contextlib.contextmanager
    def _held(self, asked: Run) -> Iterator[None]:
        """Count a payload while its function has it. There is room for so many bytes of them: more are refused."""
        size = len(asked.payload)
        if self._payloads and self._payloads + size > MOST_PAYLOADS:
            raise throttled(TOO_FAST)
        self._payloads += size
        try:
            yield
        finally:
            self._payloads -= size

    async def loaded(self, account: str, region: str, name: str, number: int) -> Loaded:
        """A version, ready to run, as it is now; environments of what it was before are retired."""
        while True:
            with self.region.store.snapshot() as tx:
                version = current(tx, account, region, name, number)
                self._limits[key_of(version)] = self._limit(tx, Name(account, region, name))
            found = self.specs.known(version)
            if found is not None:
                return found
            await self.specs.load(version)  # it may have changed meanwhile, or gone from the disk again

    def in_use(self) -> set[str]:
        """The packages that environments have mounted, or are about to."""
        return {tree.parent.name for tree in self.pool.mounted()} | self.specs.loading()

    async def tidy(self) -> None:
        """Retire the environments of versions that changed, or are gone. A part of them in each turn of the event loop."""
        known = list(self.specs)
        for start in range(0, len(known), TIDIED):
            self._tidy(known[start : start + TIDIED])
            await asyncio.sleep(0)

    def _tidy(self, some: list[Loaded]) -> None:
        with self.region.store.snapshot() as tx:
            for one in some:
                version = one.version
                try:
                    now = current(tx, version.account, version.region, version.name, version.number)
                except AwsError:
                    now = None
                if now is None or key_of(now) != one.spec.key:
                    self.specs.drop(one)
                    self._retire(one.spec.key)

    def _retire(self, key: str) -> None:
        self._limits.pop(key, None)
        self.pool.retire(key)

    def _limit(self, tx: Tx, name: Name) -> Concurrency:
        most = min(self.ctx.options.functions_concurrency, LIMIT)
        return Concurrency(reserved_of(tx, name), max(most - total_of(tx, name.account, name.region), 0))

    # What the engine asks for

    async def environment(self, spec: FunctionSpec) -> Granted:
        """The role's credentials, for one environment. Refused if the role cannot be assumed."""
        try:
            with self.region.store.snapshot() as tx:
                held = credentials.assume(self.ctx, tx, spec.role, spec.account, spec.region, unqualified(spec))
        except AwsError as error:
            raise Refused(error) from None
        return Granted(held.variables(), held.session.expires - LEAVING - spec.timeout)

    def concurrency(self, spec: FunctionSpec) -> Concurrency:
        """The limits, as they were when the invocation came."""
        return self._limits.get(spec.key) or Concurrency()

    def log(self, spec: FunctionSpec, stream: str, events: list[tuple[int, str]]) -> Awaitable[None] | None:
        """Lines for CloudWatch Logs."""
        place = Place(spec.account, spec.region, spec.log_group, stream, spec.role, unqualified(spec))
        return self.logs.add(place, events)

    def metered(self, spec: FunctionSpec, outcome: Outcome) -> None:
        """What an invocation used."""
        self.meter.ran(spec, outcome)

    def now(self) -> float:
        """The region's clock."""
        return self.region.clock.now().timestamp()

    def random_hex(self) -> str:
        """32 hexadecimal digits."""
        return self.region.ids.random(16).hex()

    async def _put(self, place: Place, operation: str, req: dict[str, Any]) -> None:
        """An operation of Logs, as the function's role."""
        with self.region.store.snapshot() as tx:
            role = self.roles.principal(tx, place.role, place.account, place.region, place.function)
        await self.ctx.invoke(role, "logs", operation, req, region=place.region)


def unqualified(spec: FunctionSpec) -> str:
    """The function's ARN."""
    return f"arn:aws:lambda:{spec.region}:{spec.account}:function:{spec.name}"


def invocation(asked: Run, *, stream: bool = False) -> Invocation:
    """What the engine is given."""
    return Invocation(
        request_id=asked.id,
        payload=asked.payload,
        invoked_arn=asked.arn,
        client_context=asked.context,
        trace=asked.trace,
        stream=stream,
        tail=asked.tail,
    )


def ran(outcome: Outcome) -> Ran:
    """What came of it."""
    return Ran(outcome.payload, outcome.error, outcome.error_type, outcome.log_tail)


def throttled(reason: str) -> AwsError:
    """The error for an invocation that there is no room for."""
    fields = {**USER, "Reason": reason, "retryAfterSeconds": "1"}
    return AwsError("TooManyRequestsException", "Rate Exceeded.", fields=fields)


class Refused(Unavailable):
    """An environment cannot be made, for a reason that Lambda's callers are told as it is."""

    def __init__(self, error: AwsError) -> None:
        super().__init__(error.message)
        self.error = error


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """The engine's refusals in Lambda's words."""
    try:
        yield
    except Throttled as error:
        raise throttled(error.reason) from None
    except Refused as error:
        raise error.error from None
    except Unavailable as error:
        raise AwsError("ServiceException", str(error), status=500) from None


lambda_.resident = Functions


@warming
async def get_ready(ctx: Background, version: Version) -> None:
    """Have the runtime of a new version ready before that is active."""
    if lambda_.name in ctx.residents:
        await functions(ctx).warm(version.runtime)


@lambda_.command("run")
async def run(ctx: Background, request: bytes) -> bytes:
    """Have a function run; see asking.run."""
    return encode(await functions(ctx).run(decode_run(request)))


@lambda_.command("stream")
async def stream(ctx: Background, request: bytes) -> AsyncIterator[bytes]:
    """Have a function run; see asking.stream."""
    async with contextlib.aclosing(functions(ctx).stream(decode_run(request))) as pieces:
        async for piece in pieces:
            yield piece


@lambda_.command("wake")
async def wake(ctx: Background, _request: bytes) -> bytes:
    """Look into the queue."""
    functions(ctx).dispatcher.wake()
    return b""


@lambda_.command("provisioned")
async def provisioned(ctx: Background, request: bytes) -> bytes:
    """How far provisioned concurrency is."""
    places = msgspec.msgpack.decode(request, type=list[tuple[str, str, str, str]])
    return encode(functions(ctx).provisioning.standing(places))


@lambda_.chore(POLL)
async def look(ctx: Background) -> None:
    """Look into the queue, in case that nobody could say that there is something; and after what changed."""
    if lambda_.name not in ctx.residents and not is_busy(ctx):
        return
    found = functions(ctx)
    found.dispatcher.wake()
    found.provisioning.wake()
    await found.tidy()


def is_busy(ctx: Background) -> bool:
    """Whether there is anything to be run, or to be initialised."""
    with ctx.region.store.snapshot() as tx:
        return any(next(table.scan(tx, limit=1), None) for table in (events, configs))


def functions(ctx: Background) -> Functions:
    """The functions of the region. AwsError where this machine cannot run any."""
    try:
        found: Functions = ctx.resident(lambda_)
    except (Unavailable, SandboxError) as error:
        raise AwsError("ServiceException", str(error), status=500) from None
    return found
