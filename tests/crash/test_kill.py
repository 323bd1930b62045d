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
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crash import versioned
from crash.load import BUCKET, Client, Connection, lost, rounds
from fogbank.cli import fsck
from fogbank.core.clock import Clock
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore
from fogbank.store.upkeep import Corrupt, scrub, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION_KILLS = int(os.environ.get("TEST_REGION_KILLS", "120"))
PART_KILLS = int(os.environ.get("TEST_PART_KILLS", "200"))
CLIENTS = 2  # of each kind
AT_ONCE = 8  # kills of parts of a region, in a round
ENOUGH = 10  # acknowledged writes for each kill: what could have been lost

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

    def kill(self, *, only: str = "") -> None:
        """Kill all of it, or only the supervisor, with which the rest goes; and wait until all is gone."""
        named = self.pids()
        pids = list(named.values())
        for pid in [named[only]] if only else pids:
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


class Load:
    """Clients of two buckets: some overwrite and delete, copy and upload in parts; some do so with versions, and hold them."""

    def __init__(self, region: Killed) -> None:
        self._region = region
        self.may_be: list[dict[str, list[bytes]]] = [{} for _ in range(CLIENTS)]
        self.known = [versioned.Known(f"client{n}") for n in range(CLIENTS)]
        self._clients: list[Client] = []
        self._versioned: list[versioned.VersionedClient] = []
        make_bucket(region)
        connection = region.connect()
        versioned.make_bucket(connection)
        connection.close()

    def start(self, round_: int, *, stubborn: bool = False) -> None:
        connect, seed = self._region.connect, round_ * CLIENTS
        self._clients = [
            Client(connect(), f"client{n}", seed + n, known, stubborn=stubborn) for n, known in enumerate(self.may_be)
        ]
        self._versioned = [
            versioned.VersionedClient(connect(), seed + n, known, stubborn=stubborn)
            for n, known in enumerate(self.known)
        ]
        for client in (*self._clients, *self._versioned):
            client.start()

    def acknowledged(self) -> int:
        """How many writes of this round were acknowledged until now."""
        return sum(client.acknowledged for client in self._clients) + sum(k.acknowledged for k in self.known)

    def settle(self) -> int:
        """Wait until all clients have found the region gone; how many writes of this round were acknowledged."""
        for client in (*self._clients, *self._versioned):
            client.join(30)
            assert not client.is_alive()
        assert not [line for client in self._clients for line in client.refused]
        assert not [line for known in self.known for line in known.refused]
        acknowledged = self.acknowledged()
        for known in self.known:
            known.acknowledged = 0
        return acknowledged

    def check(self) -> None:
        connection = self._region.connect()
        wrong = [line for known in self.may_be for line in lost(connection, known)]
        wrong += [line for known in self.known for line in versioned.lost(connection, known)]
        connection.close()
        assert not wrong


def make_bucket(region: Killed) -> None:
    connection = region.connect()
    assert connection.request("PUT", f"/{BUCKET}")[0] == 200
    connection.close()


def check_state(region: Killed) -> None:
    """All bytes are as they were written, all invariants hold, and nothing is left behind that is not swept."""
    region.kill()
    store, blobs = SqliteStore(region.data / "state/state.db"), Blobs(region.data / "blobs")
    sum(sweep(blobs, store, Clock().now(), timedelta(seconds=-1)))
    problems = [problem.what for problem in fsck.check(store, blobs)]
    damaged = [step for step in scrub(blobs, store) if isinstance(step, Corrupt)]
    store.close()
    assert not problems
    assert not damaged
    region.start()


def test_kill_the_whole_region(killed: Killed) -> None:
    chance, load = random.Random(1), Load(killed)
    acknowledged: list[int] = []  # by the round, which ends with a kill
    for round_ in rounds(REGION_KILLS, lambda: sum(acknowledged), ENOUGH * REGION_KILLS):
        load.start(round_)
        time.sleep(chance.uniform(0.01, 0.25))
        killed.kill(only=chance.choice(("", "supervisor")))
        acknowledged.append(load.settle())
        killed.start()
        load.check()
    print(f"{len(acknowledged)} kills, {sum(acknowledged)} writes acknowledged")
    assert sum(acknowledged) >= ENOUGH * REGION_KILLS
    check_state(killed)


def test_kill_workers_and_the_control_process(killed: Killed) -> None:
    """The supervisor starts each again; clients that lost their connection find the region there."""
    chance, load = random.Random(2), Load(killed)
    acknowledged: list[int] = []  # by the round
    kills: list[int] = []

    def enough() -> int:
        return sum(acknowledged) if sum(kills) >= PART_KILLS else 0

    for round_ in rounds(PART_KILLS // AT_ONCE, enough, PART_KILLS):
        load.start(round_, stubborn=True)
        for _ in range(AT_ONCE):
            time.sleep(chance.uniform(0.005, 0.06))
            kills.append(kill_one(killed, chance))
        killed.kill()
        acknowledged.append(load.settle())
        killed.start()
        load.check()
    print(f"{sum(kills)} kills, {sum(acknowledged)} writes acknowledged")
    assert sum(acknowledged) >= PART_KILLS
    check_state(killed)


def kill_one(region: Killed, chance: random.Random) -> int:
    children = [pid for name, pid in region.pids().items() if name != "supervisor"]
    try:
        os.kill(chance.choice(children), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def test_fsck_and_scrub_beside_a_region_that_works(killed: Killed) -> None:
    """They see one state, and files that come and go: nothing of that is taken for damage."""
    load = Load(killed)
    load.start(1)
    for _ in rounds(10, load.acknowledged, 21):  # a busy machine may write slower than it checks
        store, blobs = SqliteStore(killed.data / "state/state.db"), Blobs(killed.data / "blobs")
        assert not [problem.what for problem in fsck.check(store, blobs)]
        assert not [step for step in scrub(blobs, store) if isinstance(step, Corrupt)]
        store.close()
    killed.kill()
    assert load.settle() > 20
