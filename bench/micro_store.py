"""What the store costs: `python bench/micro_store.py [folder] [section…]`. The figures in the docstrings come from here.

Each section prints medians. Run it on an idle machine, in a folder on the disk that matters.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import uvloop
from awscrt.checksums import crc64nvme

from fogbank.store import blobs, keys
from fogbank.store.record import Record
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Tx

KIB = 1024
BODY = os.urandom(1 << 20)


class Example(Record, version=1):
    """Twelve fields, like an object's."""

    size: int = 4096
    etag: str = "0123456789abcdef0123456789abcdef"
    modified: int = 1_767_225_600_000
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum: str = "AAAAAA=="
    inline: int = 12
    blob: str = ""
    owner: str = "000000000000"
    version: str = "null"
    deleted: bool = False


RECORD = Example(headers={"ContentType": "text/plain"}).encode()


def per_call(call: Callable[[], object], count: int) -> float:
    """Microseconds; the best of five rounds, as others only add."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(count):
            call()
        rounds.append((time.perf_counter() - began) / count)
    return min(rounds) * 1e6


def pure(_: Path) -> None:
    """Keys and records."""
    key = keys.encode("s3-object", "us-east-1", "bucket", "photos/2026/01/01.jpg")
    example = Example(headers={"ContentType": "text/plain"})
    for name, call in {
        "encode a key of 4 parts": lambda: keys.encode("s3-object", "us-east-1", "bucket", "photos/2026/01/01.jpg"),
        "decode it": lambda: keys.decode(key),
        "encode a record of 12 fields": example.encode,
        "decode this": lambda: Example.decode(RECORD),
        "CRC64NVME of 4 KiB": lambda: crc64nvme(BODY[:4096]),
    }.items():
        print(f"  {name:32} {per_call(call, 20_000):7.2f} us")


def put_small(size: int) -> Callable[[Tx], int]:
    body = BODY[:size]

    def handler(tx: Tx) -> int:
        blob = tx.put_bytes(body)
        tx.put(b"s3-object/" + os.urandom(12), RECORD)
        return blob

    return handler


async def timed(count: int, width: int, one: Callable[[], object]) -> tuple[float, float, float]:
    """`count` calls in `width` tasks: calls a second, median and 99th percentile latency in microseconds."""
    waits: list[float] = []

    async def task() -> None:
        for _ in range(count // width):
            began = time.perf_counter()
            await one()  # type: ignore[misc]
            waits.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(task() for _ in range(width)))
    rate = len(waits) / (time.perf_counter() - began)
    waits.sort()
    return rate, statistics.median(waits) * 1e6, waits[len(waits) * 99 // 100] * 1e6


def writes(folder: Path) -> None:
    """Synced puts of 4 KiB with a record; snapshots."""

    async def main() -> None:
        store = SqliteStore(folder / "state.db")
        handler = put_small(4096)
        for width, count in ((1, 2000), (8, 8000), (32, 32_000), (128, 32_000)):
            rate, median, last = await timed(count, width, lambda: store.write(handler))
            print(f"  {width:4} writers {rate:9.0f} puts/s   median {median:6.0f} us   p99 {last:6.0f} us")

        def read() -> None:
            with store.snapshot() as tx:
                tx.get(b"s3-object/1")

        def empty() -> None:
            with store.snapshot():
                pass

        def read_three() -> None:
            with store.snapshot() as tx:
                for key in (b"a", b"b", b"s3-object/1"):
                    tx.get(key)

        def read_page() -> None:
            with store.snapshot() as tx:
                list(tx.scan(b"s3-object/", b"s3-object0", limit=1000))

        print(f"  snapshot           {per_call(empty, 5000):7.2f} us")
        print(f"  snapshot, 1 get    {per_call(read, 5000):7.2f} us")
        print(f"  snapshot, 3 gets   {per_call(read_three, 5000):7.2f} us")
        print(f"  snapshot, scan 1000{per_call(read_page, 50):7.0f} us")
        store.close()

    uvloop.run(main())


def processes(folder: Path) -> None:
    """Two processes that write without pause, 8 writers each: how the writes are shared, and the longest wait."""
    SqliteStore(folder / "state.db").close()
    command = [sys.executable, __file__, str(folder), "one-of-two"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in running:
        print(f"  {process.communicate()[0].strip()}")


def one_of_two(folder: Path) -> None:
    async def main() -> None:
        store = SqliteStore(folder / "state.db")
        handler = put_small(4096)
        until = time.perf_counter() + 3
        waits: list[float] = []

        async def task() -> None:
            while time.perf_counter() < until:
                began = time.perf_counter()
                await store.write(handler)
                waits.append(time.perf_counter() - began)

        await asyncio.gather(*(task() for _ in range(8)))
        store.close()
        waits.sort()
        print(
            f"{len(waits) / 3:7.0f} puts/s   median {waits[len(waits) // 2] * 1e6:.0f} us   "
            f"p99 {waits[len(waits) * 99 // 100] * 1e6:.0f} us   longest {waits[-1] * 1e3:.0f} ms"
        )

    uvloop.run(main())


def inline(folder: Path) -> None:
    """A body as a small blob or as a file: synced puts by 16 writers, and whole reads, in microseconds each."""

    async def main() -> None:
        store = SqliteStore(folder / "state.db")
        files = blobs.Blobs(folder / "blobs")
        print("     KiB   put inline   put file   get inline   get file")
        for size in (1, 4, 16, 32, 64, 128, 256, 512, 1024):
            count = max(160, min(3200, 32_768 // size))
            figures = await _inline_or_file(store, files, size * KIB, count)
            print(f"  {size:6} {figures[0]:12.0f} {figures[1]:10.0f} {figures[2]:12.1f} {figures[3]:10.1f}")
        store.close()

    uvloop.run(main())


async def _inline_or_file(
    store: SqliteStore, files: blobs.Blobs, size: int, count: int
) -> tuple[float, float, float, float]:
    body = BODY[:size]
    small: list[int] = []
    large: list[blobs.BlobRef] = []
    handler = put_small(size)

    async def put_inline() -> None:
        small.append(await store.write(handler))

    def make(writer: blobs.BlobWriter) -> blobs.BlobRef:
        writer.write(body)
        return writer.finish()

    async def put_file() -> None:
        with await asyncio.to_thread(files.create, size) as writer:
            ref = await asyncio.to_thread(make, writer)

            def link(tx: Tx) -> None:
                blobs.link(tx, ref)
                tx.put(b"s3-object/" + os.urandom(12), RECORD)

            await store.write(link)
        large.append(ref)

    inline_rate, _, _ = await timed(count, 16, put_inline)
    file_rate, _, _ = await timed(count, 16, put_file)
    turn = iter(range(10**9))

    def get_inline() -> None:
        with store.snapshot() as tx:
            tx.get(b"s3-object/1")
            tx.get_bytes(small[next(turn) % len(small)])

    def get_file() -> None:
        ref = large[next(turn) % len(large)]
        with store.snapshot() as tx:
            tx.get(b"s3-object/1")
        with open(files.path(ref), "rb", buffering=0) as file:
            file.read(size + 1)

    reads = max(100, count // 4)
    return 1e6 / inline_rate, 1e6 / file_rate, per_call(get_inline, reads), per_call(get_file, reads)


def pages(folder: Path) -> None:
    """SQLite alone, commits of 32 puts of 4 KiB into 50,000 keys: page size, WAL size at a checkpoint, cache."""
    for page, wal, cache in (
        (4096, 16, 8),
        (8192, 16, 8),
        (16384, 16, 8),
        (4096, 4, 8),
        (4096, 64, 8),
        (4096, 16, 2),
        (4096, 16, 64),
    ):
        _pages(folder, page, wal, cache)


def _pages(folder: Path, page: int, wal: int, cache: int) -> None:
    path = folder / f"{page}.{wal}.{cache}.db"
    connection = apsw.Connection(str(path))
    for name, value in (("page_size", page), ("journal_mode", "wal"), ("synchronous", "FULL")):
        connection.pragma(name, value)
    connection.pragma("cache_size", -cache * KIB)
    connection.execute("CREATE TABLE kv(k BLOB PRIMARY KEY, v BLOB) STRICT, WITHOUT ROWID")
    connection.execute("CREATE TABLE small(id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB) STRICT")
    with connection:
        for _ in range(50_000):
            connection.execute("INSERT INTO kv VALUES(?, ?)", (b"s3-object/" + os.urandom(12), RECORD))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    size = [0]
    connection.set_wal_hook(lambda _c, _n, count: size.__setitem__(0, count) or apsw.SQLITE_OK)
    commits: list[float] = []
    stalls: list[float] = []
    for _ in range(300):
        began = time.perf_counter()
        with connection:
            for _ in range(32):
                connection.execute("INSERT INTO small(data) VALUES(?)", (BODY[:4096],))
                connection.execute("INSERT INTO kv VALUES(?, ?)", (b"s3-object/" + os.urandom(12), RECORD))
        commits.append(time.perf_counter() - began)
        if size[0] * page > wal << 20:
            began = time.perf_counter()
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            stalls.append(time.perf_counter() - began)
    connection.close()
    each = (sum(commits) + sum(stalls)) / 300 / 32 * 1e6
    print(
        f"  page {page:5}  wal {wal:2} MiB  cache {cache:2} MiB:  {each:4.0f} us a put   commit "
        f"{statistics.median(commits) * 1e3:.2f} ms   checkpoint {statistics.median(stalls or [0]) * 1e3:.0f} ms"
    )


def write_back(folder: Path) -> None:
    """A blob of 512 MiB: how long its last sync takes, with and without write-back as it is written."""
    for size in (8 << 20, 1 << 40):
        blobs.WRITE_BACK, before = size, blobs.WRITE_BACK  # type: ignore[misc]
        with blobs.Blobs(folder / "blobs").create(512 << 20) as writer:
            began = time.perf_counter()
            for _ in range(512):
                writer.write(BODY)
            written = time.perf_counter()
            writer.finish()
            ended = time.perf_counter()
        blobs.WRITE_BACK = before  # type: ignore[misc]
        kind = "begun each 8 MiB" if size < 1 << 30 else "left to the kernel"
        print(f"  {kind:20} write {written - began:.2f} s   finish {ended - written:.2f} s")


SECTIONS: dict[str, Callable[[Path], None]] = {
    "pure": pure,
    "writes": writes,
    "processes": processes,
    "inline": inline,
    "pages": pages,
    "write-back": write_back,
}


def main() -> None:
    if sys.argv[2:] == ["one-of-two"]:
        one_of_two(Path(sys.argv[1]))
        return
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    for name in sys.argv[2:] or SECTIONS:
        folder = Path(tempfile.mkdtemp(prefix="fogbank-bench-", dir=parent))
        print(f"{name}: {SECTIONS[name].__doc__}")
        try:
            SECTIONS[name](folder)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
