"""The program of a template: a process that has imported a runtime, and from which sandboxes fork.

    python -I -S template.py FD PARENT

FD: a Unix socket of packets to the control process, PARENT its pid. It and all its sandboxes die with the control process.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import os
import select
import signal
import site
import socket
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGE = "fogbank.engine.sandbox.inside"


def _find_the_others() -> None:
    """Let the modules beside this one be imported by their names, and nothing else of the package."""
    here = os.path.dirname(os.path.abspath(__file__))
    parts = _PACKAGE.split(".")
    for count in range(1, len(parts) + 1):
        package = types.ModuleType(".".join(parts[:count]))
        package.__path__ = [here] if count == len(parts) else []
        sys.modules[package.__name__] = package


def main(channel: socket.socket, parent: int) -> int:
    """Serve until the control process is gone; in forks, run what they have become."""
    from fogbank.engine.sandbox.inside import kernel, namespaces  # all, while their files can be seen

    assert namespaces
    config, _ = kernel.receive(channel)
    if config is None:
        return 0
    try:
        _settle(config, parent)
        _import(config["module"])
    except (Exception, SystemExit) as error:  # whatever a runtime's module does when it is imported
        kernel.send(channel, {"error": f"{type(error).__name__}: {error}"})
        return 1
    kernel.send(channel, {"ready": True})
    become = Template(channel, base64.b64decode(config["filter"])).serve()
    return become()


def _settle(config: dict[str, Any], parent: int) -> None:
    """Take the place in which sandboxes are made."""
    from fogbank.engine.sandbox.inside import kernel, world

    os.umask(0o022)  # the control process's is 077: what is made here would be closed to who runs in it
    if config["rootless"]:
        user, group = os.geteuid(), os.getegid()
        kernel.unshare(kernel.NEWUSER)
        world.write("/proc/self/setgroups", "deny")
        world.write("/proc/self/uid_map", f"0 {user} 1")
        world.write("/proc/self/gid_map", f"0 {group} 1")
    else:
        os.setgroups([])
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    kernel.set_name("fogbank-fork")
    with contextlib.suppress(
        PermissionError
    ):  # only root may; sandboxes are made and ended before functions get their turn
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    world.build(config["place"], config)


def _import(module: str) -> None:
    """Import a runtime, once for all sandboxes."""
    if module:
        for name in ("setquit", "setcopyright", "sethelper"):  # what -S leaves out and functions may use: exit()
            getattr(site, name)()
        sys.path.insert(0, "/var/runtime")
        __import__(module)
    gc.collect()
    gc.freeze()
    gc.disable()  # what forks share stays shared


class Template:
    """Forks a sandbox for each request."""

    def __init__(self, channel: socket.socket, program: bytes) -> None:
        self.channel = channel
        self.program = program
        self.between: dict[
            int, int
        ] = {}  # the processes between this one and new sandboxes, and the pipes to tell these that they are gone

    def serve(self) -> Callable[[], int]:
        """Until the other end is gone; returns in forks too: what to run next."""
        from fogbank.engine.sandbox.inside import kernel

        woken, waker = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if woken in ready:
                os.read(woken, 4096)
                self.reap()
            if self.channel.fileno() in ready:
                request, fds = kernel.receive(self.channel)
                if request is None:
                    return lambda: 0
                become = self.fork(request, fds)
                if become:
                    return become

    def fork(self, request: dict[str, Any], fds: list[int]) -> Callable[[], int] | None:
        """Start a sandbox. `fds`: the socket of its first process, and the pipe for output."""
        from fogbank.engine.sandbox.inside import kernel, namespaces

        channel, output = socket.socket(fileno=fds[0]), fds[1]
        go_in, go_out = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # the closed socket says it
        if pid == 0:
            signal.set_wakeup_fd(-1)
            try:
                become = namespaces.enter(request, self.program, channel, output, go_in)
            except OSError as error:
                kernel.send(channel, {"error": str(error)})
                become = None
            return become or (lambda: os._exit(0))
        channel.close()
        os.close(output)
        os.close(go_in)
        if pid > 0:
            self.between[pid] = go_out
        else:
            os.close(go_out)
        return None

    def reap(self) -> None:
        """Bury children: processes between, and the first processes of sandboxes that ended."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            go = self.between.pop(pid, None)
            if go is not None:
                with contextlib.suppress(BrokenPipeError):  # the sandbox is gone already
                    os.write(go, b"x")
                os.close(go)


if __name__ == "__main__":
    _find_the_others()
    sys.exit(main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])))
