"""Listing a versioned bucket of a million keys: what a page of 1,000 takes at any depth, and what memory a walk takes.

    python bench/million.py [--keys 1000000] [--data DIRECTORY that is kept]

The bucket is filled through the store, as fast as that takes records; each is a copy of one that a real PUT made. Half of the keys
have a noncurrent version behind the current object, and one in ten has a delete marker in its place. Keys are in directories of 500.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

import procfs
import servers
import signing
from fogbank.services.s3.records import LAST_STAMP, Object, objects, versions
from fogbank.store.sqlite import SqliteStore
from wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx

BUCKET = "million"
DIRECTORY = 500  # keys
BATCH = 20_000
TARGET_MS = 25.0
ROUNDS = 60  # requests for the same page
ENTRY = re.compile(rb"<(?:Key|Prefix)>([^<]+)</(?:Key|Prefix)>")
TOKEN = re.compile(rb"<NextContinuationToken>([^<]+)<")
MARKERS = re.compile(rb"<NextKeyMarker>([^<]+)</NextKeyMarker>(?:<NextVersionIdMarker>([^<]+)<)?")
VERSION_MARKER = re.compile(rb"<NextVersionIdMarker>([^<]+)<")


def key_of(number: int) -> str:
    """The key of this number; they are in order."""
    return f"directory-{number // DIRECTORY:05d}/object-{number % DIRECTORY:03d}.bin"


def ask(port: int, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """One request on a connection of its own."""
    payload = signing.sha256(body).hexdigest()
    with Wire(port) as wire:
        wire.keep = 1 << 24
        wire.ask(
            signing.head(method, target, length=len(body), payload=payload, headers=headers), (body,) if body else ()
        )
        return wire.body


def fill(directory: Path, keys: int) -> None:
    """Copy the one object's record under all keys, in the stopped region's state."""

    def rows(sample: Object) -> Iterator[tuple[int, Object, Object | None]]:
        for number in range(keys):
            stamp = sample.stamp + number * 10 + 10
            new = msgspec.structs.replace(sample, stamp=stamp, version=f"{LAST_STAMP - stamp:016x}{number:016x}")
            old = None
            if number % 2:
                old = msgspec.structs.replace(
                    new, stamp=stamp - 5, superseded=new.modified, version=f"{LAST_STAMP - stamp + 5:016x}{number:016x}"
                )
            yield number, new, old

    def keep(tx: Tx, batch: list[tuple[int, Object, Object | None]]) -> None:
        for number, new, old in batch:
            key = key_of(number)
            if number % 10 == 0:
                marker = msgspec.structs.replace(
                    new, marker=True, size=0, etag="", checksum=None, segments=(), encryption=None
                )
                versions.put(tx, marker, BUCKET, key, LAST_STAMP - marker.stamp)
            else:
                objects.put(tx, new, BUCKET, key)
            if old is not None:
                versions.put(tx, old, BUCKET, key, LAST_STAMP - old.stamp)

    async def work() -> None:
        store = SqliteStore(directory / "state/state.db")
        with store.snapshot() as tx:
            sample = objects.get(tx, BUCKET, "sample")
        assert sample is not None
        all_rows = rows(sample)
        while batch := list(islice(all_rows, BATCH)):
            await store.write(lambda tx, batch=batch: keep(tx, batch), bulk=True)  # type: ignore[misc]
        store.close()

    asyncio.run(work())


def target(kind: str, delimiter: bool, after: str = "", version: str = "") -> str:
    """The path of a listing, its query in the order that signing wants."""
    query = {"max-keys": "1000"}
    if delimiter:
        query["delimiter"] = "/"
    if kind == "list_objects_v2":
        query |= {"list-type": "2"} | ({"start-after": after} if after else {})
    else:
        query |= (
            {"versions": ""}
            | ({"key-marker": after} if after else {})
            | ({"version-id-marker": version} if version else {})
        )
    return f"/{BUCKET}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(query.items()))


def page_ms(server: servers.Server, kind: str, delimiter: bool, after: str) -> tuple[float, float, int]:
    """The median time of a page over one connection, the server's CPU for it, both in ms, and how many entries it has."""
    pids = server.processes()
    before = procfs.cpu_seconds(pids)
    head = signing.head("GET", target(kind, delimiter, after))
    times, entries = [], 0
    with Wire(server.port) as wire:
        wire.keep = 1 << 24
        for _ in range(ROUNDS):
            began = time.perf_counter()
            wire.ask(head)
            times.append(1e3 * (time.perf_counter() - began))
            entries = len(set(ENTRY.findall(wire.body))) or 1
    return statistics.median(times), 1e3 * (procfs.cpu_seconds(pids) - before) / ROUNDS, entries


