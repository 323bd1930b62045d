"""Several processes on one store: no update is lost, nobody starves, and a kill at any moment loses nothing acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from fogbank.store import blobs
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx

pytestmark = pytest.mark.crash

COUNTER = """
import asyncio, sys, time
from pathlib import Path
from fogbank.store.sqlite import SqliteStore

def add(tx):
    tx.put(b"n", b"%d" % (int(tx.get(b"n") or b"0") + 1))

async def main(path, count):
    store = SqliteStore(Path(path))
    slowest = 0.0
    async def one():
        nonlocal slowest
        for _ in range(count):
            began = time.perf_counter()
            await store.write(add)
            slowest = max(slowest, time.perf_counter() - began)
    await asyncio.gather(*(one() for _ in range(4)))
    store.close()
    print(slowest)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""

# Acknowledges each write on a line, after it was awaited. Each of its keys and blobs can be checked by itself.
LOAD = """
import asyncio, hashlib, os, sys
from pathlib import Path
from fogbank.store import blobs
from fogbank.store.sqlite import SqliteStore

async def main(folder, who):
    store = SqliteStore(Path(folder) / "state.db")
    files = blobs.Blobs(Path(folder) / "blobs")
    async def one(task):
        for n in range(100_000):
            name = f"{who}.{task}.{n}".encode()
            data = hashlib.sha256(name).digest() * (1 + n % 200)
            if task == 0 and n % 4 == 0:
                with files.create(len(data)) as writer:
                    writer.write(data)
                    ref = writer.finish()
                    def link(tx):
                        blobs.link(tx, ref)
                        tx.put(b"file " + name, ref.id.encode())
                    await store.write(link)
                os.write(1, b"file " + name + b"\\n")
                continue
            def put(tx):
                tx.put(b"small " + name, b"%d" % tx.put_bytes(data))
                tx.put(b"twin " + name, hashlib.sha256(data).digest())
            await store.write(put)
            os.write(1, b"small " + name + b"\\n")
    os.write(1, b"ready\\n")
    await asyncio.gather(*(one(task) for task in range(4)))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def start(script: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )


def test_four_processes_lose_no_update(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    processes = [start(COUNTER, path, 150) for _ in range(4)]
    slowest = [float(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    store = SqliteStore(path)
    with store.snapshot() as tx:
        assert tx.get(b"n") == b"2400"
    store.close()
    assert max(slowest) < 5


def test_a_busy_process_does_not_starve_another(tmp_path: Path) -> None:
    """One writes without pause; the other's single writes get their turn between its batches."""
    SqliteStore(tmp_path / "state.db").close()
    busy = start(LOAD, tmp_path, "busy")
    try:
        assert busy.stdout is not None
        assert busy.stdout.readline() == b"ready\n"
        with drained(busy):
            waits = asyncio.run(_time_writes(SqliteStore(tmp_path / "state.db"), 40))
    finally:
        busy.kill()
        busy.communicate()
    assert sorted(waits)[20] < 0.5


async def _time_writes(store: SqliteStore, count: int) -> list[float]:
    waits = []
    for n in range(count):
        began = time.perf_counter()
        await store.write(lambda tx, n=n: tx.put(b"mine %d" % n, b""))  # type: ignore[misc]
        waits.append(time.perf_counter() - began)
    store.close()
    return waits


@contextlib.contextmanager
def drained(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Its output is thrown away by `cat`, so that it never waits for us."""
    with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL) as reader:
        yield
        process.kill()
        reader.wait(10)


def test_a_stopped_process_that_is_killed_lets_go_of_the_lock(tmp_path: Path) -> None:
    """A process that stops while it writes holds up the others; its death frees them."""
    SqliteStore(tmp_path / "state.db").close()
    busy = start(LOAD, tmp_path, "busy")
    assert busy.stdout is not None
    busy.stdout.readline()
    busy.stdout.readline()
    busy.send_signal(signal.SIGSTOP)

    async def main() -> None:
        opening = asyncio.create_task(asyncio.to_thread(SqliteStore, tmp_path / "state.db"))
        await asyncio.sleep(0)
        busy.kill()
        store = await opening
        await store.write(lambda tx: tx.put(b"mine", b""))
        store.close()

    asyncio.run(main())
    busy.communicate()


ROUNDS = 60


@pytest.mark.slow
def test_kill_at_random_moments(tmp_path: Path) -> None:
    """ROUNDS times: two processes write, both are killed, all that they acknowledged is there and whole."""
    random = Random(2)
    acknowledged: set[bytes] = set()
    for turn in range(ROUNDS):
        processes = [start(LOAD, tmp_path, f"{turn}.{n}") for n in range(2)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, 0.08))
        for process in random.sample(processes, 2):
            process.send_signal(signal.SIGKILL)
            time.sleep(random.choice((0, 0, 0.005, 0.02)))  # the other one goes on, or is killed at once
        for process in processes:
            lines = process.communicate()[0].split(b"\n")
            acknowledged.update(lines[:-1])  # the last one is not a whole line
            assert process.returncode == -signal.SIGKILL  # none ended by an error
        check(tmp_path, acknowledged, b" %d." % turn)
    check(tmp_path, acknowledged, b"")
    assert len(acknowledged) > ROUNDS


def check(folder: Path, acknowledged: set[bytes], among: bytes) -> None:
    """All that was acknowledged is there, and what has `among` in its name, acknowledged or not, is whole."""
    store = SqliteStore(folder / "state.db")
    files = blobs.Blobs(folder / "blobs")
    with store.snapshot() as tx:
        found = dict(tx.scan(b"", b"\xff"))
        assert not [name for name in acknowledged if name not in found]
        for name in found:
            if name.startswith((b"small ", b"file ")) and among in name:
                _check_one(tx, files, name, found)
    store.close()


def _check_one(tx: Tx, files: blobs.Blobs, name: bytes, found: dict[bytes, bytes]) -> None:
    kind, key = name.split(b" ", 1)
    expected = hashlib.sha256(key).digest() * (1 + int(key.rsplit(b".", 1)[1]) % 200)
    if kind == b"file":
        assert files.path(found[name].decode()).read_bytes() == expected
    else:
        assert tx.get_bytes(int(found[name])) == expected
        assert found[b"twin " + key] == hashlib.sha256(expected).digest()
