"""What environments need of a sandbox: the shape of `engine.sandbox`, so that tests may run without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    import socket

    from fogbank.engine.sandbox.spec import SandboxSpec


class Process(Protocol):
    """A process in a sandbox. `exited`: its status; the negative number of the signal that ended it."""

    exited: asyncio.Future[int]


class Sandbox(Protocol):
    """A sandbox with nothing running in it yet."""

    listeners: dict[str, socket.socket]
    stdout: int
    exited: asyncio.Future[str]

    async def start_runtime(self) -> Process: ...

    async def end_runtime(self) -> None: ...

    async def kill_runtime(self) -> None: ...

    async def start_extension(self, path: str, environment: dict[str, str]) -> Process: ...

    async def kill_all(self) -> None: ...

    def end_init(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def memory_peak(self) -> int: ...

    def oom_killed(self) -> bool: ...

    async def close(self) -> None: ...


class Launcher(Protocol):
    """Makes sandboxes."""

    async def start(self, spec: SandboxSpec) -> Sandbox: ...

    async def warm(self, spec: SandboxSpec) -> None: ...
