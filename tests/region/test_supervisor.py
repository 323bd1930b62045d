"""The supervisor with real processes: what is killed is restarted, what is stopped is gone, and nothing is orphaned."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.region import processes

pytestmark = pytest.mark.crash


def all_gone(runtime: processes.Runtime) -> bool:
    return not any(process.alive() for process in (runtime.supervisor, *runtime.children.values()))


def test_it_starts_and_stops_in_order(start: Callable[..., Any], tools: Any) -> None:
    region = start()
    runtime = region.up
    assert runtime.ready
    assert set(runtime.children) == {"worker-1", "worker-2", "control"}
    assert len(os.listdir(f"/proc/{runtime.supervisor.pid}/task")) == 1  # it forks: it must have no threads
    assert Path(f"/proc/{runtime.children['worker-1'].pid}/comm").read_text() == "fogbank worker-\n"
    region.process.send_signal(signal.SIGTERM)
    assert region.process.wait(10) == 0
    assert all_gone(runtime)
    assert not region.data.runtime.exists()


@pytest.mark.parametrize("name", ["worker-1", "worker-2", "control"])
def test_a_killed_child_is_restarted(start: Callable[..., Any], tools: Any, name: str) -> None:
    region = start()
    before = region.up.children[name]
    tools.kill(before.pid)
    tools.until(lambda: region.now().children.get(name, before) != before)
    after = region.now()
    assert after.children[name].alive()
    assert after.restarts == 1
    assert tools.get(after.port)["http"] == "1.1"


def test_all_children_killed_at_once(start: Callable[..., Any], tools: Any) -> None:
    region = start()
    runtime = region.up
    for process in runtime.children.values():
        tools.kill(process.pid)
    assert tools.get(runtime.port)["http"] == "1.1"  # it waited in the socket's queue: nothing is refused
    tools.until(lambda: region.now().restarts == 3)


@pytest.mark.parametrize("mode", ["app", "stubborn"])
def test_nothing_outlives_a_killed_supervisor(start: Callable[..., Any], tools: Any, mode: str) -> None:
    region = start(mode=mode)
    runtime = region.up
    tools.kill(runtime.supervisor.pid)
    region.process.wait(5)
    tools.until(lambda: all_gone(runtime), 10)
    assert region.data.runtime.exists()  # stale, and known to be
    again = start(port=runtime.port)
    assert again.up.port == runtime.port


def test_a_worker_whose_loop_is_blocked_does_not_outlive_a_killed_supervisor(
    start: Callable[..., Any], tools: Any
) -> None:
    region = start(workers=1)
    runtime = region.up
    with socket.create_connection(("127.0.0.1", runtime.port)) as sock:
        sock.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        tools.kill(runtime.supervisor.pid)
        region.process.wait(5)
        tools.until(lambda: all_gone(runtime), 10)


def test_requests_in_flight_are_finished(start: Callable[..., Any], tools: Any) -> None:
    region = start()
    runtime = region.up
    idle = http.client.HTTPConnection("127.0.0.1", runtime.port)  # kept alive, and idle: not waited for
    idle.request("GET", "/")
    idle.getresponse().read()
    answers: list[dict[str, Any]] = []
    client = threading.Thread(target=lambda: answers.append(tools.get(runtime.port, "/slow")))
    client.start()
    time.sleep(0.1)
    region.process.send_signal(signal.SIGTERM)
    assert region.process.wait(10) == 0
    client.join()
    assert answers[0]["http"] == "1.1"
    idle.close()


def test_what_does_not_end_is_cut_off(start: Callable[..., Any], tools: Any) -> None:
    region = start(stop_seconds=0)
    runtime = region.up
    with socket.create_connection(("127.0.0.1", runtime.port)) as sock:
        sock.sendall(b"GET /forever HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        begun = time.monotonic()
        region.process.send_signal(signal.SIGTERM)
        assert region.process.wait(10) == 0
        assert time.monotonic() - begun < 9
    assert all_gone(runtime)


def test_what_ignores_the_stop_is_killed(start: Callable[..., Any], tools: Any) -> None:
    region = start(mode="stubborn", stop_seconds=0)
    runtime = region.up
    region.process.send_signal(signal.SIGTERM)
    assert region.process.wait(10) == 0
    assert all_gone(runtime)


def test_a_second_interrupt_does_not_wait(start: Callable[..., Any], tools: Any) -> None:
    region = start(mode="stubborn", stop_seconds=60)
    runtime = region.up
    region.process.send_signal(signal.SIGINT)
    while '"message":"stopping"' not in region.process.stderr.readline():
        pass
    region.process.send_signal(signal.SIGINT)
    assert region.process.wait(5) == 0
    assert all_gone(runtime)


def test_a_hangup_replaces_the_workers_one_after_the_other(start: Callable[..., Any], tools: Any) -> None:
    region = start()
    before = region.up
    region.process.send_signal(signal.SIGHUP)
    names = ("worker-1", "worker-2")
    disconnected = 0

    def replaced() -> bool:
        # All the while it answers. A connection on which no request has come yet is closed with its worker: SDKs try again.
        nonlocal disconnected
        try:
            assert tools.get(before.port)["http"] == "1.1"
        except http.client.RemoteDisconnected:
            disconnected += 1
        now = region.now().children
        return all(now.get(name) not in (None, before.children[name]) for name in names)

    tools.until(replaced)
    assert disconnected <= len(names)
    assert region.now().children["control"] == before.children["control"]
    assert region.now().restarts == 0


def test_a_start_that_fails_says_why_and_leaves_nothing(start: Callable[..., Any]) -> None:
    region = start(mode="crash")
    assert re.fullmatch(r"RegionError: worker-[12] ended while starting: exit code 1", region.said())
    assert region.process.wait(10) == 1
    assert "no such luck" in region.process.stderr.read()
    assert not region.data.runtime.exists()


def test_the_log_is_rotated_and_all_processes_follow(start: Callable[..., Any], tools: Any) -> None:
    region = start(log_size=1 << 16, detach=True)
    runtime = region.up
    region.data.log.write_bytes(b"x" * (1 << 16) + b"\n")
    old = region.data.log.with_name("fogbank.log.1")
    tools.until(old.exists, 12)
    time.sleep(1.1)
    with pytest.raises(json.JSONDecodeError):
        tools.get(runtime.port, "/boom")
    tools.until(lambda: region.data.log.exists() and "ValueError: boom" in region.data.log.read_text())


def test_a_worker_that_hangs_is_replaced(start: Callable[..., Any], tools: Any) -> None:
    region = start(impatient=True)
    before = region.up.children
    tools.kill(before["worker-2"].pid, signal.SIGSTOP)
    tools.until(lambda: region.now().children.get("worker-2") not in (None, before["worker-2"]))
    now = region.now()
    assert now.children["worker-1"] == before["worker-1"]
    assert now.restarts == 1


def test_a_worker_that_ignores_its_replacement_is_killed(start: Callable[..., Any], tools: Any) -> None:
    region = start(impatient=True, mode="stubborn", stop_seconds=0)
    before = region.up.children
    region.process.send_signal(signal.SIGHUP)
    for name in ("worker-1", "worker-2"):
        tools.until(lambda name=name: region.now().children.get(name) not in (None, before[name]))


def test_a_stopped_and_continued_region_is_left_alone(start: Callable[..., Any], tools: Any) -> None:
    """Ctrl-Z and fg: nobody was silent, everybody slept."""
    region = start(impatient=True)
    runtime = region.up
    everyone = [runtime.supervisor, *runtime.children.values()]
    for process in everyone:
        tools.kill(process.pid, signal.SIGSTOP)
    time.sleep(1.0)
    for process in everyone:
        tools.kill(process.pid, signal.SIGCONT)
    time.sleep(0.5)
    assert region.now() == runtime


def test_a_full_disk_does_not_end_the_region(start: Callable[..., Any], tools: Any) -> None:
    region = start()
    runtime = region.up
    region.data.run.chmod(0o500)
    region.data.run.rename(region.data.run.with_name("moved"))  # root may write anywhere: so there is no such place
    tools.kill(runtime.children["worker-1"].pid)
    while "cannot write the runtime file" not in region.process.stderr.readline():
        pass
    assert tools.get(runtime.port)["http"] == "1.1"
    region.data.run.with_name("moved").rename(region.data.run)
    region.data.run.chmod(0o700)
