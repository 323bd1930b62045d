"""Starting detached, starting twice, stopping, and what is left after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.region import launch, processes
from fogbank.region.data import DataDir, take_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.crash


def is_free(data: DataDir) -> bool:
    lock = take_lock(data)
    if lock is not None:
        os.close(lock)
    return lock is not None


def test_detached(start: Callable[..., Any], tools: Any) -> None:
    region = start(detach=True)
    runtime = region.up
    assert region.process.wait(10) == 0
    assert region.process.stdout.read() == ""  # returns only if nobody holds the pipe: nothing of it is inherited
    assert os.getsid(runtime.supervisor.pid) != os.getsid(0)
    assert processes.running(region.data) == runtime
    assert '"message":"ready"' in region.data.log.read_text()
    stopped = launch.stop(region.data, patience=10)
    assert stopped == runtime
    assert not any(process.alive() for process in (runtime.supervisor, *runtime.children.values()))
    assert launch.stop(region.data, patience=10) is None


def test_a_detached_start_that_fails_shows_the_log(start: Callable[..., Any]) -> None:
    region = start(detach=True, mode="crash")
    output = region.process.communicate(timeout=20)[0]
    assert "ended while starting: exit code 1" in output
    assert "no such luck" in output
    assert region.process.returncode == 1


def test_a_second_region_on_one_directory_is_refused(start: Callable[..., Any]) -> None:
    first = start().up
    for detach in (False, True):
        second = start(detach=detach)
        assert second.said() == (
            f"AlreadyRunningError: already running on {second.data.root}: {first.endpoint} (pid {first.supervisor.pid})"
        )
        assert second.process.wait(10) == 1


def test_two_regions_side_by_side(start: Callable[..., Any]) -> None:
    assert start("a").up.port != start("b").up.port


def test_a_port_in_use(start: Callable[..., Any]) -> None:
    first = start("a").up
    second = start("b", port=first.port)
    assert f"port {first.port} on 127.0.0.1 is in use already by" in second.said()
    assert second.process.wait(10) == 1


def test_a_stop_spares_a_stranger_with_the_old_number(tmp_path: Path) -> None:
    """After a reboot the file still names a pid, and that may be anybody now."""
    import msgspec

    data = DataDir(tmp_path / "data")
    data.create()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        me = processes.identify(stranger.pid)
        was = processes.ProcessId(me.pid, me.start - 1, me.boot)
        runtime = processes.Runtime(was, "127.0.0.1", 1, "", "", "", 0.0, True, {})
        data.runtime.write_bytes(msgspec.json.encode(runtime))
        assert launch.stop(data, patience=1) is None
        launch._send(was, signal.SIGKILL)
        assert stranger.poll() is None
        stranger.kill()


def test_a_supervisor_that_hangs_is_killed_in_the_end(start: Callable[..., Any], tools: Any) -> None:
    region = start(detach=True)
    runtime = region.up
    tools.kill(runtime.supervisor.pid, signal.SIGSTOP)
    begun = time.monotonic()
    assert launch.stop(region.data, patience=0.3) == runtime
    assert time.monotonic() - begun < 20
    assert not any(process.alive() for process in (runtime.supervisor, *runtime.children.values()))


def test_a_stop_while_it_starts(start: Callable[..., Any], tools: Any) -> None:
    region = start()
    tools.until(lambda: region.data.lock.exists() and not is_free(region.data))
    assert launch.stop(region.data, patience=10)
    assert region.process.wait(10) in (0, -signal.SIGTERM)
    assert not region.data.runtime.exists()


def test_the_lock_is_held_until_the_last_process_is_gone(start: Callable[..., Any], tools: Any) -> None:
    region = start(mode="stubborn")
    runtime = region.up
    tools.kill(runtime.supervisor.pid)
    region.process.wait(5)
    assert not is_free(region.data)  # stubborn workers live on for a moment
    tools.until(lambda: is_free(region.data), 20)
    # A process that ends lets go of its files, and so of the lock, an instant before it counts as gone.
    tools.until(lambda: not any(process.alive() for process in runtime.children.values()), 5)


def test_it_starts_fast_and_small(start: Callable[..., Any]) -> None:
    """The frame's own part of the budget (1 s, 200 MB with two workers); generous, for a busy machine."""
    begun = time.monotonic()
    runtime = start(detach=True).up
    assert time.monotonic() - begun < 20
    sizes = [processes.memory(process.pid) or 0 for process in (runtime.supervisor, *runtime.children.values())]
    assert sum(sizes) < 100 << 20
