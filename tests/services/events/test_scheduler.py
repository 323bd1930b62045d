"""The scheduler: each rule is triggered once for each time that it is due, whatever happens to the region and its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.services.events import schedule
from fogbank.services.events.records import Rule, due
from fogbank.services.events.scheduler import MADE_UP, times_of
from services.events.made import FUNCTION, HERE, OTHER, put, rule
from support.region import LocalRegion

if TYPE_CHECKING:
    from pathlib import Path

    from services.events.conftest import Inbox


def at(region: LocalRegion, *when: int) -> None:
    """Set the region's clock to a time that is to come."""
    year, month, day, hour, minute, second = when
    region.clock.advance(datetime(year, month, day, hour, minute, second, tzinfo=UTC) - region.clock.now())


def times(inbox: Inbox) -> list[str]:
    """The times of the events that came."""
    return [event["time"] for event in inbox.take()]


def waiting(region: LocalRegion) -> int:
    """How many rules are due some time."""
    with region.region.store.snapshot() as tx:
        return sum(1 for _ in due.scan(tx))


def test_a_schedule_goes_on_when_the_region_starts_again(tmp_path: Path, inbox: Inbox) -> None:
    (tmp_path / "again").mkdir()
    first = LocalRegion(tmp_path / "again")
    rule(first.client("events"), "r", None, ScheduleExpression="rate(1 hour)")
    first.close()
    second = LocalRegion(tmp_path / "again")
    second.settle()
    assert inbox.take() == []
    second.advance(hours=5, minutes=1)
    second.settle()
    second.settle()
    assert len(inbox.take()) == 1
    second.close()


def test_the_event_of_a_rate(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    at(region, 2030, 1, 1, 12, 0, 5)
    rule(events, "five", None, ScheduleExpression="rate(5 minutes)")
    region.settle()
    assert inbox.take() == []
    region.advance(minutes=5)
    region.settle()
    (event,) = inbox.take()
    assert len(event.pop("id")) == 36
    assert event.pop("time")[:16] == "2030-01-01T12:05"
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": [f"{HERE}:rule/five"],
        "detail": {},
    }


def test_a_rate_goes_on(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, ScheduleExpression="rate(1 hour)")
    seen = []
    for _ in range(5):
        region.advance(minutes=30)
        region.settle()
        region.settle()
        seen.append(len(inbox.take()))
    assert seen == [0, 1, 0, 1, 0]


