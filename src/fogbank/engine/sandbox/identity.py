"""Who sandboxes are on the machine: users that nothing else is."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from fogbank.engine.sandbox.spec import SandboxError

# systemd's documentation of user ids leaves 0x70000000 and above unused.
_FIRST, _STEP, _GROUPS = 0x70000000, 1024, 0x3FFF
_CAP_SYS_ADMIN = 1 << 21


class Identities:
    """One user id of the machine for each sandbox. Without root all are the user of the control process."""

    def __init__(self, directory: Path, proc: Path = Path("/proc/self")) -> None:
        self.rootless = os.geteuid() != 0 or not _administers(proc)
        first = _FIRST + (zlib.crc32(bytes(directory)) & _GROUPS) * _STEP
        self._first = 0 if self.rootless else _mapped(proc, first)
        self._used: set[int] = set()

    def take(self) -> int:
        """An id that no other sandbox of this launcher has now. In a rootless template's namespace, where there is but one: 0."""
        if self.rootless or not self._first:
            return 0
        number = next((number for number in range(_STEP) if number not in self._used), None)
        if number is None:
            raise SandboxError(f"there are {_STEP} sandboxes already")
        self._used.add(number)
        return self._first + number

    def give_back(self, user: int) -> None:
        """The sandbox is gone."""
        self._used.discard(user - self._first)


def _administers(proc: Path) -> bool:
    for line in (proc / "status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) & _CAP_SYS_ADMIN)
    return False


def _mapped(proc: Path, first: int) -> int:
    """`first` if the kernel knows such users in this user namespace, else ids at the end of the longest range that it knows."""
    ranges = [tuple(map(int, line.split())) for line in (proc / "uid_map").read_text().splitlines()]
    if any(low <= first and first + _STEP <= low + count for low, _, count in ranges):
        return first
    low, _, count = max(ranges, key=lambda each: each[2])
    return low + count - _STEP if count > 2 * _STEP else 0
