"""StartLiveTail."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.eventstream import EventStreamBuffer

from fogbank.services.logs import live_tail
from services.helpers import code
from services.logs.made import GROUP, events, make, now_of, put

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second's wait between updates."""
    monkeypatch.setattr(live_tail, "EVERY", 0.01)


class Tail:
    """A session whose events are read one by one, on the region's loop."""

    def __init__(self, region: LocalRegion, logs: Any, *groups: str, **options: Any) -> None:
        self.region = region
        self.buffer = EventStreamBuffer()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.pieces: Any = None
        answer = region.gateway.answer

        async def taken(request: Any, source: Any) -> Any:
            response = await answer(request, source)
            if hasattr(response.body, "__aiter__"):
                self.pieces = response.body.__aiter__()
                response.body = await anext(self.pieces)
            return response

        region.gateway.answer = taken  # type: ignore[method-assign]
        try:
            logs.start_live_tail(logGroupIdentifiers=[ARN + group for group in groups or (GROUP,)], **options)
        finally:
            region.gateway.answer = answer  # type: ignore[method-assign]

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next event: its type and what it says."""
        while not self.events:
            self.buffer.add_data(self.region.run(asyncio.wait_for(anext(self.pieces), 30)))
            for event in self.buffer:
                told = event.to_response_dict()
                kind = told["headers"].get(":event-type") or told["headers"][":exception-type"]
                self.events.append((kind, json.loads(told["body"])))
        return self.events.pop(0)

    def update(self) -> dict[str, Any]:
        """The next update that has events."""
        while True:
            kind, told = self.next()
            if kind == "sessionUpdate" and told["sessionResults"]:
                return told

    def messages(self) -> list[str]:
        """The messages of the next update that has any."""
        return [event["message"] for event in self.update()["sessionResults"]]

    def close(self) -> None:
        """The client goes."""
        self.region.run(self.pieces.aclose())


def test_a_session_tells_what_it_is_about(region: LocalRegion, logs: Any) -> None:
    make(logs)
    tail = Tail(region, logs, logEventFilterPattern="error")
    kind, told = tail.next()
    tail.close()
    assert kind == "sessionStart"
    assert told["logGroupIdentifiers"] == [ARN + GROUP]
    assert told["logEventFilterPattern"] == "error"
    assert told["sessionId"]
    assert told["requestId"]


def test_what_comes_in_is_shown_and_nothing_else(region: LocalRegion, logs: Any) -> None:
    make(logs)
    put(logs, events("before", at=now_of(region)))
    tail = Tail(region, logs)
    put(logs, events("one", "two", at=now_of(region)))
    told = tail.update()
    tail.close()
    assert [event["message"] for event in told["sessionResults"]] == ["one", "two"]
    assert told["sessionResults"][0]["logStreamName"] == "a-stream"
    assert told["sessionResults"][0]["logGroupIdentifier"] == f"123456789012:{GROUP}"
    assert told["sessionMetadata"] == {"sampled": False}


def test_no_news_are_an_empty_update(region: LocalRegion, logs: Any) -> None:
    make(logs)
    tail = Tail(region, logs)
    tail.next()
    assert tail.next() == ("sessionUpdate", {"sessionMetadata": {"sampled": False}, "sessionResults": []})
    tail.close()


def test_a_pattern_and_streams_choose_events(region: LocalRegion, logs: Any) -> None:
    make(logs, GROUP, "a1", "a2", "b1")
    by_prefix = Tail(region, logs, logStreamNamePrefixes=["a"], logEventFilterPattern="error")
    by_name = Tail(region, logs, logStreamNames=["b1"])
    for stream in ("a1", "a2", "b1"):
        put(logs, events(f"error in {stream}", f"calm in {stream}", at=now_of(region)), stream)
    found: list[str] = []
    while len(found) < 2:
        found += by_prefix.messages()
    assert found == ["error in a1", "error in a2"]
    assert by_name.messages() == ["error in b1", "calm in b1"]
    by_prefix.close()
    by_name.close()


def test_more_than_an_update_holds_is_sampled(region: LocalRegion, logs: Any) -> None:
    make(logs)
    tail = Tail(region, logs)
    put(logs, events(*(f"event {number}" for number in range(700)), at=now_of(region)))
    told = tail.update()
    tail.close()
    assert len(told["sessionResults"]) == 500
    assert told["sessionMetadata"] == {"sampled": True}


def test_a_session_ends_after_three_hours(region: LocalRegion, logs: Any) -> None:
    make(logs)
    tail = Tail(region, logs)
    tail.next()
    region.advance(hours=3, seconds=1)
    while (found := tail.next())[0] == "sessionUpdate":
        pass
    assert found == ("SessionTimeoutException", {"message": "The session timed out."})


def test_groups_that_are_deleted_meanwhile_are_quiet(region: LocalRegion, logs: Any) -> None:
    make(logs)
    make(logs, "other")
    tail = Tail(region, logs, GROUP, "other")
    logs.delete_log_group(logGroupName=GROUP)
    put(logs, events("still here", at=now_of(region)), group="other")
    assert tail.messages() == ["still here"]
    tail.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"logStreamNames": ["a"], "logStreamNamePrefixes": ["a"]},
        {"logGroupIdentifiers": [ARN + GROUP, ARN + "other"], "logStreamNames": ["a"]},
        {"logGroupIdentifiers": [ARN + GROUP, ARN + GROUP]},
        {"logGroupIdentifiers": [ARN + GROUP + ":*"]},
        {"logEventFilterPattern": "{ not a pattern"},
    ],
)
def test_what_cannot_be_tailed_is_refused(logs: Any, wrong: dict[str, Any]) -> None:
    make(logs)
    make(logs, "other")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.start_live_tail(**{"logGroupIdentifiers": [ARN + GROUP], **wrong})


def test_groups_have_to_be_there_and_of_the_standard_class(logs: Any) -> None:
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.start_live_tail(logGroupIdentifiers=[ARN + "none"])
    make(logs, "rare", logGroupClass="INFREQUENT_ACCESS")
    with pytest.raises(logs.exceptions.InvalidOperationException):
        logs.start_live_tail(logGroupIdentifiers=[ARN + "rare"])


def test_an_account_has_so_many_sessions_at_a_time(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_tail, "MOST_SESSIONS", 2)
    make(logs)
    tails = [Tail(region, logs), Tail(region, logs)]
    assert [tail.next()[0] for tail in tails] == ["sessionStart"] * 2
    assert code(logs.start_live_tail, logGroupIdentifiers=[ARN + GROUP]) == "LimitExceededException"
    for tail in tails:
        tail.close()
    assert live_tail._open["123456789012"] == 0
    tails = [Tail(region, logs), Tail(region, logs)]
    for tail in tails:
        tail.close()
