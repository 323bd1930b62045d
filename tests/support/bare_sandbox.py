"""Sandboxes that are none: the runtime as a plain process, its listeners on free ports. For tests of what is around sandboxes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.engine.sandbox.spec import SandboxSpec


class BareProcess:
    """A process, with those that it starts."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.exited: asyncio.Future[int] = asyncio.ensure_future(process.wait())

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await asyncio.wait([self.exited])


class BareSandbox:
    """A `Sandbox` without walls."""

    def __init__(self, spec: SandboxSpec) -> None:
        self.spec = spec
        self.listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in ("runtime", "region", "proxy")}
        for listener in self.listeners.values():
            listener.setblocking(False)
        self._ports = {name: int(listener.getsockname()[1]) for name, listener in self.listeners.items()}
        self.stdout, self._writer = os.pipe()
        self.exited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.runtime: BareProcess | None = None
        self.extensions: list[BareProcess] = []
        self.frozen = False
        self.closed = False

    async def start_runtime(self) -> BareProcess:
        self.runtime = await self._run(self._command(), self.spec.environment)
        return self.runtime

    async def start_extension(self, path: str, environment: dict[str, str]) -> BareProcess:
        layer = next(layer for layer in reversed(self.spec.layers) if (layer / path[len("/opt/") :]).exists())
        process = await self._run([str(layer / path[len("/opt/") :])], environment)
        self.extensions.append(process)
        return process

    async def end_runtime(self) -> None:
        if self.runtime:
            self.runtime.process.terminate()

    async def kill_runtime(self) -> None:
        if self.runtime:
            await self.runtime.kill()
            self.runtime = None

    async def kill_all(self) -> None:
        await self.kill_runtime()
        for process in self.extensions:
            await process.kill()
        self.extensions.clear()

    def end_init(self) -> None:
        """All of it is whole."""

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False

    def memory_peak(self) -> int:
        return 33 * 1024 * 1024

    def oom_killed(self) -> bool:
        return False

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        await self.kill_all()
        for listener in self.listeners.values():
            listener.close()
        os.close(self.stdout)
        os.close(self._writer)
        if not self.exited.done():
            self.exited.cancel()

    def _inside(self, path: str) -> str:
        for name, place in (("/var/task", self.spec.task), ("/var/runtime", self.spec.runtime_dir)):
            path = path.replace(name, str(place))
        return path

    def _command(self) -> list[str]:
        command = [self._inside(part) for part in self.spec.command]
        if not self.spec.fork:
            return command
        python = str(self.spec.interpreter.program) if self.spec.interpreter else sys.executable
        start = f"import sys; sys.path[:0] = [{str(self.spec.runtime_dir)!r}]; import bootstrap; bootstrap.main()"
        return [python, "-I", "-c", start]

    def _port(self, name: str) -> int:
        return self._ports[name]

    async def _run(self, command: list[str], environment: dict[str, str]) -> BareProcess:
        values = environment | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._port('runtime')}"}
        values |= {"LAMBDA_TASK_ROOT": str(self.spec.task), "PATH": os.environ["PATH"]}
        values["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{self._port('region')}"
        values.pop("LD_LIBRARY_PATH", None)
        pipe = {"stdin": asyncio.subprocess.DEVNULL, "stdout": self._writer, "stderr": self._writer}
        process = await asyncio.create_subprocess_exec(
            *command, env=values, cwd=self.spec.task, start_new_session=True, **pipe
        )
        return BareProcess(process)


class BareLauncher:
    """A `Launcher` of them. `made`: all that there were."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.made: list[BareSandbox] = []

    async def start(self, spec: SandboxSpec) -> BareSandbox:
        self.made.append(BareSandbox(spec))
        return self.made[-1]

    async def warm(self, spec: SandboxSpec) -> None:
        """There is nothing to warm."""

    async def close(self) -> None:
        for sandbox in self.made:
            await sandbox.close()
