"""A disk that is really full: a small tmpfs. What was acknowledged stays, what fails says StoreFull, and it goes on after."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from fogbank.store import blobs, disk, upkeep, writer
from fogbank.store.api import StoreFull
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fogbank.store.api import Tx


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """8 MiB, which bodies may fill to the last."""
    monkeypatch.setattr(disk, "LOW_WATER", 0)
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs root; the saboteur's tests fill the disk without it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill_up(path: Path) -> None:
    """All but the last pages, which the empty blob's directories need."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    os.truncate(path, max(path.stat().st_size - 65536, 0))


def put(n: int) -> Callable[[Tx], None]:
    def handler(tx: Tx) -> None:
        tx.put(b"%06d" % n, b"%d" % tx.put_bytes(b"%06d" % n * 5000))

    return handler


async def fill(store: SqliteStore) -> set[int]:
    """Write, eight at a time, until the disk is full; what was acknowledged."""
    done: set[int] = set()
    for first in range(0, 10_000, 8):
        writes = [store.write(put(n)) for n in range(first, first + 8)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        done.update(first + n for n, outcome in enumerate(outcomes) if outcome is None)
        if any(outcomes):
            assert all(isinstance(outcome, StoreFull) for outcome in outcomes), outcomes
            return done
    raise AssertionError("it never filled")


def check(store: SqliteStore, done: set[int]) -> None:
    with store.snapshot() as tx:
        found = {int(key): tx.get_bytes(int(blob)) for key, blob in tx.scan(b"", b"\xff")}
        assert found == {n: b"%06d" % n * 5000 for n in done}
        assert len(tx.list_bytes(0, 10_000)) == len(done)


@pytest.mark.parametrize("reopen", [False, True])
def test_the_state_fills_the_disk(small_disk: Path, reopen: bool) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (2 << 20))
    store = SqliteStore(small_disk / "state.db")
    done = asyncio.run(fill(store))
    assert len(done) > 8
    check(store, done)
    if reopen:
        store.close()
        store = SqliteStore(small_disk / "state.db")
        check(store, done)
    ballast.unlink()
    asyncio.run(_write_one(store, 20_000))
    check(store, done | {20_000})
    store.close()


def test_a_full_store_can_be_emptied_and_filled_again(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies stop at the low water, so there is space for the records of deletes; what they free is used again."""
    monkeypatch.setattr(disk, "LOW_WATER", 3 << 20)
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 256)
    store = SqliteStore(small_disk / "state.db")
    files = blobs.Blobs(small_disk / "blobs")

    async def main() -> list[int]:
        counts = []
        for _ in range(3):
            done = await fill(store)
            counts.append(len(done))
            check(store, done)
            with pytest.raises(StoreFull):
                files.create(5 << 20)
            for n in done:
                await store.write(remove(n))
            check(store, set())
        return counts

    first, *others = asyncio.run(main())
    assert first > 20
    assert min(others) > first / 2
    store.close()


def remove(n: int) -> Callable[[Tx], None]:
    def handler(tx: Tx) -> None:
        tx.delete_bytes(int(tx.get(b"%06d" % n) or b""))
        tx.delete(b"%06d" % n)

    return handler


def test_a_handler_that_hides_a_full_disk_fails_all_the_same(small_disk: Path) -> None:
    """SQLite may have undone what others in the batch did."""

    def hide(tx: Tx) -> str:
        tx.put(b"half", b"")
        with suppress(StoreFull):
            tx.put_bytes(b"x" * (20 << 20))
        return "well done"

    store = SqliteStore(small_disk / "state.db")

    async def main() -> list[object]:
        writes = [store.write(put(0)), store.write(hide), store.write(put(1), bulk=True)]
        return list(await asyncio.gather(*writes, return_exceptions=True))

    outcomes = asyncio.run(main())
    assert [type(outcome) for outcome in outcomes] == [StoreFull, StoreFull, type(None)]
    check(store, {1})
    store.close()


async def _write_one(store: SqliteStore, n: int) -> None:
    await store.write(put(n))


@pytest.mark.parametrize("expected", [None, 9 << 20])
def test_a_blob_fills_the_disk(small_disk: Path, expected: int | None) -> None:
    files = blobs.Blobs(small_disk / "blobs")
    written = 0

    def write_nine_mebibytes() -> None:
        nonlocal written
        with files.create(expected) as writer:
            for _ in range(9):
                writer.write(b"x" * (1 << 20))
                written += 1

    with pytest.raises(StoreFull):
        write_nine_mebibytes()
    assert (written == 0) == (expected is not None)  # if it is expected, it is found at once
    assert [path for path in files.root.rglob("*") if path.is_file()] == []
    with files.create(1 << 20) as writer:
        writer.write(b"x" * (1 << 20))
        ref = writer.finish()
    assert files.path(ref).stat().st_size == 1 << 20


def test_blobs_and_state_share_a_full_disk(small_disk: Path) -> None:
    """The bytes are durable, their record finds no space: nothing refers to them, and the sweep takes them."""
    store = SqliteStore(small_disk / "state.db")
    files = blobs.Blobs(small_disk / "blobs")

    async def main() -> None:
        await fill(store)
        _fill_up(small_disk / "filler")
        with files.create() as writer:
            ref = writer.finish()
            with pytest.raises(StoreFull):
                await store.write(lambda tx: [tx.put_bytes(b"x" * 2_000_000), blobs.link(tx, ref)])  # type: ignore[func-returns-value]

    asyncio.run(main())
    assert not [one for one in upkeep.scrub(files, store) if isinstance(one, upkeep.Corrupt)]
    far = datetime(2200, 1, 1, tzinfo=UTC)
    assert sum(upkeep.sweep(files, store, far, timedelta(hours=1))) == 1
    store.close()
