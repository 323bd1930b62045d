"""The region's processes: how fast they start, what they weigh at rest, and what a second worker brings."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import procfs
import servers
import small
from results import Target

if TYPE_CHECKING:
    from results import Results

MIB = 1 << 20
REST = 1.5  # seconds from the start until the memory is read
START_TARGET = Target(1.0, most=True)
IDLE_TARGET = Target(200, most=True)


def measure_start(results: Results, rounds: int) -> None:
    """The time of `fogbank up --detach` until it returns, and the memory of all processes at rest, with two workers."""
    for _ in range(rounds):
        began = time.perf_counter()
        with servers.running(servers.Fogbank(2)) as server:
            results.add("fogbank up --detach", "s", "fogbank", time.perf_counter() - began, START_TARGET)
            time.sleep(REST)
            weight = procfs.pss(server.processes()) / MIB
            results.add("idle, two workers (PSS)", "MiB", "fogbank", weight, IDLE_TARGET)


def measure_scaling(results: Results, rounds: int, seconds: float, stored: int) -> None:
    """GET and PUT with one worker and with two, in turn; and how much of the machine each used, the client included."""
    requests = small.prepare(seconds, stored)
    for _ in range(rounds):
        for workers in (1, 2):
            with servers.running(servers.Fogbank(workers)) as server:
                small.fill(server, requests)
                loads = small.loads(server, requests, seconds)
                for kind in ("GET", "PUT"):
                    keep(results, kind, workers, small.costed(server, loads[kind]))
    for kind in ("GET", "PUT"):
        one, two = (results.measures[title(kind, workers)].samples["fogbank"] for workers in (1, 2))
        for single, double in zip(one, two, strict=True):
            results.add(f"{kind} 4 KiB: two workers over one", "x", "fogbank", double / single)
    results.remark(
        "Two workers over one: the client and others take part of the same cores, so where `cores in use` and what others "
        "use come near all of them, the machine is the limit and the ratio is a lower bound."
    )


def title(kind: str, workers: int) -> str:
    """The name of a rate."""
    return f"{kind} 4 KiB, {workers} worker{'s' if workers > 1 else ''}"


def keep(results: Results, kind: str, workers: int, costed: small.Costed) -> None:
    """One load's figures."""
    got, name = costed.load, title(kind, workers)
    results.add(name, "/s", "fogbank", got.rate)
    cores = f"of {os.cpu_count()}"
    results.add(f"{name}: cores in use", cores, "fogbank", got.rate * (costed.server_us + got.client_us) / 1e6)
    results.add(f"{name}: cores that others used", cores, "fogbank", costed.others)
    results.add(f"{name}: server's CPU", "us", "fogbank", costed.server_us)
