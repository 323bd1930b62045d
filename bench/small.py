"""Small objects over 32 connections: GET, HEAD, PUT, and a mix, each server alone, the servers in turn."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING

import uvloop

import loadgen
import procfs
import servers
import signing
from results import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from loadgen import Load
    from results import Results
    from servers import Server

SIZE = 4096
FASTEST = 12_000  # PUTs a second that are prepared for
TARGETS = {
    "GET": (Target(6, "ministack"), Target(12_000)),
    "PUT": (Target(2.5, "ministack"), Target(3_200)),
}


@dataclass(frozen=True)
class Requests:
    """Everything that is sent, signed."""

    body: bytes
    store: list[bytes]
    gets: list[bytes]
    heads: list[bytes]
    puts: list[bytes]

    def with_body(self, heads: Iterable[bytes]) -> Iterator[bytes]:
        """PUT requests with their body, joined as they are sent: joined before, they would fill the memory."""
        return (head + self.body for head in heads)

    def mixed(self) -> Iterator[bytes]:
        """Seven GETs, a HEAD and two PUTs of every ten."""
        puts = self.with_body(self.puts)
        for turn, put in zip(count(0, 4), puts, strict=False):
            reads = [self.gets[(turn * 2 + step) % len(self.gets)] for step in range(7)]
            second = next(puts, put)
            yield from chain(reads[:4], (put,), reads[4:], (self.heads[turn % len(self.heads)], second))


def prepare(seconds: float, stored: int) -> Requests:
    """Sign enough for one round of `seconds` per kind of load; `stored` objects are read."""
    body = os.urandom(SIZE)
    keys = [f"small/{number:06d}" for number in range(stored)]
    new = [f"new/{number:07d}" for number in range(int(FASTEST * (seconds + warm(seconds))))]
    return Requests(
        body,
        signing.put_heads("bench", keys, body),
        signing.gets("bench", keys),
        signing.heads("bench", keys),
        signing.put_heads("bench", new, body),
    )


def warm(seconds: float) -> float:
    """The warm-up before a load of `seconds`."""
    return min(0.3, seconds / 2)


def fill(server: Server, requests: Requests) -> None:
    """The bucket, and the objects that will be read."""
    uvloop.run(loadgen.send_all(server.port, [signing.head("PUT", "/bench")]))
    uvloop.run(loadgen.send_all(server.port, requests.with_body(requests.store)))


def loads(server: Server, requests: Requests, seconds: float) -> dict[str, Callable[[], Load]]:
    """The kinds of load by their names, in the order in which they are run: reads before the store grows."""

    def run(given: Iterable[bytes], repeat: bool) -> Load:
        return uvloop.run(loadgen.run(server.port, given, seconds, warm=warm(seconds), repeat=repeat))

    return {
        "GET": lambda: run(requests.gets, True),
        "HEAD": lambda: run(requests.heads, True),
        "PUT": lambda: run(requests.with_body(requests.puts), False),
        "mixed": lambda: run(requests.mixed(), False),
    }


@dataclass(frozen=True)
class Costed:
    """A load and what it cost: the server's CPU in microseconds a request, and how many cores other processes used meanwhile."""

    load: Load
    server_us: float
    others: float


def costed(server: Server, run: Callable[[], Load]) -> Costed:
    """Run a load (its warm-up counts on both sides)."""
    pids = server.processes()
    before = (time.perf_counter(), procfs.busy_seconds(), procfs.cpu_seconds(pids), time.process_time())
    load = run()
    after = (time.perf_counter(), procfs.busy_seconds(), procfs.cpu_seconds(pids), time.process_time())
    wall, busy, spent, client = (late - early for late, early in zip(after, before, strict=True))
    return Costed(load, 1e6 * spent / load.sent, max(0.0, (busy - spent - client) / wall))


def measure(results: Results, names: list[str], rounds: int, seconds: float, stored: int) -> None:
    """All kinds of load on all servers, in rounds."""
    requests = prepare(seconds, stored)
    for _ in range(rounds):
        for name in names:
            with servers.running(servers.ALL[name]()) as server:
                fill(server, requests)
                for kind, run in loads(server, requests, seconds).items():
                    keep(results, kind, name, costed(server, run))


def keep(results: Results, kind: str, server: str, costed: Costed) -> None:
    """One load's figures."""
    what, got = f"{kind} 4 KiB", costed.load
    results.add(what, "/s", server, got.rate, *TARGETS.get(kind, ()))
    results.add(f"{what}: p50", "ms", server, got.p50)
    results.add(f"{what}: p99", "ms", server, got.p99)
    results.add(f"{what}: server's CPU", "us", server, costed.server_us)
    results.add("cores that others used meanwhile", f"of {os.cpu_count()}", server, costed.others)
