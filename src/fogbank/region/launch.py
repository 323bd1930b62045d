"""Starting and stopping a region: in the foreground, detached from the terminal, and from another process."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

from fogbank.region import log, processes
from fogbank.region.data import DataDir, master_keys, root_credentials, take_lock, write_file
from fogbank.region.errors import RegionError
from fogbank.region.settings import effective_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.region.listener import Tls
    from fogbank.region.settings import Settings

WORKER = "fogbank.gateway.worker:run"
CONTROL = "fogbank.control.process:run"
_LOCK_SECONDS = 3.0
_POLL = 0.02
_KILL_SECONDS = 5.0


class AlreadyRunningError(RegionError):
    """A region runs on this data directory already."""

    def __init__(self, data: DataDir, runtime: processes.Runtime) -> None:
        super().__init__(f"already running on {data.root}: {runtime.endpoint} (pid {runtime.supervisor.pid})")
        self.runtime = runtime


class Launched(msgspec.Struct, frozen=True):
    """How the region on a directory was last started: its settings in force, as a settings file, and whether detached."""

    settings: str
    detached: bool


class _Answer(msgspec.Struct):
    """What a detached supervisor tells the command that started it."""

    runtime: processes.Runtime | None = None
    running: processes.Runtime | None = None
    error: str = ""


def entry(name: str) -> Any:
    """The function named `package.module:function`."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def foreground(
    settings: Settings,
    announce: Callable[[processes.Runtime], None],
    *,
    log_file: bool = False,
    worker: Any = None,
    control: Any = None,
) -> None:
    """Run a region in this process until it is told to stop; `announce` is called when it answers.

    With `log_file` the log goes into the data directory, and stdout and stderr with it; else to the terminal.
    """
    data = DataDir(settings.data)
    data.create()
    lock = _lock(data)
    try:
        _supervise(settings, data, announce, log_file, worker, control)
    finally:
        os.close(lock)


def _supervise(
    settings: Settings,
    data: DataDir,
    announce: Callable[[processes.Runtime], None],
    log_file: bool,
    worker: Any,
    control: Any,
) -> None:
    os.umask(0o077)  # whatever is made in the data directory is the owner's alone
    credentials = root_credentials(data, settings.account)
    master_keys(data)
    settings = msgspec.structs.replace(settings, account=credentials.account)
    path = data.log if log_file else None
    events = log.open_log(path, "supervisor", level=settings.log_level, style=settings.log_format, detached=log_file)
    log.adopt_logging(events)
    certificates, ca = _certificates(settings, data)
    launched = Launched(effective_file(settings), detached=log_file)
    write_file(data.launched, msgspec.json.encode(launched), 0o600)
    from fogbank.region import http_server  # noqa: F401 - imported here once, shared by the forks
    from fogbank.region.supervisor import Supervisor

    _raise_open_files()
    supervisor = Supervisor(
        settings, data, worker=worker or entry(WORKER), control=control or entry(CONTROL), events=events, log_path=path,
        detached=log_file, certificates=certificates, ca=ca,
    )  # fmt: skip
    supervisor.run(announce)


def _raise_open_files() -> None:
    """As many open files as the user may have: a connection is one, and the usual soft limit of 1024 is soon reached."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _certificates(settings: Settings, data: DataDir) -> tuple[Callable[[], Tls] | None, str]:
    if not settings.tls:
        return None, ""
    from fogbank.region import tls

    return lambda: tls.ensure(data.tls, settings.tls_names).server, str(tls.files(data.tls).ca)


def _lock(data: DataDir) -> int:
    """The directory's lock; a region that was just killed may hold it for a moment longer."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while (lock := take_lock(data)) is None:
        runtime = processes.running(data)
        if runtime:
            raise AlreadyRunningError(data, runtime)
        if time.monotonic() > deadline:
            raise RegionError(f"{data.root} is in use by a region that is just starting or stopping: try again.")
        time.sleep(_POLL)
    return lock


