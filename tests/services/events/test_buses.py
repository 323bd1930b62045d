"""Buses: making them, their policies, and events that pass from one to another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.events.made import FUNCTION, HERE, SHOP, entry, put, rule
from services.helpers import allow, code, dev, permit, refusal, user_client

if TYPE_CHECKING:
    from services.events.conftest import Inbox
    from support.region import LocalRegion

OTHER = "111122223333"
BUS = f"{HERE}:event-bus/b"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}  # fmt: skip


@pytest.fixture
def bus(events: Any) -> Any:
    """A client of a region with a bus beside the default one."""
    events.create_event_bus(Name="b")
    return events


@pytest.fixture
def theirs(region: LocalRegion) -> Any:
    """A client of another account's root."""
    return dev(region, OTHER, "events")


def test_a_bus_comes_back(events: Any) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    assert events.create_event_bus(Name="b", Description="one", Tags=tags)["EventBusArn"] == BUS
    found = events.describe_event_bus(Name="b")
    assert (found["Name"], found["Arn"], found["Description"]) == ("b", BUS, "one")
    assert found["CreationTime"] == found["LastModifiedTime"]
    assert events.update_event_bus(Name="b", Description="two")["Description"] == "two"
    assert events.describe_event_bus(Name=BUS)["Description"] == "two"
    assert events.list_tags_for_resource(ResourceARN=BUS)["Tags"] == tags


def test_the_default_bus_is_always_there(events: Any) -> None:
    found = events.describe_event_bus()
    assert (found["Name"], found["Arn"]) == ("default", f"{HERE}:event-bus/default")
    assert "Policy" not in found
    assert code(events.create_event_bus, Name="default") == "ResourceAlreadyExistsException"
    assert refusal(events.delete_event_bus, Name="default")["Message"] == "Cannot delete event bus default."
    events.tag_resource(ResourceARN=found["Arn"], Tags=[{"Key": "a", "Value": "b"}])
    assert len(events.list_event_buses()["EventBuses"]) == 1


def test_what_no_bus_is(bus: Any) -> None:
    assert refusal(bus.create_event_bus, Name="b")["Message"] == "Event bus b already exists."
    assert code(bus.create_event_bus, Name="a/b") == "ValidationException"
    assert code(bus.create_event_bus, Name="a b") == "ValidationException"
    assert code(bus.create_event_bus, Name="c", EventSourceName="aws.partner/x/y") == "NotImplemented"
    assert code(bus.create_event_bus, Name="c", KmsKeyIdentifier="k") == "NotImplemented"
    assert code(bus.describe_event_bus, Name="none") == "ResourceNotFoundException"
    assert code(bus.describe_event_bus, Name=BUS.replace("us-east-1", "eu-west-1")) == "ResourceNotFoundException"
    assert code(bus.update_event_bus, Name="none") == "ResourceNotFoundException"


def test_buses_are_listed_in_pages(events: Any) -> None:
    for name in ("a", "c", "ca"):
        events.create_event_bus(Name=name)
    first = events.list_event_buses(Limit=2)
    rest = events.list_event_buses(NextToken=first["NextToken"])
    assert [each["Name"] for each in first["EventBuses"] + rest["EventBuses"]] == ["a", "c", "ca", "default"]
    assert [each["Name"] for each in events.list_event_buses(NamePrefix="c")["EventBuses"]] == ["c", "ca"]


def test_a_bus_with_rules_is_not_deleted(bus: Any, inbox: Inbox) -> None:
    bus.put_rule(Name="r", EventBusName="b", EventPattern=json.dumps(SHOP))
    assert code(bus.delete_event_bus, Name="b") == "ValidationException"
    bus.delete_rule(Name="r", EventBusName="b")
    bus.delete_event_bus(Name="b")
    bus.delete_event_bus(Name="b")
    assert [each["Name"] for each in bus.list_event_buses()["EventBuses"]] == ["default"]


def test_the_rules_of_a_bus_are_its_own(region: LocalRegion, bus: Any, inbox: Inbox) -> None:
    assert rule(bus, EventBusName="b") == f"{HERE}:rule/b/r"
    assert code(bus.describe_rule, Name="r") == "ResourceNotFoundException"
    put(bus, entry(), entry(EventBusName="b"), entry(EventBusName=BUS))
    region.settle()
    assert len(inbox.take()) == 2


