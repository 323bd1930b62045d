"""From a function to an environment with a sandbox and a network, ready to be initialised."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from fogbank.engine.functions.budget import Budget, Share
from fogbank.engine.functions.connection import Connection
from fogbank.engine.functions.environment import Environment
from fogbank.engine.functions.forward import Forward
from fogbank.engine.functions.origin import Origin
from fogbank.engine.functions.proxy import Proxy
from fogbank.engine.functions.reports import stream_name
from fogbank.engine.functions.runtimes import CUSTOM, command, forks
from fogbank.engine.functions.spec import Unavailable
from fogbank.engine.functions.staging import Stage
from fogbank.engine.functions.variables import for_extensions, variables
from fogbank.engine.sandbox.runtimes import installed
from fogbank.engine.sandbox.spec import SandboxError, SandboxSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.engine.functions.needs import Launcher, Sandbox
    from fogbank.engine.functions.spec import FunctionSpec, Granted, Hooks, Limits, Network
    from fogbank.engine.sandbox.spec import Interpreter


BEFORE_EXPIRY = 300.0  # seconds, of credentials that live long


class Wires:
    """What listens in a sandbox: the Runtime API, the way to the region, and the way outside if there is one."""

    def __init__(self, network: Network, budget: Budget) -> None:
        self.share = Share(budget)
        self._forward = Forward(network, self.share)
        self._proxy = Proxy(network, self.share) if network.outside else None
        self._server: asyncio.Server | None = None

    async def open(self, sandbox: Sandbox, environment: Environment) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        take = sandbox.listeners.pop  # the servers close them
        self._server = await loop.create_server(lambda: Connection(environment.api), sock=take("runtime"))
        await self._forward.open(take("region"))
        if self._proxy:
            await self._proxy.open(take("proxy"))
        else:
            take("proxy").close()

    def close(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()
        self._forward.close()
        if self._proxy:
            self._proxy.close()
        self.share.close()


class Starter:
    """Makes environments. `directory`: where /var/runtime is put together."""

    def __init__(self, launcher: Launcher, hooks: Hooks, limits: Limits, network: Network, directory: Path) -> None:
        self._launcher = launcher
        self._hooks = hooks
        self._limits = limits
        self._network = network
        self._budget = Budget(limits.connections)
        self._stage = Stage(directory)
        self._staging = asyncio.Lock()
        self._runtimes: dict[str, tuple[Interpreter | None, Path | None]] = {}

    async def start(self, spec: FunctionSpec, how: str, idle: Callable[[Environment], None]) -> Environment:
        """An environment that is not initialised yet. Raises Unavailable."""
        interpreter, runtime_dir = await self._runtime(spec.runtime)
        granted = await self._hooks.environment(spec)
        digits = self._hooks.random_hex()
        stream = stream_name(spec, self._hooks.now(), digits)
        values = variables(spec, granted, self._network, stream, how)
        wanted = SandboxSpec(
            name=f"{spec.name[:40]}-{digits[-20:]}",
            task=spec.task,
            command=command(spec),
            environment=values,
            runtime_dir=runtime_dir,
            interpreter=interpreter,
            layers=spec.layers,
            memory=spec.memory,
            ephemeral=spec.ephemeral,
            fork=forks(spec),
        )
        try:
            sandbox = await self._launcher.start(wanted)
        except SandboxError as error:
            raise Unavailable(str(error)) from error
        wires = Wires(self._network, self._budget)
        origin = Origin(sandbox, wires, stream, how, self._until(granted), for_extensions(values))
        environment = Environment(spec, origin, self._hooks, self._limits, idle)
        try:
            await wires.open(sandbox, environment)
        except BaseException:
            await environment.close()
            raise
        return environment

    async def warm(self, runtime: str) -> None:
        """Have everything ready that environments of a runtime begin with. Raises Unavailable."""
        interpreter, runtime_dir = await self._runtime(runtime)
        fork = runtime.startswith("python")
        spec = SandboxSpec("warm", Path("/"), ("bootstrap",), {}, runtime_dir, interpreter, fork=fork)
        try:
            await self._launcher.warm(spec)
        except SandboxError as error:
            raise Unavailable(str(error)) from error

    def _until(self, granted: Granted) -> float:
        """When an environment is not to be used any more: before its credentials end."""
        left = granted.expires - self._hooks.now()
        return granted.expires - min(BEFORE_EXPIRY, left / 10) if granted.expires else 0.0

    async def _runtime(self, runtime: str) -> tuple[Interpreter | None, Path | None]:
        if runtime not in self._runtimes:
            async with self._staging:
                self._runtimes[runtime] = await asyncio.to_thread(self._prepared, runtime)
        return self._runtimes[runtime]

    def _prepared(self, runtime: str) -> tuple[Interpreter | None, Path | None]:
        interpreter = installed().get(runtime)
        if interpreter is None and runtime not in CUSTOM:
            raise Unavailable(f"this machine has no {runtime}")
        return interpreter, self._stage.runtime_dir(runtime, interpreter)
