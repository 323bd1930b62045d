"""Where on this machine control groups can be made, version 1 or 2 or both, and what is left of groups of the past."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITING = ("memory", "cpu", "pids")
_TRIES = 100
# What groups are asked for. "core" is version 2 itself: it freezes and counts processor time without any controller.
CONTROLLERS = (*LIMITING, "core", "freezer", "cpuacct")


class Place(NamedTuple):
    """A directory below which groups are made, and its version."""

    path: Path
    version: int


class Mount(NamedTuple):
    """A hierarchy: where it is mounted, which of its groups that shows, and its controllers (none for version 2)."""

    point: Path
    root: str
    controllers: frozenset[str]


def mounts(mountinfo: str) -> Iterator[Mount]:
    """The hierarchies in a text like /proc/self/mountinfo."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(maxsplit=2)
        if kind in ("cgroup", "cgroup2"):
            named = frozenset(options.split(",")) & set(CONTROLLERS) if kind == "cgroup" else frozenset[str]()
            if named or kind == "cgroup2":
                yield Mount(Path(fields[4]), fields[3], named)


def own_groups(text: str) -> dict[str, str]:
    """This process's group per controller, from a text like /proc/self/cgroup; version 2 is "core"."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(",") if names else ["core"]:
            found[name] = path
    return found


def directory(mount: Mount, group: str) -> Path:
    """Where a group is on disk; the mount itself if that shows only others."""
    if mount.root != "/":
        if not (group + "/").startswith(mount.root + "/"):
            return mount.point
        group = group[len(mount.root) :]
    return mount.point / group.lstrip("/")


class Cgroups:
    """The groups of one launcher: each a directory `NAME` in a directory `fogbank-KEY` of each hierarchy that is used."""

    def __init__(self, key: str, proc: Path = Path("/proc/self")) -> None:
        self.places: dict[str, Place] = {}
        self.name = f"fogbank-{key}"
        self._made: dict[Path, int] = {}  # and a descriptor of it, locked
        own = own_groups((proc / "cgroup").read_text())
        for mount in mounts((proc / "mountinfo").read_text()):
            if mount.controllers:
                self._version_1(mount, own)
            else:
                self._version_2(mount, directory(mount, own.get("core", "/")))
        if (
            "core" in self.places
        ):  # what is frozen there dies when it is killed, which a frozen group of version 1 does not
            for name in {"freezer", "cpuacct"} & set(self.places):
                self._remove(self.places.pop(name).path)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The directories to make a group in, each once."""
        return tuple(dict.fromkeys(place.path for place in self.places.values()))

    def _version_1(self, mount: Mount, own: dict[str, str]) -> None:
        for controller in mount.controllers - set(self.places):
            base = directory(mount, own.get(controller, "/")) / self.name
            if self._make(base):
                self.places[controller] = Place(base, 1)

    def _version_2(self, mount: Mount, own: Path) -> None:
        """Groups with controllers may not be below one that has processes: go up to the first ancestor that gives all."""
        wanted = [name for name in LIMITING if name in _words(mount.point / "cgroup.controllers")]
        for above in (own, *own.parents):
            base = above / self.name
            _give(above, wanted)
            if self._make(base):
                given = [name for name in wanted if name in _words(base / "cgroup.controllers")]
                _give(base, given)
                given = [name for name in given if name in _words(base / "cgroup.subtree_control")]
                if len(given) == len(wanted) or above == mount.point:
                    self.places |= {name: Place(base, 2) for name in (*given, "core")}
                    return
                self._remove(base)
            if above == mount.point:
                return

    def _make(self, base: Path) -> bool:
        lock = -1
        for _ in range(_TRIES):  # another launcher may be tidying up, and take it for one of the past
            try:
                base.mkdir(exist_ok=True)
                lock = _lock(base)
            except FileNotFoundError:
                continue
            except OSError:
                return False
            if lock >= 0 and base.exists():
                break
            lock = _unlocked(lock)
        self._made[base] = lock
        if not os.access(base / "cgroup.procs", os.W_OK):
            self._remove(base)
            return False
        _tidy(base)
        return True

    def _remove(self, base: Path) -> None:
        with contextlib.suppress(OSError):
            base.rmdir()
        _unlocked(self._made.pop(base, -1))

    def note(self, file: Path) -> None:
        """Write down where groups are made, for `sweep` after this process was killed."""
        file.write_text(json.dumps([str(path) for path in self._made]))

    def close(self) -> None:
        """Remove the directories; the groups in them are to be gone."""
        for base in list(self._made):
            self._remove(base)


def _lock(base: Path) -> int:
    """A descriptor of a directory; no other process has it locked while this one lives. -1 if one has."""
    fd = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return -1
    return fd


def _unlocked(lock: int) -> int:
    if lock >= 0:
        os.close(lock)
    return -1


def _tidy(base: Path) -> None:
    """Remove the empty groups beside `base` of launchers that were killed and had no successor."""
    for other in base.parent.glob("fogbank-*"):
        with contextlib.suppress(OSError):  # another process does the same
            lock = -1 if other == base else _lock(other)
            if lock >= 0:
                for empty in (*other.glob("*/"), other):
                    with contextlib.suppress(OSError):
                        empty.rmdir()
                os.close(lock)


def sweep(file: Path) -> None:
    """Kill and remove what a predecessor noted in `file` and left behind. Groups whose processes take their time stay for the next."""
    try:
        noted = json.loads(file.read_text())
    except (OSError, ValueError):
        return
    for base in map(Path, noted):
        for group in [each for each in base.glob("*/") if base.name.startswith("fogbank-")]:
            end(group)
        with contextlib.suppress(OSError):
            base.rmdir()


def end(group: Path) -> None:
    """Kill every process of a group, frozen ones too, and remove it if they are gone already."""
    for file, word in (("cgroup.freeze", "0"), ("freezer.state", "THAWED")):
        with contextlib.suppress(OSError):
            if (group / file).exists():
                (group / file).write_text(word)
    for pid in _words(group / "cgroup.procs"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(OSError):
        group.rmdir()


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _give(group: Path, controllers: list[str]) -> None:
    """Let the groups below use controllers, as far as it may be."""
    missing = set(controllers) & set(_words(group / "cgroup.controllers")) - set(
        _words(group / "cgroup.subtree_control")
    )
    for controller in missing:
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
