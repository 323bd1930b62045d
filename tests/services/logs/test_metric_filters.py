"""Metric filters: kept, described, deleted; TestMetricFilter with the examples of AWS's documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, refusal
from services.logs.made import GROUP, make

if TYPE_CHECKING:
    from support.region import LocalRegion

LATENCY = {"metricName": "Latency", "metricNamespace": "App", "metricValue": "$.latency"}
COUNT: dict[str, Any] = {
    "metricName": "Count",
    "metricNamespace": "App",
    "metricValue": "1",
    "defaultValue": 0.0,
    "unit": "Count",
}
ACCESS = [
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534',
    '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324',
    '127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] "GET /apache_pb.gif HTTP/1.0" 200 4355',
]


def put(
    logs: Any, name: str = "f", pattern: str = "{ $.latency = * }", group: str = GROUP, **transformation: Any
) -> Any:
    """Put a metric filter."""
    given = [{**LATENCY, **transformation}]
    return logs.put_metric_filter(
        logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=given
    )


def test_a_metric_filter_is_kept(region: LocalRegion, logs: Any) -> None:
    make(logs)
    put(logs)
    put(logs, "errors", "ERROR", **COUNT)
    first, second = logs.describe_metric_filters(logGroupName=GROUP)["metricFilters"]
    assert 0 < second.pop("creationTime") <= first.pop("creationTime")
    assert first == {
        "filterName": "errors",
        "filterPattern": "ERROR",
        "metricTransformations": [COUNT],
        "logGroupName": GROUP,
        "applyOnTransformedLogs": False,
    }
    assert second["metricTransformations"] == [{**LATENCY, "unit": "None"}]
    assert logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 2
    put(logs, "errors", "WARN", metricValue="2")
    changed = logs.describe_metric_filters(logGroupName=GROUP, filterNamePrefix="err")["metricFilters"]
    assert [each["filterPattern"] for each in changed] == ["WARN"]


def test_metric_filters_are_listed_over_groups_and_pages(region: LocalRegion, logs: Any) -> None:
    for group in ("a", "b"):
        make(logs, group)
        for name in ("x", "y"):
            put(logs, name, group=group, metricName=name)
    pages = logs.get_paginator("describe_metric_filters").paginate(PaginationConfig={"PageSize": 1})
    found = [(each["logGroupName"], each["filterName"]) for page in pages for each in page["metricFilters"]]
    assert found == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    of_metric = logs.describe_metric_filters(metricName="y", metricNamespace="App")["metricFilters"]
    assert [each["logGroupName"] for each in of_metric] == ["a", "b"]
    assert code(logs.describe_metric_filters, metricName="y") == "InvalidParameterException"
    assert code(logs.describe_metric_filters, nextToken="x") == "InvalidParameterException"


def test_a_metric_filter_is_deleted_by_itself_or_with_its_group(region: LocalRegion, logs: Any) -> None:
    make(logs)
    put(logs)
    logs.delete_metric_filter(logGroupName=GROUP, filterName="f")
    assert logs.describe_metric_filters(logGroupName=GROUP)["metricFilters"] == []
    told = refusal(logs.delete_metric_filter, logGroupName=GROUP, filterName="f")
    assert (told["Code"], told["Message"]) == (
        "ResourceNotFoundException",
        "The specified metric filter does not exist.",
    )
    put(logs)
    logs.delete_log_group(logGroupName=GROUP)
    make(logs)
    assert logs.describe_metric_filters(logGroupName=GROUP)["metricFilters"] == []


@pytest.mark.parametrize(
    ("pattern", "transformation"),
    [
        ("ERROR", {"metricValue": "$.latency"}),
        ("{ $.latency = * }", {"metricValue": "$.other"}),
        ("{ $.latency = * }", {"metricValue": "many"}),
        ("ERROR", {"metricValue": "1", "dimensions": {"A": "$.latency"}}),
        ("{ $.latency = * }", {"dimensions": {"A": "$.other"}}),
        ("{ $.latency = * }", {"dimensions": {"A": "$.latency"}, "defaultValue": 0.0}),
        ("{ $.latency = * }", {"dimensions": dict.fromkeys("ABCD", "$.latency")}),
        ("{ $.latency = ", {}),
        ("a:b", {"metricValue": "1"}),
    ],
)
def test_what_is_refused(logs: Any, pattern: str, transformation: dict[str, Any]) -> None:
    make(logs)
    assert code(put, logs=logs, pattern=pattern, **transformation) == "InvalidParameterException"


def test_values_and_dimensions_of_fields(logs: Any) -> None:
    make(logs)
    put(logs, pattern="[ip, ..., status, bytes]", metricValue="$bytes", dimensions={"Status": "$status"})
    transformation = logs.describe_metric_filters(logGroupName=GROUP)["metricFilters"][0]["metricTransformations"][0]
    assert (transformation["metricValue"], transformation["dimensions"]) == ("$bytes", {"Status": "$status"})


def test_groups_of_infrequent_access_have_no_filters(logs: Any) -> None:
    make(logs, logGroupClass="INFREQUENT_ACCESS")
    assert code(put, logs=logs) == "InvalidOperationException"
    subscribe = {
        "filterName": "f",
        "filterPattern": "",
        "destinationArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
    }
    assert code(logs.put_subscription_filter, logGroupName=GROUP, **subscribe) == "InvalidOperationException"


def test_limits(logs: Any) -> None:
    make(logs)
    for number in range(5):
        put(logs, f"r{number}", f"%a{number}%", metricValue="1")
    put(logs, "r0", "%other%", metricValue="1")
    assert code(put, logs=logs, name="r5", pattern="%b%", metricValue="1") == "LimitExceededException"
    for number in range(95):
        put(logs, f"f{number}")
    assert code(put, logs=logs, name="more") == "LimitExceededException"
    assert code(put, logs=logs, group="none") == "ResourceNotFoundException"


def extracted(logs: Any, pattern: str, messages: list[str]) -> list[tuple[int, dict[str, str]]]:
    """What TestMetricFilter says: numbers of events, and extracted values."""
    matches = logs.test_metric_filter(filterPattern=pattern, logEventMessages=messages)["matches"]
    assert all(match["eventMessage"] == messages[match["eventNumber"] - 1] for match in matches)
    return [(match["eventNumber"], match["extractedValues"]) for match in matches]


def test_fields_of_access_logs(logs: Any) -> None:
    names = "[ip, identity, user_id, timestamp, request, status_code, size]"
    frank = {"$ip": "127.0.0.1", "$identity": "-", "$user_id": "frank", "$request": "GET /apache_pb.gif HTTP/1.0"}
    assert extracted(logs, names, ACCESS) == [
        (1, {**frank, "$timestamp": "10/Oct/2000:13:25:15 -0700", "$status_code": "200", "$size": "1534"}),
        (2, {**frank, "$timestamp": "10/Oct/2000:13:35:22 -0700", "$status_code": "500", "$size": "5324"}),
        (3, {**frank, "$timestamp": "10/Oct/2000:13:50:35 -0700", "$status_code": "200", "$size": "4355"}),
    ]
    some = extracted(logs, "[..., size]", ACCESS)[0][1]
    assert some == {
        "$size": "1534",
        "$6": "200",
        "$5": "GET /apache_pb.gif HTTP/1.0",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$3": "frank",
        "$2": "-",
        "$1": "127.0.0.1",
    }
    assert extracted(logs, "[]", ACCESS)[0][1] == {
        ("$7" if name == "$size" else name): text for name, text in some.items()
    }
    assert [number for number, _ in extracted(logs, "[..., status_code=200, size]", ACCESS)] == [1, 3]
    assert [number for number, _ in extracted(logs, "[..., status_code=5*, size > 5000]", ACCESS)] == [2]


def test_words(logs: Any) -> None:
    messages = [
        "02 May 2014 00:34:12,525 [INFO] Starting the application",
        "02 May 2014 00:35:14,245 [DEBUG] Database connection established",
        "02 May 2014 00:34:14,663 [INFO] Executing SQL Query",
        "02 May 2014 00:34:16,142 [ERROR] Unhanded exception: InvalidQueryException",
        "02 May 2014 00:34:16,224 [ERROR] Terminating the application",
    ]
    assert extracted(logs, '"[ERROR]"', messages) == [(4, {}), (5, {})]
    assert extracted(logs, "ERROR -exception", messages) == [(5, {})]
    assert extracted(logs, "?DEBUG ?SQL", messages) == [(2, {}), (3, {})]
    assert extracted(logs, "%Unhandl?ed%", messages) == [(4, {})]
    assert len(extracted(logs, "", messages)) == 5


def test_json(logs: Any) -> None:
    events = [
        '{"eventName": "ConsoleLogin", "sourceIPAddress": "111.111.111.111", "n": 1}',
        '{"eventName": "ConsoleLogin", "sourceIPAddress": "123.123.0.1", "n": 2}',
        "not JSON",
    ]
    found = extracted(logs, "{ $.eventName = ConsoleLogin && $.sourceIPAddress != 123.123.* }", events)
    assert found == [(1, {"$.eventName": "ConsoleLogin", "$.sourceIPAddress": "111.111.111.111"})]
    assert extracted(logs, "{ $.n >= 2 }", events) == [(2, {"$.n": "2"})]


def test_a_pattern_that_is_none(logs: Any) -> None:
    told = refusal(logs.test_metric_filter, filterPattern="{x", logEventMessages=["a"])
    assert (told["Code"], told["Message"]) == (
        "InvalidParameterException",
        "If a filter pattern starts with '{' it must end with '}'",
    )


def test_what_a_pattern_is_tried_on_is_in_no_event(region: LocalRegion, logs: Any) -> None:
    logs.test_metric_filter(filterPattern="confidential", logEventMessages=["confidential 4711"])
    assert region.events()[0]["eventName"] == "TestMetricFilter"
    assert not [line for line in region.lines if b"4711" in line]
