"""Asynchronous invocations, with a pool in place of the engine's."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import destinations
from fogbank.core.destinations import Sender
from fogbank.engine.functions.spec import CONCURRENT, Throttled
from fogbank.services.lambda_ import queue
from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.resident import look
from services.helpers import refusal
from services.lambda_.planted import ACCOUNT, ARN, plant, role
from services.lambda_.standing import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.lambda_.standing import Pool
    from support.region import LocalRegion


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    with standing(monkeypatch) as made:
        yield made


@pytest.fixture
def functions(region: LocalRegion, pool: Pool) -> Any:
    """boto3's client, and the function f, which keeps its events in `seen`."""
    plant(region)
    return region.client("lambda")


@pytest.fixture
def seen(pool: Pool) -> list[Any]:
    """What f was given."""
    found: list[Any] = []
    pool.does["f"] = lambda event: found.append(event)
    return found


def send(functions: Any, event: Any, name: str = "f") -> None:
    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
    assert answer["StatusCode"] == 202


def eventually(condition: Callable[[], Any]) -> None:
    """Wait for a condition; what a slow machine does late is waited for."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def waiting(region: LocalRegion) -> list[queue.Event]:
    with region.region.store.snapshot() as tx:
        return [event for _, event in queue.events.scan(tx)]


def test_an_event_is_run_and_over(region: LocalRegion, functions: Any, seen: list[Any]) -> None:
    send(functions, {"a": 1})
    eventually(lambda: not waiting(region))
    assert seen == [{"a": 1}]
    with region.region.store.snapshot() as tx:
        assert not list(queue.payloads.scan(tx))


def test_an_event_is_kept_before_it_is_acknowledged(
    region: LocalRegion, functions: Any, pool: Pool, monkeypatch: Any
) -> None:
    from fogbank.services.lambda_ import asking

    monkeypatch.setattr(asking, "wake", lambda _control: None)
    send(functions, 1)
    assert len(waiting(region)) == 1
    found: list[Any] = []
    pool.does["f"] = found.append
    region.settle()  # which looks into the queue
    eventually(lambda: found == [1])


def on_disk(region: LocalRegion) -> bytes:
    """The state database, as whoever has the disk reads it."""
    return b"".join(path.read_bytes() for path in region.directory.glob("state.db*"))


def test_what_waits_is_not_readable_on_the_disk(
    region: LocalRegion, functions: Any, pool: Pool, monkeypatch: Any
) -> None:
    """Neither a payload and the client's context, nor what came of it, which is told to a destination later."""
    from fogbank.services.lambda_ import asking

    monkeypatch.setattr(asking, "wake", lambda _control: None)
    plant(region, "well")
    role(region, "lambda:InvokeFunction")
    functions.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "well"}}
    )
    context = base64.b64encode(b'{"custom": {"a": "secret-context"}}').decode()
    pool.does |= {"f": lambda _event: "secret-answer", "well": lambda _event: None}
    functions.invoke(FunctionName="f", InvocationType="Event", Payload=b'"secret-payload"', ClientContext=context)
    assert len(waiting(region)) == 1
    assert b"secret-" not in on_disk(region)
    region.run(look(region.background))
    eventually(lambda: not waiting(region))
    assert [json.loads(invocation.client_context) for _, invocation in pool.ran] == [
        {"custom": {"a": "secret-context"}}
    ]
    assert b"lambda.result" in on_disk(region)
    assert b"secret-" not in on_disk(region)


def test_an_event_whose_payload_is_damaged_is_given_up(
    region: LocalRegion, functions: Any, seen: list[Any], monkeypatch: Any, caplog: Any
) -> None:
    async def damaged() -> None:
        put = queue.new(Name(ACCOUNT, "us-east-1", "f"), region.clock.now(), "")
        await region.region.store.write(lambda tx: queue.put(tx, put, "id", b"not sealed here"))

    region.run(damaged())
    region.settle()
    eventually(lambda: not waiting(region))
    assert "its payload is damaged" in caplog.text
    send(functions, 1)
    eventually(lambda: seen == [1])


def test_many_events_all_run(region: LocalRegion, functions: Any, seen: list[Any]) -> None:
    for number in range(150):
        send(functions, number)
    eventually(lambda: not waiting(region))
    assert sorted(seen) == list(range(150))


