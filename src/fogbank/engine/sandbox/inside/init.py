"""The first process of a sandbox: it starts what runs there, and buries it. It has no rights that the others have not."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING, Any

from fogbank.engine.sandbox.inside import kernel, program

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_ROUNDS = 200  # of looking for processes that go on forking while they are killed


class Init:
    """Serves requests of the control process over `channel`; both ends of everything are closed when this process dies."""

    def __init__(self, channel: socket.socket, output: int) -> None:
        self.channel = channel
        self.output = output
        self.watched: dict[int, str] = {}  # what runs: pid -> "runtime" or "extension"

    def run(self) -> int:
        """Until the control process lets go. In children that become the runtime: run it, and return its exit code."""
        kernel.set_name("fogbank-init")
        woken, waker = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # as every other signal: the kernel gives it none that it has no handler of
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if woken in ready:
                os.read(woken, 4096)
                self.bury()
            if self.channel.fileno() in ready:
                request, _ = kernel.receive(self.channel)
                if request is None:
                    os._exit(0)
                become = self.serve(request)
                if become:
                    return become()

    def bury(self) -> None:
        """Reap every child that has ended, and tell of those that the control process knows."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self.watched.pop(pid, None):
                code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                kernel.send(self.channel, {"exited": pid, "status": code})

    def serve(self, request: dict[str, Any]) -> Callable[[], int] | None:
        """Do what is asked, and answer."""
        number, what = request["id"], request["do"]
        if what in ("runtime", "extension"):
            return self.start(number, what, request)
        if what == "kill":
            self.kill("extension" if request["extensions"] else "")
        if what == "end":
            self.end()
        kernel.send(self.channel, {"id": number})
        return None

    def start(self, number: int, what: str, request: dict[str, Any]) -> Callable[[], int] | None:
        """Start a program, or a fork of this interpreter. In the latter: what it becomes."""
        failed_in, failed_out = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            pid, reason = -1, error.strerror or "fork"
        if pid == 0:
            return program.become(request, self.output, failed_out)
        os.close(failed_out)
        if pid > 0:
            self.watched[pid] = what
            reason = os.read(failed_in, 4096).decode()  # nothing, once the program runs
        os.close(failed_in)
        if reason:
            self.watched.pop(pid, None)
            kernel.send(self.channel, {"id": number, "error": reason})
        else:
            kernel.send(self.channel, {"id": number, "pid": pid})
        return None

    def end(self) -> None:
        """Ask the runtime to end by itself."""
        for pid, what in self.watched.items():
            if what == "runtime":
                _kill(pid, signal.SIGTERM)

    def kill(self, spare: str) -> None:
        """Kill everything but this process, and but the sessions of extensions if those are to be spared."""
        spared = {pid for pid, what in self.watched.items() if what == spare}
        if not spared:
            _kill(-1)
        for _ in range(_ROUNDS):
            alive = [pid for pid, session in _processes() if pid != 1 and session not in spared]
            for pid in alive:
                _kill(pid)
            self.bury()
            if not alive:
                return
            os.sched_yield()
        _kill(-1)


def _kill(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)


def _processes() -> list[tuple[int, int]]:
    """Every process that is not dead yet, with its session."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            found.append((int(name), int(fields[3])))
    return found
