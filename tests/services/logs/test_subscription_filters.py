"""Subscription filters: what may be put, and what is passed on, in order, at least once."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import destinations
from fogbank.core.errors import AwsError
from fogbank.services import registry
from fogbank.services.logs import feed, subscription_delivery
from fogbank.services.logs.subscription_filters import cursors
from fogbank.store import outbox
from services.helpers import code, refusal
from services.logs.made import GROUP, STREAM, events, make, now_of, put, seal_all
from support.region import ACCOUNT

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.core.destinations import Sender
    from fogbank.store.api import Tx
    from support.region import LocalRegion

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
NOT_EXECUTED = (
    "Could not execute the lambda function. "
    "Make sure you have given CloudWatch Logs permission to execute your function."
)


class Functions:
    """Functions that are not there, but keep what they are sent."""

    def __init__(self) -> None:
        self.there = {FUNCTION}
        self.allowed = {"logs.amazonaws.com"}
        self.failing: list[Exception] = []
        self.sent: list[tuple[Sender, bytes]] = []

    def exists(self, _tx: Tx, arn: str) -> bool:
        return arn in self.there

    def may(self, _call: Call, _arn: str, sender: Sender) -> bool:
        return sender.service in self.allowed

    async def deliver(self, _ctx: Background, _arn: str, sender: Sender, message: bytes) -> None:
        if self.failing:
            raise self.failing.pop()
        self.sent.append((sender, message))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was sent, unpacked."""
        return [json.loads(gzip.decompress(b64decode(json.loads(raw)["awslogs"]["data"]))) for _, raw in self.sent]

    @property
    def texts(self) -> list[str]:
        """The messages of the events that were sent."""
        return [event["message"] for message in self.messages for event in message["logEvents"]]


@pytest.fixture
def functions(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> Functions:
    made = Functions()
    registry.services()  # they register themselves as they are loaded
    monkeypatch.setitem(destinations._known, "lambda", made)
    return made


def subscribe(logs: Any, name: str = "sub", pattern: str = "", arn: str = FUNCTION, **options: Any) -> Any:
    """Put a subscription filter."""
    return logs.put_subscription_filter(
        logGroupName=GROUP, filterName=name, filterPattern=pattern, destinationArn=arn, **options
    )


def test_a_subscription_filter_is_kept(logs: Any, functions: Functions) -> None:
    make(logs)
    subscribe(logs, pattern="ERROR", distribution="ByLogStream")
    (found,) = logs.describe_subscription_filters(logGroupName=GROUP)["subscriptionFilters"]
    assert found.pop("creationTime")
    assert found == {
        "filterName": "sub",
        "logGroupName": GROUP,
        "filterPattern": "ERROR",
        "destinationArn": FUNCTION,
        "distribution": "ByLogStream",
        "applyOnTransformedLogs": False,
    }
    subscribe(logs, "other")
    told = refusal(subscribe, logs=logs, name="third")
    assert (told["Code"], told["Message"]) == ("LimitExceededException", "Resource limit exceeded.")
    page = logs.describe_subscription_filters(logGroupName=GROUP, limit=1)
    rest = logs.describe_subscription_filters(logGroupName=GROUP, nextToken=page["nextToken"])
    assert [each["filterName"] for each in page["subscriptionFilters"] + rest["subscriptionFilters"]] == [
        "other",
        "sub",
    ]
    logs.delete_subscription_filter(logGroupName=GROUP, filterName="sub")
    assert code(logs.delete_subscription_filter, logGroupName=GROUP, filterName="sub") == "ResourceNotFoundException"


def test_what_is_refused(logs: Any, functions: Functions) -> None:
    make(logs)
    for arn in (FUNCTION + "none", FUNCTION.replace("us-east-1", "eu-west-1")):
        told = refusal(subscribe, logs=logs, arn=arn)
        assert (told["Code"], told["Message"]) == ("InvalidParameterException", NOT_EXECUTED)
    functions.allowed = {"s3.amazonaws.com"}
    assert refusal(subscribe, logs=logs)["Message"] == NOT_EXECUTED
    functions.allowed = {"logs.us-east-1.amazonaws.com"}
    subscribe(logs)
    told = refusal(subscribe, logs=logs, roleArn=f"arn:aws:iam::{ACCOUNT}:role/r")
    assert told["Message"] == "destinationArn for vendor lambda cannot be used with roleArn"
    kinesis = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s"
    assert code(subscribe, logs=logs, arn=kinesis) == "NotImplemented"
    assert code(subscribe, logs=logs, arn="x") == "InvalidParameterException"
    assert code(subscribe, logs=logs, pattern="{") == "InvalidParameterException"
    assert code(subscribe, logs=logs, distribution="Random") == "NotImplemented"
    assert code(subscribe, logs=logs, applyOnTransformedLogs=True) == "NotImplemented"


def test_what_matches_is_passed_on(region: LocalRegion, logs: Any, functions: Functions) -> None:
    make(logs)
    put(logs, events("ERROR before", at=now_of(region)))
    subscribe(logs, pattern="ERROR")
    now = now_of(region)
    put(logs, events("ERROR one", "INFO", "ERROR twö", at=now))
    region.settle()
    (message,) = functions.messages
    ids = [event.pop("id") for event in message["logEvents"]]
    assert sorted(ids) == ids
    assert message == {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["sub"],
        "logEvents": [
            {"timestamp": now, "message": "ERROR one"},
            {"timestamp": now + 2, "message": "ERROR twö"},
        ],
    }
    sender = functions.sent[0][0]
    assert (sender.service, sender.source) == (
        "logs.amazonaws.com",
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}:*",
    )
    region.settle()
    assert len(functions.sent) == 1


