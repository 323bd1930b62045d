"""Segments: what chunks become, in the order of puts and of time; how much all take; damage."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.control import process
from fogbank.services.logs import bound, feed, records, sealing
from services.helpers import refusal
from services.logs.made import GROUP, STREAM, events, filtered, make, messages, now_of, put, read_all, seal_all

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from fogbank.services.logs.records import Group
    from support.region import LocalRegion


def group_of(region: LocalRegion, name: str = GROUP) -> Group:
    with region.region.store.snapshot() as tx:
        found = records.groups.get(tx, "123456789012", "us-east-1", name)
    assert found is not None
    return found


def tally(region: LocalRegion, name: str = GROUP) -> records.Tally:
    with region.region.store.snapshot() as tx:
        return records.tallies.get(tx, group_of(region, name).id) or records.Tally()


def segments(region: LocalRegion) -> list[records.Segment]:
    with region.region.store.snapshot() as tx:
        return [segment for _, segment in records.segments.scan(tx)]


def files(region: LocalRegion) -> list[Path]:
    return [path for path in (region.directory / "blobs").rglob("*") if path.is_file()]


def test_a_group_with_many_chunks_gets_a_segment(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FULL_CHUNKS", 10)
    make(logs)
    for number in range(10):
        put(logs, events(f"m{number}", at=now_of(region)))
    assert tally(region).chunks == 10
    region.settle()
    assert tally(region).chunks == 0
    assert len(segments(region)) == 1
    assert read_all(logs) == [f"m{number}" for number in range(10)]


def test_a_group_with_much_in_chunks_gets_segments(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FULL_BYTES", 100_000)
    monkeypatch.setattr(sealing, "LARGE", 50_000)
    monkeypatch.setattr(sealing, "LITTLE", 1000)
    make(logs)
    for number in range(8):
        put(logs, events(f"{number}" * 30_000, at=now_of(region)))
    region.settle()
    assert len(segments(region)) > 1
    assert [message[:1] for message in read_all(logs)] == list("01234567")


def test_small_segments_are_put_together(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make(logs)
    for number in range(5):
        put(logs, events(f"m{number}", at=now_of(region)))
        seal_all(region, monkeypatch)
    (segment,) = segments(region)
    assert (segment.put_first, segment.put_last, segment.count) == (1, 5, 5)
    region.advance(minutes=2)
    region.settle()
    assert len(files(region)) == 1


def test_nothing_that_clients_sent_is_readable_on_disk(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs)
    put(logs, events("confidential words", at=now_of(region)))
    seal_all(region, monkeypatch)
    put(logs, events("confidential words", at=now_of(region)))
    region.events()
    kept = [path for path in region.directory.rglob("*") if path.is_file()]
    assert any("events" in path.parts for path in kept)
    assert not [path for path in kept if b"confidential" in path.read_bytes()]


def test_a_damaged_segment_is_an_error_and_never_wrong_events(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs)
    put(logs, events(*(f"m{number}" for number in range(100)), at=now_of(region)))
    seal_all(region, monkeypatch)
    (path,) = files(region)
    whole = path.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        assert refusal(logs.filter_log_events, logGroupName=GROUP)["Status"] == 500
    path.unlink()
    assert refusal(logs.filter_log_events, logGroupName=GROUP)["Status"] == 500
    path.write_bytes(whole)
    assert len(filtered(logs)) == 100


def test_puts_are_fed_in_their_order_sealed_or_not(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs, GROUP, "a", "b")
    now = now_of(region)
    for number, ago in enumerate((10, 30, 20, 0)):
        put(logs, events(f"{number}-x", f"{number}-y", at=now - ago), "ab"[number % 2])
        if number == 1:
            seal_all(region, monkeypatch)
    group = group_of(region)
    found: list[feed.Put] = []
    while more := feed.after(region.region, group, found[-1].number if found else 0):
        found += more
    assert [each.number for each in found] == [1, 2, 3, 4]
    assert [each.stream for each in found] == ["a", "b", "a", "b"]
    assert [event.message.decode() for each in found for event in each.events] == [
        f"{number}-{letter}" for number in range(4) for letter in "xy"
    ]
    with region.region.store.snapshot() as tx:
        assert feed.head(tx, group.id) == 4
    assert [each.number for each in feed.after(region.region, group, 1)] == [2]


def test_a_feed_gives_a_bounded_part(region: LocalRegion, logs: Any) -> None:
    make(logs)
    for number in range(5):
        put(logs, events(f"{number}" * 1000, at=now_of(region)))
    group = group_of(region)
    assert [each.number for each in feed.after(region.region, group, 0, most=1500)] == [1, 2]
    assert [each.number for each in feed.after(region.region, group, 2, most=1)] == [3]


def test_the_oldest_segments_go_when_all_take_too_much(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sealing, "LITTLE", 0)
    make(logs, "old")
    make(logs, "new")
    now = now_of(region)
    for age, group in ((4, "old"), (3, "new"), (2, "old"), (1, "new")):
        put(logs, events(f"{age}" * 5000, at=now - age * 1000), STREAM, group)
        seal_all(region, monkeypatch)
    total = sum(segment.size for segment in segments(region))
    limit = total - min(segment.size for segment in segments(region)) - 1
    monkeypatch.setattr(
        region.background, "options", msgspec.structs.replace(region.background.options, logs_size=limit)
    )
    with caplog.at_level(logging.WARNING, "fogbank.logs"):
        region.settle()
    assert "logs_size" in caplog.text
    assert [message[:1] for message in filtered(logs, "old")] == ["2"]
    assert [message[:1] for message in filtered(logs, "new")] in (["3", "1"], ["1"])
    with region.region.store.snapshot() as tx:
        told = {gauge.name: gauge.value for gauge in bound.gauges(tx)}
    assert told["fogbank_logs_removed_events"] >= 1
    assert told["fogbank_logs_groups"] == 2
    assert told["fogbank_logs_disk_bytes"] <= limit


def test_what_is_in_no_segment_yet_goes_too(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make(logs, "old")
    make(logs, "new")
    now = now_of(region)
    for age, group in ((3, "old"), (2, "new"), (1, "old")):
        put(logs, events(f"{age}" * 5000, at=now - age * 1000), STREAM, group)
    limit = tally(region, "old").disk + tally(region, "new").disk - 1
    monkeypatch.setattr(
        region.background, "options", msgspec.structs.replace(region.background.options, logs_size=limit)
    )
    region.settle()
    assert [message[:1] for message in filtered(logs, "old")] == ["1"]
    assert [message[:1] for message in filtered(logs, "new")] == ["2"]


def test_metrics_tell_what_there_is(region: LocalRegion, logs: Any) -> None:
    make(logs)
    put(logs, events("12345", at=now_of(region)))
    region.settle()
    with region.region.store.snapshot() as tx:
        told = {gauge.name: gauge.value for gauge in bound.gauges(tx)}
    assert (told["fogbank_logs_events"], told["fogbank_logs_bytes"]) == (1, 31)
    assert told["fogbank_logs_disk_bytes"] > 0


def test_a_segment_of_many_streams_is_read_for_one(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"s{number}" for number in range(60)]
    make(logs, GROUP, *names)
    monkeypatch.setattr(sealing, "BLOCK", 300)
    now = now_of(region)
    for number, name in enumerate(names):
        put(logs, events(f"first of {name}", f"last of {name}", at=now - number), name)
    seal_all(region, monkeypatch)
    assert read_all(logs, "s17", limit=1) == ["first of s17", "last of s17"]
    assert messages(logs.get_log_events(logGroupName=GROUP, logStreamName="s59", limit=1)) == ["last of s59"]


def test_chunks_that_are_deleted_while_they_are_sealed_stay_deleted(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written, but what it was made of has changed: nothing of it is kept."""
    make(logs, GROUP, "a", "b")
    put(logs, events("of a", at=now_of(region)), "a")
    put(logs, events("of b", at=now_of(region)), "b")
    group = group_of(region)
    monkeypatch.setattr(records, "FULL_CHUNKS", 2)
    with region.region.blobs.create() as writer:
        taken, written = sealing.write(region.region, lambda tx: sealing.take(tx, group.id), writer)
        assert taken is not None
        logs.delete_log_stream(logGroupName=GROUP, logStreamName="a")
        region.run(process.carry_out(region.background))
        commit = functools.partial(sealing.commit, home=region.region, taken=taken, written=written)
        assert region.run(region.region.store.write(commit)) is False
    assert filtered(logs) == ["of b"]
    assert segments(region) == []
