"""What it costs a worker to have the control process do something: commands a second over its socket, and one at a time.

python bench/micro_control.py
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import uvloop

from fogbank.control.serving import serving
from fogbank.core.control import Here
from fogbank.core.control_link import ControlLink


class Service:
    """One command."""

    def __init__(self) -> None:
        self.commands = {"echo": self.echo}

    async def echo(self, _: Any, request: bytes) -> bytes:
        """What was sent."""
        return request


async def serve(path: Path) -> None:
    """The control process."""
    here = Here(lambda _: cast("Any", Service()))
    here.background = cast("Any", object())
    async with serving(path, here):
        await asyncio.sleep(3600)


async def measure(path: Path) -> None:
    """A worker."""
    link = ControlLink(path)
    await link.ask("any", "echo", b"x")
    for size in (100, 100_000, 5_000_000):
        times = []
        for _ in range(20 if size > 1_000_000 else 2000):
            begun = time.perf_counter()
            await link.ask("any", "echo", bytes(size))
            times.append(time.perf_counter() - begun)
        print(f"{size:>9} bytes there and back: median {statistics.median(times) * 1e6:.0f} us")
    begun = time.perf_counter()
    await asyncio.gather(*(many(link) for _ in range(16)))
    print(f"16 at a time: {16_000 / (time.perf_counter() - begun):.0f}/s")


async def many(link: ControlLink) -> None:
    """One of those that ask."""
    for _ in range(1000):
        await link.ask("any", "echo", b"x" * 100)


def main() -> None:
    """Both, in two processes."""
    path = Path(tempfile.mkdtemp()) / "control.sock"
    child = os.fork()
    if child == 0:
        uvloop.run(serve(path))
        os._exit(0)
    try:
        uvloop.run(measure(path))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