def test_events_come_in_order_sealed_or_not(
    region: LocalRegion, logs: Any, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs, GROUP, "a", "b")
    subscribe(logs)
    for number in range(10):
        put(logs, events(f"a{number}", at=now_of(region)), "a")
        put(logs, events(f"b{number}", at=now_of(region)), "b")
        if number == 6:
            seal_all(region, monkeypatch)
    region.settle()
    for stream in "ab":
        assert [text for text in functions.texts if text.startswith(stream)] == [f"{stream}{n}" for n in range(10)]
    assert {message["logStream"] for message in functions.messages} == {"a", "b"}


def test_a_destination_that_fails_is_tried_again_and_holds_up_no_other(
    region: LocalRegion, logs: Any, functions: Functions
) -> None:
    make(logs)
    subscribe(logs)
    functions.failing = [AwsError("TooManyRequestsException", "Rate Exceeded.")]
    put(logs, events("one", at=now_of(region)))
    region.settle()
    assert functions.texts == []
    put(logs, events("two", at=now_of(region)))
    region.advance(seconds=10)
    region.settle()
    assert functions.texts == ["one", "two"]
    put(logs, events("three", at=now_of(region)))
    region.settle()
    assert functions.texts == ["one", "two", "three"]


def test_what_was_sent_before_a_crash_comes_again(region: LocalRegion, logs: Any, functions: Functions) -> None:
    make(logs)
    subscribe(logs)
    with region.region.store.snapshot() as tx:
        (where, before), *_ = cursors.scan(tx)
    put(logs, events("one", at=now_of(region)))
    region.settle()
    region.run(region.region.store.write(lambda tx: cursors.put(tx, before, *where)))
    put(logs, events("two", at=now_of(region)))
    region.settle()
    assert functions.texts == ["one", "one", "two"]


def test_filters_take_turns(
    region: LocalRegion, logs: Any, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that has much before it does not hold up another one."""
    monkeypatch.setattr(feed, "after", partial(feed.after, most=1))  # a put at a time
    make(logs)
    subscribe(logs)
    make(logs, "other")
    logs.put_subscription_filter(logGroupName="other", filterName="f", filterPattern="", destinationArn=FUNCTION)
    for text in ("1", "2", "3"):
        put(logs, events(text, at=now_of(region)))
    put(logs, events("other", at=now_of(region)), group="other")
    region.settle()
    assert functions.texts == ["1", "other", "2", "3"]


def test_a_turn_that_is_carried_out_again_is_none(region: LocalRegion, logs: Any, functions: Functions) -> None:
    make(logs)
    subscribe(logs)
    put(logs, events("one", at=now_of(region)))
    with region.region.store.snapshot() as tx:
        (again,) = outbox.payloads(tx, subscription_delivery.EFFECT)
    region.settle()
    put(logs, events("two", at=now_of(region)))
    region.run(subscription_delivery.deliver(region.background, again))
    assert functions.texts == ["one"]
    region.settle()
    assert functions.texts == ["one", "two"]


def test_what_no_destination_takes_is_dropped(region: LocalRegion, logs: Any, functions: Functions) -> None:
    make(logs)
    subscribe(logs)
    functions.failing = [AwsError("RequestTooLargeException", "too large")]
    put(logs, events("too large", at=now_of(region)))
    region.settle()
    functions.there.clear()
    put(logs, events("nowhere to go", at=now_of(region)))
    region.settle()
    functions.there.add(FUNCTION)
    put(logs, events("fine", at=now_of(region)))
    region.settle()
    assert functions.texts == ["fine"]


def test_large_puts_come_in_parts(region: LocalRegion, logs: Any, functions: Functions) -> None:
    make(logs)
    subscribe(logs)
    texts = [f"{number}" + "x" * 100_000 for number in range(10)]
    put(logs, events(*texts, at=now_of(region)))
    region.settle()
    assert functions.texts == texts
    assert len(functions.sent) == 2


def test_a_deleted_stream_or_filter_or_group_holds_nothing_up(
    region: LocalRegion, logs: Any, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs, GROUP, "a", "b")
    subscribe(logs)
    put(logs, events("gone", at=now_of(region)), "a")
    seal_all(region, monkeypatch)
    put(logs, events("there", at=now_of(region)), "b")
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="a")
    region.settle()
    assert functions.texts == ["there"]
    put(logs, events("late", at=now_of(region)), "b")
    logs.delete_subscription_filter(logGroupName=GROUP, filterName="sub")
    region.settle()
    subscribe(logs)
    logs.delete_log_group(logGroupName=GROUP)
    region.settle()
    assert functions.texts == ["there"]
    with region.region.store.snapshot() as tx:
        assert not list(cursors.scan(tx))


def test_a_function_that_would_invoke_itself_is_told_of(
    logs: Any, functions: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    make(logs)
    subscribe(logs)
    assert "writes to" not in caplog.text
    make(logs, "/aws/lambda/f")
    own = {"logGroupName": "/aws/lambda/f", "filterName": "sub", "filterPattern": "", "destinationArn": FUNCTION}
    logs.put_subscription_filter(**own)
    assert "a function is subscribed to the log group that it writes to" in caplog.text


def test_a_changed_filter_goes_on_where_it_is(region: LocalRegion, logs: Any, functions: Functions) -> None:
    make(logs)
    subscribe(logs, pattern="one")
    put(logs, events("one", "two", at=now_of(region)))
    region.settle()
    subscribe(logs, pattern="two")
    put(logs, events("one", "two", at=now_of(region)))
    region.settle()
    assert functions.texts == ["one", "two"]
