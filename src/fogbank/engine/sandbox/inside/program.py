"""What a child of a sandbox's first process does to become a runtime or an extension."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from typing import IO, TYPE_CHECKING, Any

from fogbank.engine.sandbox.inside import kernel, world

if TYPE_CHECKING:
    from collections.abc import Callable

_SCORE = "800"  # before the first process, and before most of the machine's
_OURS = "fogbank"


def become(request: dict[str, Any], output: int, failed: int) -> Callable[[], int] | None:
    """Execute a program; or return what the forked interpreter is to run, which returns an exit code.

    `failed` is a pipe on which an error is written; it closes when the program runs.
    """
    try:
        _prepare(output, failed)
        if not request["fork"]:
            for name in ("SIGPIPE", "SIGXFSZ"):  # CPython ignores them
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            os.execve(request["command"][0], request["command"], request["environment"])
    except OSError as error:
        os.write(failed, (error.strerror or str(error)).encode())
        os._exit(127)
    os.close(failed)
    return lambda: _run(request["command"], request["environment"])


def _prepare(output: int, failed: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    kernel.close_except({0, 1, 2, failed})
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # its own /proc/self, as any process has
    kernel.set_name("runtime")
    world.write("/proc/self/oom_score_adj", _SCORE)
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    os.chdir("/var/task")


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Be the runtime: call main() of the module that the template has imported."""
    gc.enable()
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = list(command)
    sys.stdout, sys.stderr = _stream(1), _stream(2)  # the template's own are not for pipes
    for name in [name for name in sys.modules if name.partition(".")[0] == _OURS]:
        del sys.modules[name]
    result = __import__(command[0]).main()
    return result if isinstance(result, int) else 0


def _stream(fd: int) -> IO[str]:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
