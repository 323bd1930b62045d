"""Log groups as targets: the group's resource policy decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.events.records import deliveries
from services.events.made import HERE, entry, put, rule
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

GROUP = "/aws/events/shop"
ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}"


@pytest.fixture
def logs(region: LocalRegion) -> Any:
    """CloudWatch Logs, with a group that EventBridge may write to for one rule."""
    client = region.client("logs")
    client.create_log_group(logGroupName=GROUP)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{ARN}:*",
        "Condition": {"ArnEquals": {"aws:SourceArn": f"{HERE}:rule/r"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client.put_resource_policy(policyName="events", policyDocument=document)
    return client


def written(logs: Any) -> list[str]:
    """What is in the group."""
    return [each["message"] for each in logs.filter_log_events(logGroupName=GROUP)["events"]]


def test_events_are_written_to_a_group(region: LocalRegion, events: Any, logs: Any) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": ARN})
    (told,) = put(events)
    put(events)
    region.settle()
    messages = written(logs)
    assert len(messages) == 2
    assert told["EventId"] in {json.loads(message)["id"] for message in messages}


def test_another_rule_may_not(region: LocalRegion, events: Any, logs: Any) -> None:
    rule(events, "other", None, {"Id": "1", "Arn": f"{ARN}:*"})
    put(events)
    region.settle()
    assert written(logs) == []


def test_a_group_that_is_not_there(region: LocalRegion, events: Any, logs: Any) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": f"{ARN}-none"}, {"Id": "2", "Arn": ARN})
    put(events)
    region.settle()
    assert len(written(logs)) == 1


def test_an_entry_of_its_own(region: LocalRegion, events: Any, logs: Any) -> None:
    template = '{"timestamp": <at>, "message": "sold for <price>"}'
    shape = {"InputTemplate": template, "InputPathsMap": {"at": "$.detail.at", "price": "$.detail.price"}}
    rule(events, "r", None, {"Id": "1", "Arn": ARN, "InputTransformer": shape})
    at = int(region.clock.now().timestamp() * 1000) - 5000
    put(events, entry(Detail=json.dumps({"at": at, "price": 5})))
    region.settle()
    (found,) = logs.filter_log_events(logGroupName=GROUP)["events"]
    assert (found["timestamp"], found["message"]) == (at, "sold for 5")


def test_an_entry_that_no_group_takes_is_given_up(region: LocalRegion, events: Any, logs: Any) -> None:
    shape = {"InputTemplate": '{"timestamp": <at>, "message": "x"}', "InputPathsMap": {"at": "$.detail.at"}}
    rule(events, "r", None, {"Id": "1", "Arn": ARN, "InputTransformer": shape})
    put(events, entry(Detail=json.dumps({"at": -1})))
    region.settle()
    assert written(logs) == []
    with region.region.store.snapshot() as tx:
        assert not list(deliveries.scan(tx))
