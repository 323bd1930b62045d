"""The store under a saboteur, at every step: nothing acknowledged is lost, nothing is half there, and it goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
import traceback
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.store.memory import MemoryStore
from tests.store.saboteur import Mode, Saboteur, SaboteurDisk, SaboteurVFS

from fogbank.store import blobs, outbox, upkeep, writer
from fogbank.store.api import StoreError
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fogbank.store.api import Store, Tx

BATCHES = 6
WRITES = range(BATCHES * 2)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def handler(batch: int, n: int) -> Callable[[Tx], None]:
    """One of a batch: a few keys that only make sense together, a small blob, and one key that each batch overwrites."""

    def change(tx: Tx) -> None:
        blob = tx.put_bytes(bytes([batch]) * 6000)
        tx.put(b"%d.%d" % (batch, n), b"%d" % blob)
        tx.put(b"twin %d.%d" % (batch, n), b"%d" % blob)
        tx.put(b"last", b"%d.%d" % (batch, n))
        if batch > 2:
            old = tx.get(b"%d.%d" % (batch - 2, n))
            if old is not None:
                tx.delete_bytes(int(old))
                tx.delete(b"%d.%d" % (batch - 2, n))
                tx.delete(b"twin %d.%d" % (batch - 2, n))

    return change


def contents(store: Store) -> tuple[list[tuple[bytes, bytes]], list[bytes | None]]:
    with store.snapshot() as tx:
        return list(tx.scan(b"", b"\xff")), [tx.get_bytes(blob) for blob in tx.list_bytes(0, 1000)]


async def work(store: SqliteStore, acknowledged: Callable[[int], None]) -> None:
    """BATCHES commits of two handlers each; tells which writes were answered without an error."""
    for batch in range(BATCHES):
        writes = [store.write(handler(batch, n)) for n in range(2)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        for n, outcome in enumerate(outcomes):
            if outcome is None:
                acknowledged(batch * 2 + n)
            else:
                assert isinstance(outcome, StoreError)


def state_after(writes: list[int]) -> tuple[list[tuple[bytes, bytes]], list[bytes | None]]:
    """What the model has after these writes. Ids of small blobs differ where one failed: compare its `shape`."""
    model = MemoryStore()
    for write in writes:
        model.apply(handler(*divmod(write, 2)))
    return contents(model)


def possible_after(done: list[int]) -> list[object]:
    """After a crash: the batches of which a write was acknowledged, and perhaps the one that was not answered yet, all of it."""
    whole = len(done) + len(done) % 2  # it may have died between two acknowledgements
    return [shape(state_after(list(range(count)))) for count in (whole, whole + 2)]


def shape(state: tuple[list[tuple[bytes, bytes]], list[bytes | None]]) -> object:
    """A state without the ids of its small blobs."""
    pairs, small = state
    return [(key, value if key == b"last" else None) for key, value in pairs], small


def twins(state: tuple[list[tuple[bytes, bytes]], list[bytes | None]]) -> None:
    found = dict(state[0])
    assert all(found[key.removeprefix(b"twin ")] == value for key, value in state[0] if key.startswith(b"twin"))


@contextmanager
def sabotaged(mode: Mode, at: int, seed: int = 0) -> Iterator[Saboteur]:
    saboteur = Saboteur(mode, at, seed)
    vfs = SaboteurVFS("saboteur", saboteur)
    try:
        yield saboteur
    finally:
        vfs.unregister()


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints and the WAL's new beginnings are among what fails; the writes of a batch share a commit on a busy machine, too."""
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(writer, "BATCH", 60)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder with an empty store, to copy."""
    folder = tmp_path / "empty"
    folder.mkdir()
    SqliteStore(folder / "state.db").close()
    return folder


def every_step(prepared: Path, run: Callable[[Path, int], bool]) -> int:
    """Run with the first step sabotaged, with the second, … until a run meets no saboteur; the number of steps."""
    at = 1
    while True:
        folder = prepared.parent / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(prepared, folder)
        if not run(folder, at):
            return at
        at += 1
        assert at < 5000


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.FULL])
def test_a_failing_step_fails_its_batch_alone(prepared: Path, mode: Mode) -> None:
    def run(folder: Path, at: int) -> bool:
        with sabotaged(mode, at) as saboteur:
            store = SqliteStore(folder / "state.db", vfs="saboteur")
            done: list[int] = []
            asyncio.run(work(store, done.append))
            struck = saboteur.struck
            saboteur.relent()
            state = contents(store)
            assert shape(state) == shape(state_after(done)), f"step {at}"
            twins(state)
            asyncio.run(work(store, done.append))  # it goes on
            assert done[-len(WRITES) :] == list(WRITES)
            state = contents(store)
            store.close()
        again = SqliteStore(folder / "state.db")
        assert contents(again) == state
        again.close()
        return struck

    assert every_step(prepared, run) > 50


def test_an_unreadable_page_fails_who_reads_it(prepared: Path) -> None:
    def run(folder: Path, at: int) -> bool:
        with sabotaged(Mode.UNREADABLE, at) as saboteur:
            done: list[int] = []
            try:
                store = SqliteStore(folder / "state.db", vfs="saboteur")
            except StoreError:
                return True
            asyncio.run(work(store, done.append))
            with suppress(StoreError):
                contents(store)
            struck = saboteur.struck
            saboteur.relent()
            state = contents(store)
            assert shape(state) == shape(state_after(done)), f"step {at}"
            twins(state)
            store.close()
        return struck

    assert every_step(prepared, run) > 10


@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_loses_nothing_acknowledged(prepared: Path, seed: int) -> None:
    def run(folder: Path, at: int) -> bool:
        done: list[int] = []
        with sabotaged(Mode.CUT, at, seed * 10_000 + at) as saboteur:
            try:
                store = SqliteStore(folder / "state.db", vfs="saboteur")
            except StoreError:
                return True
            asyncio.run(work(store, done.append))
            store.close()
        saboteur.restore()
        store = SqliteStore(folder / "state.db")
        state = contents(store)
        assert done == list(range(len(done))), f"step {at}"
        assert shape(state) in possible_after(done), f"step {at}, acknowledged {done}"
        twins(state)
        asyncio.run(work(store, done.append))
        assert done[-len(WRITES) :] == list(WRITES)
        store.close()
        return saboteur.struck

    assert every_step(prepared, run) > 50


@pytest.mark.crash
def test_a_kill_at_any_step_loses_nothing_acknowledged(prepared: Path) -> None:
    def run(folder: Path, at: int) -> bool:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _be_killed(folder, at, writing)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as pipe:
            done = [write for (write,) in struct.iter_unpack("i", pipe.read())]
        assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
        store = SqliteStore(folder / "state.db")
        state = contents(store)
        assert shape(state) in possible_after(done), f"step {at}, acknowledged {done}"
        twins(state)
        asyncio.run(work(store, done.append))
        assert done[-len(WRITES) :] == list(WRITES)
        store.close()
        return os.WIFSIGNALED(status)

    assert every_step(prepared, run) > 50


def _be_killed(folder: Path, at: int, acknowledge: int) -> None:
    code = 1
    try:
        with sabotaged(Mode.KILL, at):
            store = SqliteStore(folder / "state.db", vfs="saboteur")
            asyncio.run(work(store, lambda write: _tell(acknowledge, write)))
            store.close()
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _tell(pipe: int, write: int) -> None:
    os.write(pipe, struct.pack("i", write))


DATA = [bytes([n]) * size for n, size in enumerate([0, 1, 5000, 200_000])]


async def blob_work(store: SqliteStore, files: blobs.Blobs) -> dict[int, blobs.BlobRef]:
    """Write, link, and unlink the first; those that are still linked, as acknowledged."""
    kept: dict[int, blobs.BlobRef] = {}
    for n, data in enumerate(DATA):
        with _errors_are_the_stores(), files.create(len(data) + 100) as blob:
            for start in range(0, len(data), 100_000):
                blob.write(data[start : start + 100_000])
            ref = blob.finish()
            await store.write(lambda tx, ref=ref: blobs.link(tx, ref))  # type: ignore[misc]
            kept[n] = ref
    if 1 in kept:
        with _errors_are_the_stores():
            await store.write(lambda tx: blobs.unlink(tx, kept[1].id, NOW))
            del kept[1]
    later = NOW + timedelta(hours=1)
    with _errors_are_the_stores():
        await outbox.carry_out(store, files.effects(store), lambda: later)
    return kept


@contextmanager
def _errors_are_the_stores() -> Iterator[None]:
    with suppress(StoreError):
        yield


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.FULL, Mode.CUT])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_blobs_under_a_saboteur(prepared: Path, mode: Mode) -> None:
    def run(folder: Path, at: int) -> bool:
        saboteur = Saboteur(mode, at, at)
        store = SqliteStore(folder / "state.db")
        sabotaged_files = blobs.Blobs(folder / "blobs", disk=SaboteurDisk(saboteur))
        kept = asyncio.run(blob_work(store, sabotaged_files))
        if mode is Mode.CUT:
            saboteur.restore()
        files = blobs.Blobs(folder / "blobs")
        for n, ref in kept.items():
            assert files.path(ref).read_bytes() == DATA[n], f"step {at}"
        assert not [found for found in upkeep.scrub(files, store) if isinstance(found, upkeep.Corrupt)]
        later = NOW + timedelta(days=30_000)
        asyncio.run(outbox.carry_out(store, files.effects(store), lambda: later))
        for _ in upkeep.sweep(files, store, later, timedelta(hours=1)):
            pass
        names = {path.name for path in (folder / "blobs").rglob("*") if path.is_file()}
        assert names == {ref.id for ref in kept.values()}, f"step {at}"
        store.close()
        return saboteur.struck

    assert every_step(prepared, run) > 20
