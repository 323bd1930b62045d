"""Invocations, over the wire, with a pool in place of the engine's."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from fogbank.core import usage
from fogbank.core.errors import AwsError
from fogbank.engine.functions.spec import RESERVED, Throttled, Unavailable
from fogbank.engine.sandbox.spec import SandboxError
from fogbank.services.lambda_.asking import Run
from fogbank.services.lambda_.recursion import counted
from services.lambda_.planted import ARN, plant
from services.lambda_.standing import standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.lambda_.standing import Pool
    from support.region import LocalRegion


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    with standing(monkeypatch) as made:
        yield made


@pytest.fixture
def functions(region: LocalRegion, pool: Pool) -> Any:
    """boto3's client, and the function f, which gives its event back; it has a version 1, and an alias of it."""
    plant(region, published=1, alias="live")
    pool.does["f"] = lambda event: event
    return region.client("lambda")


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def refused(code: str, act: Any, **fields: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        act(**fields)
    assert caught.value.response["Error"]["Code"] == code
    return caught.value


def test_invoke_and_its_answer(functions: Any, pool: Pool) -> None:
    found = functions.invoke(FunctionName="f", Payload=b'{"a": 1}')
    assert (found["StatusCode"], found["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads(found["Payload"].read()) == {"a": 1}
    assert "FunctionError" not in found
    assert "LogResult" not in found
    assert found["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"
    spec, invocation = pool.ran[0]
    assert (spec.arn, spec.version, invocation.invoked_arn) == (ARN + "f", "$LATEST", ARN + "f")
    assert invocation.trace.startswith("Root=1-")


def test_the_invocations_id_is_the_requests(functions: Any, pool: Pool) -> None:
    """What a caller is told is what the function's context and its log say."""
    told = functions.invoke(FunctionName="f")["ResponseMetadata"]["RequestId"]
    assert pool.ran[0][1].request_id == told
    assert str(uuid.UUID(told)) == told


def test_without_a_payload_the_event_is_empty(functions: Any) -> None:
    assert functions.invoke(FunctionName="f")["Payload"].read() == b"{}"


def test_errors_of_functions(functions: Any, pool: Pool) -> None:
    pool.does["f"] = lambda event: 1 / event["by"]
    found = functions.invoke(FunctionName="f", Payload=b'{"by": 0}', LogType="Tail")
    assert (found["StatusCode"], found["FunctionError"]) == (200, "Unhandled")
    assert json.loads(found["Payload"].read())["errorType"] == "ZeroDivisionError"
    assert base64.b64decode(found["LogResult"]) == b"error\n"


def test_the_tail_of_the_log(functions: Any) -> None:
    tail = base64.b64decode(functions.invoke(FunctionName="f", LogType="Tail")["LogResult"])
    assert len(tail) == 4096
    assert tail.endswith(b"END\n")


def test_a_dry_run_runs_nothing(functions: Any, pool: Pool) -> None:
    assert functions.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert not pool.ran


@pytest.mark.parametrize(
    ("given", "version", "arn"),
    [
        ({"FunctionName": "f:1"}, "1", ARN + "f:1"),
        ({"FunctionName": "f", "Qualifier": "live"}, "1", ARN + "f:live"),
        ({"FunctionName": ARN + "f:live"}, "1", ARN + "f:live"),
        ({"FunctionName": "123456789012:f"}, "$LATEST", ARN + "f"),
        ({"FunctionName": "f", "Qualifier": "$LATEST"}, "$LATEST", ARN + "f:$LATEST"),
    ],
)
def test_versions_and_aliases(functions: Any, pool: Pool, given: dict[str, str], version: str, arn: str) -> None:
    assert functions.invoke(**given)["ExecutedVersion"] == version
    spec, invocation = pool.ran[0]
    assert (spec.version, invocation.invoked_arn) == (version, arn)


def test_client_context(functions: Any, pool: Pool) -> None:
    context = base64.b64encode(b'{"client": {"app": "x"}}').decode()
    functions.invoke(FunctionName="f", ClientContext=context)
    assert json.loads(pool.ran[0][1].client_context) == {"client": {"app": "x"}}


@pytest.mark.parametrize(
    "context", ["{}", "!", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode(), "A" * 4000]
)
def test_a_client_context_that_is_none(functions: Any, context: str) -> None:
    refused("InvalidRequestContentException", functions.invoke, FunctionName="f", ClientContext=context)


@pytest.mark.parametrize("payload", [b"abc", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_payloads_that_are_not_json(functions: Any, payload: bytes) -> None:
    error = refused("InvalidRequestContentException", functions.invoke, FunctionName="f", Payload=payload)
    assert error.response["Error"]["Message"].startswith("Could not parse request body into json: ")
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(("kind", "most"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_payloads_that_are_too_large(functions: Any, kind: str, most: int) -> None:
    fits = b'"' + b"x" * (most - 2) + b'"'
    assert functions.invoke(FunctionName="f", InvocationType=kind, Payload=fits)["StatusCode"] in (200, 202)
    error = refused(
        "RequestTooLargeException", functions.invoke, FunctionName="f", InvocationType=kind, Payload=fits + b" "
    )
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert (
        error.response["Error"]["Message"]
        == f"Request must be smaller than {most} bytes for the InvokeFunction operation"
    )


def test_functions_that_are_not_there(functions: Any) -> None:
    for name in ("g", "f:2", "f:dead"):
        error = refused("ResourceNotFoundException", functions.invoke, FunctionName=name)
        assert error.response["Error"]["Message"] == f"Function not found: {ARN}{name}"


def test_a_function_that_is_not_ready(region: LocalRegion, functions: Any) -> None:
    plant(region, "new", state="Pending")
    error = refused("ResourceConflictException", functions.invoke, FunctionName="new")
    assert error.response["Error"]["Message"].endswith("in the following state: Pending")


def test_throttling_says_why(functions: Any, pool: Pool) -> None:
    def throttled(_event: Any) -> None:
        raise Throttled(RESERVED)

    pool.does["f"] = throttled
    error = refused("TooManyRequestsException", functions.invoke, FunctionName="f")
    assert error.response["Reason"] == RESERVED  # type: ignore[typeddict-item]
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert error.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert error.response["Error"]["Message"] == "Rate Exceeded."


def test_there_is_room_for_so_many_bytes_of_payloads(functions: Any, pool: Pool, monkeypatch: Any) -> None:
    from fogbank.services.lambda_ import resident

    monkeypatch.setattr(resident, "MOST_PAYLOADS", 10)
    client = functions
    assert client.invoke(FunctionName="f", Payload=b'"more than ten bytes"')["StatusCode"] == 200
    inner: list[Any] = []

    async def within(spec: Any, invocation: Any) -> Any:
        if len(pool.ran) < 2:
            pool.ran.append((spec, invocation))
            try:
                await pool.hooks.run(asked)
            except AwsError as error:
                inner.append(error)
        return await invoke(spec, invocation)

    invoke, asked = pool.invoke, Run("123456789012", "us-east-1", "f", 0, ARN + "f", "id", b'"twelve bytes"')
    monkeypatch.setattr(pool, "invoke", within)
    client.invoke(FunctionName="f", Payload=b"1")
    (error,) = inner
    assert (error.code, error.fields["Reason"]) == ("TooManyRequestsException", "CallerRateLimitExceeded")


def test_what_the_machine_cannot_run(functions: Any, pool: Pool) -> None:
    def unavailable(_event: Any) -> None:
        raise Unavailable("There is no ruby3.3 here.")

    pool.does["f"] = unavailable
    assert "ruby3.3" in refused("ServiceException", functions.invoke, FunctionName="f").response["Error"]["Message"]


def test_who_may_invoke(region: LocalRegion, functions: Any) -> None:
    iam = region.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    client = region.client("lambda", key["AccessKeyId"], key["SecretAccessKey"])
    refused("AccessDeniedException", client.invoke, FunctionName="f")
    arn = iam.get_user(UserName="u")["User"]["Arn"]
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": arn}
    functions.add_permission(FunctionName="f", Qualifier="live", **given)
    assert client.invoke(FunctionName="f:live")["StatusCode"] == 200
    refused("AccessDeniedException", client.invoke, FunctionName="f")
    refused("AccessDeniedException", client.invoke, FunctionName="f:1")


def test_a_changed_function_runs_anew(region: LocalRegion, functions: Any, pool: Pool) -> None:
    functions.invoke(FunctionName="f")
    plant(region, published=1, alias="live", memory=256, revision="r2")
    functions.invoke(FunctionName="f")
    assert [spec.memory for spec, _ in pool.ran] == [128, 256]
    assert pool.retired == [pool.ran[0][0].key]


def test_environments_of_functions_that_changed_are_retired_though_nobody_invokes_them(
    region: LocalRegion, functions: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fogbank.services.lambda_.resident.TIDIED", 2)  # at once: less than there are
    for name in ("a", "b", "c"):
        plant(region, name=name)
        pool.does[name] = lambda _event: {}
        functions.invoke(FunctionName=name)
    for name in ("a", "c"):
        plant(region, name=name, revision="r2")
    region.settle()
    assert [key.split("#")[0].rpartition("function:")[2] for key in pool.retired] == ["a", "c"]


def test_invoke_with_response_stream(functions: Any, pool: Pool) -> None:
    pool.does["f"] = lambda _event: [b"one ", b"two"]
    found = functions.invoke_with_response_stream(FunctionName="f", LogType="Tail")
    assert (found["StatusCode"], found["ExecutedVersion"]) == (200, "$LATEST")
    events = list(found["EventStream"])
    assert [event["PayloadChunk"]["Payload"] for event in events[:-1]] == [b"one ", b"two"]
    assert base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).endswith(b"END\n")


def test_a_streamed_answer_that_fails(functions: Any, pool: Pool) -> None:
    pool.does["f"] = lambda _event: 1 / 0
    events = list(functions.invoke_with_response_stream(FunctionName="f")["EventStream"])
    complete = events[-1]["InvokeComplete"]
    assert complete["ErrorCode"] == "Unhandled"
    assert json.loads(complete["ErrorDetails"])["errorType"] == "ZeroDivisionError"


def test_a_streamed_answer_that_is_throttled(functions: Any, pool: Pool) -> None:
    def throttled(_event: Any) -> None:
        raise Throttled(RESERVED)

    pool.does["f"] = throttled
    refused("TooManyRequestsException", functions.invoke_with_response_stream, FunctionName="f")


def test_a_dry_run_of_a_stream(functions: Any, pool: Pool) -> None:
    found = functions.invoke_with_response_stream(FunctionName="f", InvocationType="DryRun")
    assert found["StatusCode"] == 204
    assert not pool.ran


def test_what_is_used_is_metered(region: LocalRegion, functions: Any) -> None:
    for _ in range(3):
        functions.invoke(FunctionName="f")
    region.run(region.background.residents["lambda"].meter.write())  # type: ignore[attr-defined]
    with region.region.store.snapshot() as tx:
        (found,) = usage.of_month(tx, region.clock.now().strftime(usage.MONTH))
    assert (found.service, found.resource) == ("lambda", "f")
    assert found.units == {"requests": 3, "gb_ms": 3 * 128 / 1024}


def test_recursive_loops_are_stopped(region: LocalRegion, functions: Any, pool: Pool) -> None:
    trace = "Root=1-2-3;Parent=4;Sampled=0"
    for _ in range(16):
        trace, _ = counted(trace, ARN + "f")
    client = region.client("lambda")
    client.meta.events.register(
        "before-sign.*", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", trace)
    )
    refused("RecursiveInvocationException", client.invoke, FunctionName="f")
    assert not pool.ran


def test_chains_are_counted_by_function() -> None:
    trace, before = counted("Root=1-2-3", ARN + "a")
    assert before == 0
    trace, before = counted(trace, ARN + "b")
    assert before == 0
    trace, before = counted(trace, ARN + "a")
    assert before == 1
    assert trace.count("Lineage=") == 1
    hostile = "Root=1;Lineage=" + "|".join(["00000000:9"] * 500)
    assert len(counted(hostile, ARN + "a")[0]) < 10_000


def test_runtimes_that_functions_have_are_got_ready(region: LocalRegion, functions: Any, pool: Pool) -> None:
    plant(region, "g", runtime="nodejs20.x")
    functions.invoke(FunctionName="f")
    resident: Any = region.background.residents["lambda"]
    region.run(resident.start())
    eventually(lambda: sorted(pool.warmed) == ["nodejs20.x", "python3.11"])


def test_a_machine_that_can_run_nothing(region: LocalRegion, monkeypatch: Any) -> None:
    from fogbank.services.lambda_ import engine

    def start(_options: Any, _hooks: Any) -> None:
        raise SandboxError("There are no namespaces here.")

    monkeypatch.setattr(engine, "start", start)
    plant(region)
    told = refused("ServiceException", region.client("lambda").invoke, FunctionName="f").response["Error"]
    assert told["Message"] == "There are no namespaces here."
