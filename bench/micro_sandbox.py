"""What sandboxes cost: a cold start by fork, memory of fifty that are warm, freezing and thawing, ending.

python bench/micro_sandbox.py

The runtime is AWS's own client with what it imports; the handler's module imports six others of the standard library.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from fogbank.engine.sandbox import stopping
from fogbank.engine.sandbox.launcher import Launcher
from fogbank.engine.sandbox.spec import Interpreter, SandboxSpec

if TYPE_CHECKING:
    from fogbank.engine.sandbox.sandbox import Sandbox

COUNT = 50
RUNTIME = """
import sys, importlib, json, logging, socket, urllib.request, http.client, time
import awslambdaric.bootstrap
def main():
    sys.path.insert(0, "/var/task")
    importlib.import_module("handler")
    socket.create_connection(("127.0.0.1", 9001)).sendall(b"x")
    time.sleep(1000)
"""
HANDLER = "import csv, datetime, decimal, hashlib, json, re\ndef handler(event, context): return {}\n"


def spec(directory: Path, number: int) -> SandboxSpec:
    """One of the environments."""
    python = Interpreter("python", Path(getattr(sys, "_base_executable", sys.executable)), _prefixes())
    return SandboxSpec(
        f"s{number}", directory / "task", ("boot",), {}, directory / "runtime", python, fork=True, memory=512
    )


def _prefixes() -> tuple[Path, ...]:
    return () if Path(sys.base_prefix).is_relative_to("/usr") else (Path(sys.base_prefix),)


def prepare(directory: Path) -> None:
    """The runtime and the code."""
    for name in ("task", "runtime"):
        (directory / name).mkdir()
    for package in ("awslambdaric", "simplejson", "snapshot-restore-py"):
        for file in importlib.metadata.files(package) or []:
            if ".dist-info" not in str(file) and ".." not in str(file):
                target = directory / "runtime" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    (directory / "runtime/boot.py").write_text(RUNTIME)
    (directory / "task/handler.py").write_text(HANDLER)


async def start(launcher: Launcher, made: SandboxSpec) -> tuple[Sandbox, float]:
    """A sandbox, and the milliseconds until its handler's module was imported."""
    begun = time.perf_counter()
    sandbox = await launcher.start(made)
    await sandbox.start_runtime()
    client, _ = await asyncio.get_running_loop().sock_accept(sandbox.listeners["runtime"])
    took = (time.perf_counter() - begun) * 1000
    client.close()
    return sandbox, took


def proportional(pid: int) -> float:
    """MiB of a process, with its part of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def microseconds(sandboxes: list[Sandbox], what: str) -> float:
    """The median time of a method."""
    times = []
    for sandbox in sandboxes:
        begun = time.perf_counter()
        getattr(sandbox, what)()
        times.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(times)


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        prepare(directory)
        launcher = Launcher(directory / "sandboxes")
        begun = time.perf_counter()
        await launcher.warm(spec(directory, 0))
        print(f"template               {(time.perf_counter() - begun) * 1000:7.1f} ms, once")
        pairs = [await start(launcher, spec(directory, number)) for number in range(COUNT)]
        sandboxes, times = [each for each, _ in pairs], sorted(took for _, took in pairs)
        print(f"cold start             {statistics.median(times):7.1f} ms median, {times[-3]:.1f} ms p95")
        used = sum(map(proportional, stopping.family(os.getpid())[1:]))
        print(f"{COUNT} warm environments   {used:7.0f} MiB (PSS, the template among them)")
        print(f"freeze                 {microseconds(sandboxes, 'freeze'):7.1f} us")
        print(f"thaw                   {microseconds(sandboxes, 'thaw'):7.1f} us")
        print(f"look at the memory     {microseconds(sandboxes, 'watch_memory'):7.1f} us")
        begun = time.perf_counter()
        await asyncio.gather(*(sandbox.close() for sandbox in sandboxes))
        print(f"end of all {COUNT}          {(time.perf_counter() - begun) * 1000:7.1f} ms")
        await launcher.close()


if __name__ == "__main__":
    uvloop.run(main())
