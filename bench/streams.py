"""Large objects: the speed of one stream, and the memory that an upload and a download of many gigabytes take."""

from __future__ import annotations

import os
import re
import time
from functools import partial
from hashlib import md5, sha256
from itertools import repeat
from typing import TYPE_CHECKING

import procfs
import servers
import signing
from results import Target
from wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from results import Results
    from servers import Server

MIB = 1 << 20
BLOCK = os.urandom(4 * MIB)
PART = 64 * MIB
UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)
GET_TARGET = Target(1000)
MD5_TARGET = Target(60)
MEMORY_TARGET = Target(64, most=True)


def blocks(size: int) -> Iterable[bytes]:
    """A body of `size` bytes, a multiple of a block."""
    return repeat(BLOCK, size // len(BLOCK))


def megabytes_a_second(size: int, work: Callable[[], object]) -> float:
    """The speed of something that moves `size` bytes; a megabyte is 10^6 of them."""
    began = time.perf_counter()
    work()
    return size / 1e6 / (time.perf_counter() - began)


def hash_all(size: int) -> None:
    """What S3's ETag demands of every upload."""
    digest = md5(usedforsecurity=False)
    for block in blocks(size):
        digest.update(block)


def sha256_of(size: int) -> str:
    """The payload hash of a body."""
    digest = sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


def put(server: Server, target: str, size: int, payload: str = signing.UNSIGNED) -> bytes:
    """Upload; returns the ETag."""
    with Wire(server.port) as wire:
        answer = wire.ask(signing.head("PUT", target, length=size, payload=payload), blocks(size))
    etag = ETAG.search(answer)
    assert etag is not None
    return etag[1]


def get(server: Server, target: str, size: int) -> None:
    """Download, and see that all of it came."""
    with Wire(server.port) as wire:
        wire.ask(signing.head("GET", target))
        if wire.size != size:
            raise RuntimeError(f"{server.name} sent {wire.size} bytes of {size}")


def post(server: Server, target: str, body: bytes = b"") -> bytes:
    """A small POST; returns the answer's body."""
    with Wire(server.port) as wire:
        wire.ask(signing.head("POST", target, length=len(body), payload=sha256(body).hexdigest()), (body,))
        return wire.body


def make_bucket(server: Server) -> None:
    """The bucket `bench`."""
    with Wire(server.port) as wire:
        wire.ask(signing.head("PUT", "/bench"))


def upload_in_parts(server: Server, target: str, size: int) -> None:
    """A multipart upload in parts of 64 MiB, one after another."""
    found = UPLOAD_ID.search(post(server, f"{target}?uploads="))
    assert found is not None
    upload = found[1].decode()
    part = min(PART, size)
    document = "<CompleteMultipartUpload>"
    for number in range(1, size // part + 1):
        etag = put(server, f"{target}?partNumber={number}&uploadId={upload}", part).decode()
        document += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
    post(server, f"{target}?uploadId={upload}", f"{document}</CompleteMultipartUpload>".encode())


def measure_speed(results: Results, names: list[str], rounds: int, size: int) -> None:
    """One stream of `size` bytes each way, the servers in turn; each has this machine's MD5 of that moment beside it."""
    payload = sha256_of(size)
    for _ in range(rounds):
        for name in names:
            with servers.running(servers.ALL[name]()) as server:
                make_bucket(server)
                measure_streams(results, server, size, payload)


def measure_streams(results: Results, server: Server, size: int, payload: str) -> None:
    """One server's streams."""
    title = f"one stream of {size // MIB} MiB"
    hashing = megabytes_a_second(size, lambda: hash_all(size))
    results.add("this machine's MD5", "MB/s", "client", hashing)
    kinds = {"PUT, unsigned payload": signing.UNSIGNED, "PUT, signed payload": payload}
    for kind, declared in kinds.items():
        speed = costed(results, f"{title}: {kind}", server, size, partial(put, server, "/bench/stream", size, declared))
        results.add(f"{title}: {kind}", "MB/s", server.name, speed)
        results.add(f"{title}: {kind}, of MD5's speed", "%", server.name, 100 * speed / hashing, MD5_TARGET)
    speed = costed(results, f"{title}: GET", server, size, lambda: get(server, "/bench/stream", size))
    results.add(f"{title}: GET", "MB/s", server.name, speed, GET_TARGET)


def costed(results: Results, title: str, server: Server, size: int, work: Callable[[], object]) -> float:
    """The speed of a stream; and what it cost the server, which other work on this machine hardly changes."""
    pids = server.processes()
    before = procfs.cpu_seconds(pids)
    speed = megabytes_a_second(size, work)
    results.add(
        f"{title}: server's CPU", "ms/MiB", server.name, 1e3 * (procfs.cpu_seconds(pids) - before) / (size / MIB)
    )
    return speed


def measure_memory(results: Results, size: int) -> None:
    """By how much the region's memory grows while `size` bytes go in (in parts, at once) and out again."""
    title = f"memory, {size / (1 << 30):g} GiB"
    with servers.running(servers.Fogbank(1)) as server:
        make_bucket(server)
        put(server, "/bench/warm", len(BLOCK))
        get(server, "/bench/warm", len(BLOCK))
        kinds: dict[str, Callable[[], object]] = {
            "PUT in parts": lambda: upload_in_parts(server, "/bench/parts", size),
            "GET of parts": lambda: get(server, "/bench/parts", size),
            "PUT at once": lambda: put(server, "/bench/whole", size),
            "GET at once": lambda: get(server, "/bench/whole", size),
        }
        before = procfs.rss(server.processes())
        for kind, work in kinds.items():
            with procfs.Peak(server.processes()) as memory:
                results.add(f"{title}: {kind}", "MB/s", "fogbank", megabytes_a_second(size, work))
            growth = (memory.peak - before) / MIB
            results.add(f"{title}: growth since the start, {kind}", "MiB", "fogbank", growth, MEMORY_TARGET)
