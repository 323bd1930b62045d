"""Putting events: what is taken in, what is refused, and that what was taken in is delivered."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.destinations import Sender
from fogbank.services import registry
from fogbank.services.events import routing, rulebook
from fogbank.services.events.records import Tally, deliveries, spreads, taken, tallies
from services.events.made import FUNCTION, HERE, OTHER, QUEUE, entry, put, rule
from services.helpers import allow, code, permit, refusal, user_client

if TYPE_CHECKING:
    from services.events.conftest import Inbox
    from support.region import LocalRegion

EVENT = json.dumps(
    {
        "id": "1",
        "account": "1",
        "source": "shop",
        "time": "t",
        "region": "r",
        "resources": [],
        "detail-type": "d",
        "n": 1,
    }
)


def kept(region: LocalRegion) -> int:
    """How many deliveries wait. Events are kept as long as any, and no longer."""
    with region.region.store.snapshot() as tx:
        found = [delivery.event for _, delivery in deliveries.scan(tx)]
        found += [spread.event for _, spread in spreads.scan(tx)]
        found += [str(parts[0]) for parts, event in taken.scan(tx) if not event.matched]
        assert {parts[0]: event.needed for parts, event in taken.scan(tx)} == Counter(found)
        return len(found)


def tally(region: LocalRegion) -> Tally:
    """What became of deliveries."""
    with region.region.store.snapshot() as tx:
        return tallies.get(tx) or Tally()


@pytest.mark.parametrize("soon", [routing.SOON, -1], ids=["compared at once", "compared later"])
def test_what_waits_is_not_readable_on_the_disk(
    region: LocalRegion, events: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, soon: int
) -> None:
    monkeypatch.setattr(routing, "SOON", soon)
    rule(events)
    put(events, entry(Detail='{"a": "secret-detail"}'))
    assert kept(region) == 1
    disk = b"".join(path.read_bytes() for path in region.directory.glob("state.db*"))
    assert (b"events.taken" in disk, b"secret-detail" in disk) == (True, False)
    region.settle()
    region.settle()
    assert [event["detail"] for event in inbox.take()] == [{"a": "secret-detail"}]


@pytest.mark.parametrize("soon", [routing.SOON, -1], ids=["compared at once", "compared later"])
def test_what_is_damaged_is_given_up(
    region: LocalRegion, events: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: Any, soon: int
) -> None:
    monkeypatch.setattr(routing, "SOON", soon)
    rule(events)
    put(events)

    def damage(tx: Any) -> None:
        ((parts, event),) = taken.scan(tx)
        taken.put(tx, msgspec.structs.replace(event, message=b"damaged"), *parts)

    region.run(region.region.store.write(damage))
    region.settle()
    assert (kept(region), inbox.take()) == (0, [])
    assert "it is damaged" in caplog.text


def test_an_event_reaches_the_targets_of_rules_that_it_meets(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "both", None, {"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": OTHER})
    rule(events, "no", {"source": ["bank"]})
    rule(events, "off", State="DISABLED")
    (told,) = put(events, entry(Time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), Resources=["arn:a", "b"]))
    region.settle()
    (event,) = inbox.take()
    assert list(event) == [
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    ]  # fmt: skip
    assert event == {
        "version": "0",
        "id": told["EventId"],
        "detail-type": "Sold",
        "source": "shop",
        "account": "123456789012",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": ["arn:a", "b"],
        "detail": {"what": "tea", "price": 3.5},
    }
    assert inbox.take(OTHER) == [event]
    assert inbox.received == []
    assert kept(region) == 0


def test_who_sends(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events)
    put(events)
    region.settle()
    assert inbox.received[0][1] == Sender("events.amazonaws.com", f"{HERE}:rule/r", "123456789012")


def test_the_time_is_the_regions_unless_one_is_given(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    region.advance(days=40)
    rule(events)
    put(events)
    region.settle()
    assert inbox.take()[0]["time"][:10] == f"{region.clock.now():%Y-%m-%d}"


def test_each_entry_is_taken_or_refused_by_itself(events: Any) -> None:
    answer = events.put_events(
        Entries=[
            entry(),
            {"Source": "shop", "DetailType": "Sold"},
            entry(Detail="[]"),
            entry(Detail="{"),
            entry(Detail='{"a": NaN}'),
            entry(Detail='{"a":' * 5000 + "1" + "}" * 5000),
            entry(Source="aws.ec2"),
            entry(Source=""),
            entry(DetailType="d" * 129),
            entry(EventBusName="none"),
        ]
    )
    assert answer["FailedEntryCount"] == 8
    assert [each.get("ErrorCode") for each in answer["Entries"]] == [
        None, "InvalidArgument", "MalformedDetail", "MalformedDetail", "MalformedDetail", "MalformedDetail",
        "NotAuthorizedForSource", "InvalidArgument", "InvalidArgument", None,
    ]  # fmt: skip
    messages = [each.get("ErrorMessage") for each in answer["Entries"]]
    assert messages[1] == "Parameter Detail is not valid. Reason: Detail is a required argument."
    assert messages[2] == "Detail is malformed."
    assert messages[6] == "Not authorized for the source."
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["Entries"][0]["EventId"])


def test_what_no_request_is(events: Any) -> None:
    assert code(events.put_events, Entries=[]) == "ValidationException"
    assert code(events.put_events, Entries=[entry()] * 11) == "ValidationException"
    large = entry(Detail=json.dumps({"a": "x" * 600_000}))
    error = refusal(events.put_events, Entries=[large, large])
    assert error["Message"] == "Total size of the entries in the request is over the limit."
    assert put(events, large)[0].keys() == {"EventId"}


def test_putting_events_is_a_data_event_of_cloudtrail(region: LocalRegion, events: Any) -> None:
    events.list_rules()
    put(events)
    assert [event["eventName"] for event in region.events("data")] == ["PutEvents"]
    assert [event["eventName"] for event in region.events("management")] == ["ListRules"]


def test_permission_is_asked_for_each_bus(region: LocalRegion, events: Any) -> None:
    events.create_event_bus(Name="b")
    client = user_client(region, "events")
    both = [entry(), entry(EventBusName="b")]
    permit(region, allow("events:PutEvents", f"{HERE}:event-bus/default"))
    assert put(client)[0].keys() == {"EventId"}
    assert code(client.put_events, Entries=both) == "AccessDeniedException"
    permit(region, allow("events:PutEvents", f"{HERE}:event-bus/*", StringEquals={"events:source": "shop"}))
    assert len(put(client, *both)) == 2
    condition = {"ForAllValues:StringEquals": {"events:detail-type": ["Sold"]}}
    permit(region, allow("events:PutEvents", **condition))
    assert code(client.put_events, Entries=[entry(), entry(DetailType="Bought")]) == "AccessDeniedException"


def test_a_rule_is_another_once_it_is_changed(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events)
    put(events)
    events.put_rule(Name="r", EventPattern='{"source": ["bank"]}')
    put(events)
    events.put_rule(Name="r", EventPattern='{"detail": {"price": [{"numeric": ["<", 4]}]}}')
    put(events)
    events.disable_rule(Name="r")
    put(events)
    region.settle()
    assert len(inbox.take()) == 2


def test_rules_that_take_long_to_compile_hold_up_no_transaction(
    region: LocalRegion, events: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulebook, "SMALL", 0)
    compiling, go_on = Event(), Event()

    def slow(found: Any) -> Any:
        compiling.set()
        assert go_on.wait(60)
        return understood(found)

    understood = rulebook.understood
    monkeypatch.setattr(rulebook, "understood", slow)
    rule(events, "r", {"source": ["shop"], "detail": {"what": ["tea"]}})
    put(events)
    assert compiling.wait(60)
    put(events)
    assert kept(region) == 2
    go_on.set()
    region.settle()
    region.settle()
    assert (kept(region), len(inbox.take())) == (0, 2)
    put(events)
    region.settle()
    assert len(inbox.take()) == 1


def test_a_rule_that_changed_is_compiled_alone(
    region: LocalRegion, events: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []

    def counted(found: Any) -> Any:
        compiled.append(found.name)
        return understood(found)

    understood = rulebook.understood
    monkeypatch.setattr(rulebook, "understood", counted)
    for name in ("a", "b"):
        rule(events, name, {"source": ["shop"], "detail-type": [{"prefix": "S"}, name]})
    put(events)
    rule(events, "b", {"source": ["bank"]})
    put(events)
    region.settle()
    assert (compiled, len(inbox.take())) == (["a", "b", "b"], 3)


def test_a_target_that_fails_is_tried_again(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events)
    inbox.broken.add(FUNCTION)
    put(events)
    for _ in range(3):
        region.settle()
        region.advance(seconds=10)
    assert kept(region) == 1
    inbox.broken.clear()
    region.settle()
    assert len(inbox.take()) == 1
    assert kept(region) == 0
    assert tally(region) == Tally(triggered=1, invoked=1)


def test_a_slow_failure_holds_nobody_up(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": OTHER})
    inbox.broken.add(FUNCTION)
    put(events)
    region.settle()
    assert len(inbox.take(OTHER)) == 1


@pytest.mark.parametrize("retry", [{"MaximumRetryAttempts": 2}, {"MaximumEventAgeInSeconds": 3600}])
def test_attempts_and_age_are_bounded(region: LocalRegion, events: Any, inbox: Inbox, retry: dict[str, int]) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION, "RetryPolicy": retry, "DeadLetterConfig": {"Arn": QUEUE}})
    inbox.broken.add(FUNCTION)
    (told,) = put(events)
    for tried in range(3):
        assert kept(region) == 1, tried
        region.settle()
        region.advance(minutes=31)
    region.settle()
    assert kept(region) == 0
    assert [each["id"] for each in inbox.take(QUEUE)] == [told["EventId"]]
    assert tally(region) == Tally(triggered=1, invoked=1, failed=1, dead_lettered=1)


@pytest.mark.parametrize("way", ["closed", "gone"])
def test_a_target_that_is_gone_or_lets_nobody_send_is_not_tried_again(
    region: LocalRegion, events: Any, inbox: Inbox, way: str
) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": QUEUE}})
    put(events)
    if way == "closed":
        inbox.closed.add(FUNCTION)
    else:
        inbox.there.remove(FUNCTION)
    region.settle()
    assert kept(region) == 0
    assert inbox.take() == []
    assert len(inbox.take(QUEUE)) == 1
    assert tally(region).failed == 1


def test_a_dead_letter_queue_that_takes_nothing(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": QUEUE}})
    inbox.closed |= {FUNCTION, QUEUE}
    put(events)
    region.settle()
    assert kept(region) == 0
    assert tally(region) == Tally(triggered=1, invoked=1, failed=1)


def test_a_target_that_was_taken_away_is_sent_nothing(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": OTHER})
    put(events)
    events.remove_targets(Rule="r", Ids=["1"])
    region.settle()
    assert inbox.take() == []
    assert len(inbox.take(OTHER)) == 1
    assert kept(region) == 0


def test_an_event_that_meets_hundreds_of_rules(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    for number in range(250):
        events.put_rule(Name=f"r{number}", EventPattern='{"source": ["shop"]}')
        events.put_targets(Rule=f"r{number}", Targets=[{"Id": "1", "Arn": FUNCTION, "Input": str(number)}])
    put(events)
    assert kept(region) == 102
    region.settle()
    region.settle()
    assert sorted(inbox.take()) == list(range(250))
    assert kept(region) == 0
    assert tally(region) == Tally(triggered=250, invoked=250)


def test_events_of_any_depth_are_delivered_or_refused(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": OTHER, "InputPath": "$.source"})
    rule(events, "deep", {"source": ["shop"], "detail": {"a": {"a": {"a": [{"exists": False}]}}}})
    taken_in = 0
    for depth in range(800, 1100, 7):
        (told,) = put(events, entry(Detail='{"a":' * depth + "1" + "}" * depth))
        assert told.get("ErrorCode", "MalformedDetail") == "MalformedDetail"
        taken_in += "EventId" in told
    region.settle()
    assert kept(region) == 0
    assert 0 < len(inbox.received) <= 3 * taken_in


def test_metrics_tell_what_became_of_deliveries(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": OTHER})
    inbox.closed.add(OTHER)
    put(events)
    region.settle()
    with region.region.store.snapshot() as tx:
        found = {each.name: each.value for tell in registry.services()["events"].gauges for each in tell(tx)}
    assert found == {
        "fogbank_events_triggered_rules": 1,
        "fogbank_events_invocations": 2,
        "fogbank_events_failed_invocations": 1,
        "fogbank_events_dead_lettered": 0,
    }


def test_an_event_that_takes_long_to_compare_is_compared_behind_the_request(
    region: LocalRegion, events: Any, inbox: Inbox
) -> None:
    gone = {f"f{number}": [{"exists": False}] for number in range(20)}
    rule(events, "r", {"source": ["shop"], "detail": {"list": gone}})
    rule(events, "no", {"source": ["shop"], "detail": {"list": {"a": ["no"]}}})
    detail = json.dumps({"list": [{"a": number} for number in range(20_000)]})
    put(events, entry(Detail=detail))
    assert kept(region) == 1
    region.settle()
    region.settle()
    assert [each["detail"]["list"][-1] for each in inbox.take()] == [{"a": 19_999}]
    assert kept(region) == 0
    events.remove_targets(Rule="r", Ids=["1"])
    put(events, entry(Detail=detail))
    region.settle()
    assert kept(region) == 0


def test_what_is_too_much_to_compare_is_left_out(
    region: LocalRegion, events: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fogbank.services.events.matching.MOST_WORK", 50)
    rule(events, "large", {"source": ["shop"], "detail": {f"f{number}": [{"exists": False}] for number in range(50)}})
    rule(events, "small", {"source": ["shop"]}, {"Id": "1", "Arn": OTHER})
    put(events)
    region.settle()
    assert inbox.take() == []
    assert len(inbox.take(OTHER)) == 1


def test_trying_a_pattern(events: Any) -> None:
    assert events.test_event_pattern(EventPattern='{"source": ["shop"]}', Event=EVENT)["Result"] is True
    assert events.test_event_pattern(EventPattern='{"n": [2]}', Event=EVENT)["Result"] is False
    assert code(events.test_event_pattern, EventPattern="{}", Event=EVENT) == "InvalidEventPatternException"
    for text in ("", "[]", "{", '{"id": "1"}', "[" * 100_000, EVENT + " " * (1 << 20)):
        assert code(events.test_event_pattern, EventPattern='{"n": [2]}', Event=text) == "ValidationException"
