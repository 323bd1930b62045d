"""`kill -9` of a whole region, and of its parts, hundreds of times under load: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crash.load import BUCKET, Client, Connection, lost
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore
from fogbank.store.upkeep import Corrupt, scrub

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION_KILLS = int(os.environ.get("TEST_REGION_KILLS", "200"))
PART_KILLS = int(os.environ.get("TEST_PART_KILLS", "240"))
CLIENTS = 4

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900), pytest.mark.xdist_group("crash")]


class Killed:
    """A real region of several processes that is killed and started again."""

    def __init__(self, data: Path, program: str = "zygote.py") -> None:
        self.data = data
        self.port = 0
        command = [sys.executable, Path(__file__).with_name(program), data]
        self._zygote = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self) -> None:
        """Start it, on the port that it had."""
        assert self._zygote.stdin
        assert self._zygote.stdout
        self._zygote.stdin.write("start\n")
        self._zygote.stdin.flush()
        self.port = int(self._zygote.stdout.readline())

    def end(self) -> None:
        """Kill it for good."""
        self.kill()
        self._zygote.communicate(timeout=30)

    def state(self) -> dict[str, Any]:
        """What the supervisor says runs."""
        found: dict[str, Any] = json.loads((self.data / "run/supervisor.json").read_text())
        return found

    def pids(self) -> dict[str, int]:
        """Process ids by name, the supervisor's first: killed in this order, nothing restarts the rest."""
        state = self.state()
        return {"supervisor": state["supervisor"]["pid"]} | {n: c["pid"] for n, c in state["children"].items()}

    def kill(self) -> None:
        """Kill all of it, and wait until it is gone."""
        pids = list(self.pids().values())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(lives(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.002)

    def connect(self) -> Connection:
        """A connection to it."""
        return Connection(f"http://127.0.0.1:{self.port}", "test", "test")


def lives(pid: int) -> bool:
    """Whether a process is there and more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path / "data")
    made.start()
    yield made
    made.end()


def load(region: Killed, round_: int, may_be: list[dict[str, list[bytes]]], *, stubborn: bool = False) -> list[Client]:
    clients = [
        Client(region.connect(), f"client{n}", round_ * CLIENTS + n, known, stubborn=stubborn)
        for n, known in enumerate(may_be)
    ]
    for client in clients:
        client.start()
    return clients


def settle(clients: list[Client]) -> int:
    for client in clients:
        client.join(30)
        assert not client.is_alive()
        assert not client.refused
    return sum(client.acknowledged for client in clients)


def make_bucket(region: Killed) -> None:
    connection = region.connect()
    assert connection.request("PUT", f"/{BUCKET}")[0] == 200
    connection.close()


def check(region: Killed, may_be: list[dict[str, list[bytes]]]) -> None:
    connection = region.connect()
    wrong = [line for known in may_be for line in lost(connection, known)]
    connection.close()
    assert not wrong


def check_bytes(region: Killed) -> None:
    """Nothing that is referred to is missing or damaged, by the store's own checksums."""
    store, blobs = SqliteStore(region.data / "state/state.db"), Blobs(region.data / "blobs")
    damaged = [step for step in scrub(blobs, store) if isinstance(step, Corrupt)]
    store.close()
    assert not damaged


def test_kill_the_whole_region(killed: Killed) -> None:
    make_bucket(killed)
    chance, acknowledged = random.Random(1), 0
    may_be: list[dict[str, list[bytes]]] = [{} for _ in range(CLIENTS)]
    for round_ in range(REGION_KILLS):
        clients = load(killed, round_, may_be)
        time.sleep(chance.uniform(0.01, 0.25))
        killed.kill()
        acknowledged += settle(clients)
        killed.start()
        check(killed, may_be)
    assert acknowledged > REGION_KILLS * 5
    check_bytes(killed)


def test_kill_workers_and_the_control_process(killed: Killed) -> None:
    """The supervisor starts each again; clients that lost their connection find the region there."""
    make_bucket(killed)
    chance, kills, rounds = random.Random(2), 0, 0
    may_be: list[dict[str, list[bytes]]] = [{} for _ in range(CLIENTS)]
    while kills < PART_KILLS:
        rounds += 1
        clients = load(killed, rounds, may_be, stubborn=True)
        for _ in range(8):
            time.sleep(chance.uniform(0.005, 0.06))
            kills += kill_one(killed, chance)
        killed.kill()
        settle(clients)
        killed.start()
        check(killed, may_be)
    check_bytes(killed)


def kill_one(region: Killed, chance: random.Random) -> int:
    children = [pid for name, pid in region.pids().items() if name != "supervisor"]
    try:
        os.kill(chance.choice(children), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1
