"""The control group of one sandbox: limits on memory, processors and processes; freezing; what was used."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.engine.sandbox.cgroups import Cgroups, Place

PROCESSES = 1024
MEMORY_PER_CPU = 1769  # MiB, as AWS says: "At 1,769 MB, a function has the equivalent of one vCPU"
SOCKETS = 64 << 20  # bytes that wait in its network: the machine has some for all, and stands still without
_PERIOD = 20_000  # microseconds: short, so that a small function does not stand still for long
_LEAST = 1_000  # the kernel's


class Group:
    """A group in each hierarchy that the machine has. What it lacks is not limited, and reads as 0."""

    def __init__(self, cgroups: Cgroups, name: str, memory: int, ephemeral: int) -> None:
        """`memory` and `ephemeral` in MiB. The kernel's limit is both, as files in /tmp are memory too; `Sandbox` holds the first."""
        self._places: dict[str, Place] = cgroups.places
        self._name = name
        self.paths = [path / name for path in cgroups.paths]
        try:
            self._make(memory, ephemeral)
        except OSError:
            self.remove()
            raise

    def _make(self, memory: int, ephemeral: int) -> None:
        for path in self.paths:
            path.mkdir()
        self.entries = [str(path / "cgroup.procs") for path in self.paths]
        self.limits_memory, self.freezes = "memory" in self._places, bool({"core", "freezer"} & set(self._places))
        self._memory((memory + ephemeral) << 20)
        self._write("pids", "pids.max", "pids.max", str(PROCESSES))
        share = memory / MEMORY_PER_CPU
        self._write(
            "cpu", "cpu.shares", "cpu.weight", str(max(2, round(1024 * share))), str(max(1, round(100 * share)))
        )

    def _file(self, controller: str, first: str, second: str) -> Path | None:
        place = self._places.get(controller)
        return place and place.path / self._name / (first if place.version == 1 else second)

    def _write(self, controller: str, first: str, second: str, text: str, text_2: str = "") -> None:
        file = self._file(controller, first, second)
        if file:
            second_version = self._places[controller].version == 2
            file.write_text(text_2 if second_version and text_2 else text)

    def _read(self, controller: str, first: str, second: str) -> str:
        file = self._file(controller, first, second)
        try:
            return file.read_text() if file else ""
        except OSError:  # the kernel is older than the file
            return ""

    def _memory(self, most: int) -> None:
        self._write("memory", "memory.limit_in_bytes", "memory.max", str(most))
        with contextlib.suppress(OSError):  # there without swap accounting
            self._write("memory", "memory.memsw.limit_in_bytes", "memory.swap.max", str(most), "0")
        place = self._places.get("memory")
        if place and place.version == 1:  # which else counts it to nobody; in version 2 it is in memory.max
            with contextlib.suppress(OSError):  # there without network accounting
                (place.path / self._name / "memory.kmem.tcp.limit_in_bytes").write_text(str(SOCKETS))

    def limit_cpu(self, memory: int) -> None:
        """From now on, processor time in proportion to memory (MiB)."""
        quota = max(_LEAST, _PERIOD * memory // MEMORY_PER_CPU)
        self._write("cpu", "cpu.cfs_period_us", "cpu.max", str(_PERIOD), f"{quota} {_PERIOD}")
        if self._places.get("cpu", (None, 2))[1] == 1:
            self._write("cpu", "cpu.cfs_quota_us", "", str(quota))

    def free_cpu(self) -> None:
        """No limit on processor time."""
        self._write("cpu", "cpu.cfs_quota_us", "cpu.max", "-1", "max")

    def freeze(self) -> None:
        """Stop every process, until `thaw`."""
        self._freezer("1", "FROZEN")

    def thaw(self) -> None:
        """Let them go on."""
        self._freezer("0", "THAWED")

    def _freezer(self, second: str, first: str) -> None:
        if "core" in self._places:
            self._write("core", "", "cgroup.freeze", second)
        else:
            self._write("freezer", "freezer.state", "", first)

    def memory_now(self) -> int:
        """Bytes in use: processes', files' in /tmp, and cached ones."""
        return int(self._read("memory", "memory.usage_in_bytes", "memory.current") or 0)

    def memory_most(self) -> int:
        """The most that `memory_now` has been."""
        return int(self._read("memory", "memory.max_usage_in_bytes", "memory.peak") or 0)

    def memory_of_processes(self) -> int:
        """Bytes of processes' own memory, without any files."""
        stat = _pairs(self._read("memory", "memory.stat", "memory.stat"))
        return stat.get("total_rss", stat.get("rss", stat.get("anon", 0)))

    def kills(self) -> int:
        """How many processes the kernel has killed for want of memory."""
        return _pairs(self._read("memory", "memory.oom_control", "memory.events")).get("oom_kill", 0)

    def cpu_time(self) -> float:
        """Seconds of processor time."""
        if "core" in self._places:
            return _pairs(self._read("core", "", "cpu.stat")).get("usage_usec", 0) / 1e6
        return int(self._read("cpuacct", "cpuacct.usage", "") or 0) / 1e9

    def remove(self) -> bool:
        """Remove the group; False while processes of it are still on their way out."""
        self.paths = [path for path in self.paths if not _removed(path)]
        return not self.paths


def _removed(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _pairs(text: str) -> dict[str, int]:
    """Lines of a word and a number."""
    found = {}
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if number.strip().isdigit():
            found[name] = int(number)
    return found
