"""What the kernel says of processes: memory and CPU time."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

TICK = os.sysconf("SC_CLK_TCK")
SAMPLE = 0.05  # seconds between samples of memory


def _kib(path: Path, field: str) -> int:
    try:
        for line in path.read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0


def rss(pids: Iterable[int]) -> int:
    """Resident memory of processes in bytes, pages that they share counted for each."""
    return 1024 * sum(_kib(Path(f"/proc/{pid}/status"), "VmRSS:") for pid in pids)


def pss(pids: Iterable[int]) -> int:
    """Resident memory of processes in bytes, shared pages counted once."""
    return 1024 * sum(_kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids)


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that processes have used, user and system."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def busy_seconds() -> float:
    """CPU time that this machine has spent on anything, what its host took from it included."""
    user, nice, system, _idle, _wait, irq, softirq, steal, *_ = Path("/proc/stat").read_text().split()[1:11]
    return sum(map(int, (user, nice, system, irq, softirq, steal))) / TICK


class Peak:
    """Samples the resident memory of processes while it is entered; `peak` is the most there was, in bytes."""

    def __init__(self, pids: list[int]) -> None:
        self.peak = 0
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE):
            self.peak = max(self.peak, rss(self._pids))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, rss(self._pids))


def load() -> float:
    """Processes that ran or waited to run, averaged over the last minute: what else this machine was doing."""
    return os.getloadavg()[0]
