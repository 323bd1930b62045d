"""CreateLogStream, DeleteLogStream, DescribeLogStreams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.logs import records
from services.helpers import code, refusal
from services.logs.made import GROUP, events, filtered, make, now_of, put, read_all, seal_all

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"


def names(answer: dict[str, Any]) -> list[str]:
    return [stream["logStreamName"] for stream in answer["logStreams"]]


def test_a_stream_without_events_says_so(region: LocalRegion, logs: Any) -> None:
    make(logs)
    (told,) = logs.describe_log_streams(logGroupIdentifier=ARN)["logStreams"]
    assert told["arn"] == f"{ARN}:log-stream:a-stream"
    assert told["creationTime"] <= now_of(region)
    assert told["storedBytes"] == 0
    assert not {"firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"} & set(told)


def test_a_stream_says_between_which_times_it_has_events(region: LocalRegion, logs: Any) -> None:
    make(logs)
    now = now_of(region)
    put(logs, events("a", "b", at=now - 1000))
    put(logs, events("c", at=now - 5000))
    (told,) = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert (told["firstEventTimestamp"], told["lastEventTimestamp"]) == (now - 5000, now - 999)
    assert now <= told["lastIngestionTime"] <= now_of(region)


def test_a_name_is_taken_once_in_a_group(logs: Any) -> None:
    make(logs)
    found = refusal(logs.create_log_stream, logGroupName=GROUP, logStreamName="a-stream")
    assert found["Code"] == "ResourceAlreadyExistsException"
    assert found["Message"] == "The specified log stream already exists"


@pytest.mark.parametrize("name", ["a:b", "a*b"])
def test_names_that_cannot_be(logs: Any, name: str) -> None:
    make(logs)
    assert code(logs.create_log_stream, logGroupName=GROUP, logStreamName=name) == "InvalidParameterException"


@pytest.mark.parametrize("name", ["2026/11/24/[$LATEST]0123", "a b", "ä/ö", "\x01\x02", "line\nline", "%2F"])
def test_names_of_all_kinds(region: LocalRegion, logs: Any, name: str) -> None:
    make(logs, GROUP, name)
    put(logs, events("m", at=now_of(region)), name)
    assert read_all(logs, name) == ["m"]
    assert filtered(logs, logStreamNames=[name]) == ["m"]
    assert names(logs.describe_log_streams(logGroupName=GROUP)) == [name]


def test_a_stream_needs_its_group(logs: Any) -> None:
    assert code(logs.create_log_stream, logGroupName="none", logStreamName="a") == "ResourceNotFoundException"
    assert code(logs.describe_log_streams, logGroupName="none") == "ResourceNotFoundException"


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ["LogStreamName", "LastEventTime"])
def test_streams_are_listed_in_order_page_by_page(region: LocalRegion, logs: Any, order: str, descending: bool) -> None:
    make(logs, GROUP, "a", "b", "c", "d", "e")
    now = now_of(region)
    for age, stream in enumerate(("d", "b", "e", "a")):
        put(logs, events("m", at=now - 1000 * age), stream)
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=GROUP, orderBy=order, descending=descending, PaginationConfig={"PageSize": 2}
    )
    found = [name for page in pages for name in names(page)]
    wanted = ["a", "b", "c", "d", "e"] if order == "LogStreamName" else ["c", "a", "e", "b", "d"]
    assert found == (wanted[::-1] if descending else wanted)


def test_streams_of_the_same_time_are_all_listed(region: LocalRegion, logs: Any) -> None:
    streams = [f"s{number}" for number in range(5)]
    make(logs, GROUP, *streams)
    now = now_of(region)
    for stream in streams:
        put(logs, events("m", at=now), stream)
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=GROUP, orderBy="LastEventTime", descending=True, PaginationConfig={"PageSize": 2}
    )
    assert [name for page in pages for name in names(page)] == streams[::-1]


def test_streams_are_listed_by_prefix(logs: Any) -> None:
    make(logs, GROUP, "a", "ab", "b", "abc")
    assert names(logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="ab")) == ["ab", "abc"]
    found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="a", descending=True, limit=2)
    assert names(found) == ["abc", "ab"]
    more = logs.describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix="a", descending=True, nextToken=found["nextToken"]
    )
    assert names(more) == ["a"]


def test_a_prefix_goes_not_with_the_order_of_time(logs: Any) -> None:
    make(logs)
    found = code(logs.describe_log_streams, logGroupName=GROUP, logStreamNamePrefix="a", orderBy="LastEventTime")
    assert found == "InvalidParameterException"


@pytest.mark.parametrize("token", ["x", "MQ==", "MWE=", "MTk5OTk5OTk5OTk5OTk5OTk5OTk5YQ==", "é"])
def test_a_token_that_is_none_is_refused(logs: Any, token: str) -> None:
    make(logs)
    assert code(logs.describe_log_streams, logGroupName=GROUP, nextToken=token) == "InvalidParameterException"


@pytest.mark.parametrize("sealed", [False, True])
def test_a_deleted_streams_events_are_gone(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    make(logs, GROUP, "goes", "stays")
    for stream in ("goes", "stays"):
        put(logs, events(f"of {stream}", at=now_of(region)), stream)
    if sealed:
        seal_all(region, monkeypatch)
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="goes")
    assert filtered(logs) == ["of stays"]
    logs.create_log_stream(logGroupName=GROUP, logStreamName="goes")
    assert read_all(logs, "goes") == []
    region.settle()
    assert filtered(logs) == ["of stays"]
    with region.region.store.snapshot() as tx:
        (tally,) = [tally for _, tally in records.tallies.scan(tx)]
    assert tally.events == 1


def test_a_stream_that_is_not_there_cannot_be_deleted(logs: Any) -> None:
    make(logs)
    found = refusal(logs.delete_log_stream, logGroupName=GROUP, logStreamName="none")
    assert found["Code"] == "ResourceNotFoundException"
    assert found["Message"] == "The specified log stream does not exist."