def test_tags(bus: Any, inbox: Inbox) -> None:
    for arn in (rule(bus), rule(bus, EventBusName="b"), BUS):
        bus.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        bus.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "3"}])
        bus.untag_resource(ResourceARN=arn, TagKeys=["b", "c"])
        assert bus.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
        many = [{"Key": str(number), "Value": ""} for number in range(50)]
        assert code(bus.tag_resource, ResourceARN=arn, Tags=many) == "LimitExceededException"
        assert code(bus.tag_resource, ResourceARN=arn, Tags=[{"Key": "aws:a", "Value": ""}]) == "ValidationException"
        twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
        assert code(bus.tag_resource, ResourceARN=arn, Tags=twice) == "ValidationException"
    assert code(bus.list_tags_for_resource, ResourceARN=f"{HERE}:rule/none") == "ResourceNotFoundException"
    assert code(bus.list_tags_for_resource, ResourceARN="arn:aws:events:x") == "ValidationException"


def test_permissions_follow_tags(region: LocalRegion, bus: Any, inbox: Inbox) -> None:
    rule(bus, Tags=[{"Key": "team", "Value": "red"}])
    rule(bus, "other")
    client = user_client(region, "events")
    permit(region, allow("events:*", StringEquals={"aws:ResourceTag/team": "red"}))
    assert client.describe_rule(Name="r")["Name"] == "r"
    assert code(client.describe_rule, Name="other") == "AccessDeniedException"
    permit(region, allow("events:PutRule", StringEquals={"aws:RequestTag/team": "red"}))
    given = {"Name": "new", "EventPattern": json.dumps(SHOP)}
    assert code(client.put_rule, **given) == "AccessDeniedException"
    client.put_rule(**given, Tags=[{"Key": "team", "Value": "red"}])


def test_a_statement_lets_another_account_put_events(region: LocalRegion, bus: Any, theirs: Any, inbox: Inbox) -> None:
    rule(bus, EventBusName="b")
    there = entry(EventBusName=BUS)
    assert code(theirs.put_events, Entries=[there]) == "AccessDeniedException"
    bus.put_permission(EventBusName="b", Action="events:PutEvents", Principal=OTHER, StatementId="them")
    assert json.loads(bus.describe_event_bus(Name="b")["Policy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "them",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
                "Action": "events:PutEvents",
                "Resource": BUS,
            }
        ],
    }
    put(theirs, there)
    region.settle()
    assert [each["account"] for each in inbox.take()] == [OTHER]
    bus.remove_permission(EventBusName="b", StatementId="them")
    assert "Policy" not in bus.describe_event_bus(Name="b")
    assert code(theirs.put_events, Entries=[there]) == "AccessDeniedException"


