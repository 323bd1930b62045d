"""Real functions as targets, in a region that really runs: scheduled, by what callers put, and by what happens to objects."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from gateway.live import Live
from services.lambda_.packages import zipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CODE = """
import json

def handler(event, context):
    print("GOT " + json.dumps(event))
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
GROUP = "/aws/lambda/f"
SECONDS = 120  # on a machine with much else to do; a minute begins in between

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.timeout(600), pytest.mark.xdist_group("crash")]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A region that really runs."""
    made = Live(tmp_path / "data", "--workers", "2")
    yield made
    made.end()


@pytest.fixture
def function(live: Live) -> str:
    """A function that prints what it is sent, and that EventBridge may invoke for its rules; its ARN."""
    iam, functions = live.client("iam"), live.client("lambda")
    role = iam.create_role(RoleName="work", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName="work", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    made = functions.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": zipped({"app.py": CODE})},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="f")
    source = f"arn:aws:events:us-east-1:{live.account}:rule/*"
    functions.add_permission(
        FunctionName="f", StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
        SourceArn=source,
    )  # fmt: skip
    return str(made["FunctionArn"])


def until(found: Callable[[], Any]) -> Any:
    """What is there in the end."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        seen = found()
        if seen:
            return seen
        time.sleep(0.3)
    raise AssertionError("it did not happen")


def got(live: Live) -> list[dict[str, Any]]:
    """What the function was sent."""
    logs = live.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=GROUP)["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [json.loads(each["message"][4:]) for each in found if each["message"].startswith("GOT ")]


def test_a_function_is_invoked_for_rules(live: Live, function: str) -> None:
    events, s3 = live.client("events"), live.client("s3")
    rules = {
        "shop": {"EventPattern": '{"source": ["shop"]}'},
        "files": {"EventPattern": '{"source": ["aws.s3"], "detail": {"object": {"key": [{"suffix": ".csv"}]}}}'},
        "minutely": {"ScheduleExpression": "cron(* * * * ? *)"},
    }
    for name, rule in rules.items():
        events.put_rule(Name=name, **rule)
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function}])
    s3.create_bucket(Bucket="files")
    configuration: Any = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket="files", NotificationConfiguration=configuration)
    s3.put_object(Bucket="files", Key="a.csv", Body=b"1,2")
    events.put_events(Entries=[{"Source": "shop", "DetailType": "Sold", "Detail": '{"what": "tea"}'}])
    until(lambda: {"shop", "aws.s3", "aws.events"} <= {each["source"] for each in got(live)})
    by_source = {each["source"]: each for each in got(live)}
    assert by_source["shop"]["detail"] == {"what": "tea"}
    assert by_source["aws.s3"]["detail"]["object"]["key"] == "a.csv"
    assert by_source["aws.events"]["time"].endswith(":00Z")


def test_a_function_that_does_not_let_events_in_is_not_invoked(live: Live, function: str) -> None:
    events = live.client("events")
    for name in ("one", "two"):
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function}])
    functions = live.client("lambda")
    functions.remove_permission(FunctionName="f", StatementId="events")
    functions.add_permission(
        FunctionName="f", StatementId="one", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:us-east-1:{live.account}:rule/one",
    )  # fmt: skip
    for source in ("two", "one"):
        events.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": "{}"}])
    assert [each["source"] for each in until(lambda: got(live))] == ["one"]
