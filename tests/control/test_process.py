"""The control process: effects are carried out whatever was killed, garbage goes, damage is told, and no failure ends a loop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.control import process
from fogbank.core.background import Background, Options
from fogbank.core.clock import Clock
from fogbank.core.ids import Ids
from fogbank.core.region import Region
from fogbank.core.vault import Vault
from fogbank.region.data import DataDir
from fogbank.region.events import EventReader
from fogbank.region.settings import Settings
from fogbank.services import registry
from fogbank.store import outbox
from fogbank.store.blobs import UNLINK, Blobs
from fogbank.store.chunks import sealed_size
from fogbank.store.sqlite import SqliteStore
from gateway.live import Live, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.region import LocalRegion

LARGE = 300_000


class Upkeep:
    """A region's data, and the loops' work over it, at a time of the test's choice."""

    def __init__(self, state: Path, blobs: Path, later: timedelta = timedelta()) -> None:
        self.store, self.blobs, self.clock = SqliteStore(state), Blobs(blobs), Clock(later)

    def files(self) -> list[Path]:
        return [path for path in self.blobs.root.rglob("*") if path.is_file()]

    def waiting(self) -> int:
        with self.store.snapshot() as tx:
            return len(outbox.due(tx, self.clock.now() + timedelta(days=1), 1000, [UNLINK]))

    def carry_out(self) -> None:
        asyncio.run(process.carry_out(self.background()))

    def background(self) -> Background:
        """The region as the control process sees it."""
        events = EventReader(self.blobs.root.parent / "events")
        region = Region(
            name="us-east-1",
            served=(),
            store=self.store,
            blobs=self.blobs,
            clock=self.clock,
            ids=Ids(),
            vault=Vault({1: bytes(32)}),
            events=events,
            operations=registry.operation,
        )
        return Background(region, Options())

    def sweep(self) -> None:
        asyncio.run(process.sweep(self.store, self.blobs, self.clock))

    def scrub(self) -> None:
        asyncio.run(process.scrub(self.store, self.blobs, self.clock))


@pytest.fixture
def upkeep(region: LocalRegion) -> Iterator[Upkeep]:
    made = Upkeep(region.directory / "state.db", region.directory / "blobs")
    yield made
    made.store.close()


@pytest.fixture
def stored(s3: Any, bucket: str) -> Any:
    """A bucket with one large object."""
    s3.put_object(Bucket=bucket, Key="large", Body=b"x" * LARGE)
    return s3


def test_files_go_after_the_grace(stored: Any, upkeep: Upkeep) -> None:
    stored.delete_object(Bucket="bucket", Key="large")
    upkeep.clock.advance(timedelta(seconds=59))
    upkeep.carry_out()
    assert len(upkeep.files()) == 1
    upkeep.clock.advance(timedelta(seconds=2))
    upkeep.carry_out()
    assert upkeep.files() == []
    assert upkeep.waiting() == 0


def test_files_that_are_referred_to_stay(stored: Any, upkeep: Upkeep) -> None:
    stored.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/large")
    stored.delete_object(Bucket="bucket", Key="large")
    upkeep.clock.advance(timedelta(days=1))
    upkeep.carry_out()
    upkeep.sweep()
    assert stored.get_object(Bucket="bucket", Key="copy")["Body"].read() == b"x" * LARGE


def test_an_effect_is_carried_out_twice_if_need_be(stored: Any, upkeep: Upkeep) -> None:
    """Killed after the file was unlinked, before that was written down."""
    stored.delete_object(Bucket="bucket", Key="large")
    upkeep.files()[0].unlink()
    upkeep.clock.advance(timedelta(minutes=2))
    upkeep.carry_out()
    assert upkeep.waiting() == 0


def test_more_effects_than_one_round_takes(s3: Any, bucket: str, upkeep: Upkeep) -> None:
    for number in range(205):
        s3.put_object(Bucket=bucket, Key=str(number), Body=b"x" * 70_000)
        s3.delete_object(Bucket=bucket, Key=str(number))
    upkeep.clock.advance(timedelta(minutes=2))
    upkeep.carry_out()
    assert (upkeep.files(), upkeep.waiting()) == ([], 0)


