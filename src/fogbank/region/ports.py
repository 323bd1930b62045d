"""Who listens on a port, as far as this user may know."""

from __future__ import annotations

import os
from pathlib import Path

_LISTEN = "0A"


def holder(port: int) -> str:
    """`name (pid 123)` of a process that listens on the TCP port, or "" if that cannot be seen."""
    inodes = _listening_inodes(port)
    if not inodes:
        return ""
    for name in os.listdir("/proc"):
        process = Path("/proc", name)
        if name.isdigit() and _has_socket(process, inodes):
            return f"{_name(process)} (pid {name})"
    return ""


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _has_socket(process: Path, inodes: set[str]) -> bool:
    try:
        return any(os.readlink(process / "fd" / entry) in inodes for entry in os.listdir(process / "fd"))
    except OSError:
        return False  # another user's process, or one that has just ended


def _name(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return " ".join(word for word in words if word)[:80] or (process / "comm").read_text().strip()
    except OSError:
        return "a process"
