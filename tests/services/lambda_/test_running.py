"""Functions that really run: in sandboxes, through the whole region."""

from __future__ import annotations

import base64
import json
import shutil
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest

from fogbank.core import usage
from fogbank.services.lambda_ import evicting, unpacked
from services.helpers import refusal
from services.lambda_.packages import zipped
from services.lambda_.planted import ACCOUNT, ROLE, role

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

STREAMING = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {"content-type": "text/plain", "x-a": "1"}});
    for (const piece of ["one ", "two ", "three"]) stream.write(piece);
    stream.end();
});
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


def test_a_client_context_arrives(region: LocalRegion, functions: Any) -> None:
    source = "def handler(event, context):\n    return context.client_context.custom\n"
    make(region, functions, "told", "python3.11", "app.handler", {"app.py": source})
    context = json.dumps({"custom": {"é": "a\r\nb", "x": "☃"}}, ensure_ascii=False, indent=1).encode()
    answer = functions.invoke(FunctionName="told", ClientContext=base64.b64encode(context).decode())
    assert json.loads(answer["Payload"].read()) == {"é": "a\r\nb", "x": "☃"}


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


def test_code_that_went_for_lack_of_room_is_there_again(
    region: LocalRegion, functions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is running keeps its code."""
    source = "def handler(event, context):\n    if event:\n        return\n    import late\n    return late.__file__\n"
    for name in ("runs", "waits"):
        files = {"app.py": f"# {name}\n" + source, "late.py": ""}
        make(region, functions, name, "python3.11", "app.handler", files)
    invoke(functions, {"import": "nothing yet"}, FunctionName="runs")
    place = unpacked.place(region.region)
    assert len(list(place.iterdir())) == 3
    options = msgspec.structs.replace(region.background.options, functions_unpacked=1)
    monkeypatch.setattr(region.background, "options", options)
    region.run(evicting.keep_within(region.background))
    assert len(list(place.iterdir())) == 1
    for name in ("runs", "waits", "runs"):
        assert json.loads(invoke(functions, {}, FunctionName=name)["Payload"]) == "/var/task/late.py"


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


def make(region: LocalRegion, functions: Any, name: str, runtime: str, handler: str, files: dict[str, str]) -> None:
    functions.create_function(
        FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, Code={"ZipFile": zipped(files)}, Timeout=30
    )
    region.settle()
    eventually(lambda: functions.get_function_configuration(FunctionName=name)["State"] == "Active")


def opened(functions: Any, name: str, **given: Any) -> str:
    """The host of a new URL that everybody may use."""
    shared = {"FunctionName": name, "Principal": "*"}
    functions.add_permission(StatementId="a", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE", **shared)
    functions.add_permission(StatementId="b", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True, **shared)
    made = functions.create_function_url_config(FunctionName=name, AuthType="NONE", **given)
    return str(urlsplit(made["FunctionUrl"]).netloc)


def test_a_function_url(region: LocalRegion, functions: Any) -> None:
    source = """
def handler(event, context):
    return {"statusCode": 201, "headers": {"x-path": event["rawPath"]}, "cookies": ["a=1"], "body": event["body"].upper()}
"""
    make(region, functions, "page", "python3.11", "app.handler", {"app.py": source})
    host = opened(functions, "page")
    answer = region.raw("POST", "/a/b", {"host": host, "content-type": "text/plain"}, b"hello")
    assert (answer.status, answer.body) == (201, b"HELLO")
    assert (answer.headers["x-path"], answer.headers["set-cookie"]) == ("/a/b", "a=1")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_an_answer_that_is_streamed(region: LocalRegion, functions: Any) -> None:
    make(region, functions, "stream", "nodejs20.x", "index.handler", {"index.js": STREAMING})
    host = opened(functions, "stream", InvokeMode="RESPONSE_STREAM")
    answer = region.raw("GET", "/", {"host": host})
    assert (answer.status, answer.body) == (201, b"one two three")
    assert (answer.headers["content-type"], answer.headers["x-a"]) == ("text/plain", "1")
    events = list(functions.invoke_with_response_stream(FunctionName="stream")["EventStream"])
    whole = b"".join(event["PayloadChunk"]["Payload"] for event in events[:-1])
    assert whole.endswith(b"one two three")
    assert events[-1] == {"InvokeComplete": {}}


def test_provisioned_environments_are_initialised(region: LocalRegion, functions: Any) -> None:
    version = functions.publish_version(FunctionName="f")["Version"]
    region.settle()
    eventually(lambda: functions.get_function_configuration(FunctionName=f"f:{version}")["State"] == "Active")
    place = {"FunctionName": "f", "Qualifier": version}
    functions.put_provisioned_concurrency_config(ProvisionedConcurrentExecutions=2, **place)
    eventually(lambda: functions.get_provisioned_concurrency_config(**place)["Status"] == "READY")
    status = region.background.residents["lambda"].pool.status()  # type: ignore[attr-defined]
    assert list(status.provisioned.values()) == [2]
    assert json.loads(invoke(functions, {"env": "AWS_LAMBDA_INITIALIZATION_TYPE"}, Qualifier=version)["Payload"]) == (
        "provisioned-concurrency"
    )


def test_an_alias_of_two_versions(region: LocalRegion, functions: Any) -> None:
    functions.publish_version(FunctionName="f")
    functions.update_function_configuration(FunctionName="f", Description="other")
    region.settle()
    functions.publish_version(FunctionName="f")
    region.settle()
    functions.create_alias(
        FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}
    )
    ready = lambda: all(  # noqa: E731
        functions.get_function_configuration(FunctionName=f"f:{number}")["State"] == "Active" for number in (1, 2)
    )
    eventually(ready)
    seen = {invoke(functions, {}, Qualifier="live")["ExecutedVersion"] for _ in range(40)}
    assert seen == {"1", "2"}


def test_a_function_without_concurrency_is_throttled(functions: Any) -> None:
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    told = refusal(functions.invoke, FunctionName="f")
    assert (told["Code"], told["Status"]) == ("TooManyRequestsException", 429)
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    assert "FunctionError" not in invoke(functions, {})


def test_a_role_that_lambda_cannot_assume(region: LocalRegion, functions: Any) -> None:
    iam = region.client("iam")
    iam.delete_role_policy(RoleName="execution", PolicyName="p")
    iam.delete_role(RoleName="execution")
    told = refusal(functions.invoke, FunctionName="f")
    assert told["Code"] == "AccessDeniedException"
    assert told["Message"] == "The role defined for the function cannot be assumed by Lambda."