def test_one_effect_that_fails_stops_no_other(s3: Any, bucket: str, upkeep: Upkeep) -> None:
    for key in ("a", "b", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x" * LARGE)
    stuck = upkeep.files()[0]
    for key in ("a", "b", "c"):
        s3.delete_object(Bucket=bucket, Key=key)
    stuck.unlink()
    stuck.mkdir()
    upkeep.clock.advance(timedelta(minutes=2))
    upkeep.carry_out()
    assert (upkeep.files(), upkeep.waiting()) == ([], 1)
    stuck.rmdir()
    upkeep.clock.advance(timedelta(minutes=2))
    upkeep.carry_out()
    assert upkeep.waiting() == 0


# --- after kill -9


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Live]:
    """A real region, for tests that kill all of it."""
    made = Live(tmp_path / "data", "--workers", "1")
    yield made
    made.end()


def kill(live: Live) -> None:
    state = live.runtime()
    pids = [state["supervisor"]["pid"], *(child["pid"] for child in state["children"].values())]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(lives(pid) for pid in pids))


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_killed_region_left(killed: Live) -> None:
    """A deleted object whose file is still there, and half an upload."""
    killed.bucket("bucket")
    killed.ask(killed.signer.sign("PUT", "/bucket/gone", body=b"g" * LARGE))
    killed.ask(killed.signer.sign("PUT", "/bucket/kept", body=b"k" * LARGE))
    assert killed.ask(killed.signer.sign("DELETE", "/bucket/gone")).status == 204
    half = killed.signer.sign("PUT", "/bucket/half", body=b"h" * 5_000_000)
    with killed.wire() as wire:
        wire.send(half.head() + half.body[:3_000_000])
        until(lambda: list((killed.data / "blobs" / "tmp").glob("*")))
        kill(killed)
    data = DataDir(killed.data)
    after = Upkeep(data.state / "state.db", data.blobs)
    assert len(after.files()) == 3
    after.carry_out()
    after.sweep()
    assert len(after.files()) == 3  # the grace has not passed
    after.clock.advance(timedelta(minutes=11))
    after.carry_out()
    after.sweep()
    after.store.close()
    assert [path.stat().st_size for path in after.files()] == [sealed_size(LARGE)]


def test_an_upload_that_lasts_is_not_swept(live: Live) -> None:
    """It is older than the grace, but its writer lives."""
    live.bucket("lasting")
    sent = live.signer.sign("PUT", "/lasting/slow", body=b"s" * 5_000_000)
    data = DataDir(live.data)
    later = Upkeep(data.state / "state.db", data.blobs, timedelta(hours=1))
    with live.wire() as wire:
        wire.send(sent.head() + sent.body[:3_000_000])
        until(lambda: list((data.blobs / "tmp").glob("*")))
        later.sweep()
        wire.send(sent.body[3_000_000:])
        assert wire.answer().status == 200
    later.store.close()
    assert live.get("/lasting/slow").body == sent.body


def test_the_control_process_ends_when_told(killed: Live) -> None:
    """And a killed one is started again."""
    pid = killed.runtime()["children"]["control"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: killed.runtime()["children"].get("control", {}).get("pid", pid) != pid)
    new = killed.runtime()["children"]["control"]["pid"]
    os.kill(new, signal.SIGTERM)
    until(lambda: not lives(new), 3)


# --- scrub


@pytest.mark.parametrize("damage", ["flipped", "deleted", "truncated"])
def test_scrub_tells_of_damage(stored: Any, upkeep: Upkeep, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    stored.put_object(Bucket="bucket", Key="whole", Body=b"w" * LARGE)
    upkeep.scrub()
    assert not caplog.records
    file = upkeep.files()[0]
    if damage == "deleted":
        file.unlink()
    elif damage == "truncated":
        os.truncate(file, LARGE - 1)
    else:
        with file.open("r+b") as opened:
            opened.seek(LARGE // 2)
            opened.write(b"?")
    upkeep.scrub()
    told = [("corrupt blob", logging.ERROR), ("damaged objects", logging.ERROR)]
    assert [(record.message, record.levelno) for record in caplog.records] == told
    assert caplog.records[0].fields["blob"] == file.name  # type: ignore[attr-defined]
    named = caplog.records[1].fields["objects"]  # type: ignore[attr-defined]
    assert named in [(f"s3://bucket/{key} (version null)",) for key in ("large", "whole")]


# --- the loops


def test_a_loop_survives_its_failures(caplog: pytest.LogCaptureFixture) -> None:
    turns = 0

    async def work() -> None:
        nonlocal turns
        turns += 1
        if turns < 4:
            raise OSError("no space left on device")

    async def main() -> None:
        task = asyncio.create_task(process.every(0.001, work))
        while turns < 6:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 10))
    assert [record.message for record in caplog.records] == ["upkeep failed"] * 3
    assert caplog.records[0].exc_info


