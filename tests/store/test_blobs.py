"""Blob files: durable before they are referred to, counted, swept when nobody will refer to them, and scrubbed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeVar

import apsw
import pytest
from awscrt.checksums import crc64nvme

from fogbank.store import blobs, outbox, upkeep
from fogbank.store.api import StoreCorrupt, StoreError, StoreFull
from fogbank.store.blobs import BlobRef, Blobs, blob_refs

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Store, Tx
    from fogbank.store.sqlite import SqliteStore

T = TypeVar("T")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAR = datetime(2200, 1, 1, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def write(store: Store, handler: Callable[[Tx], T]) -> T:
    async def main() -> T:
        return await store.write(handler)

    return asyncio.run(main())


def make(store: Store, files: Blobs, data: bytes = b"some bytes", refs: int = 1) -> BlobRef:
    with files.create(len(data)) as writer:
        writer.write(data)
        ref = writer.finish()
        for _ in range(refs):
            write(store, lambda tx: blobs.link(tx, ref))
    return ref


def carry_out(store: Store, files: Blobs, now: datetime) -> int:
    return asyncio.run(outbox.carry_out(store, files.effects(store), lambda: now))


def swept(store: Store, files: Blobs, now: datetime = FAR) -> int:
    return sum(upkeep.sweep(files, store, now, HOUR))


def names(files: Blobs) -> set[str]:
    return {path.name for path in files.root.rglob("*") if path.is_file()}


def corrupt(store: Store, files: Blobs) -> list[upkeep.Corrupt]:
    return [found for found in upkeep.scrub(files, store) if isinstance(found, upkeep.Corrupt)]


def test_a_blob_is_what_was_written(files: Blobs) -> None:
    pieces: list[bytes | bytearray | memoryview] = [
        b"a",
        bytearray(b"bc"),
        memoryview(b"xdefx")[1:4],
        b"",
        b"g" * 20_000_000,
    ]
    with files.create() as writer:
        for piece in pieces:
            writer.write(piece)
        ref = writer.finish()
    data = b"abcdef" + b"g" * 20_000_000
    assert files.path(ref).read_bytes() == data
    assert ref == BlobRef(ref.id, len(data), crc64nvme(data))
    assert files.path(ref) == files.path(ref.id)
    assert names(files) == {ref.id}


def test_wide_memory_is_bytes(files: Blobs) -> None:
    with files.create() as writer:
        writer.write(memoryview(b"12345678").cast("I"))
        assert writer.finish().size == 8


@pytest.mark.parametrize("expected", [None, 0, 5, 100, 1 << 20])
def test_the_expected_size_is_no_promise(files: Blobs, expected: int | None) -> None:
    with files.create(expected) as writer:
        writer.write(b"12345")
        ref = writer.finish()
    assert files.path(ref).read_bytes() == b"12345"
    assert files.path(ref).stat().st_blocks * 512 <= 8192


def test_who_announces_much_reserves_little(files: Blobs) -> None:
    with pytest.raises(StoreFull):
        files.create(1 << 60)
    with files.create(200 << 20) as writer:
        writer.write(b"x")
        (path,) = (files.root / "tmp").iterdir()
        assert path.stat().st_blocks * 512 <= blobs.RESERVE + 8192
    assert names(files) == set()


def test_an_aborted_or_unfinished_blob_leaves_nothing(files: Blobs) -> None:
    with files.create() as writer:
        writer.write(b"a")
    with files.create() as writer:
        writer.abort()
        writer.abort()
        with pytest.raises(ValueError):
            writer.write(b"a")
        with pytest.raises(ValueError):
            writer.finish()
    with pytest.raises(KeyError), files.create() as writer:
        raise KeyError
    assert names(files) == set()


def test_a_finished_blob_is_not_written_or_aborted(files: Blobs) -> None:
    with files.create() as writer:
        ref = writer.finish()
        with pytest.raises(ValueError):
            writer.write(b"a")
        with pytest.raises(ValueError):
            writer.finish()
        writer.abort()
    assert names(files) == {ref.id}


def test_references_are_counted(sqlite: SqliteStore, files: Blobs) -> None:
    ref = make(sqlite, files)
    assert write(sqlite, lambda tx: blobs.share(tx, ref.id)) == ref
    write(sqlite, lambda tx: blobs.unlink(tx, ref.id, NOW))
    assert carry_out(sqlite, files, FAR) == 0
    write(sqlite, lambda tx: blobs.unlink(tx, ref.id, NOW))
    assert carry_out(sqlite, files, NOW + blobs.GRACE / 2) == 0
    assert names(files) == {ref.id}
    assert carry_out(sqlite, files, NOW + blobs.GRACE) == 1
    assert names(files) == set()
    with sqlite.snapshot() as tx:
        assert blob_refs.get(tx, ref.id) is None


@pytest.mark.parametrize("change", ["link", "share", "unlink"])
def test_a_blob_without_references_is_gone(sqlite: SqliteStore, files: Blobs, change: str) -> None:
    ref = make(sqlite, files)
    write(sqlite, lambda tx: blobs.unlink(tx, ref.id, NOW))
    calls: dict[str, Callable[[Tx], object]] = {
        "link": lambda tx: blobs.link(tx, ref),
        "share": lambda tx: blobs.share(tx, ref.id),
        "unlink": lambda tx: blobs.unlink(tx, ref.id, NOW),
    }
    with pytest.raises(StoreError, match="gone"):
        write(sqlite, calls[change])


def test_unlinking_is_repeatable(sqlite: SqliteStore, files: Blobs) -> None:
    ref = make(sqlite, files)
    write(sqlite, lambda tx: blobs.unlink(tx, ref.id, NOW))
    handler = files.effects(sqlite)[blobs.UNLINK]

    async def main() -> None:
        await handler(ref.id.encode())
        await handler(ref.id.encode())

    asyncio.run(main())
    assert carry_out(sqlite, files, FAR) == 1


def test_the_sweep_removes_what_nobody_refers_to(sqlite: SqliteStore, files: Blobs) -> None:
    kept = make(sqlite, files)
    with files.create() as writer:
        writer.write(b"never linked")
        writer.finish()
    left = files.root / "tmp" / ("0" * 32)
    left.write_bytes(b"of a dead writer")
    assert swept(sqlite, files, datetime.now(UTC)) == 0  # young
    assert swept(sqlite, files) == 2
    assert names(files) == {kept.id}


def test_the_sweep_spares_what_is_being_written(sqlite: SqliteStore, files: Blobs) -> None:
    with files.create() as writer:
        writer.write(b"a")
        assert swept(sqlite, files) == 0
        ref = writer.finish()
        assert swept(sqlite, files) == 0  # finished, not linked yet
        write(sqlite, lambda tx: blobs.link(tx, ref))
    assert swept(sqlite, files) == 0
    assert corrupt(sqlite, files) == []


def test_the_sweep_spares_what_waits_for_its_unlinking(sqlite: SqliteStore, files: Blobs) -> None:
    """A reader may have its path."""
    ref = make(sqlite, files)
    write(sqlite, lambda tx: blobs.unlink(tx, ref.id, NOW))
    assert swept(sqlite, files) == 0
    assert names(files) == {ref.id}


def test_the_sweep_of_another_process_spares_ours(sqlite: SqliteStore, files: Blobs) -> None:
    script = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from fogbank.store import upkeep
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
far = datetime(2200, 1, 1, tzinfo=UTC)
print(sum(upkeep.sweep(Blobs(Path(sys.argv[2])), store, far, timedelta(hours=1))))
store.close()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", script, str(sqlite.path), str(files.root)]
    with files.create() as writing, files.create() as finished:
        writing.write(b"a")
        ref = finished.finish()
        (files.root / "tmp" / "dead").write_bytes(b"")
        assert subprocess.check_output(command, env=environment) == b"1\n"
        assert files.path(ref).exists()
        writing.finish()


def test_the_sweep_against_writers(sqlite: SqliteStore, files: Blobs) -> None:
    """With no grace at all, while blobs are written, linked and unlinked: what is linked stays."""
    stop = threading.Event()

    def sweeping() -> None:
        while not stop.is_set():
            for _ in upkeep.sweep(files, sqlite, FAR, HOUR):
                pass

    thread = threading.Thread(target=sweeping)
    thread.start()
    random = Random(1)

    async def main() -> list[BlobRef]:
        kept = []
        for n in range(150):
            with files.create() as writer:
                writer.write(b"%d" % n)
                ref = writer.finish()
                await sqlite.write(lambda tx, ref=ref: blobs.link(tx, ref))  # type: ignore[misc]
            if random.random() < 0.5:
                await sqlite.write(lambda tx, ref=ref: blobs.unlink(tx, ref.id, NOW))  # type: ignore[misc]
                await outbox.carry_out(sqlite, files.effects(sqlite), lambda: FAR)
            else:
                kept.append(ref)
        return kept

    try:
        kept = asyncio.run(main())
    finally:
        stop.set()
        thread.join()
    assert names(files) == {ref.id for ref in kept}
    assert corrupt(sqlite, files) == []


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def test_the_scrub_finds_a_flipped_bit_in_a_file(sqlite: SqliteStore, files: Blobs) -> None:
    good, bad = make(sqlite, files, b"g" * 10_000_000), make(sqlite, files, b"b" * 10_000)
    assert corrupt(sqlite, files) == []
    flip(files.path(bad), 7000)
    found = corrupt(sqlite, files)
    assert [(one.blob, one.expected) for one in found] == [(bad.id, bad.crc64)]
    assert found[0].found == crc64nvme(b"b" * 7000 + b"c" + b"b" * 2999)
    read = sum(one.size for one in upkeep.scrub(files, sqlite) if isinstance(one, upkeep.Checked))
    assert read == good.size + bad.size


@pytest.mark.parametrize("damage", ["missing", "cut", "longer", "a directory"])
def test_the_scrub_finds_torn_files(sqlite: SqliteStore, files: Blobs, damage: str) -> None:
    ref = make(sqlite, files, b"b" * 10_000)
    path = files.path(ref)
    if damage == "cut":
        os.truncate(path, 4096)
    elif damage == "longer":
        os.truncate(path, 12_000)
    else:
        path.unlink()
        if damage == "a directory":
            path.mkdir()
    found = corrupt(sqlite, files)
    assert [one.blob for one in found] == [ref.id]
    assert (found[0].found is None) == (damage in ("missing", "a directory"))


def test_the_scrub_finds_a_flipped_bit_in_a_small_blob(sqlite: SqliteStore, files: Blobs) -> None:
    ids = write(sqlite, lambda tx: [tx.put_bytes(b"%d" % n * 5000) for n in range(600)])
    assert corrupt(sqlite, files) == []
    connection = apsw.Connection(str(sqlite.path))
    connection.execute("UPDATE small SET data = ? WHERE id = ?", (b"x00" + b"300" * 4999, ids[300]))
    connection.close()
    assert [one.blob for one in corrupt(sqlite, files)] == [str(ids[300])]
    with sqlite.snapshot() as tx:
        with pytest.raises(StoreCorrupt):
            tx.get_bytes(ids[300])
        assert tx.get_bytes(ids[301]) == b"301" * 5000


def test_the_scrub_of_many(sqlite: SqliteStore, files: Blobs) -> None:
    """More than a page of entries, of which some are unlinked while it runs."""
    refs = [BlobRef(f"{n:032x}", 1, crc64nvme(b"x")) for n in range(600)]

    def link(tx: Tx) -> None:
        for ref in refs:
            blobs.link(tx, ref)

    write(sqlite, link)
    for ref in refs:
        files.path(ref).parent.mkdir(parents=True, exist_ok=True)
        files.path(ref).write_bytes(b"x")
    seen = 0
    for found in upkeep.scrub(files, sqlite):
        assert isinstance(found, upkeep.Checked)
        seen += 1
        if seen == 1:
            write(sqlite, lambda tx: blobs.unlink(tx, refs[400].id, NOW))
            carry_out(sqlite, files, FAR)
    assert seen == 599


def test_a_new_blob_is_durable_in_every_directory(files: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new name, also of a directory, is synced in the directory above it."""
    synced: list[Path] = []
    sync = files.disk.sync_directory

    def noted(path: Path) -> None:
        synced.append(path)
        sync(path)

    monkeypatch.setattr(files.disk, "sync_directory", noted)
    with files.create() as writer:
        ref = writer.finish()
    path = files.path(ref)
    assert {files.root.parent, files.root, path.parent.parent, path.parent} <= set(synced)
    assert synced[-1] == path.parent


def test_writers_in_threads(files: Blobs) -> None:
    """Several blobs at once, each in a thread of its own, into directories that are made meanwhile."""

    def one(n: int) -> None:
        with files.create() as writer:
            writer.write(b"%d" % n)
            refs.append((writer.finish(), b"%d" % n))

    refs: list[tuple[BlobRef, bytes]] = []
    threads = [threading.Thread(target=one, args=(n,)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refs) == 30
    assert all(files.path(ref).read_bytes() == data for ref, data in refs)
    assert time.time() - files.path(refs[0][0]).stat().st_mtime < 60