def detached(settings: Settings, *, worker: Any = None, control: Any = None) -> processes.Runtime:
    """Start a region that outlives this process, and return when it answers.

    RegionError with the reason and the end of the log if it does not start; AlreadyRunningError if one runs.
    """
    data = DataDir(settings.data)
    data.create()
    begun = time.time()
    read, write = os.pipe2(os.O_CLOEXEC)
    first = os.fork()
    if first == 0:
        os.close(read)
        _detach(settings, write, worker, control)
    os.close(write)
    os.waitpid(first, 0)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.readline()  # not to its end: the children hold it open
    answer = msgspec.json.decode(said, type=_Answer) if said else _Answer(error="the supervisor ended without a word")
    if answer.running:
        raise AlreadyRunningError(data, answer.running)
    if answer.runtime is None:
        raise RegionError(answer.error + _log_since(data, begun))
    return answer.runtime


def _log_since(data: DataDir, begun: float) -> str:
    with contextlib.suppress(OSError):
        written = data.log.stat()
        if written.st_size and written.st_mtime >= begun - 1:
            return f"\n\nThe end of {data.log}:\n{log.tail(data.log)}"
    return ""


def _detach(settings: Settings, write: int, worker: Any, control: Any) -> NoReturn:
    """In the first fork: a session of its own, and a second fork that can never get a terminal again."""
    code = 1
    try:
        os.setsid()
        if os.fork() == 0:
            code = _detached_life(settings, write, worker, control)
        else:
            code = 0
    finally:
        os._exit(code)


def _detached_life(settings: Settings, write: int, worker: Any, control: Any) -> int:
    def tell(answer: _Answer) -> None:
        nonlocal write
        if write >= 0:
            with contextlib.suppress(OSError):
                os.write(write, msgspec.json.encode(answer) + b"\n")
            os.close(write)
            write = -1

    try:
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        foreground(
            settings, lambda runtime: tell(_Answer(runtime=runtime)), log_file=True, worker=worker, control=control
        )
        tell(_Answer(error="it was stopped while starting"))
    except AlreadyRunningError as error:
        tell(_Answer(running=error.runtime))
    except RegionError as error:
        tell(_Answer(error=str(error)))
    except BaseException as error:
        import traceback

        traceback.print_exc(file=sys.stderr)
        tell(_Answer(error=f"{type(error).__name__}: {error}"))
        raise
    return 0


def launched(data: DataDir) -> Launched | None:
    """How the region on this directory was last started; None if that is not known."""
    try:
        return msgspec.json.decode(data.launched.read_bytes(), type=Launched)
    except (OSError, msgspec.DecodeError):
        return None


def stop(data: DataDir, *, patience: float) -> processes.Runtime | None:
    """Stop the region on this directory and wait until all its processes are gone; None if none ran.

    After `patience` seconds what is left is killed.
    """
    stopped = _wait_until_gone(data, patience)
    if stopped.left and stopped.runtime:
        for process in (stopped.runtime.supervisor, *stopped.runtime.children.values()):
            _send(process, signal.SIGKILL)
        stopped = _wait_until_gone(data, _KILL_SECONDS)._replace(runtime=stopped.runtime)
    if stopped.left:
        raise RegionError(f"processes of the region on {data.root} cannot be ended; `fogbank status` names them.")
    return stopped.runtime


class _Stopped(NamedTuple):
    runtime: processes.Runtime | None  # the region that was asked to stop
    left: bool  # whether some of it still runs


def _wait_until_gone(data: DataDir, seconds: float) -> _Stopped:
    """Ask the region to stop, and wait until nobody holds the lock: every process of a region does.

    One that is just starting holds it before it says who it is: it is asked as soon as it does.
    """
    asked = None
    deadline = time.monotonic() + seconds
    while data.lock.exists():
        runtime = processes.running(data)
        if runtime and asked is None:
            asked = runtime
            _send(runtime.supervisor, signal.SIGTERM)
        lock = take_lock(data)
        if lock is not None:
            os.close(lock)
            # A process that is ending lets go of its files a moment before it is gone.
            if not (asked and any(process.alive() for process in (asked.supervisor, *asked.children.values()))):
                break
        if time.monotonic() > deadline:
            return _Stopped(processes.read_runtime(data), True)
        time.sleep(_POLL)
    return _Stopped(asked, False)


def _send(process: processes.ProcessId, number: int) -> None:
    """Send a signal to that very process: the descriptor is opened first, then checked to be its."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process.alive():
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise RegionError(f"the region belongs to another user (pid {process.pid}): stop it as that user.") from None
    finally:
        os.close(descriptor)