@pytest.mark.parametrize("work", ["carry_out", "sweep"])
def test_the_store_fails_and_recovers(stored: Any, upkeep: Upkeep, work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be done is done the next time."""
    stored.delete_object(Bucket="bucket", Key="large")
    upkeep.clock.advance(timedelta(hours=1))
    real = upkeep.store.snapshot

    def broken() -> Any:
        monkeypatch.setattr(upkeep.store, "snapshot", real)
        raise OSError("input/output error")

    monkeypatch.setattr(upkeep.store, "snapshot", broken)
    with pytest.raises(OSError, match="input/output"):
        getattr(upkeep, work)()
    getattr(upkeep, work)()
    upkeep.carry_out()
    assert upkeep.files() == []


def test_the_logs_of_events_are_held_to_their_limits(tmp_path: Path) -> None:
    """Also what workers left that are gone."""
    data = DataDir(tmp_path / "data")
    data.create()
    for kind in ("management", "data"):
        for number in range(8):
            path = data.events / kind / f"{10**15 + number}-4194304.ndjson"  # a number that no process can have
            path.write_bytes(b"x" * 1000)
    settings = Settings(data=data.root, events_size=5500, data_events_size=2000)
    asyncio.run(process.prune(settings, At(10**15)))
    left = {kind: sorted(one.name[15:16] for one in (data.events / kind).iterdir()) for kind in ("management", "data")}
    assert left == {"management": ["3", "4", "5", "6", "7"], "data": ["6", "7"]}


def test_events_go_after_ninety_days(tmp_path: Path) -> None:
    """Whole segments, by their last event; not the one that a living process may be appending to."""
    data = DataDir(tmp_path / "data")
    data.create()
    day = 86_400_000_000
    management = data.events / "management"
    for pid, first, last in ((4194303, 0, 1), (4194304, 0, 50), (os.getpid(), 0, 2)):
        line = b'{"additionalEventData":{"answered":%016d}}' + b"\n"
        path = management / f"{10**15 + first * day}-{pid}.ndjson"
        path.write_bytes(b"".join(line % (10**15 + at * day) for at in (first, last)))
    (data.events / "data" / f"{10**15}-4194304.ndjson").write_bytes(b"torn")
    asyncio.run(process.prune(Settings(data=data.root), At(10**15 + 90 * day)))
    assert len(list(management.iterdir())) == 3
    asyncio.run(process.prune(Settings(data=data.root), At(10**15 + 100 * day)))
    assert sorted(int(one.stem.partition("-")[2]) for one in management.iterdir()) == sorted([4194304, os.getpid()])
    assert list((data.events / "data").iterdir()) == []


class At(Clock):
    """A clock that stands, at microseconds since the epoch."""

    def __init__(self, microseconds: int) -> None:
        super().__init__()
        self._at = datetime.fromtimestamp(microseconds / 1e6, UTC)

    def now(self) -> datetime:
        return self._at


def test_what_a_service_cannot_run_here_ends_nothing_else(upkeep: Upkeep, caplog: pytest.LogCaptureFixture) -> None:
    """Without a data directory there is no place for functions; objects are deleted all the same."""

    async def work() -> list[str]:
        background = upkeep.background()
        async with process.residing(background):
            await process.carry_out(background)
            return list(background.residents)

    assert asyncio.run(work()) == []
    assert [record.message for record in caplog.records] == ["cannot start what a service runs"]
