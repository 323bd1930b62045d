"""Names of events that are not their operations'."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fogbank.gateway.event_names import _NAMES, event_name, operation_name
from fogbank.wire import load
from services.helpers import refusal

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("CreateFunction", "CreateFunction20150331"),
        ("UpdateFunctionCode", "UpdateFunctionCode20150331v2"),
        ("PutFunctionConcurrency", "PutFunctionConcurrency20171031"),
        ("TagResource", "TagResource20170331v2"),
        ("PublishLayerVersion", "PublishLayerVersion20181031"),
        ("CreateFunctionUrlConfig", "CreateFunctionUrlConfig"),
        ("Invoke", "Invoke"),
    ],
)
def test_lambdas_events_say_of_which_version_they_are(operation: str, name: str) -> None:
    assert event_name("lambda", operation) == name
    assert operation_name(name) == operation


def test_all_of_them_are_operations() -> None:
    assert {name for _, name in _NAMES} <= set(load("lambda").operations)


def test_operations_of_other_services_are_called_what_they_are() -> None:
    assert event_name("events", "TagResource") == "TagResource"


def test_an_event_is_found_by_its_name(region: LocalRegion) -> None:
    assert refusal(region.client("lambda").get_policy, FunctionName="f")["Code"] == "ResourceNotFoundException"
    assert region.events()[0]["eventName"] == "GetPolicy20150331v2"
    looked = region.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetPolicy20150331v2"}]
    )
    assert [event["EventName"] for event in looked["Events"]] == ["GetPolicy20150331v2"]
