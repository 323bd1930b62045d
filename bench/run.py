"""The benchmark: Fogbank beside moto's server, MiniStack and Ceph's radosgw, each alone on this machine. `make bench` runs it.

Fogbank and radosgw verify every signature and sync every write to the disk; the others do neither. See bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import ceiling
import listing
import processes
import procfs
import servers
import small
import streams
import uploads
from results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("ceiling", "small", "stream", "list", "uploads", "memory", "start", "scale")
MIB, GIB = 1 << 20, 1 << 30


def options() -> argparse.Namespace:
    """What is asked for; --quick and --full only change the defaults of the others."""
    parser = argparse.ArgumentParser(description="Fogbank beside moto's server, MiniStack and Ceph's radosgw.")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {','.join(PARTS)}")
    parser.add_argument("--servers", default=",".join(servers.here()), help=f"of {','.join(servers.ALL)}")
    parser.add_argument("--rounds", type=int, help="how often each server is measured (3)")
    parser.add_argument("--seconds", type=float, help="length of each load of small objects (2)")
    parser.add_argument("--objects", type=int, default=2000, help="small objects that are read, in turn (2,000)")
    parser.add_argument("--keys", type=int, help="keys to list (10,000; --full 100,000)")
    parser.add_argument("--stream-size", type=int, help="MiB of the single stream (256)")
    parser.add_argument("--uploads", type=int, default=200, help="multipart uploads at once (200)")
    parser.add_argument("--big-size", type=float, help="GiB of the memory test (1; --full 5)")
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="one short round: a first idea, in about a minute")
    sizes.add_argument("--full", action="store_true", help="100,000 keys and 5 GiB, takes much longer")
    given = parser.parse_args()
    small_run = {"rounds": 1, "seconds": 1.0, "keys": 3_000, "stream_size": 64, "big_size": 0.25}
    usual = {"rounds": 3, "seconds": 2.0, "keys": 10_000, "stream_size": 256, "big_size": 1.0}
    large_run = {"rounds": 5, "seconds": 4.0, "keys": 100_000, "stream_size": 256, "big_size": 5.0}
    for name, value in (small_run if given.quick else large_run if given.full else usual).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    given.only, given.servers = given.only.split(","), given.servers.split(",")
    if unknown := (set(given.only) - set(PARTS)) | (set(given.servers) - set(servers.ALL)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return given


def check_disk(given: argparse.Namespace) -> None:
    """Refuse a memory test that the disk has no room for."""
    needed = 2 * given.big_size * GIB + GIB
    free = shutil.disk_usage(servers.VAR).free
    if "memory" in given.only and free < needed:
        raise SystemExit(
            f"the memory test needs {needed / GIB:.1f} GiB of disk, {free / GIB:.1f} are free: see --big-size"
        )


def parts(given: argparse.Namespace, results: Results) -> dict[str, Callable[[], None]]:
    """The parts by their names."""
    rounds, seconds, names = given.rounds, given.seconds, given.servers
    size = given.stream_size * MIB // len(streams.BLOCK) * len(streams.BLOCK)
    big = int(given.big_size * GIB) // len(streams.BLOCK) * len(streams.BLOCK)
    return {
        "ceiling": lambda: ceiling.measure(results, seconds),
        "small": lambda: small.measure(results, names, rounds, seconds, given.objects),
        "stream": lambda: streams.measure_speed(results, names, rounds, size),
        "list": lambda: listing.measure(results, names, rounds, given.keys),
        "uploads": lambda: uploads.measure(results, names, rounds, given.uploads),
        "memory": lambda: streams.measure_memory(results, big),
        "start": lambda: processes.measure_start(results, rounds),
        "scale": lambda: processes.measure_scaling(results, rounds, seconds, given.objects),
    }


def main() -> None:
    """Run what is asked for, and print it."""
    given = options()
    servers.VAR.mkdir(exist_ok=True)
    check_disk(given)
    if {"moto", "ministack"} & set(given.servers):
        servers.have_peers()
    results = Results()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}"
    results.remark(f"{machine}; load average at the start {procfs.load():.1f}")
    for name, run in parts(given, results).items():
        if name in given.only:
            began = time.perf_counter()
            run()
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    results.remark(f"load average at the end {procfs.load():.1f} (the benchmark's own load is up to {os.cpu_count()})")
    results.show()
    if given.json:
        given.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
