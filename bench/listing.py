"""Listing a bucket of many keys: ListObjectsV2, pages of 1,000, one page after another."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import uvloop

import loadgen
import servers
import signing
from results import Target
from wire import Wire

if TYPE_CHECKING:
    from results import Results
    from servers import Server

PAGE = 1000
TOKEN = re.compile(rb"<NextContinuationToken>([^<]+)</NextContinuationToken>")
TARGET = Target(3, "ministack")


def fill(server: Server, heads: list[bytes]) -> None:
    """The bucket and its keys: objects without bytes."""
    uvloop.run(loadgen.send_all(server.port, [signing.head("PUT", "/bench")]))
    uvloop.run(loadgen.send_all(server.port, heads))


def walk(server: Server, keys: int) -> float:
    """Keys a second over one walk through the bucket."""
    found, token = 0, ""
    began = time.perf_counter()
    while True:
        query = f"continuation-token={quote(token, safe='')}&" if token else ""
        with Wire(server.port) as wire:
            wire.keep = 1 << 24
            wire.ask(signing.head("GET", f"/bench?{query}list-type=2&max-keys={PAGE}"))
            found += wire.body.count(b"<Key>")
            following = TOKEN.search(wire.body)
        if following is None:
            break
        token = following[1].decode()
    if found != keys:
        raise loadgen.Failed(f"{server.name} lists {found} keys of {keys}")
    return found / (time.perf_counter() - began)


def measure(results: Results, names: list[str], rounds: int, keys: int) -> None:
    """Each server is filled once and walked through `rounds` times."""
    heads = signing.put_heads("bench", [f"dir{number % 100:02d}/key-{number:07d}" for number in range(keys)], b"")
    for name in names:
        with servers.running(servers.ALL[name]()) as server:
            fill(server, heads)
            for _ in range(rounds):
                results.add(f"listing {keys:,} keys", "keys/s", name, walk(server, keys), TARGET)