def test_statements_are_replaced_by_their_ids(bus: Any) -> None:
    given = {"Action": "events:PutEvents", "Principal": "*"}
    condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"}
    bus.put_permission(StatementId="a", **given)
    bus.put_permission(StatementId="b", **given)
    bus.put_permission(StatementId="a", **given, Condition=condition)
    statements = json.loads(bus.describe_event_bus()["Policy"])["Statement"]
    assert [each["Sid"] for each in statements] == ["b", "a"]
    assert statements[1]["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    wrong = refusal(bus.remove_permission, StatementId="c")
    assert (wrong["Code"], wrong["Message"]) == (
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
    )
    bus.remove_permission(RemoveAllPermissions=True)
    assert refusal(bus.remove_permission, StatementId="a")["Message"] == "EventBus does not have a policy."


def test_what_no_permission_is(bus: Any) -> None:
    given = {"Action": "events:PutEvents", "Principal": OTHER, "StatementId": "a"}
    for name in given:
        assert (
            code(bus.put_permission, **{key: value for key, value in given.items() if key != name})
            == "ValidationException"
        )
    for more in ({"Action": "events:PutRule"}, {"Principal": "root"}, {"StatementId": "a b"}, {"Policy": "{}"}):
        assert code(bus.put_permission, **{**given, **more}) == "ValidationException"
    assert code(bus.put_permission, Policy="{") == "ValidationException"
    assert code(bus.put_permission, **given, EventBusName="none") == "ResourceNotFoundException"
    assert code(bus.remove_permission) == "ValidationException"
    statement = {
        "Sid": "s" * 11_000,
        "Effect": "Allow",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": BUS,
    }
    large = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert code(bus.put_permission, Policy=large) == "PolicyLengthExceededException"


def test_a_policy_lets_another_account_make_rules(region: LocalRegion, bus: Any, theirs: Any, inbox: Inbox) -> None:
    own = {"StringEqualsIfExists": {"events:creatorAccount": "${aws:PrincipalAccount}"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": ["events:PutRule", "events:DescribeRule", "events:DeleteRule"],
        "Resource": f"{HERE}:rule/b/*",
        "Condition": own,
    }
    bus.put_permission(EventBusName="b", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    rule(bus, "mine", EventBusName="b")
    made = theirs.put_rule(Name="r", EventBusName=BUS, EventPattern=json.dumps(SHOP))
    assert made["RuleArn"] == f"{HERE}:rule/b/r"
    assert theirs.describe_rule(Name="r", EventBusName=BUS)["CreatedBy"] == OTHER
    assert bus.describe_rule(Name="r", EventBusName="b")["CreatedBy"] == OTHER
    assert code(theirs.describe_rule, Name="mine", EventBusName=BUS) == "AccessDeniedException"
    assert code(theirs.enable_rule, Name="r", EventBusName=BUS) == "AccessDeniedException"


def test_an_event_is_passed_on_to_another_bus_once(region: LocalRegion, bus: Any, inbox: Inbox) -> None:
    back = f"{HERE}:event-bus/default"
    rule(bus, "to", None, {"Id": "1", "Arn": BUS}, {"Id": "2", "Arn": FUNCTION})
    rule(bus, "back", None, {"Id": "1", "Arn": back}, {"Id": "2", "Arn": FUNCTION}, EventBusName="b")
    put(bus)
    for _ in range(3):
        region.settle()
    first, second = inbox.take()
    assert first == second


def test_an_event_is_passed_on_to_another_account(region: LocalRegion, bus: Any, theirs: Any, inbox: Inbox) -> None:
    rule(bus, "in", None, EventBusName="b")
    rule(theirs, "out", None, {"Id": "1", "Arn": BUS})
    put(theirs)
    region.settle()
    assert inbox.take() == []
    bus.put_permission(EventBusName="b", Action="events:PutEvents", Principal=OTHER, StatementId="them")
    put(theirs)
    region.settle()
    region.settle()
    assert [each["account"] for each in inbox.take()] == [OTHER]


def test_an_event_is_passed_on_by_a_role(region: LocalRegion, bus: Any, inbox: Inbox) -> None:
    iam = region.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    rule(bus, "in", None, EventBusName="b")
    rule(bus, "out", None, {"Id": "1", "Arn": BUS, "RoleArn": role})
    put(bus)
    region.settle()
    assert inbox.take() == []
    document = {"Version": "2012-10-17", "Statement": [allow("events:PutEvents", BUS)]}
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(document))
    put(bus)
    region.settle()
    region.settle()
    assert len(inbox.take()) == 1


def test_a_bus_that_is_gone(region: LocalRegion, bus: Any) -> None:
    rule(bus, "out", None, {"Id": "1", "Arn": BUS})
    put(bus)
    bus.delete_event_bus(Name="b")
    region.settle()
    assert put(bus)[0].keys() == {"EventId"}


def test_who_may_make_rules_on_a_bus_cannot_have_it_send_where_only_its_account_may(
    region: LocalRegion, bus: Any, theirs: Any, inbox: Inbox
) -> None:
    bus.create_event_bus(Name="secret")
    rule(bus, EventBusName="secret")
    allowed = ["events:PutRule", "events:PutTargets", "events:ListTargetsByRule"]
    policy = {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": allowed,
        "Resource": f"{HERE}:rule/b/*",
    }
    bus.put_permission(EventBusName="b", Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    theirs.put_rule(Name="t", EventBusName=BUS, EventPattern=json.dumps(SHOP))
    for arn in (f"{HERE}:event-bus/secret", FUNCTION, f"arn:aws:logs:us-east-1:{HERE.split(':')[4]}:log-group:g"):
        refused = refusal(theirs.put_targets, Rule="t", EventBusName=BUS, Targets=[{"Id": "1", "Arn": arn}])
        assert (refused["Code"], refused["Message"].split(" must")[1]) == (
            "AccessDeniedException",
            " be in your own account.",
        )
    own = f"arn:aws:lambda:us-east-1:{OTHER}:function:f"
    inbox.there.add(own)
    theirs.put_targets(Rule="t", EventBusName=BUS, Targets=[{"Id": "1", "Arn": own}])
    put(bus, entry(EventBusName="b"))
    region.settle()
    assert (len(inbox.take(own)), inbox.take()) == (1, [])
