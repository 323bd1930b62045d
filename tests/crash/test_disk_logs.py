"""A disk that is full or fails, under a log group: errors, nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from crash.test_disk import FULL, failure, loop, problems
from fogbank.control import process
from fogbank.core.background import Background, Options
from fogbank.services.logs import records
from fogbank.store.api import StoreError
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore
from services.logs.made import GROUP, STREAM, events, filtered, make, now_of, put, seal_all
from store.saboteur import Mode, Saboteur, SaboteurDisk, SaboteurVFS
from support.region import LocalRegion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["loop"]

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


def fill(region: LocalRegion, logs: Any) -> list[str]:
    """Put events that do not compress until there is no space; those that were acknowledged."""
    kept: list[str] = []
    for number in range(10_000):
        message = f"{number} " + region.region.ids.random(100_000).hex()
        given = events(message, at=now_of(region))
        refused = failure(logs.put_log_events, logGroupName=GROUP, logStreamName=STREAM, logEvents=given)
        if refused:
            assert refused in FULL
            return kept
        kept.append(message)
    raise AssertionError("it never filled")


def test_a_full_disk_keeps_every_event_and_can_be_emptied(loop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    region = LocalRegion(loop)
    logs = region.client("logs")
    for _ in range(2):
        make(logs)
        kept = fill(region, logs)
        assert len(kept) > 20
        with pytest.raises(StoreError):
            seal_all(region, monkeypatch)
        assert filtered(logs) == kept
        logs.delete_log_group(logGroupName=GROUP)
        region.run(process.carry_out(region.background))
        region.advance(minutes=2)
        region.run(process.carry_out(region.background))
        assert not problems(region)
    region.close()


class Shaken:
    """A region over a saboteur; `shake` makes a step of what a call does fail."""

    def __init__(self, directory: Path, mode: Mode) -> None:
        self.saboteur = Saboteur(mode, 0)
        self.vfs = SaboteurVFS(f"shaken-{directory.name}", self.saboteur)
        self.region = LocalRegion(directory)
        self.region.region.store.close()
        store = SqliteStore(directory / "state.db", vfs=f"shaken-{directory.name}")
        blobs = Blobs(directory / "blobs", disk=SaboteurDisk(self.saboteur))
        self.region.region = msgspec.structs.replace(self.region.region, store=store, blobs=blobs)
        self.region.gateway.region = self.region.region
        self.region.background = Background(self.region.region, Options())
        self.logs = self.region.client("logs")
        make(self.logs)

    def shake(self, at: int, call: Callable[[], Any]) -> tuple[bool, bool]:
        """Make step number `at` fail; whether the call did, and whether it came so far."""
        self.saboteur.steps, self.saboteur.at = 0, at
        try:
            failed = failure(call) is not None
        except StoreError:
            failed = True
        struck = self.saboteur.struck
        self.saboteur.relent()
        return failed, struck


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.FULL], ids=lambda mode: mode.name)
def test_each_step_of_a_put_fails(tmp_path: Path, mode: Mode) -> None:
    shaken = Shaken(tmp_path, mode)
    kept: list[str] = []
    for at in range(1, 100):
        given = events(f"m{at}", at=now_of(shaken.region) - 1000 + at)
        failed, struck = shaken.shake(at, functools.partial(put, shaken.logs, given))
        kept += [] if failed else [f"m{at}"]
        assert filtered(shaken.logs) == kept
        if not struck:
            break
    assert at > 2
    assert not problems(shaken.region)
    shaken.region.close()
    shaken.vfs.unregister()


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.FULL], ids=lambda mode: mode.name)
def test_each_step_of_making_a_segment_fails(tmp_path: Path, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it is, all events are there once; in the end they are in a segment."""
    shaken = Shaken(tmp_path, mode)
    kept = []
    for at in range(1, 200):
        kept.append(f"m{at}")
        put(shaken.logs, events(kept[-1], at=now_of(shaken.region) - 1000 + at))
        _, struck = shaken.shake(at, functools.partial(seal_all, shaken.region, monkeypatch))
        assert filtered(shaken.logs) == kept
        if not struck:
            break
    assert at > 5
    with shaken.region.region.store.snapshot() as tx:
        assert not list(records.chunks.scan(tx))
    assert not problems(shaken.region)
    shaken.region.close()
    shaken.vfs.unregister()