def test_cron(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    at(region, 2030, 1, 1, 11, 59, 0)  # a Tuesday
    rule(events, "r", None, ScheduleExpression="cron(0 12 ? * TUE *)")
    for when in ((2030, 1, 1, 12, 0, 30), (2030, 1, 2, 12, 1, 0), (2030, 1, 8, 11, 59, 0), (2030, 1, 8, 12, 0, 1)):
        at(region, *when)
        region.settle()
    assert times(inbox) == ["2030-01-01T12:00:00Z", "2030-01-08T12:00:00Z"]


def test_missed_times_of_the_last_minutes_are_all_made_up_for(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    at(region, 2030, 1, 1, 12, 0, 30)
    rule(events, "r", None, ScheduleExpression="cron(* * * * ? *)")
    at(region, 2030, 1, 1, 12, 4, 0)
    region.settle()
    assert times(inbox) == [f"2030-01-01T12:0{minute}:00Z" for minute in (1, 2, 3, 4)]


def test_of_times_that_were_missed_long_ago_the_last_is_made_up_for(
    region: LocalRegion, events: Any, inbox: Inbox
) -> None:
    at(region, 2030, 1, 1, 12, 0, 30)
    rule(events, "hourly", None, ScheduleExpression="cron(0 * * * ? *)")
    rule(events, "minutely", None, {"Id": "1", "Arn": OTHER}, ScheduleExpression="cron(* * * * ? *)")
    at(region, 2030, 1, 3, 8, 30, 20)
    region.settle()
    assert times(inbox) == ["2030-01-03T08:00:00Z"]
    assert [each["time"][11:16] for each in inbox.take(OTHER)] == ["08:26", "08:27", "08:28", "08:29", "08:30"]
    at(region, 2030, 1, 3, 9, 0, 1)
    region.settle()
    assert times(inbox) == ["2030-01-03T09:00:00Z"]


def test_a_clock_that_is_set_back_triggers_nothing_twice(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    at(region, 2030, 1, 1, 12, 0, 30)
    rule(events, "r", None, ScheduleExpression="cron(* * * * ? *)")
    at(region, 2030, 1, 1, 12, 2, 10)
    region.settle()
    assert len(times(inbox)) == 2
    region.clock._offset -= timedelta(minutes=2)
    region.settle()
    assert times(inbox) == []
    at(region, 2030, 1, 1, 12, 3, 1)
    region.settle()
    assert times(inbox) == ["2030-01-01T12:03:00Z"]


def test_a_rule_that_is_switched_off_is_not_due(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, ScheduleExpression="rate(1 hour)")
    events.disable_rule(Name="r")
    assert waiting(region) == 0
    region.advance(hours=2)
    region.settle()
    events.enable_rule(Name="r")
    region.advance(minutes=59)
    region.settle()
    assert inbox.take() == []
    region.advance(minutes=2)
    region.settle()
    assert len(inbox.take()) == 1
    events.remove_targets(Rule="r", Ids=["1"])
    events.delete_rule(Name="r")
    assert waiting(region) == 0


def test_putting_a_rule_again_keeps_its_pace_unless_its_schedule_is_another(
    region: LocalRegion, events: Any, inbox: Inbox
) -> None:
    rule(events, "r", None, ScheduleExpression="rate(1 hour)")
    region.advance(minutes=40)
    events.put_rule(Name="r", ScheduleExpression="rate(1 hour)", Description="the same")
    region.advance(minutes=21)
    region.settle()
    assert len(inbox.take()) == 1
    events.put_rule(Name="r", ScheduleExpression="rate(30 minutes)")
    region.advance(minutes=29)
    region.settle()
    assert inbox.take() == []
    region.advance(minutes=2)
    region.settle()
    assert len(inbox.take()) == 1


def test_a_schedule_without_times_is_never_due(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, ScheduleExpression="cron(0 0 30 2 ? *)")
    rule(events, "past", None, ScheduleExpression="cron(0 0 1 1 ? 2020)")
    assert waiting(region) == 0


def test_a_scheduled_event_is_for_its_own_rule(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "other", {"source": ["aws.events"]}, {"Id": "1", "Arn": OTHER})
    rule(events, "both", None, ScheduleExpression="rate(1 hour)", EventPattern='{"source": ["shop"]}')
    put(events)
    region.advance(minutes=61)
    region.settle()
    assert sorted(each["source"] for each in inbox.take()) == ["aws.events", "shop"]
    assert inbox.take(OTHER) == []


def test_the_input_of_a_scheduled_target(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION, "Input": '{"do": "it"}'}, ScheduleExpression="rate(1 minute)")
    region.advance(seconds=61)
    region.settle()
    assert inbox.take() == [{"do": "it"}]


def test_hundreds_of_rules_that_are_due_at_once(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    for number in range(250):
        events.put_rule(Name=f"r{number}", ScheduleExpression="rate(1 minute)")
        events.put_targets(Rule=f"r{number}", Targets=[{"Id": "1", "Arn": FUNCTION}])
    region.advance(seconds=62)
    region.settle()
    assert len({event["resources"][0] for event in inbox.take()}) == 250
    assert waiting(region) == 250


EXPRESSION = st.sampled_from(
    ["rate(1 minute)", "rate(7 minutes)", "cron(* * * * ? *)", "cron(0/3 8-9 * * ? *)", "cron(0 9 ? * MON *)"]
)
NOON = int(datetime(2030, 1, 1, 12, tzinfo=UTC).timestamp())


@given(expression=EXPRESSION, steps=st.lists(st.integers(-400, 400) | st.integers(0, 1_000_000), max_size=30))
@settings(max_examples=300, deadline=None)
def test_no_time_comes_twice_and_none_of_the_last_minutes_is_left_out(expression: str, steps: list[int]) -> None:
    found = schedule.parse(expression)
    assert found is not None
    rule = Rule(
        name="r", state="ENABLED", description="", pattern="", schedule=expression, role="", creator="", tags={},
        since=NOON, next=found.after(NOON, NOON) or 0,
    )  # fmt: skip
    now, triggered = NOON, [NOON]
    for step in steps:
        now += step
        if rule.next > now:
            continue
        times, following = times_of(found, rule, now)
        assert times
        assert following > now
        expected = found.after(max(triggered[-1], now - MADE_UP - 1), NOON)
        if expected is not None and expected <= now:
            assert times[0] == expected
        assert times[-1] == found.until(now, NOON)
        triggered += times
        rule = msgspec.structs.replace(rule, next=following)
    assert triggered == sorted(set(triggered))
