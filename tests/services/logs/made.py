"""Groups, streams and events that tests make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fogbank.services.logs.places import write_pointer
from support.region import HOST, KEY_ID, SECRET

if TYPE_CHECKING:
    from support.region import LocalRegion

GROUP = "/some/group"
STREAM = "a-stream"
THERE = {"logGroupName": "g"}
THERE_ARN = "arn:aws:logs:us-east-1:123456789012:log-group:g"
# Inputs of operations that can address a group in several ways, for tests that call every operation.
MORE: dict[str, dict[str, Any]] = {
    "logs:AssociateKmsKey": THERE,
    "logs:DescribeLogStreams": THERE,
    "logs:DisassociateKmsKey": THERE,
    "logs:FilterLogEvents": THERE,
    "logs:GetLogEvents": THERE,
    "logs:GetLogRecord": {"logRecordPointer": write_pointer(1, (1, 1, 1))},
    "logs:ListTagsForResource": {"resourceArn": THERE_ARN},
    "logs:PutLogGroupDeletionProtection": {"logGroupIdentifier": THERE_ARN},
    "logs:StartLiveTail": {"logGroupIdentifiers": [THERE_ARN]},
    "logs:StartQuery": THERE,
    "logs:TagResource": {"resourceArn": THERE_ARN},
    "logs:UntagResource": {"resourceArn": THERE_ARN},
}


def now_of(region: LocalRegion) -> int:
    """The region's time in ms."""
    return int(region.clock.now().timestamp() * 1000)


def make(logs: Any, group: str = GROUP, *streams: str, **options: Any) -> None:
    """A group with streams, one if none are named."""
    logs.create_log_group(logGroupName=group, **options)
    for stream in streams or (STREAM,):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)


def events(*messages: str, at: int, step: int = 1) -> list[dict[str, Any]]:
    """Events with these messages, `step` ms apart."""
    return [{"timestamp": at + number * step, "message": message} for number, message in enumerate(messages)]


def put(logs: Any, given: list[dict[str, Any]], stream: str = STREAM, group: str = GROUP) -> dict[str, Any]:
    """Put events; the answer."""
    answer: dict[str, Any] = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=given)
    return answer


def raw(region: LocalRegion, operation: str, body: bytes) -> tuple[int, str]:
    """Send any bytes as a signed request; the status and the code of the error, empty if it is none."""
    headers = {"X-Amz-Target": f"Logs_20140328.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"http://{HOST}/", headers=headers, data=body)
    SigV4Auth(Credentials(KEY_ID, SECRET), "logs", "us-east-1").add_auth(request)
    answer = region.raw("POST", "/", dict(request.headers.items()), body)
    return answer.status, json.loads(answer.body or b"{}").get("__type", "")


def messages(answer: dict[str, Any]) -> list[str]:
    """The messages of a page."""
    return [event["message"] for event in answer["events"]]


def filtered(logs: Any, group: str = GROUP, **options: Any) -> list[str]:
    """All messages that a search gives, over all its pages."""
    found = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **options)
    return [message for page in found for message in messages(page)]


def read_all(logs: Any, stream: str = STREAM, group: str = GROUP, **options: Any) -> list[str]:
    """All messages of a stream, from its head, over all its pages."""
    found: list[str] = []
    page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **options)
    while True:
        found += messages(page)
        token = page["nextForwardToken"]
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, nextToken=token, **options)
        if page["nextForwardToken"] == token:
            return found + messages(page)


def seal_all(region: LocalRegion, monkeypatch: Any) -> None:
    """Have all chunks put into segments, however few they are."""
    from fogbank.services.logs import records, sealing

    with monkeypatch.context() as patched:
        patched.setattr(records, "FULL_CHUNKS", 1)
        with region.region.store.snapshot() as tx:
            found = [int(where[0]) for where, _ in records.tallies.scan(tx)]
        for group in found:
            while region.run(sealing.seal_some(region.region, group)):
                pass
