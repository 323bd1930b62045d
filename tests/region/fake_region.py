"""A region with a small worker in the place of the gateway, for the tests: `fake_region.py '{"data": …, "mode": …}'`.

It prints the runtime as one line of JSON when it is up, or the error. Modes: `app` serves, `stubborn` serves and ignores SIGTERM,
`blocked` serves and then blocks its event loop on request, `crash` ends at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvloop

from fogbank.region import launch, listener, settings, supervisor
from fogbank.region.errors import RegionError
from fogbank.region.listener import Listener, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.region.processes import Runtime


async def app(scope: Any, protocol: Any) -> None:
    if scope.path == "/slow":
        await asyncio.sleep(0.4)
    elif scope.path == "/forever":
        await asyncio.sleep(60)
    elif scope.path == "/block":
        time.sleep(60)
    elif scope.path == "/boom":
        raise ValueError("boom")
    size = 0
    if scope.method in ("PUT", "POST"):
        async for part in protocol:
            size += len(part)
    facts = {"pid": os.getpid(), "http": scope.http_version, "scheme": scope.scheme, "size": size}
    protocol.response_str(200, [("content-type", "application/json")], json.dumps(facts))


async def _serve(shared: Listener, stubborn: bool) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, (lambda: None) if stubborn else stop.set)
    await serve(app, shared, ready=shared.ready, stop=stop)


def worker(mode: str) -> Callable[[settings.Settings, Listener], None]:
    def run(_: settings.Settings, shared: Listener) -> None:
        if mode == "crash":
            raise RuntimeError("no such luck")
        uvloop.run(_serve(shared, mode == "stubborn"))

    return run


def control(_: settings.Settings) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        signal.pause()


def main() -> None:
    options: dict[str, Any] = json.loads(sys.argv[1])
    if options.pop("impatient", False):
        supervisor._SILENCE, supervisor._HOUSEKEEPING, listener._BEAT = 0.6, 0.2, 0.1
    mode, detach = options.pop("mode", "app"), options.pop("detach", False)
    options["data"] = Path(options["data"])

    def show(runtime: Runtime) -> None:
        print(msgspec.json.encode(runtime).decode(), flush=True)

    try:
        wanted = settings.load(options, environ={})
        if detach:
            show(launch.detached(wanted, worker=worker(mode), control=control))
        else:
            launch.foreground(wanted, show, worker=worker(mode), control=control)
    except RegionError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