def test_errors_are_tried_again_and_then_told(region: LocalRegion, functions: Any, pool: Pool) -> None:
    plant(region, "failed")
    role(region, "lambda:InvokeFunction")
    functions.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnFailure": {"Destination": ARN + "failed"}}
    )
    tries: list[int] = []
    told: list[Any] = []

    def fail(event: Any) -> None:
        tries.append(event)
        raise ZeroDivisionError("no")

    pool.does |= {"f": fail, "failed": told.append}
    send(functions, 7)
    eventually(lambda: [event.tries for event in waiting(region)] == [1])
    region.settle()
    assert len(tries) == 1  # not before a minute has passed
    for minutes in (1, 2):
        region.advance(minutes=minutes)
        region.settle()
        eventually(lambda: [event.tries for event in waiting(region)] == [2] or not waiting(region))
    eventually(lambda: not waiting(region))
    assert tries == [7, 7, 7]
    region.settle()
    eventually(lambda: told)
    record = told[0]
    assert record["version"] == "1.0"
    assert record["requestContext"]["functionArn"] == ARN + "f:$LATEST"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == 7
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorType"] == "ZeroDivisionError"


def test_success_is_told(region: LocalRegion, functions: Any, pool: Pool) -> None:
    plant(region, "well")
    role(region, "lambda:InvokeFunction")
    functions.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "well"}}
    )
    told: list[Any] = []
    pool.does |= {"f": lambda event: event + 1, "well": told.append}
    send(functions, 1)
    eventually(lambda: not waiting(region))
    region.settle()
    eventually(lambda: told)
    assert told[0]["requestContext"]["condition"] == "Success"
    assert (told[0]["requestPayload"], told[0]["responsePayload"]) == (1, 2)


def test_functions_that_tell_each_other_for_ever_are_stopped(region: LocalRegion, functions: Any, pool: Pool) -> None:
    plant(region, "g")
    role(region, "lambda:InvokeFunction")
    for one, other in (("f", "g"), ("g", "f")):
        functions.put_function_event_invoke_config(
            FunctionName=one, DestinationConfig={"OnSuccess": {"Destination": ARN + other}}
        )
    pool.does |= {"f": lambda _event: 1, "g": lambda _event: 1}
    send(functions, 1)
    quiet = 0
    while quiet < 3:
        before = len(pool.ran)
        eventually(lambda: not waiting(region))
        region.settle()
        quiet = quiet + 1 if len(pool.ran) == before and not waiting(region) else 0
    assert sum(spec.name == "f" for spec, _ in pool.ran) == 16


