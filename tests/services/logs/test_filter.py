"""FilterLogEvents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.logs import get, reading
from services.helpers import code
from services.logs.made import GROUP, events, filtered, make, messages, now_of, put, seal_all

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture(params=["chunks", "segments"])
def stored(request: pytest.FixtureRequest, region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """A group of three streams whose events are interleaved, in chunks or in segments; when the first was."""
    make(logs, GROUP, "a1", "a2", "b1")
    at = now_of(region) - 1000
    for step in range(4):
        for number, stream in enumerate(("a1", "a2", "b1")):
            put(logs, events(f"{stream} step {step} error {step % 2}", at=at + 10 * step + number), stream)
    if request.param == "segments":
        seal_all(region, monkeypatch)
    return at


def test_events_of_all_streams_are_interleaved(logs: Any, stored: int) -> None:
    found = logs.filter_log_events(logGroupName=GROUP)
    assert [event["logStreamName"] for event in found["events"]] == ["a1", "a2", "b1"] * 4
    assert [event["timestamp"] for event in found["events"]] == [
        stored + 10 * step + n for step in range(4) for n in range(3)
    ]
    assert found["searchedLogStreams"] == []
    assert "nextToken" not in found


def test_ids_of_events_are_unique_and_stay(region: LocalRegion, logs: Any, stored: int) -> None:
    ids = [event["eventId"] for event in logs.filter_log_events(logGroupName=GROUP)["events"]]
    assert len(set(ids)) == 12
    assert all(len(each) == 56 and each.isdecimal() for each in ids)
    assert ids == sorted(ids)
    assert [event["eventId"] for event in logs.filter_log_events(logGroupName=GROUP)["events"]] == ids


def test_streams_are_chosen_by_name_or_prefix(logs: Any, stored: int) -> None:
    assert {message[:2] for message in filtered(logs, logStreamNames=["a1", "b1"])} == {"a1", "b1"}
    assert {message[:2] for message in filtered(logs, logStreamNamePrefix="a")} == {"a1", "a2"}
    assert filtered(logs, logStreamNamePrefix="c") == []
    assert code(logs.filter_log_events, logGroupName=GROUP, logStreamNames=["none"]) == "ResourceNotFoundException"
    both = {"logStreamNames": ["a1"], "logStreamNamePrefix": "a"}
    assert code(logs.filter_log_events, logGroupName=GROUP, **both) == "InvalidParameterException"


def test_a_pattern_chooses_events(logs: Any, stored: int) -> None:
    assert len(filtered(logs, filterPattern="error")) == 12
    assert len(filtered(logs, filterPattern='"error 1"')) == 6
    assert filtered(logs, filterPattern='"step 2" b1') == ["b1 step 2 error 0"]
    assert filtered(logs, filterPattern="nowhere") == []
    assert code(logs.filter_log_events, logGroupName=GROUP, filterPattern="{ $.a") == "InvalidParameterException"


def test_both_ends_of_a_time_range_are_included(logs: Any, stored: int) -> None:
    assert filtered(logs, startTime=stored + 1, endTime=stored + 10) == [
        "a2 step 0 error 0",
        "b1 step 0 error 0",
        "a1 step 1 error 1",
    ]


@pytest.mark.parametrize("limit", [1, 2, 5, 12])
def test_pages_lead_through_all_in_both_directions(logs: Any, stored: int, limit: int) -> None:
    whole = filtered(logs)
    assert filtered(logs, PaginationConfig={"PageSize": limit}) == whole
    backward = {"startFromHead": False, "startTime": 1_704_067_200_000}
    assert filtered(logs, PaginationConfig={"PageSize": limit}, **backward) == whole[::-1]


def test_a_tokens_direction_is_kept(logs: Any, stored: int) -> None:
    first = logs.filter_log_events(logGroupName=GROUP, limit=5, startFromHead=False, startTime=1_704_067_200_000)
    second = logs.filter_log_events(logGroupName=GROUP, limit=5, nextToken=first["nextToken"], startFromHead=True)
    assert messages(first) + messages(second) == filtered(logs)[::-1][:10]


def test_backward_needs_a_time_since_2024(logs: Any, stored: int) -> None:
    for start in ({}, {"startTime": 1_704_067_199_999}):
        found = code(logs.filter_log_events, logGroupName=GROUP, startFromHead=False, **start)
        assert found == "InvalidParameterException"


def test_a_page_that_looked_at_much_leads_on(
    region: LocalRegion, logs: Any, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BUDGET", 1)
    monkeypatch.setattr(reading.Reading.__init__, "__defaults__", (1,))
    pages = [messages(page) for page in logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP)]
    assert [message for page in pages for message in page] == [
        f"{stream} step {step} error {step % 2}" for step in range(4) for stream in ("a1", "a2", "b1")
    ]


def test_a_term_that_is_rare_is_found_behind_many_empty_pages(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs)
    now = now_of(region) - 100_000
    for number in range(40):
        put(logs, events(*(f"common {number}" for _ in range(20)), at=now + number * 100))
    put(logs, events("needle", at=now + 2050))
    monkeypatch.setattr("fogbank.services.logs.sealing.BLOCK", 1000)
    seal_all(region, monkeypatch)
    monkeypatch.setattr(reading.Reading.__init__, "__defaults__", (2000,))
    pages = [
        messages(page)
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern="needle")
    ]
    assert len(pages) > 3
    assert [message for page in pages for message in page] == ["needle"]


def test_a_page_that_held_many_events_against_a_pattern_leads_on(
    logs: Any, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get, "EXAMINED", 2)
    pages = [
        messages(page)
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern="-error")
    ]
    assert pages == [[]] * 7
    some = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern="?b1 ?nowhere")
    assert [message[:9] for page in some for message in messages(page)] == [f"b1 step {step}" for step in range(4)]


def test_what_comes_in_while_pages_are_read_is_not_skipped(region: LocalRegion, logs: Any, stored: int) -> None:
    found = logs.filter_log_events(logGroupName=GROUP, limit=5)
    put(logs, events("late", at=stored - 5), "a1")
    put(logs, events("new", at=now_of(region)), "a1")
    rest = []
    while "nextToken" in found:
        found = logs.filter_log_events(logGroupName=GROUP, limit=5, nextToken=found["nextToken"])
        rest += messages(found)
    assert rest[-1] == "new"
    assert "late" not in rest
    assert filtered(logs)[0] == "late"


def test_pages_go_on_when_chunks_become_segments_meanwhile(
    region: LocalRegion, logs: Any, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = filtered(logs)
    found = logs.filter_log_events(logGroupName=GROUP, limit=5)
    got = messages(found)
    while "nextToken" in found:
        seal_all(region, monkeypatch)
        put(logs, events("later", at=now_of(region)), "b1")
        found = logs.filter_log_events(logGroupName=GROUP, limit=5, nextToken=found["nextToken"])
        got += messages(found)
    assert got[: len(whole)] == whole


@pytest.mark.parametrize("token", ["x", "MQ==", "é", "MWYveC9z", "A" * 3000])
def test_a_token_that_is_none_is_refused(logs: Any, token: str) -> None:
    make(logs)
    assert code(logs.filter_log_events, logGroupName=GROUP, nextToken=token) == "InvalidParameterException"


def test_old_clients_ask_for_interleaving(logs: Any, stored: int) -> None:
    assert len(logs.filter_log_events(logGroupName=GROUP, interleaved=False)["events"]) == 12
