"""The region that is toured: where it is, whose it is, and how it is killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fogbank.region import launch, processes
from fogbank.region.data import DataDir, RootCredentials, read_root_credentials
from fogbank.tour.programs import TourError

if TYPE_CHECKING:
    from fogbank.region.processes import Runtime
    from fogbank.tour.programs import Runner

_GONE_SECONDS = 5.0


class Target:
    """A running region and its root key. TourError if none runs on the directory."""

    def __init__(self, data: Path) -> None:
        self.data = DataDir(data)
        runtime = processes.running(self.data)
        if runtime is None or not runtime.ready:
            raise TourError(
                f"no region is running on {data}: start one with `fogbank up --detach`, or name another with --data."
            )
        credentials = read_root_credentials(self.data)
        if credentials is None:
            raise TourError(f"{self.data.credentials} is missing.")
        self.runtime: Runtime = runtime
        self.root: RootCredentials = credentials

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return self.runtime.endpoint

    def cannot_restart(self) -> str:
        """Why it could not be started again just as it was; "" if it could."""
        launched = launch.launched(self.data)
        if launched is None:
            return "how this region was started is not known"
        if not launched.detached:
            return (
                "the region runs in the foreground of its own terminal or service, where nobody else can start it again"
            )
        return ""

    def kill(self, runner: Runner) -> list[int]:
        """SIGKILL to every process of the region, as `fogbank status` names them; returns when all are gone."""
        answer = runner.run([*fogbank(), "status", "--json", "--data", str(self.data.root)], expect=None, show=False)
        rows = msgspec.json.decode(answer.stdout)["processes"]
        current = processes.running(self.data)
        assert current is not None
        pids = [int(row["pid"]) for row in rows if row["alive"]]
        for pid in pids:  # the supervisor is the first, so it starts nothing anew
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _GONE_SECONDS
        while any(process.alive() for process in (current.supervisor, *current.children.values())):
            if time.monotonic() > deadline:
                raise TourError("the region's processes survived kill -9")
            time.sleep(0.002)
        return pids

    def restart(self, runner: Runner, work: Path) -> float:
        """Start it as it was started, on the same port. Seconds until it answered."""
        launched = launch.launched(self.data)
        assert launched is not None
        settings = work / "settings.toml"
        settings.write_text(launched.settings)
        words = [
            "up",
            "--detach",
            "--data",
            str(self.data.root),
            "--port",
            str(self.runtime.port),
            "--config",
            str(settings),
        ]
        begun = time.perf_counter()
        runner.run([*fogbank(), *words], show=False)
        seconds = time.perf_counter() - begun
        runtime = processes.running(self.data)
        if (
            runtime is None
            or runtime.endpoint != self.endpoint
            or runtime.children.keys() != self.runtime.children.keys()
        ):
            raise TourError(f"the region did not come back as it was: {runtime}")
        self.runtime = runtime
        return seconds

    def ensure_running(self, runner: Runner, work: Path) -> None:
        """Start it again if the tour was interrupted while it was down."""
        if processes.running(self.data) is None and not self.cannot_restart():
            self.restart(runner, work)


def fogbank() -> list[str]:
    """This very program, as a command."""
    script = Path(sys.executable).with_name("fogbank")
    if script.is_file():
        return [str(script)]
    found = shutil.which("fogbank")
    return [found] if found else [sys.executable, "-c", "from fogbank.cli.main import main; main()"]