def test_failures_as_objects_of_a_bucket(region: LocalRegion, functions: Any, pool: Pool, s3: Any, bucket: str) -> None:
    arn = "arn:aws:s3:::" + bucket
    role(region, "s3:PutObject", "s3:ListBucket")
    put = functions.put_function_event_invoke_config
    for wrong in ({"OnFailure": {"Destination": arn + "-other"}}, {"OnSuccess": {"Destination": arn}}):
        assert refusal(put, FunctionName="f", DestinationConfig=wrong)["Code"] == "InvalidParameterValueException"
    put(FunctionName="f", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}})
    pool.does["f"] = lambda _event: 1 / 0
    send(functions, 1)
    eventually(lambda: not waiting(region))
    region.settle()
    (found,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"].startswith("aws/lambda/async/f/")
    record = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert record["requestContext"]["condition"] == "RetriesExhausted"


class Queues:
    """Queues, which keep what they are sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def exists(self, _tx: Any, _arn: str) -> bool:
        return True

    def may(self, _call: Any, _arn: str, _sender: Any) -> bool:
        return True

    async def deliver(self, _ctx: Any, arn: str, _sender: Any, message: bytes) -> None:
        self.sent.append((arn, message))


def test_dead_letters(region: LocalRegion, functions: Any, pool: Pool) -> None:
    queues, arn = Queues(), "arn:aws:sqs:us-east-1:123456789012:dead"
    plant(region, dead_letter=arn)
    role(region, "sqs:SendMessage")
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    pool.does["f"] = lambda event: 1 / event["by"]
    destinations.register("sqs", queues)
    try:
        send(functions, {"by": 1})
        send(functions, {"by": 0})
        eventually(lambda: not waiting(region))
        region.settle()
        assert queues.sent == [(arn, b'{"by": 0}')]
        region.client("iam").delete_role_policy(RoleName="execution", PolicyName="p")
        send(functions, {"by": 0})
        eventually(lambda: not waiting(region))
        region.settle()
        assert len(queues.sent) == 1
    finally:
        destinations.forget("sqs")


def test_results_as_events_of_a_bus(region: LocalRegion, functions: Any, pool: Pool) -> None:
    plant(region, "well")
    role(region, "events:PutEvents")
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    functions.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": bus}})
    events = region.client("events")
    rule = events.put_rule(Name="r", EventPattern=json.dumps({"source": ["lambda"]}))["RuleArn"]
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": ARN + "well"}])
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    functions.add_permission(FunctionName="well", SourceArn=rule, **given)
    told: list[Any] = []
    pool.does |= {"f": lambda event: event + 1, "well": told.append}
    send(functions, 1)
    eventually(lambda: not waiting(region))

    def arrived() -> list[Any]:
        region.settle()
        return told

    eventually(arrived)
    assert told[0]["detail-type"] == "Lambda Function Invocation Result - Success"
    assert told[0]["detail"]["responsePayload"] == 2


def test_a_role_that_may_not_tell_tells_nobody(
    region: LocalRegion, functions: Any, pool: Pool, seen: list[Any]
) -> None:
    plant(region, "well")
    role(region, "lambda:InvokeFunction")
    functions.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "well"}}
    )
    region.client("iam").delete_role_policy(RoleName="execution", PolicyName="p")
    told: list[Any] = []
    pool.does["well"] = told.append
    send(functions, 1)
    eventually(lambda: seen and not waiting(region))
    region.settle()
    assert not waiting(region)
    assert not told


def test_no_retries_where_none_are_wanted(region: LocalRegion, functions: Any, pool: Pool) -> None:
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    tries: list[Any] = []

    def fail(event: Any) -> None:
        tries.append(event)
        raise ZeroDivisionError

    pool.does["f"] = fail
    send(functions, 1)
    eventually(lambda: tries and not waiting(region))
    assert len(tries) == 1


def test_throttled_events_wait_and_are_run_later(region: LocalRegion, functions: Any, pool: Pool) -> None:
    tries: list[Any] = []

    def throttled(event: Any) -> None:
        tries.append(event)
        if len(tries) < 4:
            raise Throttled(CONCURRENT)

    pool.does["f"] = throttled
    send(functions, 1)
    for refusals in (1, 2, 3):
        eventually(lambda count=refusals: [event.refusals for event in waiting(region)] == [count])  # type: ignore[misc]
        region.advance(seconds=2**refusals)
        region.settle()
    eventually(lambda: not waiting(region))
    assert len(tries) == 4


def test_events_that_are_too_old_are_told(region: LocalRegion, functions: Any, pool: Pool) -> None:
    plant(region, "failed")
    role(region, "lambda:InvokeFunction")
    functions.put_function_event_invoke_config(
        FunctionName="f",
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": ARN + "failed"}},
    )
    told: list[Any] = []

    def throttled(_event: Any) -> None:
        raise Throttled(CONCURRENT)

    pool.does |= {"f": throttled, "failed": told.append}
    send(functions, 1)
    eventually(lambda: [event.refusals for event in waiting(region)] == [1])
    region.advance(seconds=61)
    region.settle()
    eventually(lambda: not waiting(region))
    region.settle()
    eventually(lambda: told)
    assert told[0]["requestContext"]["condition"] == "EventAgeExceeded"
    assert "responseContext" not in told[0]


def test_events_for_a_function_that_is_closed_are_told_at_once(region: LocalRegion, functions: Any, pool: Pool) -> None:
    plant(region, "failed")
    role(region, "lambda:InvokeFunction")
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    functions.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnFailure": {"Destination": ARN + "failed"}}
    )
    told: list[Any] = []
    pool.does |= {"f": lambda _event: 1 / 0, "failed": told.append}
    send(functions, 1)
    eventually(lambda: not waiting(region))
    region.settle()
    eventually(lambda: told)
    assert [spec.name for spec, _ in pool.ran] == ["failed"]


def test_one_slow_function_does_not_hold_up_others(
    region: LocalRegion, functions: Any, pool: Pool, seen: list[Any], monkeypatch: Any
) -> None:
    import asyncio

    plant(region, "slow")
    gate = asyncio.Event()
    invoke = pool.invoke

    async def slowly(spec: Any, invocation: Any) -> Any:
        if spec.name == "slow":
            await gate.wait()
        return await invoke(spec, invocation)

    monkeypatch.setattr(pool, "invoke", slowly)
    pool.does["slow"] = lambda event: event
    for number in range(30):
        send(functions, number, "slow")
    send(functions, "x")
    eventually(lambda: seen == ["x"])
    eventually(lambda: len(waiting(region)) == 30)
    region.run(_set(gate))
    eventually(lambda: not waiting(region))


def test_functions_that_take_all_there_is_leave_one_to_each(
    region: LocalRegion, functions: Any, pool: Pool, monkeypatch: Any
) -> None:
    import asyncio

    from fogbank.services.lambda_ import dispatcher

    monkeypatch.setattr(dispatcher, "AT_ONCE", 5)
    gate = asyncio.Event()
    invoke = pool.invoke
    seen: list[Any] = []

    async def slowly(spec: Any, invocation: Any) -> Any:
        if spec.name == "all":
            await gate.wait()
        return await invoke(spec, invocation)

    monkeypatch.setattr(pool, "invoke", slowly)
    plant(region, "all")
    plant(region, "z")
    pool.does |= {"all": lambda event: event, "z": seen.append}
    for number in range(20):
        send(functions, number, "all")
    send(functions, "x", "z")
    eventually(lambda: seen == ["x"])
    region.run(_set(gate))
    eventually(lambda: not waiting(region))


async def _set(gate: Any) -> None:
    gate.set()


def test_invoke_async_of_old(region: LocalRegion, functions: Any, seen: list[Any]) -> None:
    assert functions.invoke_async(FunctionName="f", InvokeArgs=b'{"old": 1}')["Status"] == 202
    long = json.dumps("x" * 100_000).encode()
    functions.invoke_async(FunctionName="f", InvokeArgs=long)
    region.settle()
    eventually(lambda: len(seen) == 2)
    assert {"old": 1} in seen


def test_functions_as_destinations_of_other_services(region: LocalRegion, functions: Any, seen: list[Any]) -> None:
    found = destinations.find(ARN + "f")
    assert found is not None
    sender = Sender("s3.amazonaws.com", "arn:aws:s3:::b", ACCOUNT)

    def may() -> bool:
        with region.region.store.snapshot() as tx:
            bound = region.background.bound("s3", "ListBuckets")
            from fogbank.core.principal import root_of

            call = region.background.call(tx, root_of(ACCOUNT), bound, {})
            return found.may(call, ARN + "f", sender)

    with region.region.store.snapshot() as tx:
        assert found.exists(tx, ARN + "f")
        assert not found.exists(tx, ARN + "g")
        assert not found.exists(tx, ARN + "f:dead")
        assert not found.exists(tx, "arn:aws:lambda:us-east-1:123456789012:layer:f")
    assert not may()
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    functions.add_permission(FunctionName="f", SourceArn="arn:aws:s3:::b", SourceAccount=ACCOUNT, **given)
    assert may()
    region.run(found.deliver(region.background, ARN + "f", sender, b'{"Records": []}'))
    eventually(lambda: seen == [{"Records": []}])


def test_notifications_of_a_bucket_run_a_function(
    region: LocalRegion, functions: Any, seen: list[Any], s3: Any, bucket: str
) -> None:
    from botocore.exceptions import ClientError

    configuration = {
        "LambdaFunctionConfigurations": [{"LambdaFunctionArn": ARN + "f", "Events": ["s3:ObjectCreated:*"]}]
    }

    def configure() -> None:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)

    with pytest.raises(ClientError) as caught:
        configure()
    assert "Unable to validate" in caught.value.response["Error"]["Message"]
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    functions.add_permission(FunctionName="f", SourceArn="arn:aws:s3:::" + bucket, **given)
    configure()
    for number in range(3):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * number)
    region.settle()
    eventually(lambda: len(seen) == 3)
    assert [event["Records"][0]["s3"]["object"]["size"] for event in seen] == [0, 1, 2]