def walk(port: int, kind: str) -> tuple[int, float]:
    """Walk through the whole bucket, page by page; how many keys or versions, and seconds."""
    found, began, after, version = 0, time.perf_counter(), "", ""
    while True:
        body = ask(port, "GET", target(kind, False, after, version))
        found += body.count(b"<Key>")
        if b"<IsTruncated>true" not in body:
            return found, time.perf_counter() - began
        if kind == "list_objects_v2":
            after = body[body.rindex(b"<Key>") + 5 : body.rindex(b"</Key>")].decode()
        else:
            markers = MARKERS.search(body)
            assert markers is not None
            after = markers[1].decode()
            mark = VERSION_MARKER.search(body)
            version = mark[1].decode() if mark else ""


def measure(server: servers.Server, keys: int) -> bool:
    """Print everything; whether all pages are as fast as they must be."""
    good = True
    print(f"load average {procfs.load():.1f}")
    for kind in ("list_objects_v2", "list_object_versions"):
        for delimiter in (False, True):
            row = []
            for depth in (0.0, 0.1, 0.5, 0.9, 0.99):
                number = int(keys * depth)
                after = key_of(number) if number else ""
                took, cpu, entries = page_ms(server, kind, delimiter, after)
                row.append(f"{depth:.0%} {took:.1f} ms, CPU {cpu:.1f} ({entries})")
                good = good and took < TARGET_MS
            print(f"{kind}{' with delimiter' if delimiter else ''}: {', '.join(row)}", flush=True)
        walk(server.port, kind)  # fills the caches of the database, which have a size
        before = procfs.rss(server.processes())
        with procfs.Peak(server.processes()) as memory:
            found, seconds = walk(server.port, kind)
        grown = (memory.peak - before) / (1 << 20)
        print(
            f"{kind}: a walk over {found:,} in {seconds:.1f} s, {found / seconds:,.0f}/s, memory grew by {grown:.1f} MiB",
            flush=True,
        )
    return good


def main() -> None:
    """Fill, start, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="a data directory that is filled once and kept")
    given = parser.parse_args()
    servers.VAR.mkdir(exist_ok=True)
    server = servers.Fogbank(1)
    if given.data:
        server.directory.rmdir()
        server.directory = given.data
    began = time.perf_counter()
    if not (server.directory / "filled").exists():
        server.start()
        ask(server.port, "PUT", f"/{BUCKET}")
        enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        ask(server.port, "PUT", f"/{BUCKET}?versioning=", enabled)
        ask(server.port, "PUT", f"/{BUCKET}/sample", b"sample")
        server.stop()
        fill(server.directory, given.keys)
        (server.directory / "filled").touch()
        print(f"filled with {given.keys:,} keys in {time.perf_counter() - began:.0f} s", flush=True)
    server.start()
    try:
        good = measure(server, given.keys)
    finally:
        server.stop()
        if not given.data:
            subprocess.run(["rm", "-r", str(server.directory)], check=True)
    print(f"every page took less than {TARGET_MS:.0f} ms" if good else f"a page took longer than {TARGET_MS:.0f} ms")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
