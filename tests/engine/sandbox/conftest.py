"""Sandboxes for tests: a launcher, and a runtime that runs the Python code that it is given."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.engine.sandbox.launcher import Launcher
from fogbank.engine.sandbox.spec import Interpreter, SandboxError, SandboxSpec

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from fogbank.engine.sandbox.sandbox import Process, Sandbox

LONG = 60.0  # seconds: far more than anything takes, on a machine that does ten other things
RUNTIME = """
import sys
def main():
    exec(sys.argv[1], {"__name__": "function"})
"""


class Sandboxes:
    """Runs coroutines with a launcher of its own; code in sandboxes of it."""

    def __init__(self, directory: Path, runner: asyncio.Runner) -> None:
        self.directory = directory
        self.runner = runner
        self.runtime, self.task = directory / "runtime", directory / "task"
        for made in (self.runtime, self.task):
            made.mkdir()
        (self.runtime / "probe.py").write_text(RUNTIME)
        self.number = 0
        self.launcher = self.run(self._launcher())

    async def _launcher(self) -> Launcher:
        return Launcher(self.directory / "sandboxes")

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run it to its end."""
        return self.runner.run(self._bounded(coroutine))

    async def _bounded(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        async with asyncio.timeout(4 * LONG):
            return await coroutine

    def spec(self, code: str, **changes: Any) -> SandboxSpec:
        """A sandbox whose runtime runs `code`."""
        self.number += 1
        python = Interpreter("python3.11", Path(getattr(sys, "_base_executable", sys.executable)), prefixes())
        fields = {
            "name": f"s{self.number}",
            "task": self.task,
            "command": ("probe", code),
            "environment": {},
            "runtime_dir": self.runtime,
            "interpreter": python,
            "fork": True,
        }
        return SandboxSpec(**(fields | changes))

    async def start(self, code: str, **changes: Any) -> tuple[Sandbox, Process]:
        """A sandbox in which code has been started."""
        sandbox = await self.launcher.start(self.spec(code, **changes))
        return sandbox, await sandbox.start_runtime()

    async def result(self, code: str, **changes: Any) -> tuple[int, str]:
        """The exit status of code, and what it printed."""
        sandbox, process = await self.start(code, **changes)
        try:
            return await ended(sandbox, process)
        finally:
            await sandbox.close()

    def said(self, code: str, **changes: Any) -> str:
        """What code printed."""
        return str(self.run(self.result(code, **changes))[1]).strip()


def prefixes() -> tuple[Path, ...]:
    """What this Python needs that is not in /usr."""
    return () if Path(sys.base_prefix).is_relative_to("/usr") else (Path(sys.base_prefix),)


async def ended(sandbox: Sandbox, process: Process) -> tuple[int, str]:
    """Wait for the end of a process; its status and all output until then."""
    output = b""
    while not process.exited.done():
        output += available(sandbox)
        await asyncio.wait([process.exited], timeout=0.02)
    return process.exited.result(), (output + available(sandbox)).decode(errors="replace")


async def line(sandbox: Sandbox) -> str:
    """The next line of output."""
    output = b""
    while not output.endswith(b"\n"):
        output += available(sandbox, 1)
        await asyncio.sleep(0.005)
    return output.decode().strip()


def available(sandbox: Sandbox, most: int = 1 << 20) -> bytes:
    """What can be read of the output now."""
    if not select.select([sandbox.stdout], [], [], 0)[0]:
        return b""
    return os.read(sandbox.stdout, most)


def administrator() -> bool:
    """Whether everything has to work here."""
    status = Path("/proc/self/status").read_text()
    return os.geteuid() == 0 and bool(int(status.split("CapEff:")[1].split()[0], 16) & 1 << 21)


def make(directory: Path, runner: asyncio.Runner) -> Sandboxes:
    """Sandboxes, or a skipped test where the machine does not let this user make any."""
    made = Sandboxes(directory, runner)
    try:
        made.run(made.result(""))
    except SandboxError as error:
        made.run(made.launcher.close())
        if administrator():
            raise
        pytest.skip(f"no sandboxes here: {error}")
    return made


@pytest.fixture(scope="module")
def sandboxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandboxes]:
    """One launcher for a module of tests."""
    with asyncio.Runner() as runner:
        made = make(tmp_path_factory.mktemp("sandboxes"), runner)
        yield made
        made.run(made.launcher.close())
