"""Processes: who a pid is, and that a number given again is not the same process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from fogbank.region import ports, processes
from fogbank.region.data import DataDir
from fogbank.region.listener import bind
from fogbank.region.processes import ProcessId, Runtime

if TYPE_CHECKING:
    from pathlib import Path


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    me = processes.identify(os.getpid())
    assert me.alive()
    assert not ProcessId(me.pid, me.start + 1, me.boot).alive()
    assert not ProcessId(me.pid, me.start, "another boot").alive()
    assert processes.uptime(me) < 3600


def test_a_process_that_ended_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = processes.identify(child.pid)
    assert identity.alive()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.alive()  # a zombie
    child.communicate()
    with pytest.raises(ProcessLookupError):
        processes.identify(child.pid)
    assert processes.memory(child.pid) is None


def test_memory_is_in_bytes() -> None:
    size = processes.memory(os.getpid())
    assert size
    assert 5 << 20 < size < 2 << 30


def test_stale_and_damaged_runtime_files(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.create()
    assert processes.running(data) is None
    me = processes.identify(os.getpid())
    runtime = Runtime(me, "127.0.0.1", 1, "http://127.0.0.1:1", "0" * 12, "us-east-1", 0.0, True, {})
    data.runtime.write_bytes(msgspec.json.encode(runtime))
    assert processes.running(data) == runtime
    stale = msgspec.structs.replace(runtime, supervisor=ProcessId(me.pid, me.start, "before the reboot"))
    data.runtime.write_bytes(msgspec.json.encode(stale))
    assert processes.running(data) is None
    data.runtime.write_bytes(b'{"supervisor": 12')
    assert processes.read_runtime(data) is None


def test_the_holder_of_a_port_is_named() -> None:
    with bind("127.0.0.1", 0) as sock:
        assert f"(pid {os.getpid()})" in ports.holder(sock.getsockname()[1])
    assert ports.holder(sock.fileno() if sock.fileno() > 0 else 1) == ""
