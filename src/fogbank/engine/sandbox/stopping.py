"""Freezing without control groups: every process is stopped, and goes on, by signals."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_ROUNDS = 50


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def stop(pid: int) -> None:
    """Stop a process and all below it; those too that begin meanwhile."""
    stopped: set[int] = set()
    for _ in range(_ROUNDS):
        fresh = [each for each in family(pid) if each not in stopped]
        if not fresh:
            return
        for each in fresh:
            _signal(each, signal.SIGSTOP)
        stopped.update(fresh)


def go_on(pid: int) -> None:
    """Let them go on."""
    for each in reversed(family(pid)):
        _signal(each, signal.SIGCONT)


def cpu_time(pid: int) -> float:
    """Seconds of processor time of a process and all below it, those that have ended too."""
    ticks = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Bytes of anonymous memory of a process and all below it."""
    total = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{each}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1]) << 10
    return total


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
