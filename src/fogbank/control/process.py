"""The control process: carries out what transactions left to be done, and keeps the store clean."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import uvloop

from fogbank.control.serving import serving
from fogbank.core.background import Background, Options
from fogbank.core.clock import Clock
from fogbank.core.control import Here
from fogbank.core.identity.directory import seal_old_keys
from fogbank.core.ids import Ids
from fogbank.core.region import Region
from fogbank.core.vault import Vault
from fogbank.region import events, health
from fogbank.region.data import DataDir, master_keys
from fogbank.region.events import EventReader
from fogbank.services import registry
from fogbank.store import outbox, scrubs, upkeep
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fogbank.core.service import Chore
    from fogbank.region.settings import Settings
    from fogbank.store.api import Store
    from fogbank.store.outbox import Handler

POLL = 1.0  # seconds between looks into the outbox
SWEEP_EVERY = 600.0  # seconds
SWEEP_GRACE = timedelta(minutes=10)  # files younger than this are left alone
SCRUB_EVERY = 86_400.0  # seconds
SCRUB_RATE = 32 << 20  # bytes a second: what a background scrub may take of the disk
EVENTS_KEPT = timedelta(days=90)  # at most, as CloudTrail's event history
PRUNE_EVERY = 60.0  # seconds: workers do it themselves whenever a segment is full
_log = logging.getLogger("fogbank.control")


def run(settings: Settings) -> None:
    """Work until SIGTERM."""
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    data = DataDir(settings.data)
    store, blobs, clock = SqliteStore(data.state / "state.db"), Blobs(data.blobs), Clock()
    vault = Vault(master_keys(data))
    here = Here(registry.service)
    region = Region(
        name=settings.region,
        served=settings.regions,
        store=store,
        blobs=blobs,
        clock=clock,
        ids=Ids(),
        vault=vault,
        events=EventReader(data.events),
        operations=registry.operation,
        control=here,
    )
    here.background = background = Background(region, options_of(settings))
    tasks = [
        loop.create_task(seal(store, vault)),
        *(loop.create_task(every(POLL, carrier)) for carrier in carriers(background)),
        *(loop.create_task(every(chore.seconds, bind(chore, background))) for chore in chores()),
        loop.create_task(every(SWEEP_EVERY, lambda: sweep(store, blobs, clock))),
        loop.create_task(every(SCRUB_EVERY, lambda: scrub(store, blobs, clock), first=SCRUB_EVERY)),
        loop.create_task(every(PRUNE_EVERY, lambda: prune(settings, clock))),
    ]
    try:
        async with serving(data.control_socket, here), residing(background):
            await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        store.close()


def options_of(settings: Settings) -> Options:
    """What the settings say of work in the background."""
    return Options(
        lifecycle_day=settings.lifecycle_length,
        directory=settings.data,
        address=(health.reachable(settings.host), settings.port),
        tls=settings.tls,
        functions_concurrency=settings.functions_concurrency,
        functions_memory=settings.functions_memory,
        functions_reach=settings.functions_reach,
        functions_idle=settings.functions_idle,
        functions_unpacked=settings.functions_unpacked,
        logs_size=settings.logs_size,
    )


@contextlib.asynccontextmanager
async def residing(background: Background) -> AsyncIterator[None]:
    """Have what services run in this process started, and ended. One that cannot start is tried again when it is asked for."""
    for service in registry.services().values():
        try:
            resident = background.resident(service)
            if resident is not None:
                await resident.start()
        except Exception:
            _log.exception("cannot start what a service runs", extra={"fields": {"service": service.name}})
    try:
        yield
    finally:
        await asyncio.gather(*(each.close() for each in background.residents.values()), return_exceptions=True)


async def seal(store: Store, vault: Vault) -> None:
    """Seal what an earlier release kept in clear."""
    sealed = await store.write(lambda tx: seal_old_keys(tx, vault), bulk=True)
    if sealed:
        _log.info("sealed secrets", extra={"fields": {"keys": sealed}})


async def every(seconds: float, work: Callable[[], Awaitable[None]], first: float = 0.0) -> None:
    """Do work again and again; a failure is logged, and tried again like everything else."""
    await asyncio.sleep(first)
    while True:
        try:
            await work()
        except Exception:
            _log.exception("upkeep failed")
        await asyncio.sleep(seconds)


def chores() -> list[Chore]:
    """The chores of all services."""
    return [chore for service in registry.services().values() for chore in service.chores]


def bind(chore: Chore, background: Background) -> Callable[[], Awaitable[None]]:
    """A chore with what it works with."""
    return partial(chore.work, background)


def handlers(background: Background) -> dict[str, Handler]:
    """The handlers of all effects: the store's own, and the services'."""
    found = background.region.blobs.effects(background.region.store)
    for service in registry.services().values():
        found |= {kind: partial(handler, background) for kind, handler in service.effects.items()}
    return found


def carriers(background: Background) -> list[Callable[[], Awaitable[None]]]:
    """What carries out all effects that are due: a carrier for each kind, or several, so that no kind waits for another."""
    found: list[Callable[[], Awaitable[None]]] = []
    many = {kind: number for service in registry.services().values() for kind, number in service.at_once.items()}
    for kind, handler in handlers(background).items():
        known = {kind: handler}
        if many.get(kind, 1) == 1:
            found.append(partial(carry_out, background, known))
        else:
            found += [partial(carry_one_by_one, background, known, set())] * many[kind]
    return found


async def carry_one_by_one(background: Background, known: dict[str, Handler], busy: set[tuple[str, int, int]]) -> None:
    """Carry out effects that are due, beside other carriers that share `busy`."""
    region = background.region
    while await outbox.carry_one(region.store, known, region.clock.now, busy):
        pass


async def carry_out(background: Background, only: dict[str, Handler] | None = None) -> None:
    """Carry out all effects that are due, or those of some kinds."""
    region = background.region
    known = handlers(background) if only is None else only
    while await outbox.carry_out(region.store, known, region.clock.now):
        pass


async def sweep(store: Store, blobs: Blobs, clock: Clock) -> None:
    """Remove files that no record refers to."""

    def work() -> int:
        return sum(upkeep.sweep(blobs, store, clock.now(), SWEEP_GRACE))

    removed = await asyncio.to_thread(work)
    if removed:
        _log.info("swept", extra={"fields": {"files": removed}})


async def scrub(store: Store, blobs: Blobs, clock: Clock) -> None:
    """Read everything again, slowly; log what is not as it was written, at once, and which objects that is, in the end."""
    steps, tally = upkeep.scrub(blobs, store), scrubs.Tally(int(clock.now().timestamp()))
    while (step := await asyncio.to_thread(next, steps, None)) is not None:
        tally.take(step)
        if isinstance(step, upkeep.Corrupt):
            fields = {"blob": step.blob, "expected": step.expected, "found": step.found}
            _log.error("corrupt blob", extra={"fields": fields})
        else:
            await asyncio.sleep(step.size / SCRUB_RATE)
    found = await asyncio.to_thread(tally.finish, store, registry.name_holders, int(clock.now().timestamp()))
    for damage in found.damage:
        _log.error("damaged objects", extra={"fields": {"blob": damage.blob, "objects": damage.holders}})
    await store.write(lambda tx: scrubs.keep(tx, found))


async def prune(settings: Settings, clock: Clock) -> None:
    """Hold the logs of events to their limits: they may have been lowered, and workers that are gone prune no more."""
    directory, workers = DataDir(settings.data).events, settings.workers
    before = int((clock.now() - EVENTS_KEPT).timestamp() * 1e6)
    for kind, limit in (("management", settings.events_size), ("data", settings.data_events_size)):
        await asyncio.to_thread(events.expire, directory / kind, before)
        await asyncio.to_thread(events.prune, directory / kind, limit, events.segment_size(limit, workers))
