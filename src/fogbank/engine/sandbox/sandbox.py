"""One sandbox: what is started in it, stopped, measured, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from fogbank.engine.sandbox import stopping
from fogbank.engine.sandbox.channel import Channel, close_all
from fogbank.engine.sandbox.spec import PORTS, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.engine.sandbox.group import Group
    from fogbank.engine.sandbox.spec import SandboxSpec

INIT = 10.0  # seconds of AWS's initialisation phase, in which processors are not limited
_END = 30.0
_RETRY = 0.005


class Process:
    """A runtime or an extension. `exited`: its exit code, or -N when signal N ended it; never an exception."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()


class Sandbox:
    """Made by `Launcher.start`. All but the freezing and the figures is to be used in the event loop that made it."""

    def __init__(
        self, spec: SandboxSpec, group: Group, end: socket.socket, stdout: int, gone: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.spec, self.name, self.stdout = spec, spec.name, stdout
        self.listeners: dict[str, socket.socket] = {}
        self.exited: asyncio.Future[str] = self._loop.create_future()
        self.frozen = False
        self._group, self._gone = group, gone
        self._ready: asyncio.Future[str] = self._loop.create_future()
        self._born = asyncio.Event()  # the first process is known, or will never be
        self.pid = 0  # of the first process, on the machine
        self._pidfd, self._tmp = -1, -1
        self._processes: dict[int, Process] = {}
        self._early: dict[int, int] = {}  # of processes whose start is not known yet
        self._runtime: Process | None = None
        self._kills, self._out_of_memory, self._most = 0, False, 0
        self._ending: asyncio.Task[None] | None = None
        self._channel = Channel(end, self._received, self._lost)
        self._limited: asyncio.TimerHandle | None = None

    async def ready(self) -> None:
        """Wait until it is made. Raises SandboxError."""
        reason = await self._ready
        if reason:
            raise SandboxError(reason)
        self._limited = self._loop.call_later(INIT, self.end_init)

    def _received(self, message: dict[str, Any], fds: list[int]) -> None:
        if "pid" in message:
            self.pid, self._pidfd = message["pid"], fds[0]
            self._loop.add_reader(self._pidfd, self._ended)
            self._born.set()
        elif "ready" in message:
            *listeners, self._tmp = fds
            for name, fd in zip(PORTS, listeners, strict=True):
                self.listeners[name] = socket.socket(fileno=fd)
                self.listeners[name].setblocking(False)
            self._settle("")
        elif "exited" in message:
            self._process_ended(message["exited"], message["status"])
        else:
            close_all(fds)
            self._settle(message.get("error", "it failed"))

    def _settle(self, reason: str) -> None:
        if not self._ready.done():
            self._ready.set_result(reason)

    def _process_ended(self, pid: int, status: int) -> None:
        process = self._processes.pop(pid, None)
        if process is None:
            self._early[pid] = status
        elif not process.exited.done():
            process.exited.set_result(status)

    def _lost(self) -> None:
        """The first process is gone, or going."""
        self._born.set()
        self._settle("it ended while it was made")
        for pid in list(self._processes):
            self._process_ended(pid, -signal.SIGKILL)
        if self._pidfd < 0 and not self.exited.done():
            self.exited.set_result("it was never there")

    def _ended(self) -> None:
        """No process of the sandbox is left: the kernel ends all with the first, before that counts as ended."""
        self._loop.remove_reader(self._pidfd)
        self._channel.close()
        if not self.exited.done():
            self.exited.set_result("closed" if self._ending else "out of memory" if self.oom_killed() else "killed")

    async def start_runtime(self) -> Process:
        """Start the runtime, for the first time or again. Raises SandboxError, for programs that cannot be executed too."""
        self._kills, self._out_of_memory = self._group.kills(), False
        self._runtime = await self._start("runtime", self.spec.command, self.spec.environment, self.spec.fork)
        return self._runtime

    async def start_extension(self, path: str, environment: dict[str, str]) -> Process:
        """Start a program of the layers, by its path inside."""
        return await self._start("extension", (path,), environment, False)

    async def _start(self, what: str, command: tuple[str, ...], environment: dict[str, str], fork: bool) -> Process:
        self._wake()
        answer = await self._channel.ask(what, command=command, environment=environment, fork=fork)
        process = Process(answer["pid"])
        self._processes[process.pid] = process
        if process.pid in self._early:
            self._process_ended(process.pid, self._early.pop(process.pid))
        elif not self._channel.open:
            self._process_ended(process.pid, -signal.SIGKILL)
        return process

    async def end_runtime(self) -> None:
        """Ask the runtime to end by itself, with SIGTERM; whether and when it does, `Process.exited` says."""
        await self._channel.ask("end")

    async def kill_runtime(self) -> None:
        """Kill the runtime and whatever it has started; extensions stay."""
        await self._kill_inside(extensions=True)

    async def kill_all(self) -> None:
        """Kill everything in the sandbox, which stays."""
        await self._kill_inside(extensions=False)

    async def _kill_inside(self, extensions: bool) -> None:
        """Dying takes processor time too, and a thousand processes that fork would use up what there is."""
        self._wake()
        with contextlib.suppress(FileNotFoundError):
            self._group.free_cpu()
        await self._channel.ask("kill", extensions=extensions)
        if not self._limited:
            self._limit_cpu()

    def _limit_cpu(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
            self._group.limit_cpu(self.spec.memory)

    def freeze(self) -> None:
        """Stop everything in it, until `thaw`."""
        if not self.exited.done():
            self.frozen = True
            with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
                self._group.freeze() if self._group.freezes else stopping.stop(self.pid)

    def thaw(self) -> None:
        """Let it go on."""
        if not self.exited.done():
            with contextlib.suppress(FileNotFoundError):
                self._group.thaw() if self._group.freezes else stopping.go_on(self.pid)
        self.frozen = False

    def _wake(self) -> None:
        """What is frozen answers nothing."""
        if self.frozen:
            self.thaw()

    def end_init(self) -> None:
        """The initialisation is over: from now on processor time in proportion to memory. Happens by itself after INIT seconds."""
        if self._limited:
            self._limited.cancel()
            self._limited = None
            self._limit_cpu()

    def _tmp_used(self) -> int:
        if self._tmp < 0:
            return 0
        found = os.fstatvfs(self._tmp)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def memory_now(self) -> int:
        """Bytes that its processes use, without files in /tmp."""
        if self._group.limits_memory:
            now = max(
                self._group.memory_of_processes(),
                min(self._group.memory_now() - self._tmp_used(), self.spec.memory << 20),
            )
        else:
            now = stopping.memory(self.pid)
        self._most = max(self._most, now)
        return now

    def memory_peak(self) -> int:
        """The most bytes that its processes have used; exact unless files and caches took them all above the configured memory."""
        most = self._group.memory_most()
        return most if 0 < most <= self.spec.memory << 20 else max(self._most, self.memory_now())

    def cpu_time(self) -> float:
        """Seconds of processor time."""
        return self._group.cpu_time() or stopping.cpu_time(self.pid)

    def oom_killed(self) -> bool:
        """Whether something was killed for want of memory since the runtime was started."""
        return self._out_of_memory or self._group.kills() > self._kills

    def watch_memory(self) -> None:
        """Kill the runtime if processes use more than the configured memory.

        The kernel's limit has room for /tmp too, whose files are memory here but not on AWS; the launcher asks ten times a second.
        """
        if self._group.limits_memory and not self.frozen and self._group.memory_now() > self.spec.memory << 20:
            self._most = max(self._most, self._group.memory_of_processes())
            if self._group.memory_of_processes() > self.spec.memory << 20 and not self._out_of_memory:
                self._out_of_memory = True
                self._killing = self._loop.create_task(self._kill_for_memory())

    async def _kill_for_memory(self) -> None:
        try:
            await asyncio.wait_for(self.kill_runtime(), INIT)
        except (SandboxError, TimeoutError):
            self._kill()

    def _kill(self) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def close(self) -> None:
        """End everything in it. Nothing is left of it afterwards. Goes on by itself if it is not waited for to the end."""
        self._ending = self._ending or self._loop.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        if self._limited:
            self._limited.cancel()
        with contextlib.suppress(FileNotFoundError):
            self._group.free_cpu()
        with contextlib.suppress(
            TimeoutError
        ):  # a process that the kernel cannot end yet: its group goes at the next start
            async with asyncio.timeout(_END):
                await self._born.wait()
                self._kill()
                self._wake()
                await asyncio.wait([self.exited])
                while not self._group.remove():
                    await asyncio.sleep(_RETRY)
        self._release()
        self._gone()

    def _release(self) -> None:
        self._channel.close()
        if not self.exited.done():
            self._loop.remove_reader(self._pidfd)
            self.exited.set_result("it does not end")
        self._loop.remove_reader(self.stdout)
        for listener in self.listeners.values():
            self._loop.remove_reader(listener.fileno())
            listener.close()
        close_all(fd for fd in (self.stdout, self._pidfd, self._tmp) if fd >= 0)
        self._tmp = self._pidfd = -1
