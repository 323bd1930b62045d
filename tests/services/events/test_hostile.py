"""Requests of strangers over the wire: each is answered with AWS's error, and nothing of it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.events.made import FUNCTION, entry, put, rule
from services.helpers import code

if TYPE_CHECKING:
    from services.events.conftest import Inbox
    from support.region import LocalRegion

HALF = "\ud800"
PATTERN = '{"source": ["shop"]}'
REFUSALS = {"ValidationException", "SerializationException", "InvalidEventPatternException"}


@pytest.mark.parametrize(
    ("operation", "req"),
    [
        ("put_rule", {"Name": "r", "EventPattern": '{"a": ["' + HALF + '"]}'}),
        ("put_rule", {"Name": "r", "EventPattern": PATTERN, "Description": HALF}),
        ("put_rule", {"Name": "r", "ScheduleExpression": f"rate(1{HALF} minute)"}),
        ("put_rule", {"Name": "r", "EventPattern": PATTERN, "Tags": [{"Key": HALF, "Value": ""}]}),
        ("put_rule", {"Name": "r", "EventPattern": PATTERN, "Tags": [{"Key": "a"}]}),
        ("put_rule", {"Name": "r", "EventPattern": PATTERN, "RoleArn": "r" * 1601}),
        ("put_rule", {"Name": "r", "EventPattern": {"source": ["shop"]}}),
        ("put_targets", {"Rule": "there", "Targets": [{"Id": "2", "Arn": FUNCTION, "Input": f'"{HALF}"'}]}),
        ("put_targets", {"Rule": "there", "Targets": [{"Id": "2", "Arn": FUNCTION, "InputPath": f"$.{HALF}"}]}),
        ("put_targets", {"Rule": "there", "Targets": [{"Id": "2", "Arn": FUNCTION + HALF}]}),
        ("put_targets", {"Rule": "there", "Targets": [{"Id": "2"}]}),
        ("put_targets", {"Rule": "there", "Targets": []}),
        ("put_targets", {"Rule": "there", "Targets": [{"Id": "2", "Arn": FUNCTION, "InputTransformer": {}}]}),
        ("list_rules", {"Limit": 0}),
        ("list_rules", {"Limit": 101}),
        ("list_rules", {"NextToken": HALF}),
        ("create_event_bus", {"Name": "b", "Description": HALF}),
        ("put_permission", {"Policy": HALF}),
        ("tag_resource", {"ResourceARN": HALF, "Tags": []}),
    ],
)
def test_hostile_requests(region: LocalRegion, events: Any, inbox: Inbox, operation: str, req: dict[str, Any]) -> None:
    rule(events, "there")
    assert code(getattr(events, operation), **req) in REFUSALS
    assert [each["Name"] for each in events.list_rules()["Rules"]] == ["there"]
    assert [each["Id"] for each in events.list_targets_by_rule(Rule="there")["Targets"]] == ["1"]
    assert len(events.list_event_buses()["EventBuses"]) == 1


def test_hostile_events(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "there", {"source": ["shop"], "detail": {"a": [{"exists": True}, {"exists": False}]}})
    hostile = [
        {"Source": HALF},
        {"DetailType": HALF},
        {"Detail": '{"a": "' + HALF + '"}'},
        {"Detail": '{"a": 1e999999999}'},
        {"Detail": '{"a": ' + "9" * 100_000 + "}"},
        {"Detail": '{"a": 1, "a": 2}'},
        {"Detail": '{"a": "\\ud800"}'},
        {"Detail": '{"a": 1}\x00'},
        {"Resources": [HALF]},
        {"Time": -62135596800},
    ]
    answers = [put_or_refused(events, entry(**each)) for each in hostile]
    region.settle()
    assert answers.count("taken") == len(inbox.received) == 5
    assert all(answer in {"taken", "InvalidArgument", "MalformedDetail", *REFUSALS} for answer in answers)


def put_or_refused(events: Any, event: dict[str, Any]) -> str:
    """What becomes of an event: taken, or the code of its refusal."""
    try:
        (told,) = put(events, event)
    except events.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return str(told.get("ErrorCode", "taken"))
