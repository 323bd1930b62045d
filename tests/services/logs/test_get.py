"""GetLogEvents, GetLogRecord."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.logs import get
from fogbank.services.logs.places import write_pointer
from fogbank.services.logs.reading import scan
from fogbank.services.logs.records import groups
from services.helpers import code, refusal
from services.logs.made import GROUP, STREAM, events, make, messages, now_of, put, read_all, seal_all

if TYPE_CHECKING:
    from support.region import LocalRegion

WHERE = {"logGroupName": GROUP, "logStreamName": STREAM}


@pytest.fixture
def ten(region: LocalRegion, logs: Any) -> int:
    """A stream of ten events, m0 to m9, a ms apart; when the first was."""
    make(logs)
    at = now_of(region) - 1000
    put(logs, events(*(f"m{number}" for number in range(10)), at=at))
    return at


def test_the_latest_events_come_first_but_in_order(logs: Any, ten: int) -> None:
    assert messages(logs.get_log_events(**WHERE, limit=3)) == ["m7", "m8", "m9"]
    assert messages(logs.get_log_events(**WHERE, limit=3, startFromHead=True)) == ["m0", "m1", "m2"]


def test_pages_go_forward_to_the_end_where_a_token_leads_to_itself(logs: Any, ten: int) -> None:
    page = logs.get_log_events(**WHERE, limit=4, startFromHead=True)
    found = [messages(page)]
    while True:
        token = page["nextForwardToken"]
        page = logs.get_log_events(**WHERE, limit=4, nextToken=token, startFromHead=True)
        found.append(messages(page))
        if page["nextForwardToken"] == token:
            break
    assert found == [["m0", "m1", "m2", "m3"], ["m4", "m5", "m6", "m7"], ["m8", "m9"], []]


def test_pages_go_backward_to_the_beginning(logs: Any, ten: int) -> None:
    page = logs.get_log_events(**WHERE, limit=4)
    found = [messages(page)]
    while page["events"]:
        page = logs.get_log_events(**WHERE, limit=4, nextToken=page["nextBackwardToken"])
        found.append(messages(page))
    assert found == [["m6", "m7", "m8", "m9"], ["m2", "m3", "m4", "m5"], ["m0", "m1"], []]


def test_pages_turn_around(logs: Any, ten: int) -> None:
    first = logs.get_log_events(**WHERE, limit=4)
    back = logs.get_log_events(**WHERE, limit=4, nextToken=first["nextBackwardToken"])
    again = logs.get_log_events(**WHERE, limit=4, nextToken=back["nextForwardToken"], startFromHead=True)
    assert messages(again) == messages(first)


def test_a_token_finds_what_came_since(region: LocalRegion, logs: Any, ten: int) -> None:
    token = logs.get_log_events(**WHERE)["nextForwardToken"]
    assert messages(logs.get_log_events(**WHERE, nextToken=token)) == []
    put(logs, events("new", at=now_of(region)))
    assert messages(logs.get_log_events(**WHERE, nextToken=token)) == ["new"]


def test_tokens_of_an_empty_stream_find_what_comes(region: LocalRegion, logs: Any) -> None:
    make(logs)
    page = logs.get_log_events(**WHERE, startFromHead=True)
    assert page["events"] == []
    put(logs, events("new", at=now_of(region)))
    assert messages(logs.get_log_events(**WHERE, nextToken=page["nextForwardToken"])) == ["new"]


def test_times_bound_what_is_read(logs: Any, ten: int) -> None:
    assert messages(logs.get_log_events(**WHERE, startTime=ten + 2, endTime=ten + 5)) == ["m2", "m3", "m4"]
    assert messages(logs.get_log_events(**WHERE, startTime=ten + 10)) == []
    assert messages(logs.get_log_events(**WHERE, endTime=ten)) == []
    assert messages(logs.get_log_events(**WHERE, startTime=ten + 5, endTime=ten + 2)) == []
    assert read_all(logs, startTime=ten + 2, endTime=ten + 7, limit=2) == ["m2", "m3", "m4", "m5", "m6"]


def test_a_page_has_a_mebibyte_at_most(region: LocalRegion, logs: Any) -> None:
    make(logs)
    for number in range(3):
        put(logs, events(f"{number}" * 500_000, at=now_of(region)))
    assert [message[:1] for message in messages(logs.get_log_events(**WHERE))] == ["1", "2"]
    assert [message[:1] for message in read_all(logs)] == ["0", "1", "2"]


def test_a_page_that_looked_at_much_is_empty_and_leads_on(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs, GROUP, "much", "little")
    now = now_of(region)
    put(logs, events("first", at=now - 5000), "little")
    for number in range(20):
        put(logs, events("x" * 1000, at=now - 4000 + number), "much")
    put(logs, events("last", at=now), "little")
    monkeypatch.setattr("fogbank.services.logs.sealing.BLOCK", 1000)
    seal_all(region, monkeypatch)
    monkeypatch.setattr("fogbank.services.logs.sources.Want.has", lambda *_: True)  # as if all were in all blocks
    monkeypatch.setattr(get, "BUDGET", 3000)
    page = logs.get_log_events(logGroupName=GROUP, logStreamName="little", startFromHead=True)
    pages = [messages(page)]
    while "last" not in pages[-1]:
        page = logs.get_log_events(logGroupName=GROUP, logStreamName="little", nextToken=page["nextForwardToken"])
        pages.append(messages(page))
    assert [] in pages
    assert [message for page in pages for message in page] == ["first", "last"]


@pytest.mark.parametrize("sealed", [False, True])
def test_late_events_find_their_place(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    make(logs)
    now = now_of(region)
    for ago in (10, 30, 20, 0, 25):
        put(logs, events(f"{ago} ago", at=now - ago))
        if sealed:
            seal_all(region, monkeypatch)
    assert read_all(logs, limit=2) == ["30 ago", "25 ago", "20 ago", "10 ago", "0 ago"]


@pytest.mark.parametrize(
    "token", ["x", "f/1/s", "b/" + "9" * 56 + "/s", "f/" + "0" * 56 + "/s", "f/" + "٣" * 56 + "/s"]
)
def test_a_token_that_is_none_is_refused(logs: Any, ten: int, token: str) -> None:
    found = refusal(logs.get_log_events, **WHERE, nextToken=token)
    assert (found["Code"], found["Message"]) == ("InvalidParameterException", "The specified nextToken is invalid.")


def test_a_token_of_another_group_is_refused(logs: Any, ten: int) -> None:
    make(logs, "other")
    token = logs.get_log_events(logGroupName="other", logStreamName=STREAM)["nextForwardToken"]
    assert code(logs.get_log_events, **WHERE, nextToken=token) == "InvalidParameterException"


def test_a_group_is_named_in_one_way(logs: Any, ten: int) -> None:
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
    for identifier in (GROUP, arn, arn + ":*"):
        found = logs.get_log_events(logGroupIdentifier=identifier, logStreamName=STREAM) if "*" not in identifier else 0
        assert found == 0 or len(found["events"]) == 10
    assert code(logs.get_log_events, logStreamName=STREAM) == "InvalidParameterException"
    assert code(logs.get_log_events, **WHERE, logGroupIdentifier=GROUP) == "InvalidParameterException"


@pytest.mark.parametrize(
    "identifier",
    ["arn:aws:logs:us-east-1:123456789012:log-group", "arn:aws:s3:::b", "arn:", "arn:aws:logs:x:1:log-group:a", "a:b"],
)
def test_identifiers_that_are_none_are_refused(logs: Any, identifier: str) -> None:
    found = code(logs.get_log_events, logGroupIdentifier=identifier, logStreamName=STREAM)
    assert found == "InvalidParameterException"


def test_a_group_of_another_region_is_not_found_here(logs: Any, ten: int) -> None:
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}"
    assert code(logs.get_log_events, logGroupIdentifier=arn, logStreamName=STREAM) == "ResourceNotFoundException"


def test_a_group_and_a_stream_have_to_be_there(logs: Any, ten: int) -> None:
    assert code(logs.get_log_events, logGroupName="x", logStreamName=STREAM) == "ResourceNotFoundException"
    assert code(logs.get_log_events, logGroupName=GROUP, logStreamName="x") == "ResourceNotFoundException"


def pointers(region: LocalRegion) -> list[str]:
    """Pointers to all events of the group."""
    with region.region.store.snapshot() as tx:
        group = groups.get(tx, "123456789012", "us-east-1", GROUP)
    assert group is not None
    return [write_pointer(group.id, event.place) for event in scan(region.region, group, 0, 1 << 50)]


def test_a_pointer_leads_to_one_event(region: LocalRegion, logs: Any, ten: int) -> None:
    found = [logs.get_log_record(logRecordPointer=each)["logRecord"] for each in pointers(region)]
    assert [record["@message"] for record in found] == [f"m{number}" for number in range(10)]
    assert found[3]["@timestamp"] == str(ten + 3)
    assert found[3]["@logStream"] == STREAM
    assert found[3]["@log"] == f"123456789012:{GROUP}"


def test_a_pointer_to_what_is_gone_leads_nowhere(region: LocalRegion, logs: Any, ten: int) -> None:
    (pointer, *_) = pointers(region)
    logs.delete_log_stream(**WHERE)
    assert code(logs.get_log_record, logRecordPointer=pointer) == "ResourceNotFoundException"
    logs.delete_log_group(logGroupName=GROUP)
    assert code(logs.get_log_record, logRecordPointer=pointer) == "ResourceNotFoundException"


@pytest.mark.parametrize("pointer", ["", "x", "é", "MQ==", "A" * 5000])
def test_pointers_that_are_none_are_refused(logs: Any, pointer: str) -> None:
    assert code(logs.get_log_record, logRecordPointer=pointer) == "InvalidParameterException"


def test_a_pointer_of_another_account_leads_nowhere(region: LocalRegion, logs: Any, ten: int) -> None:
    (pointer, *_) = pointers(region)
    other = region.client("logs", key="111122223333", secret="test")
    assert code(other.get_log_record, logRecordPointer=pointer) == "AccessDeniedException"
