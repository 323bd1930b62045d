"""Functions that really run: in sandboxes, through the whole region."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import usage
from services.lambda_.packages import zipped
from services.lambda_.planted import ACCOUNT, role

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
SOURCE = """
import os

def handler(event, context):
    if "log" in event:
        print(event["log"])
    if event.get("fail"):
        raise ValueError(event["fail"])
    if "env" in event:
        return os.environ.get(event["env"])
    return {"given": event, "id": context.aws_request_id, "arn": context.invoked_function_arn, "version": context.function_version}
"""


def eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
    return found


@pytest.fixture
def functions(region: LocalRegion) -> Any:
    """boto3's client, and a function f that does what its event says."""
    arn = role(region, *LOGS, "lambda:InvokeFunction")
    client = region.client("lambda", read_timeout=120)
    client.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=arn,
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": SOURCE})},
        Timeout=30,
        Environment={"Variables": {"COLOUR": "grey"}},
    )
    region.settle()
    eventually(lambda: client.get_function_configuration(FunctionName="f")["State"] == "Active")
    return client


def invoke(functions: Any, event: Any, **given: Any) -> Any:
    answer = functions.invoke(**({"FunctionName": "f", "Payload": json.dumps(event).encode()} | given))
    answer["Payload"] = answer["Payload"].read()
    return answer


def test_a_function_answers(functions: Any) -> None:
    answer = invoke(functions, {"a": 1})
    assert "FunctionError" not in answer, answer["Payload"]
    found = json.loads(answer["Payload"])
    assert found["given"] == {"a": 1}
    assert found["arn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    assert (found["version"], answer["ExecutedVersion"]) == ("$LATEST", "$LATEST")
    assert json.loads(invoke(functions, {"env": "COLOUR"})["Payload"]) == "grey"
    assert json.loads(invoke(functions, {"env": "AWS_ACCESS_KEY_ID"})["Payload"]).startswith("ASIA")


def test_errors_and_the_tail_of_the_log(functions: Any) -> None:
    answer = invoke(functions, {"fail": "no"}, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"])["errorType"] == "ValueError"
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "START RequestId" in tail
    assert "REPORT RequestId" in tail


def test_what_it_writes_arrives_in_cloudwatch_logs(region: LocalRegion, functions: Any) -> None:
    invoke(functions, {"log": "a line of the function's"})
    logs = region.client("logs")

    def lines() -> list[str]:
        groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"]
        if not groups:
            return []
        return [event["message"] for event in logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]]

    found = eventually(lambda: lines() if any("REPORT" in line for line in lines()) else [])
    assert any("a line of the function's" in line for line in found)
    assert any(line.startswith("START RequestId") for line in found)


def test_an_asynchronous_invocation_runs(region: LocalRegion, functions: Any) -> None:
    assert functions.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    month = region.clock.now().strftime(usage.MONTH)

    def requests() -> float:
        with region.region.store.snapshot() as tx:
            return sum(found.units.get("requests", 0) for found in usage.of_month(tx, month))

    assert eventually(requests) == 1


def test_a_changed_function_runs_its_new_code(region: LocalRegion, functions: Any) -> None:
    invoke(functions, {})
    functions.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": "def handler(e, c): return 'new'\n"}))
    region.settle()
    eventually(lambda: json.loads(invoke(functions, {})["Payload"]) == "new")
