"""The program of a template: a process that has imported a runtime, and from which sandboxes fork.

    python -I -S template.py FD PARENT

FD: a Unix socket of packets to the control process, PARENT its pid. It and all its sandboxes die with the control process.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
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
    from collections.abc import Callable, Iterator

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
        world.leave_inotify()
    else:
        os.setgroups([])
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
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


class Making:
    """A sandbox that is being made: its process, what it is to be, its socket, pipes from and to it."""

    def __init__(self, pid: int, spec: dict[str, Any], channel: socket.socket, made: int, done: int) -> None:
        self.pid, self.spec, self.channel, self.made, self.done = pid, spec, channel, made, done
        self.named = False

    def begin(self) -> None:
        """Tell the control process of it, and let it go on."""
        from fogbank.engine.sandbox.inside import kernel, namespaces

        with self.failing():
            pidfd = kernel.pidfd_open(self.pid)
            kernel.send(self.channel, {"pid": self.pid}, [pidfd])
            os.close(pidfd)
            namespaces.join(self.pid, self.spec)
            os.write(self.done, b"x")

    def go_on(self) -> bool:
        """It has said something, or died. Whether there will be more."""
        from fogbank.engine.sandbox.inside import namespaces

        more = os.read(self.made, 1) != b"" and not self.named
        if more:
            self.named = True
            with self.failing():
                namespaces.identify(self.pid, self.spec)
                os.write(self.done, b"x")
        return more

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """What goes wrong ends it, and is told."""
        from fogbank.engine.sandbox.inside import kernel

        try:
            yield
        except OSError as error:
            with contextlib.suppress(OSError):  # nobody listens
                kernel.send(self.channel, {"error": str(error)})
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """It needs the template no more."""
        self.channel.close()
        os.close(self.made)
        os.close(self.done)


class Template:
    """Forks a sandbox for each request."""

    def __init__(self, channel: socket.socket, program: bytes) -> None:
        self.channel = channel
        self.program = program
        self.making: dict[int, Making] = {}  # by the pipe from it
        self.poll = select.poll()

    def serve(self) -> Callable[[], int]:
        """Until the other end is gone; returns in forks too: what to run next."""
        from fogbank.engine.sandbox.inside import kernel

        woken, waker = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll.register(self.channel, select.POLLIN)
        self.poll.register(woken, select.POLLIN)
        while True:
            for fd, _ in self.poll.poll():
                if fd in self.making:
                    self.help(self.making[fd])
                elif fd == woken:
                    os.read(woken, 4096)
                    reap()
                else:
                    request, fds = kernel.receive(self.channel)
                    if request is None:
                        return lambda: 0
                    become = self.fork(request, fds)
                    if become:
                        return become

    def help(self, making: Making) -> None:
        """Do what a new sandbox cannot do itself."""
        if not making.go_on():
            del self.making[making.made]
            self.poll.unregister(making.made)
            making.close()

    def fork(self, request: dict[str, Any], fds: list[int]) -> Callable[[], int] | None:
        """Start a sandbox. `fds`: the socket of its first process, and the pipe for output. In that process: what it becomes."""
        from fogbank.engine.sandbox.inside import kernel, namespaces

        channel, output = socket.socket(fileno=fds[0]), fds[1]
        made_in, made_out = os.pipe()
        done_in, done_out = os.pipe()
        pid = kernel.fork_into(namespaces.NAMESPACES)
        if pid == 0:
            signal.set_wakeup_fd(-1)
            return namespaces.enter(request, self.program, channel, output, made_out, done_in)
        for fd in (output, made_out, done_in):
            os.close(fd)
        making = Making(pid, request, channel, made_in, done_out)
        if pid > 0:
            self.making[made_in] = making
            self.poll.register(made_in, select.POLLIN)
            making.begin()
        else:
            kernel.send(channel, {"error": f"fork: {os.strerror(ctypes.get_errno())}"})
            making.close()
        return None


def reap() -> None:
    """Bury sandboxes that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


if __name__ == "__main__":
    _find_the_others()
    sys.exit(main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])))
