"""`fogbank up` to `fogbank down`, as a user types it, with the real workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fogbank.region import processes
from fogbank.region.data import DataDir

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.crash

FOGBANK = Path(sys.executable).with_name("fogbank")


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run([FOGBANK, *arguments], capture_output=True, text=True, env=environ, timeout=60, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    run(tmp_path, "down")


def test_up_status_configure_down(home: Path) -> None:
    up = run(home, "up", "--detach", "--port", "0", "--workers", "2", "--dev", "--tls")
    assert up.returncode == 0, up.stderr
    assert "Fogbank is up" in up.stdout
    assert "account 000000000000" in up.stdout
    status = run(home, "status", "--json")
    report = json.loads(status.stdout)
    assert status.returncode == 0, report
    assert report["endpoint"] in up.stdout
    assert [row["name"] for row in report["processes"]] == ["supervisor", "worker-1", "worker-2", "control"]
    assert report["memory"] < 200 << 20
    assert "MiB in all" in run(home, "status").stdout
    again = run(home, "up", "--detach")
    assert again.returncode == 0
    assert f"already running on {home}/.local/share/fogbank: {report['endpoint']}" in again.stderr
    assert run(home, "up").returncode == 1
    assert run(home, "configure").returncode == 0
    assert f"endpoint_url = {report['endpoint']}" in (home / ".aws/config").read_text()
    runtime = processes.running(DataDir(home / ".local/share/fogbank"))
    assert runtime
    down = run(home, "down")
    assert down.stdout == f"Stopped the region on ~/.local/share/fogbank ({report['endpoint']}).\n"
    assert not any(process.alive() for process in (runtime.supervisor, *runtime.children.values()))


def test_foreground(home: Path) -> None:
    environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [FOGBANK, "up", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        assert "Fogbank is up" in next(lines)
        assert any("Ctrl-C" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr
        assert '"message":"stopped"' in process.stderr.read()


def test_a_taken_port(home: Path) -> None:
    assert run(home, "up", "--detach", "--port", "0").returncode == 0
    port = json.loads(run(home, "status", "--json").stdout)["port"]
    second = run(home, "up", "--detach", "--port", str(port), "--data", str(home / "second"))
    assert second.returncode == 1
    assert second.stderr.startswith(f"fogbank: port {port} on 127.0.0.1 is in use already by ")
    assert "Traceback" not in second.stderr
