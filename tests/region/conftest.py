"""Regions made of real processes, with a small worker in the place of the gateway."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.region import launch, processes
from fogbank.region.data import DataDir
from fogbank.region.processes import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCRIPT = Path(__file__).with_name("fake_region.py")


class FakeRegion:
    """One started region: its process (the supervisor, unless detached), what it said, and its data directory."""

    def __init__(self, data: Path, options: dict[str, Any]) -> None:
        self.data = DataDir(data)
        self.runtime: Runtime
        self.process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), json.dumps({"data": str(data), "port": 0, "workers": 2} | options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    @property
    def up(self) -> Runtime:
        """What it announced; only once."""
        line = self.said()
        assert line.startswith("{"), line + (self.process.stderr.read() if self.process.stderr else "")
        return msgspec.json.decode(line, type=Runtime)

    def now(self) -> Runtime:
        """What its runtime file says now."""
        runtime = processes.read_runtime(self.data)
        assert runtime
        return runtime

    def end(self) -> None:
        launch.stop(self.data, patience=15)
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., FakeRegion]]:
    """Start regions; all are ended with the test."""
    started: list[FakeRegion] = []

    def begin(name: str = "data", **options: Any) -> FakeRegion:
        started.append(FakeRegion(tmp_path / name, options))
        return started[-1]

    yield begin
    for region in started:
        region.end()


@pytest.fixture(scope="session")
def shared_region() -> Iterator[Callable[..., Any]]:
    """Start a detached region for several tests; it has `runtime`, `data` and a log file."""
    started: list[FakeRegion] = []

    def begin(directory: Path, **options: Any) -> Any:
        region = FakeRegion(directory / "data", {"detach": True} | options)
        started.append(region)
        region.runtime = region.up
        return region

    yield begin
    for region in started:
        region.end()


def until(condition: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait for `condition`; how long that took. Fails after `seconds`."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            pytest.fail("it did not happen in time")
        time.sleep(0.002)
    return time.monotonic() - begun


def get(port: int, path: str = "/") -> dict[str, Any]:
    """The fake worker's answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


@pytest.fixture
def tools() -> Any:
    """The helpers above, for tests that cannot import a conftest."""
    return sys.modules[__name__]
