"""The supervisor: forks the workers and the control process, restarts what dies, and stops all in order.

It imports their code once and forks before any thread exists: pages are shared, and a restart takes milliseconds. It is one loop
over file descriptors: a pidfd for each child, a pipe on which each says that it serves, and a pipe that signals write to.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.region import children as kids
from fogbank.region import health, log, processes
from fogbank.region.children import Child
from fogbank.region.data import write_file
from fogbank.region.errors import RegionError
from fogbank.region.listener import Listener, Tls, bind

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from fogbank.region.data import DataDir
    from fogbank.region.settings import Settings

    Worker = Callable[[Settings, Listener], None]
    Control = Callable[[Settings], None]

_START_SECONDS = 30.0
_KILL_AFTER = 2.0  # beyond the workers' own grace
_HOUSEKEEPING = 2.0
_CERTIFICATE_CHECK = 3600.0
_SILENCE = 30.0  # a worker whose event loop has not turned for so long serves nobody
_RETRY = 1.0


class Supervisor:
    """One region's processes. `run` is its life; everything before a fork happens in this process's only thread."""

    def __init__(
        self, settings: Settings, data: DataDir, *, worker: Worker, control: Control, events: log.Log,
        log_path: Path | None = None, detached: bool = False, certificates: Callable[[], Tls] | None = None, ca: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._data = data
        self._worker = worker
        self._control = control
        self._log = events
        self._log_path = log_path
        self._detached = detached
        self._certificates = certificates
        self._tls = certificates() if certificates else None
        self._ca = ca
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._socket: socket.socket | None = None
        self._signals: list[int] = []
        self._in_terminal = any(map(os.isatty, range(3)))  # whose hangup means: end
        self._replace: list[Child] = []
        self._ready = False
        self._started = time.time()
        self._tidied = self._checked = clock()
        workers = [Child(f"worker-{n}", partial(self._run_worker, n - 1)) for n in range(1, settings.workers + 1)]
        # The control process last: it is stopped after the workers, which may need it for what they still serve.
        self._children = [*workers, Child("control", self._run_control, must_announce=False)]

    # What the children do.

    def _run_worker(self, slot: int, announce: Callable[[], None]) -> None:
        assert self._socket is not None
        settings = self._settings
        self._worker(
            settings,
            Listener(
                self._socket, tls=self._tls, grace=float(settings.stop_seconds), connections=settings.max_connections,
                slot=slot, announce=announce,
            ),
        )  # fmt: skip

    def _run_control(self, announce: Callable[[], None]) -> None:
        announce()
        settings = msgspec.structs.replace(
            self._settings, port=self._port
        )  # the one that was taken, where any would do
        if self._socket is not None:
            self._socket.close()
        self._control(settings)

    # The supervisor's life.

    def run(self, announce: Callable[[processes.Runtime], None]) -> None:
        """Start everything, call `announce` once all workers serve and the region answers, and return after an ordered stop.

        RegionError if it cannot start; then nothing is left running.
        """
        self._socket = bind(self._settings.host, self._settings.port)
        previous = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # keeps the collector from writing to, and so copying, the pages that the children share
        try:
            self._start_all()
            if self._await_ready():
                announce(self._save())
                self._log.info("ready", endpoint=self.endpoint, seconds=round(time.time() - self._started, 3))
                self._watch()
            self._stop()
        finally:
            self._end_all()
            signal.set_wakeup_fd(-1)
            for number, handler in previous.items():
                signal.signal(number, handler)
            self._socket.close()
            self._data.runtime.unlink(missing_ok=True)

    def _start_all(self) -> None:
        try:
            for child in self._children:
                self._start(child)
            self._save()
        except OSError as error:
            raise RegionError(f"cannot start the region's processes: {error.strerror}") from None

    @property
    def endpoint(self) -> str:
        """The URL for clients on this machine."""
        return health.endpoint(self._settings.scheme, self._settings.host, self._port)

    @property
    def _port(self) -> int:
        return int(self._socket.getsockname()[1]) if self._socket else self._settings.port

    def _note(self, number: int, _frame: Any) -> None:
        self._signals.append(number)

    def _start(self, child: Child) -> None:
        child.start(self._clock(), lambda: self._prepare(child))
        self._selector.register(child.pidfd, selectors.EVENT_READ, child)
        self._selector.register(child.ready_pipe, selectors.EVENT_READ, child)

    def _prepare(self, child: Child) -> log.Log:
        """In the fresh child: let go of the supervisor's descriptors (all but the lock), open a log under its own name."""
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        kids.let_go_of(self._children)
        events = log.open_log(
            self._log_path,
            child.name,
            level=self._settings.log_level,
            style=self._settings.log_format,
            detached=self._detached,
        )
        log.adopt_logging(events)
        return events

    def _await_ready(self) -> bool:
        """Until all workers serve. False if told to stop meanwhile; RegionError if one ends, or it takes too long."""
        deadline = self._clock() + _START_SECONDS
        while not all(child.ready for child in self._children):
            left = deadline - self._clock()
            if left <= 0:
                late = ", ".join(child.name for child in self._children if not child.ready)
                raise RegionError(f"{late} did not start within {_START_SECONDS:.0f} seconds")
            for child, how in self._turn(left):
                raise RegionError(f"{child.name} ended while starting: {how}")
            if self._told_to_stop():
                return False
        found = health.probe(self._settings.host, self._port, ca=self._ca, timeout=_START_SECONDS / 3)
        if not found.ok:
            raise RegionError(f"the region started, but does not answer at {self.endpoint}: {found.problem}")
        self._ready = True
        return True

    def _watch(self) -> None:
        while not self._told_to_stop():
            self._start_due()
            self._replace_next()
            self._keep_house()
            for child, how in self._turn(self._patience()):
                self._ended(child, how)

    def _told_to_stop(self) -> bool:
        if signal.SIGHUP in self._signals and not self._in_terminal:
            self._signals = [number for number in self._signals if number != signal.SIGHUP]
            self._log.info("replacing the workers, one after the other", reason="SIGHUP")
            self._replace_workers()
        return bool(self._signals)

    def _patience(self) -> float:
        now = self._clock()
        due = [child.due - now for child in self._children if child.due is not None]
        return max(0.0, min([*due, _HOUSEKEEPING]))

    def _turn(self, seconds: float) -> list[tuple[Child, str]]:
        """Wait for something to happen, at most so long; the children that ended, and how."""
        ended = []
        for key, _ in self._selector.select(seconds):
            child: Child | None = key.data
            if child is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            elif key.fd == child.ready_pipe:
                if not child.listen(self._clock()):
                    self._selector.unregister(key.fd)
            elif key.fd == child.pidfd:
                for descriptor in (child.pidfd, child.ready_pipe):
                    with contextlib.suppress(KeyError):
                        self._selector.unregister(descriptor)
                how = child.reap()
                if how is not None:
                    ended.append((child, how))
        return ended

    def _ended(self, child: Child, how: str) -> None:
        now = self._clock()
        lived = now - child.started
        delay = 0.0 if child.replacing else child.restarts.delay(now, lived)
        child.due = now + delay
        if not child.replacing:
            self._log.error(
                "a process ended; starting it again", child=child.name, how=how, lived=round(lived, 3), wait=delay
            )

    def _start_due(self) -> None:
        now = self._clock()
        due = [child for child in self._children if child.due is not None and child.due <= now]
        for child in due:
            try:
                self._start(child)
            except OSError as error:  # no memory or descriptors now: those that run go on
                child.due = now + _RETRY
                self._log.error("cannot start a process", child=child.name, error=error.strerror)
        if due:
            try:
                self._save()
            except OSError as error:  # a full disk must not end what runs
                self._log.error("cannot write the runtime file", error=error.strerror)

    def _replace_workers(self) -> None:
        self._replace = [child for child in self._children if child.must_announce]

    def _replace_next(self) -> None:
        """Let one worker end and start anew, if all others serve: so that somebody always does."""
        while self._replace and all(child.ready for child in self._children):
            child = self._replace.pop(0)
            child.replacing, child.ready, child.heard_at = True, False, self._clock()
            child.signal(signal.SIGTERM)

    def _keep_house(self) -> None:
        now = self._clock()
        if now - self._tidied >= _HOUSEKEEPING:
            self._end_silent(now, slept=now - self._tidied > 3 * _HOUSEKEEPING)
            self._tidied = now
            if self._log_path:
                log.rotate(self._log_path, self._settings.log_size)
        if self._certificates and now - self._checked >= _CERTIFICATE_CHECK:
            self._checked = now
            self._renew()

    def _end_silent(self, now: float, *, slept: bool) -> None:
        """Kill workers that give no sign of life, so that they are started anew. `slept`: this process was stopped itself."""
        for child in self._children:
            patience = _SILENCE + (self._settings.stop_seconds if child.replacing else 0)
            if slept:
                child.heard_at = now
            elif child.silent(now) > patience:
                self._log.error(
                    "no sign of life; killing the process", child=child.name, seconds=round(child.silent(now), 1)
                )
                child.signal(signal.SIGKILL)

    def _renew(self) -> None:
        assert self._certificates is not None
        assert self._tls is not None
        try:
            before = self._tls.certificate.read_bytes()
            self._tls = self._certificates()
            renewed = self._tls.certificate.read_bytes() != before
        except (OSError, RegionError) as error:
            self._log.error("cannot renew the certificate", error=str(error))
            return
        if renewed:
            self._log.info("replacing the workers, one after the other", reason="the certificate was renewed")
            self._replace_workers()

    def _stop(self) -> None:
        """The ordered end: the workers finish what they serve, then the control process goes."""
        self._log.info("stopping", reason=signal.Signals(self._signals[0]).name if self._signals else "")
        assert self._socket is not None
        self._socket.close()
        deadline = self._clock() + self._settings.stop_seconds + _KILL_AFTER
        for group in (self._children[:-1], self._children[-1:]):
            for child in group:
                child.signal(signal.SIGTERM)
            while any(child.running for child in group) and self._clock() < deadline and len(self._signals) < 2:
                self._turn(max(0.0, deadline - self._clock()))

    def _end_all(self) -> None:
        """Whatever still runs is killed: after a stop that took too long, a second Ctrl-C, or a failed start."""
        for child in self._children:
            if child.running:
                self._log.warning("killing a process", child=child.name)
                child.signal(signal.SIGKILL)
        while any(child.running for child in self._children):
            self._turn(1.0)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._log.info("stopped")

    def _save(self) -> processes.Runtime:
        settings = self._settings
        runtime = processes.Runtime(
            supervisor=processes.identify(os.getpid()), host=settings.host, port=self._port, endpoint=self.endpoint,
            account=settings.account, region=settings.region, started=self._started, ready=self._ready,
            children={child.name: child.identity for child in self._children if child.identity},
            restarts=sum(child.restarts.total for child in self._children), ca=self._ca,
        )  # fmt: skip
        write_file(self._data.runtime, msgspec.json.encode(runtime), 0o600)
        return runtime
