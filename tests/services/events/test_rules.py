"""Rules: making, finding, switching and deleting them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.events.made import FUNCTION, HERE, OTHER, SHOP, rule
from services.helpers import allow, code, dev, permit, refusal, user_client

if TYPE_CHECKING:
    from services.events.conftest import Inbox
    from support.region import LocalRegion

PATTERN = json.dumps(SHOP)
ROLE = "arn:aws:iam::123456789012:role/r"


def test_a_rule_comes_back(events: Any) -> None:
    made = {"Description": "what is sold", "EventPattern": PATTERN, "State": "DISABLED", "RoleArn": ROLE}
    assert events.put_rule(Name="r", **made)["RuleArn"] == f"{HERE}:rule/r"
    found = events.describe_rule(Name="r")
    del found["ResponseMetadata"]
    own = {"Name": "r", "Arn": f"{HERE}:rule/r", "EventBusName": "default", "CreatedBy": "123456789012"}
    assert found == made | own


def test_putting_a_rule_again_replaces_it(events: Any, inbox: Inbox) -> None:
    rule(events, Tags=[{"Key": "a", "Value": "b"}], Description="first")
    events.put_rule(Name="r", ScheduleExpression="rate(5 minutes)", Tags=[{"Key": "c", "Value": "d"}])
    found = events.describe_rule(Name="r")
    assert found["ScheduleExpression"] == "rate(5 minutes)"
    assert not {"Description", "EventPattern"} & set(found)
    assert events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    assert len(events.list_targets_by_rule(Rule="r")["Targets"]) == 1


def test_what_no_rule_is(events: Any) -> None:
    wrong = refusal(events.put_rule, Name="r")
    assert (wrong["Code"], wrong["Status"]) == ("ValidationException", 400)
    assert wrong["Message"] == "Parameter(s) EventPattern or ScheduleExpression must be specified."
    wrong = refusal(events.put_rule, Name="r", ScheduleExpression="rate(1 minutes)")
    assert wrong["Message"] == "Parameter ScheduleExpression is not valid."
    wrong = refusal(events.put_rule, Name="r", EventPattern='{"a": {}}')
    assert wrong["Code"] == "InvalidEventPatternException"
    assert wrong["Message"].startswith(
        "Event pattern is not valid. Reason: Empty objects are not allowed at [Source: (String)"
    )
    events.create_event_bus(Name="b")
    wrong = refusal(events.put_rule, Name="r", EventBusName="b", ScheduleExpression="rate(1 hour)")
    assert wrong["Message"] == "ScheduleExpression is supported only on the default event bus."
    wrong = refusal(events.put_rule, Name="r", EventBusName="none", EventPattern=PATTERN)
    assert (wrong["Code"], wrong["Message"]) == ("ResourceNotFoundException", "Event bus none does not exist.")


@pytest.mark.parametrize(
    "more",
    [
        {"Name": "a b"},
        {"Name": ""},
        {"Name": "a" * 65},
        {"State": "ON"},
        {"EventPattern": PATTERN + " " * 4096},
        {"ScheduleExpression": "rate(1 hour)" * 30},
        {"Description": "d" * 513},
        {"EventBusName": "arn:aws:events"},
        {"EventPattern": 5},
    ],
)
def test_hostile_rules(events: Any, more: dict[str, Any]) -> None:
    assert code(events.put_rule, **{"Name": "r", "EventPattern": PATTERN, **more}) in {
        "ValidationException",
        "SerializationException",
    }


def test_a_rule_on_calls_that_cloudtrail_tells_of_is_not_here(events: Any) -> None:
    state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    assert code(events.put_rule, Name="r", EventPattern=PATTERN, State=state) == "NotImplemented"


def test_rules_are_listed_in_pages(events: Any) -> None:
    for number in range(5):
        events.put_rule(Name=f"a{number}", EventPattern=PATTERN)
    events.put_rule(Name="b", EventPattern=PATTERN)
    first = events.list_rules(NamePrefix="a", Limit=3)
    rest = events.list_rules(NamePrefix="a", Limit=3, NextToken=first["NextToken"])
    assert [each["Name"] for each in first["Rules"] + rest["Rules"]] == ["a0", "a1", "a2", "a3", "a4"]
    assert "NextToken" not in rest
    assert len(events.list_rules()["Rules"]) == 6
    assert code(events.list_rules, NextToken="nonsense") == "ValidationException"
    assert code(events.list_rules, EventBusName="none") == "ResourceNotFoundException"


def test_a_rule_is_switched(events: Any) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    events.disable_rule(Name="r")
    assert events.describe_rule(Name="r")["State"] == "DISABLED"
    events.enable_rule(Name="r")
    assert events.describe_rule(Name="r")["State"] == "ENABLED"
    wrong = refusal(events.enable_rule, Name="none")
    assert wrong["Message"] == "Rule none does not exist on EventBus default."


def test_a_rule_with_targets_is_not_deleted(events: Any, inbox: Inbox) -> None:
    rule(events)
    assert refusal(events.delete_rule, Name="r")["Message"] == "Rule can't be deleted since it has targets."
    assert code(events.delete_rule, Name="r", Force=True) == "ValidationException"
    events.remove_targets(Rule="r", Ids=["1", "another"])
    events.delete_rule(Name="r")
    events.delete_rule(Name="r")
    assert code(events.describe_rule, Name="r") == "ResourceNotFoundException"
    assert code(events.delete_rule, Name="r", EventBusName="none") == "ResourceNotFoundException"


def test_rules_of_a_target(events: Any, inbox: Inbox) -> None:
    for name in ("a", "b", "c"):
        rule(events, name, None, {"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": FUNCTION, "Input": "1"})
    rule(events, "d", None, {"Id": "1", "Arn": OTHER})
    first = events.list_rule_names_by_target(TargetArn=FUNCTION, Limit=2)
    assert first["RuleNames"] == ["a", "b"]
    rest = events.list_rule_names_by_target(TargetArn=FUNCTION, NextToken=first["NextToken"])
    assert rest["RuleNames"] == ["c"]
    events.put_targets(Rule="a", Targets=[{"Id": "1", "Arn": OTHER}, {"Id": "2", "Arn": OTHER}])
    assert events.list_rule_names_by_target(TargetArn=FUNCTION)["RuleNames"] == ["b", "c"]
    assert events.list_rule_names_by_target(TargetArn=OTHER)["RuleNames"] == ["a", "d"]


def test_giving_a_role_needs_permission_to_pass_it(region: LocalRegion) -> None:
    client = user_client(region, "events")
    permit(region, allow("events:PutRule"))
    assert code(client.put_rule, Name="r", EventPattern=PATTERN, RoleArn=ROLE) == "AccessDeniedException"
    passes = allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "events.amazonaws.com"})
    permit(region, allow("events:PutRule"), passes)
    client.put_rule(Name="r", EventPattern=PATTERN, RoleArn=ROLE)


def test_a_condition_on_the_events_of_a_rule(region: LocalRegion) -> None:
    client = user_client(region, "events")
    condition = {"ForAllValues:StringEquals": {"events:source": ["shop"]}, "Null": {"events:source": "false"}}
    permit(region, allow("events:PutRule", f"{HERE}:rule/*", **condition))
    client.put_rule(Name="r", EventPattern=PATTERN)
    for pattern in ({"source": ["shop", "bank"]}, {"source": [{"prefix": "shop"}]}, {"detail": {"a": [1]}}):
        assert code(client.put_rule, Name="r", EventPattern=json.dumps(pattern)) == "AccessDeniedException"


def test_a_condition_on_targets(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    client = user_client(region, "events")
    permit(region, allow("events:PutTargets", **{"ForAllValues:ArnEquals": {"events:TargetArn": FUNCTION}}))
    client.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": FUNCTION}])
    both = [{"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": OTHER}]
    assert code(client.put_targets, Rule="r", Targets=both) == "AccessDeniedException"


def test_rules_of_other_accounts_are_others(region: LocalRegion, events: Any) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    theirs = dev(region, "111122223333", "events")
    assert theirs.list_rules()["Rules"] == []
    assert code(theirs.describe_rule, Name="r") == "ResourceNotFoundException"
    shared = f"{HERE}:event-bus/default"
    assert code(theirs.describe_rule, Name="r", EventBusName=shared) == "AccessDeniedException"
    assert events.describe_rule(Name="r", EventBusName=shared)["Name"] == "r"


def test_what_is_not_here(events: Any) -> None:
    assert code(events.create_archive, ArchiveName="a", EventSourceArn=f"{HERE}:event-bus/default") == "NotImplemented"
    assert code(events.list_replays) == "NotImplemented"
    assert code(events.list_connections) == "NotImplemented"


def test_the_patterns_of_a_bus_have_a_bound(events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fogbank.services.events.rules.MOST_TEXT", 2 * len(PATTERN))
    longer = json.dumps({"source": ["shop", "bank"]})
    for name in ("a", "b"):
        events.put_rule(Name=name, EventPattern=PATTERN)
    assert code(events.put_rule, Name="c", EventPattern=PATTERN) == "LimitExceededException"
    assert code(events.put_rule, Name="a", EventPattern=longer) == "LimitExceededException"
    events.put_rule(Name="a", EventPattern=PATTERN, State="DISABLED")
    events.put_rule(Name="c", ScheduleExpression="rate(5 minutes)")
    events.delete_rule(Name="b")
    events.put_rule(Name="c", EventPattern=PATTERN)
