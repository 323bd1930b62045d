"""Many multipart uploads at once: each creates, sends two parts, completes, and is looked at; over as many connections."""

from __future__ import annotations

import asyncio
import os
import re
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import uvloop

import procfs
import servers
import signing
from loadgen import Failed
from streams import make_bucket

if TYPE_CHECKING:
    from results import Results
    from servers import Server

MIB = 1 << 20
LAST = 1 * MIB  # the second part; the first is the smallest that S3 takes
BODY = os.urandom(5 * MIB)
UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PATIENCE = 60.0  # seconds


class Client:
    """One request after another, over one connection as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: bytes, body: bytes | memoryview = b"") -> bytes:
        """The answer, head and body. Raises Failed unless it is a 2xx."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(head)
        if body:
            writer.write(body)
        await writer.drain()
        top = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(top)
        size = int(length[1]) if length and not head.startswith(b"HEAD") else 0
        answer = top + await reader.readexactly(size)
        if b"connection: close" in top.lower() or top.startswith(b"HTTP/1.0"):
            self.close()
        if answer[9:10] != b"2":
            raise Failed(answer[:600].decode(errors="replace"))
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def upload(port: int, target: str) -> None:
    """One upload, from its connection to the look at the object."""
    client = Client(port)
    started = UPLOAD_ID.search(await client.ask(signing.head("POST", f"{target}?uploads=")))
    assert started is not None
    ident, document = started[1].decode(), "<CompleteMultipartUpload>"
    for number, size in ((1, len(BODY)), (2, LAST)):
        head = signing.head(
            "PUT", f"{target}?partNumber={number}&uploadId={ident}", length=size, payload=signing.UNSIGNED
        )
        etag = ETAG.search(await client.ask(head, memoryview(BODY)[:size]))
        assert etag is not None
        document += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag[1].decode()}</ETag></Part>"
    body = f"{document}</CompleteMultipartUpload>".encode()
    head = signing.head("POST", f"{target}?uploadId={ident}", length=len(body), payload=sha256(body).hexdigest())
    await client.ask(head, body)
    found = LENGTH.search(await client.ask(signing.head("HEAD", target)))
    if found is None or int(found[1]) != len(BODY) + LAST:
        raise Failed(f"{target} is not as long as it was sent")
    client.close()


async def all_at_once(port: int, count: int) -> None:
    """So many uploads, none of which waits for another."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(upload(port, f"/bench/upload-{number:04d}") for number in range(count)))


def measure(results: Results, names: list[str], rounds: int, count: int) -> None:
    """The uploads a second of each server, the servers in turn; and how much memory they take meanwhile."""
    for _ in range(rounds):
        for name in names:
            with servers.running(servers.ALL[name]()) as server:
                try:
                    measure_one(results, server, count)
                except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
                    results.remark(f"{name} did not do {count} uploads at once: {type(error).__name__}")


def measure_one(results: Results, server: Server, count: int) -> None:
    """One server's uploads."""
    make_bucket(server)
    uvloop.run(all_at_once(server.port, 1))
    before = procfs.rss(server.processes())
    began = time.perf_counter()
    with procfs.Peak(server.processes()) as memory:
        uvloop.run(all_at_once(server.port, count))
    seconds = time.perf_counter() - began
    title = f"{count} multipart uploads of {(len(BODY) + LAST) // MIB} MiB at once"
    results.add(title, "MB/s", server.name, count * (len(BODY) + LAST) / 1e6 / seconds)
    results.add(f"{title}: memory grows by", "MiB", server.name, (memory.peak - before) / MIB)
