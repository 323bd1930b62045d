"""An edge worker: HTTP in front of the gateway, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import uvloop

from fogbank.core import stored
from fogbank.core.clock import Clock
from fogbank.core.control_link import ControlLink
from fogbank.core.identity.directory import Directory, Root
from fogbank.core.ids import Ids
from fogbank.core.region import Region
from fogbank.core.vault import Vault
from fogbank.gateway import metrics
from fogbank.gateway.app import Gateway
from fogbank.gateway.internal import PREFIXES, Internal, is_internal
from fogbank.gateway.pipe import use_cores
from fogbank.gateway.record import Recorder
from fogbank.gateway.respond import CLOSE, request_of, send, unread
from fogbank.gateway.uses import Uses
from fogbank.region.data import DataDir, master_keys, read_root_credentials, write_file
from fogbank.region.events import EventLog, EventReader
from fogbank.region.listener import serve
from fogbank.services import registry
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.region.events import Kind
    from fogbank.region.listener import Listener
    from fogbank.region.settings import Settings

LEAVE_METRICS = 1.0  # seconds
THREADS = 16  # that read, hash and write beside the loop
ACCESS_SIZE = 1 << 30  # bytes of lines that wait to be delivered to owners of buckets
_log = logging.getLogger("fogbank.worker")

# Loaded with this module, so that the supervisor does it once and the forked workers share the memory.
registry.warm()


class App:
    """The RSGI application."""

    def __init__(self, gateway: Gateway, internal: Internal) -> None:
        self._gateway = gateway
        self._internal = internal

    async def __call__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        request = request_of(scope)
        if request.path.startswith(PREFIXES) and is_internal(request):
            response = self._internal.answer(request)
        else:
            response = await self._gateway.answer(request, protocol)
        if "expect" in request.headers and unread(request, response):
            response.headers.append(CLOSE)
        try:
            await send(protocol, request.method, response, self._gateway.region.blobs)
        except stored.UNREADABLE as error:  # within a moment of the check: too late for more than a broken answer
            _log.error(
                "an object's bytes cannot be read", extra={"fields": {"error": str(error), "path": request.path}}
            )
            protocol.response_empty(500, [])


def open_region(settings: Settings) -> Region:
    """The region of a data directory, as this process sees it. After the fork only."""
    data = DataDir(settings.data)
    return Region(
        name=settings.region,
        served=settings.regions,
        store=SqliteStore(data.state / "state.db"),
        blobs=Blobs(data.blobs),
        clock=Clock(),
        ids=Ids(),
        vault=Vault(master_keys(data)),
        events=EventReader(data.events),
        operations=registry.operation,
        control=ControlLink(data.control_socket),
    )


def open_logs(settings: Settings) -> dict[Kind, EventLog]:
    """The logs of events, for this process to append to."""
    events, workers = DataDir(settings.data).events, settings.workers
    return {
        "management": EventLog(events / "management", settings.events_size, workers),
        "data": EventLog(events / "data", settings.data_events_size, workers),
        "access": EventLog(events / "access", ACCESS_SIZE, workers),
    }


def root_of(settings: Settings) -> Root:
    """The installation's root key."""
    kept = read_root_credentials(DataDir(settings.data))
    if kept is None:
        raise RuntimeError("the data directory has no root credentials")
    return Root(kept.account, kept.access_key_id, kept.secret_access_key, settings.dev)


def run(settings: Settings, listener: Listener) -> None:
    """Serve until SIGTERM."""
    cores = pin(settings, listener.slot)
    uvloop.run(_run(settings, listener, cores))


def pin(settings: Settings, slot: int) -> set[int]:
    """Keep this worker's threads on one core, if there is one for each worker; all cores that it may use.

    The server's threads and the interpreter hand the interpreter lock to each other several times a request: between cores each of
    these wakes another processor, which costs more than the work (measured: GET a fifth, PUT a third slower).
    """
    cores = os.sched_getaffinity(0)
    if settings.pin_workers and settings.workers <= len(cores):
        os.sched_setaffinity(0, {sorted(cores)[slot % len(cores)]})
    return cores


async def _run(settings: Settings, listener: Listener, cores: set[int]) -> None:
    loop = asyncio.get_running_loop()
    # What works in threads, hashes of large bodies above all, works beside the loop, not in its place.
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "worker", os.sched_setaffinity, (0, cores)))
    use_cores(cores)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    data = DataDir(settings.data)
    region = open_region(settings)
    recorder = Recorder(open_logs(settings), loop)
    uses = Uses(region.store, loop)
    gateway = Gateway(region, Directory(root_of(settings), region.vault), recorder, uses, settings.max_body)
    mine = data.run / f"{os.getpid()}{metrics.SUFFIX}"
    metrics.forget_dead(data.run)
    internal = Internal(region, token_of(data), lambda: gathered(mine, gateway))
    leaving = loop.create_task(leave_metrics(mine, gateway))
    try:
        await serve(App(gateway, internal), listener, ready=listener.ready, stop=stop)
    finally:
        leaving.cancel()
        await recorder.close()
        await uses.flush()
        region.store.close()


def token_of(data: DataDir) -> str:
    """The token that opens the metrics; made once."""
    path = data.root / "metrics-token"
    if not path.exists():
        temporary = data.run / f"token-{os.getpid()}"
        write_file(temporary, secrets.token_urlsafe(32) + "\n", 0o600)
        with contextlib.suppress(FileExistsError):  # another worker was first
            os.link(temporary, path)
        temporary.unlink()
    return path.read_text().strip()


async def leave_metrics(path: Path, gateway: Gateway) -> None:
    """Keep this worker's filed counters fresh, as far as there is space for them."""
    while True:
        await asyncio.sleep(LEAVE_METRICS)
        with contextlib.suppress(OSError):
            metrics.leave(path, gateway.counters())


def gathered(mine: Path, gateway: Gateway) -> list[tuple[str, metrics.Counters]]:
    """All workers' counters, this one's as of now."""
    others = [(name, counters) for name, counters in metrics.gather(mine.parent) if name != mine.stem]
    return [(mine.stem, gateway.counters()), *others]
