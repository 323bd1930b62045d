"""Reading for queries: both ways give the same events, sealed or not, while others put, seal and delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.logs import insights_scan
from fogbank.services.logs.data_keys import opened
from fogbank.services.logs.insights_scan import Meter, Scan, Target
from fogbank.services.logs.records import groups
from fogbank.services.logs.sources import Want
from services.logs.made import GROUP, events, make, now_of, put, seal_all
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

FOREVER = 1 << 50


def scan_of(region: LocalRegion, meter: Meter, *hints: bytes) -> Scan:
    """A scan of the group."""
    home = region.region
    with home.store.snapshot() as tx:
        group = groups.get(tx, ACCOUNT, "us-east-1", GROUP)
        assert group is not None
        keys = opened(home, tx, group, [key.number for key in group.keys])
    target = Target(ACCOUNT, "us-east-1", GROUP, group.id, keys, 0)
    return Scan(home.store, home.blobs, target, meter, hints)


def both(region: LocalRegion, want: Want, *hints: bytes) -> list[str]:
    """The messages that both ways of reading give, in order."""
    meters = Meter(), Meter()
    ordered = [row.message for row in scan_of(region, meters[0], *hints).ordered(want)]
    unordered = [row.message for row in scan_of(region, meters[1], *hints).unordered(want)]
    assert sorted(ordered) == sorted(unordered)
    assert (meters[0].events, meters[0].bytes) == (meters[1].events, meters[1].bytes)
    return ordered


@pytest.fixture
def filled(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """A group whose events are in segments and in chunks, 60 of each of two streams; the time of the first."""
    make(logs, GROUP, "a", "b")
    first = now_of(region) - 1_000_000
    for number in range(6):
        for stream in "ab":
            at = first + number * 10_000
            put(logs, events(*(f"{stream}{number}{each}" for each in range(10)), at=at, step=7), stream)
        if number == 3:
            seal_all(region, monkeypatch)
    return first


def test_all_events(region: LocalRegion, filled: int) -> None:
    found = both(region, Want(0, FOREVER))
    assert len(found) == 120
    assert [text[1:] for text in found] == sorted(text[1:] for text in found)
    assert both(region, Want(0, FOREVER, reverse=True)) == found[::-1]


def test_some_time(region: LocalRegion, filled: int) -> None:
    found = both(region, Want(filled + 10_000, filled + 20_001))
    assert len(found) == 22
    assert set(both(region, Want(filled + 10_000, filled + 10_001))) == {"a10", "b10"}


def test_literals_and_hints(region: LocalRegion, filled: int) -> None:
    assert both(region, Want(0, FOREVER, contains=(b"a3",))) == [f"a3{number}" for number in range(10)]
    assert both(region, Want(0, FOREVER), b"b59") == ["b59"]
    assert len(both(region, Want(0, FOREVER, contains=(b"a",)), b"5")) == 15


def test_events_that_are_only_counted(region: LocalRegion, logs: Any, filled: int) -> None:
    def counted(query: str) -> list[str]:
        number = logs.start_query(logGroupName=GROUP, startTime=0, endTime=now_of(region) // 1000, queryString=query)
        region.settle()
        answer = logs.get_query_results(queryId=number["queryId"])
        assert answer["statistics"]["recordsMatched"] == sum(int(row[1]["value"]) for row in answer["results"])
        return sorted(f"{row[0]['value']} {row[1]['value']}" for row in answer["results"])

    for period in ("1s", "1m", "1d", "2w", "1mo"):
        by_time = counted(f"stats count(*) as n by bin({period})")
        assert by_time == counted(f"stats count(@message) as n by bin({period})")
        assert sum(int(each.split()[-1]) for each in by_time) == 120
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="b")
    assert sum(int(each.split()[-1]) for each in counted("stats count(*) as n by bin(1h)")) == 60


def test_small_views(region: LocalRegion, filled: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights_scan, "FIRST_STEP", 1)
    monkeypatch.setattr(insights_scan, "LAST_STEP", 1)
    ticks: list[None] = []
    scan = scan_of(region, Meter(lambda: ticks.append(None)))
    assert len(list(scan.ordered(Want(0, FOREVER)))) == 120
    assert len(list(scan.unordered(Want(0, FOREVER)))) == 120
    assert len(ticks) > 4


@pytest.mark.parametrize("way", ["ordered", "unordered"])
def test_what_happens_meanwhile(
    region: LocalRegion, logs: Any, filled: int, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(insights_scan, "FIRST_STEP", 1)
    monkeypatch.setattr(insights_scan, "LAST_STEP", 1)
    rows = getattr(scan_of(region, Meter()), way)(Want(0, FOREVER))
    found = [next(rows).message]
    seal_all(region, monkeypatch)
    put(logs, events("new", at=now_of(region)), "a")
    found += [row.message for row in rows]
    assert len([text for text in found if text != "new"]) == 120
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("way", ["ordered", "unordered"])
def test_a_group_or_stream_that_goes(
    region: LocalRegion, logs: Any, filled: int, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="b")
    assert {row.message[0] for row in getattr(scan_of(region, Meter()), way)(Want(0, FOREVER))} == {"a"}
    monkeypatch.setattr(insights_scan, "FIRST_STEP", 1)
    monkeypatch.setattr(insights_scan, "LAST_STEP", 1)
    rows = getattr(scan_of(region, Meter()), way)(Want(0, FOREVER))
    next(rows)
    logs.delete_log_group(logGroupName=GROUP)
    make(logs, GROUP, "a")
    put(logs, events("another group's", at=now_of(region)), "a")
    assert "another group's" not in [row.message for row in rows]
