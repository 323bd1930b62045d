"""One child process of the supervisor: forked, watched, stopped, and when to start it again."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from fogbank.region.processes import ProcessId, die_with, identify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fogbank.region.log import Log

BURST = 10  # restarts at once, before waiting begins
CALM_SECONDS = 60.0  # a child that has lived this long starts with a clean slate
LONGEST_WAIT = 30.0
_PR_SET_NAME = 15
_FORWARDED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Restarts:
    """When a child that ended may start again: at once for the first ones in a minute, then after 1, 2, 4, … 30 seconds."""

    def __init__(self) -> None:
        self.total = 0
        self._recent: list[float] = []
        self._waits = 0

    def delay(self, now: float, lived: float) -> float:
        """Seconds to wait, for a child that ended `now` after having `lived` so many seconds."""
        self.total += 1
        if lived >= CALM_SECONDS:
            self._waits = 0
        self._recent = [moment for moment in self._recent if now - moment < CALM_SECONDS]
        self._recent.append(now)
        if len(self._recent) <= BURST and not self._waits:
            return 0.0
        self._waits += 1
        return float(min(2.0 ** (self._waits - 1), LONGEST_WAIT))


class Child:
    """A process that the supervisor keeps running.

    `run(announce)` is its whole life; it calls `announce` when it serves, and then every few seconds as a sign of life.
    `must_announce` is False for what is ready by existing.
    """

    def __init__(self, name: str, run: Callable[[Callable[[], None]], None], *, must_announce: bool = True) -> None:
        self.name = name
        self.restarts = Restarts()
        self.must_announce = must_announce
        self.pid = 0
        self.pidfd = -1
        self.ready_pipe = -1
        self.ready = False
        self.due: float | None = None  # when to start it again
        self.started = 0.0
        self.heard_at = 0.0
        self.replacing = False  # it ends because it was told to: no crash
        self.identity: ProcessId | None = None
        self._run = run

    @property
    def running(self) -> bool:
        """Whether a process is there (and has not been reaped)."""
        return self.pid != 0

    def start(self, now: float, prepare: Callable[[], Log]) -> None:
        """Fork it. `prepare` runs first in the child: it lets go of what is the supervisor's, and opens the child's log."""
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        supervisor = os.getpid()
        try:
            # A signal that came between the fork and the child's reset would be the supervisor's handler's, and so lost.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
            try:
                pid = os.fork()
                if pid == 0:
                    self._live(supervisor, write, prepare, mask)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self.pidfd = _watch(pid)
        except OSError:
            os.close(read)
            raise
        finally:
            os.close(write)
        self.pid, self.ready_pipe, self.ready = pid, read, not self.must_announce
        self.identity = identify_child(pid)
        self.due, self.started, self.heard_at, self.replacing = None, now, now, False

    def _live(
        self, supervisor: int, write: int, prepare: Callable[[], Log], mask: set[int | signal.Signals]
    ) -> NoReturn:
        """The child's life. It never returns into the supervisor's stack."""
        code = 1
        try:
            _reset_signals()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            log = prepare()
            _set_name(f"fogbank {self.name}")
            if die_with(supervisor):
                code = self._guarded(write, log)
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _guarded(self, write: int, log: Log) -> int:
        def announce() -> None:
            with contextlib.suppress(OSError):
                os.write(write, b"1")

        try:
            self._run(announce)
        except SystemExit as request:
            return request.code if isinstance(request.code, int) else int(request.code is not None)
        except BaseException as error:
            log.error("process failed", exception=error)
            return 1
        return 0

    def listen(self, now: float) -> bool:
        """Read the ready pipe: the child serves, or still does. False at its end."""
        try:
            said = os.read(self.ready_pipe, 64)
        except BlockingIOError:
            return True
        if said and not self.replacing:
            self.ready, self.heard_at = True, now
        return bool(said)

    def silent(self, now: float) -> float:
        """Seconds since it last said that it serves; 0 for what need not."""
        return now - self.heard_at if self.running and self.must_announce else 0.0

    def signal(self, number: int) -> None:
        """Send a signal, if it runs. By its pidfd, so that no other process can be hit."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def reap(self) -> str | None:
        """How it ended, in words; None if it still runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        self.let_go()
        self.pid, self.ready, self.identity = 0, False, None
        code = os.waitstatus_to_exitcode(status)
        return f"killed by {_signal_name(-code)}" if code < 0 else f"exit code {code}"

    def let_go(self) -> None:
        """Close this process's descriptors about the child."""
        for descriptor in (self.pidfd, self.ready_pipe):
            if descriptor >= 0:
                os.close(descriptor)
        self.pidfd = self.ready_pipe = -1


def _watch(pid: int) -> int:
    """A descriptor for the child's end. If there can be none, there must be no child."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def identify_child(pid: int) -> ProcessId | None:
    """The identity of a child just forked; None if it has ended already."""
    try:
        return identify(pid)
    except ProcessLookupError:
        return None


def let_go_of(children: Iterable[Child]) -> None:
    """In a fresh child: close what it inherited about its elder siblings."""
    for child in children:
        child.let_go()


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C reaches the whole process group; it is the supervisor that stops the children, in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _set_name(name: str) -> None:
    """The name that `ps -o comm` and `top` show; the kernel keeps 15 bytes."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
