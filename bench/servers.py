"""Starting and stopping what is measured, each alone: Fogbank, moto's server, MiniStack, Ceph's radosgw."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-bench"
VAR = ROOT / "var"  # on the disk that matters: /tmp may be in memory
START = 180.0  # seconds to wait for a server: Ceph takes 20 on a machine that does nothing else


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until a server accepts connections."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at once: {process.args!r}")
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {process.args!r}")


class Server(ABC):
    """A server under test, with a directory of its own that goes with it."""

    name: str

    def __init__(self) -> None:
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix=f"bench-{self.name}-", dir=VAR))

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Stop, and wait until it has."""

    @abstractmethod
    def processes(self) -> list[int]:
        """The ids of all its processes."""


class Fogbank(Server):
    """A region of this project, with its own data directory on the disk."""

    name = "fogbank"
    tree = ROOT

    def __init__(self, workers: int = 1) -> None:
        super().__init__()
        self._workers = workers

    def _run(self, *arguments: str) -> None:
        command = [str(Path(sys.executable).parent / "fogbank"), *arguments, "--data", str(self.directory)]
        environment = os.environ | {"PYTHONPATH": str(self.tree / "src")}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)

    def start(self) -> None:
        self._run("up", "--detach", "--port", str(self.port), "--workers", str(self._workers), "--dev")

    def stop(self) -> None:
        self._run("down")

    def processes(self) -> list[int]:
        supervisor: int = json.loads((self.directory / "run" / "supervisor.json").read_text())["supervisor"]["pid"]
        return [supervisor, *descendants(supervisor)]


class Before(Fogbank):
    """Another checkout of this project (BENCH_BEFORE names it), to see in one run what changed."""

    name = "before"
    tree = Path(os.environ.get("BENCH_BEFORE", "/nowhere"))


class Peer(Server):
    """A peer, in one process of its own, or in several below one."""

    patience = 5.0  # seconds that it may take to stop

    def __init__(self) -> None:
        super().__init__()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """How to start it."""

    def environment(self) -> dict[str, str]:
        """What it needs to be told in the environment."""
        return {}

    def start(self) -> None:
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), env={**os.environ, **self.environment()}, stdout=log, stderr=log, cwd=self.directory
            )
        wait_for(self.port, self._process)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(self.patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def processes(self) -> list[int]:
        assert self._process is not None
        return [self._process.pid, *descendants(self._process.pid)]


class Moto(Peer):
    """moto's server: keeps all in memory, verifies no signature."""

    name = "moto"

    def command(self) -> list[str]:
        return [str(PEERS / "bin/moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]


class MiniStack(Peer):
    """MiniStack: keeps all in memory, verifies no signature."""

    name = "ministack"

    def command(self) -> list[str]:
        return [str(PEERS / "bin/ministack")]

    def environment(self) -> dict[str, str]:
        return {"GATEWAY_PORT": str(self.port)}


class RadosGw(Peer):
    """Ceph's radosgw over a monitor and an OSD: verifies each signature and syncs each write. Debian's packages, if they are there."""

    name = "radosgw"
    patience = 20.0

    def command(self) -> list[str]:
        return [str(ROOT / "bench/peers/radosgw.sh"), str(self.directory), str(self.port)]


ALL: dict[str, type[Server]] = {server.name: server for server in (Fogbank, Before, Moto, MiniStack, RadosGw)}


def descendants(pid: int) -> list[int]:
    """The ids of a process's children and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server while it runs; its directory is removed afterwards."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)


def here() -> list[str]:
    """The names of the servers that can be started here: Ceph only where its packages are installed."""
    there = {RadosGw.name: shutil.which("radosgw") is not None, Before.name: Before.tree.is_dir()}
    return [name for name in ALL if there.get(name, True)]


def have_peers() -> None:
    """Install the Python peers in an environment of their own, with the locked hashes, if they are not there."""
    if (PEERS / ".ready").exists():
        return
    print(f"installing the peers into {PEERS}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(PEERS)], check=True)
    lock = str(ROOT / "requirements" / "bench.lock")
    subprocess.run([str(PEERS / "bin/pip"), "install", "--quiet", "--require-hashes", "-r", lock], check=True)
    (PEERS / ".ready").touch()
