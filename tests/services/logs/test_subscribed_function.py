"""A function that is subscribed to a group, and runs: what it is sent, and what it logs of it, which a query finds."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import refusal
from services.lambda_.packages import zipped
from services.lambda_.planted import role
from services.logs.made import GROUP, events, make, now_of, put
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
SOURCE = """
import base64, gzip, json

def handler(event, context):
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    for each in data["logEvents"]:
        print(json.dumps({"kind": data["messageType"], "stream": data["logStream"], "got": each["message"]}))
"""


def eventually(condition: Callable[[], Any]) -> Any:
    """What a condition comes to, once it does."""
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
    return found


@pytest.fixture
def function(region: LocalRegion) -> str:
    """The ARN of a function that logs what it is sent."""
    client = region.client("lambda", read_timeout=120)
    made = client.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=role(region, *LOGS),
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": SOURCE})},
        Timeout=30,
    )
    region.settle()
    eventually(lambda: client.get_function_configuration(FunctionName="f")["State"] == "Active")
    return str(made["FunctionArn"])


def subscribe(logs: Any, function: str) -> Any:
    return logs.put_subscription_filter(
        logGroupName=GROUP, filterName="sub", filterPattern="ERROR", destinationArn=function
    )


def query(region: LocalRegion, logs: Any, text: str) -> list[dict[str, str]]:
    """What a query on the function's group comes to."""
    now = now_of(region) // 1000
    number = logs.start_query(logGroupName="/aws/lambda/f", startTime=now - 3600, endTime=now + 60, queryString=text)
    region.settle()
    found = logs.get_query_results(queryId=number["queryId"])["results"]
    return [{field["field"]: field["value"] for field in row} for row in found]


def test_a_function_is_sent_what_matches(region: LocalRegion, logs: Any, function: str) -> None:
    make(logs)
    assert refusal(subscribe, logs=logs, function=function)["Message"].startswith("Could not execute")
    region.client("lambda").add_permission(
        FunctionName="f",
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}:*",
    )
    subscribe(logs, function)
    put(logs, events("INFO a", "ERROR b", "ERROR c", at=now_of(region)))

    def logged() -> list[str]:
        region.settle()
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        if "/aws/lambda/f" not in groups:
            return []
        page = logs.filter_log_events(logGroupName="/aws/lambda/f", filterPattern="{ $.kind = DATA_MESSAGE }")
        lines = [json.loads(event["message"])["got"] for event in page["events"]]
        reports = logs.filter_log_events(logGroupName="/aws/lambda/f", filterPattern="REPORT")["events"]
        return lines if len(lines) == 2 and reports else []

    assert eventually(logged) == ["ERROR b", "ERROR c"]
    told = query(region, logs, "filter ispresent(got) | stats count(*) as n by stream")
    assert told == [{"stream": "a-stream", "n": "2"}]
    report = query(region, logs, 'filter @type = "REPORT" | fields @duration, @billedDuration, @memorySize, @requestId')
    assert float(report[0]["@duration"]) > 0
    assert report[0]["@memorySize"] == "128000000"
    lines = query(region, logs, f'filter @requestId = "{report[0]["@requestId"]}" and @type = "START"')
    assert len(lines) == 1
