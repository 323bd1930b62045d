"""Workers on cores."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fogbank.gateway.worker import pin
from fogbank.region.settings import Settings

CORES = os.sched_getaffinity(0)


def pinned(slot: int, *, workers: int, wanted: bool = True) -> tuple[set[int], set[int]]:
    """What `pin` says, and where the thread that called it may run then."""

    def call() -> tuple[set[int], set[int]]:
        return pin(Settings(data=Path("/"), workers=workers, pin_workers=wanted), slot), os.sched_getaffinity(0)

    with ThreadPoolExecutor(1) as thread:  # affinity is a thread's own
        return thread.submit(call).result()


@pytest.mark.parametrize("slot", range(len(CORES)))
def test_each_worker_has_a_core(slot: int) -> None:
    assert pinned(slot, workers=len(CORES)) == (CORES, {sorted(CORES)[slot]})


def test_more_workers_than_cores_share_them() -> None:
    assert pinned(0, workers=len(CORES) + 1) == (CORES, CORES)


def test_the_operator_decides() -> None:
    assert pinned(0, workers=1, wanted=False) == (CORES, CORES)
