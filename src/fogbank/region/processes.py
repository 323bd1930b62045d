"""Processes as the kernel shows them: who a pid is, how long it has run, how much memory it uses. Linux's /proc."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from fogbank.region.data import DataDir

_PR_SET_PDEATHSIG = 1
_ORPHAN_SECONDS = 0.6


class ProcessId(msgspec.Struct, frozen=True):
    """One process, told from a later one that was given the same number: by its start, in clock ticks after this boot."""

    pid: int
    start: int
    boot: str

    def alive(self) -> bool:
        """Whether that very process still runs (a zombie does not)."""
        return boot_id() == self.boot and _start(self.pid) == self.start


class Runtime(msgspec.Struct, frozen=True):
    """What a running region says about itself in `run/supervisor.json`. Times are seconds since the epoch."""

    supervisor: ProcessId
    host: str
    port: int
    endpoint: str
    account: str
    region: str
    started: float
    ready: bool
    children: dict[str, ProcessId]
    restarts: int = 0
    ca: str = ""


def boot_id() -> str:
    """This boot of the machine: pids and start times mean nothing after the next."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def identify(pid: int) -> ProcessId:
    """The process that has `pid` now. ProcessLookupError if there is none."""
    start = _start(pid)
    if start is None:
        raise ProcessLookupError(pid)
    return ProcessId(pid, start, boot_id())


def _start(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in ("Z", "X") else None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on: the name before them may contain anything, also `) `."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()
    except OSError:
        return []


def uptime(process: ProcessId) -> float:
    """Seconds since `process` started."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    return max(0.0, now - process.start / os.sysconf("SC_CLK_TCK"))


def memory(pid: int) -> int | None:
    """The memory of one process in bytes, shared pages divided among their users (PSS); None if it cannot be known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return None


def read_runtime(data: DataDir) -> Runtime | None:
    """What the region in this directory last said, running or not."""
    try:
        return msgspec.json.decode(data.runtime.read_bytes(), type=Runtime)
    except (FileNotFoundError, msgspec.DecodeError, NotADirectoryError):
        return None  # written by one rename: damaged means by another format, and then nothing of it can be used


def running(data: DataDir) -> Runtime | None:
    """The region that runs on this directory now, if one does."""
    runtime = read_runtime(data)
    return runtime if runtime and runtime.supervisor.alive() else None


def die_with(parent: int) -> bool:
    """Let this child not outlive its parent, even a killed one. False if the parent is gone already.

    The kernel sends SIGTERM, for a graceful end; a thread makes sure of the end if that cannot be.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        return False
    if os.getppid() != parent:  # it died before the signal was asked for
        return False
    threading.Thread(target=_await_parent, args=(descriptor,), name="parent-watch", daemon=True).start()
    return True


def _await_parent(descriptor: int) -> None:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    poller.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHAN_SECONDS)
    os._exit(1)
