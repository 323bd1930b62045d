"""Control groups of both versions, on directories that look like the kernel's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from fogbank.engine.sandbox import cgroups
from fogbank.engine.sandbox.cgroups import Cgroups, Mount, directory, mounts, own_groups, sweep
from fogbank.engine.sandbox.group import Group

MIB = 1 << 20


class Machine:
    """A /proc/self and hierarchies of our own making; files that the kernel would make are there beforehand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.proc = root / "proc"
        self.proc.mkdir()
        self.lines: list[str] = []
        self.groups: list[str] = []

    def hierarchy(self, name: str, kind: str, group: str, root: str = "/") -> Path:
        """A mounted hierarchy, and which group of it this process is in."""
        point = self.root / name
        (point / group[len(root) if root != "/" else 1 :].lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.lines.append(f"30 20 0:1 {root} {point} rw,relatime shared:9 - {kind} cgroup rw,{name}")
        self.groups.append(f"{len(self.groups)}:{name if kind == 'cgroup' else ''}:{group}")
        return point

    def cgroups(self) -> Cgroups:
        (self.proc / "mountinfo").write_text("\n".join(["21 1 8:1 / / rw - ext4 /dev/sda rw", *self.lines]) + "\n")
        (self.proc / "cgroup").write_text("".join(f"{group}\n" for group in self.groups))
        return Cgroups("key", self.proc)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """No hierarchies yet. Every directory counts as a group that may be joined."""
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    return Machine(tmp_path)


def controllers(group: Path, names: str, given: str = "") -> None:
    """What a group of version 2 has, and gives to those below."""
    (group / "cgroup.controllers").write_text(names)
    (group / "cgroup.subtree_control").write_text(given)


def test_version_1_has_a_directory_in_each_hierarchy(machine: Machine) -> None:
    for name, group in {"memory": "/user/one", "cpu,cpuacct": "/", "pids": "/", "freezer": "/", "blkio": "/"}.items():
        machine.hierarchy(name, "cgroup", group)
    made = machine.cgroups()
    root = machine.root
    assert {name: place.path for name, place in made.places.items()} == {
        "memory": root / "memory/user/one/fogbank-key",
        "cpu": root / "cpu,cpuacct/fogbank-key",
        "cpuacct": root / "cpu,cpuacct/fogbank-key",
        "pids": root / "pids/fogbank-key",
        "freezer": root / "freezer/fogbank-key",
    }
    made.close()
    assert not list(root.rglob("fogbank-*"))


def test_what_a_group_of_version_1_is_told(machine: Machine) -> None:
    for name in ("memory", "cpu", "cpuacct", "pids", "freezer"):
        machine.hierarchy(name, "cgroup", "/")
    group = Group(machine.cgroups(), "one", 1769 * 2, 512)
    group.limit_cpu(1769 * 2)
    group.freeze()
    files = {str(path.relative_to(machine.root)): path.read_text() for path in machine.root.glob("*/*/one/*")}
    assert files == {
        "memory/fogbank-key/one/memory.limit_in_bytes": str((1769 * 2 + 512) * MIB),
        "memory/fogbank-key/one/memory.memsw.limit_in_bytes": str((1769 * 2 + 512) * MIB),
        "memory/fogbank-key/one/memory.kmem.tcp.limit_in_bytes": str(64 * MIB),
        "pids/fogbank-key/one/pids.max": "1024",
        "cpu/fogbank-key/one/cpu.shares": "2048",
        "cpu/fogbank-key/one/cpu.cfs_period_us": "20000",
        "cpu/fogbank-key/one/cpu.cfs_quota_us": "40000",
        "freezer/fogbank-key/one/freezer.state": "FROZEN",
    }
    memory = machine.root / "memory/fogbank-key/one"
    (memory / "memory.stat").write_text("cache 9\nrss 5\ntotal_cache 10\ntotal_rss 7\n")
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    (memory / "memory.max_usage_in_bytes").write_text("11\n")
    (machine.root / "cpuacct/fogbank-key/one/cpuacct.usage").write_text("1500000000\n")
    assert (group.memory_of_processes(), group.kills(), group.memory_most(), group.cpu_time()) == (7, 3, 11, 1.5)


def test_version_2_goes_up_to_where_controllers_are_given(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    point = machine.hierarchy("unified", "cgroup2", "/system.slice/fogbank.service")
    controllers(point, "cpu io memory pids", "cpu memory pids")
    controllers(point / "system.slice", "cpu memory pids", "cpu memory pids")
    controllers(point / "system.slice/fogbank.service", "cpu memory pids")
    made = _kernel(machine, monkeypatch, busy=point / "system.slice/fogbank.service")
    base = point / "system.slice/fogbank-key"
    assert {name: place.path for name, place in made.places.items()} == dict.fromkeys(
        ("memory", "cpu", "pids", "core"), base
    )
    assert made.paths == (base,)
    assert not (point / "system.slice/fogbank.service/fogbank-key").exists()


def test_version_2_without_any_right_is_no_place(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    point = machine.hierarchy("unified", "cgroup2", "/user.slice/session")
    controllers(point, "cpu memory pids", "cpu memory pids")
    controllers(point / "user.slice", "cpu memory pids", "memory pids")
    controllers(point / "user.slice/session", "memory pids")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert machine.cgroups().places == {}
    assert not list(machine.root.rglob("fogbank-*"))


def test_what_a_group_of_version_2_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    point = machine.hierarchy("unified", "cgroup2", "/")
    controllers(point, "cpu memory pids", "cpu memory pids")
    made = _kernel(machine, monkeypatch)
    group = Group(made, "one", 128, 512)
    group.limit_cpu(128)
    group.freeze()
    base = point / "fogbank-key/one"
    assert {path.name: path.read_text() for path in base.iterdir()} == {
        "memory.max": str(640 * MIB),
        "memory.swap.max": "0",
        "pids.max": "1024",
        "cpu.weight": "7",
        "cpu.max": "1447 20000",
        "cgroup.freeze": "1",
    }
    group.free_cpu()
    group.thaw()
    assert ((base / "cpu.max").read_text(), (base / "cgroup.freeze").read_text()) == ("max", "0")
    (base / "memory.stat").write_text("anon 7\nfile 9\n")
    (base / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    (base / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    assert (group.memory_of_processes(), group.kills(), group.memory_most(), group.cpu_time()) == (7, 1, 0, 2.5)


def _kernel(machine: Machine, monkeypatch: pytest.MonkeyPatch, busy: Path | None = None) -> Cgroups:
    """Make groups as the kernel does: what is given is there below; a group with processes gives nothing."""
    give, mkdir = cgroups._give, Path.mkdir

    def given(group: Path, names: list[str]) -> None:
        if group != busy and names:
            (group / "cgroup.subtree_control").write_text(" ".join(names))

    def made(path: Path, *arguments: bool, **options: bool) -> None:
        mkdir(path, *arguments, **options)
        if path.name == "fogbank-key":
            controllers(path, (path.parent / "cgroup.subtree_control").read_text())

    monkeypatch.setattr(cgroups, "_give", given)
    monkeypatch.setattr(Path, "mkdir", made)
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)
    found = machine.cgroups()
    monkeypatch.setattr(cgroups, "_give", give)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    return found


def test_beside_version_1_version_2_freezes(machine: Machine) -> None:
    for name in ("memory", "freezer", "cpuacct"):
        machine.hierarchy(name, "cgroup", "/")
    point = machine.hierarchy("unified", "cgroup2", "/")
    controllers(point, "hugetlb")
    made = machine.cgroups()
    assert {name: place.version for name, place in made.places.items()} == {"memory": 1, "core": 2}
    assert not (machine.root / "freezer/fogbank-key").exists()


def test_a_machine_without_groups_limits_nothing(machine: Machine) -> None:
    group = Group(machine.cgroups(), "one", 128, 512)
    assert (group.entries, group.limits_memory, group.freezes) == ([], False, False)
    group.limit_cpu(128)
    assert (group.memory_now(), group.memory_most(), group.kills(), group.cpu_time(), group.remove()) == (
        0,
        0,
        0,
        0.0,
        True,
    )


@pytest.mark.parametrize(
    ("root", "group", "found"),
    [
        ("/", "/", "/m"),
        ("/", "/a/b", "/m/a/b"),
        ("/docker/x", "/docker/x", "/m"),
        ("/docker/x", "/docker/x/y", "/m/y"),
        ("/docker/x", "/", "/m"),
        ("/docker/x", "/docker/xy", "/m"),
    ],
)
def test_where_a_group_is_on_disk(root: str, group: str, found: str) -> None:
    assert directory(Mount(Path("/m"), root, frozenset()), group) == Path(found)


def test_what_the_kernel_says_is_read() -> None:
    assert own_groups("4:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c:d\n") == {
        "cpu": "/a",
        "cpuacct": "/a",
        "name=systemd": "/b",
        "core": "/c:d",
    }
    text = "36 35 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n41 31 0:36 /x /u rw shared:1 master:2 - cgroup2 none rw\n"
    assert list(mounts(text)) == [
        Mount(Path("/sys/fs/cgroup/memory"), "/", frozenset({"memory"})),
        Mount(Path("/u"), "/x", frozenset()),
    ]


def test_a_sweep_kills_and_removes_what_a_predecessor_left(tmp_path: Path) -> None:
    process = subprocess.Popen(["/bin/sleep", "600"])
    (tmp_path / "fogbank-key/one").mkdir(parents=True)
    (tmp_path / "fogbank-key/one/cgroup.procs").write_text(f"{process.pid}\n")
    (tmp_path / "fogbank-key/one/freezer.state").write_text("FROZEN")
    (tmp_path / "fogbank-key/two").mkdir()
    (tmp_path / "other/one").mkdir(parents=True)
    (tmp_path / "noted").write_text(
        json.dumps([str(tmp_path / "fogbank-key"), str(tmp_path / "other"), str(tmp_path / "none")])
    )
    sweep(tmp_path / "noted")
    assert process.wait() == -signal.SIGKILL
    assert (tmp_path / "fogbank-key/one/freezer.state").read_text() == "THAWED"
    assert not (tmp_path / "fogbank-key/two").exists()
    assert (tmp_path / "other/one").exists()


@pytest.mark.parametrize("noted", ["", "{", "[]", '["/nowhere/fogbank-x"]'])
def test_a_sweep_bears_what_it_finds(tmp_path: Path, noted: str) -> None:
    (tmp_path / "noted").write_text(noted)
    sweep(tmp_path / "noted")
    sweep(tmp_path / "missing")
    assert (tmp_path / "noted").read_text() == noted


def test_what_others_left_empty_is_removed_and_what_lives_stays(machine: Machine) -> None:
    point = machine.hierarchy("pids", "cgroup", "/")
    for name in ("fogbank-dead/one", "fogbank-busy/one/process", "other/one"):
        (point / name).mkdir(parents=True)
    live = cgroups.Cgroups.__new__(cgroups.Cgroups)
    live._made = {}
    live.name = "fogbank-live"
    assert live._make(point / "fogbank-live")
    (point / "fogbank-live/new").mkdir()
    made = machine.cgroups()
    names = {str(path.relative_to(point)) for path in point.glob("*/*")} | {path.name for path in point.iterdir()}
    assert names == {
        "fogbank-key", "fogbank-live", "fogbank-live/new", "fogbank-busy", "fogbank-busy/one", "other", "other/one",
    }  # fmt: skip
    made.close()
    live.close()
