"""Microseconds per request parsed (and validated) and per answer rendered. Run: `python bench/micro_wire.py`."""

from __future__ import annotations

import statistics
import timeit
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fogbank.wire.http import HttpRequest
from fogbank.wire.service import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROUNDS = 7
SIGNED = {
    "host": "localhost:4566",
    "user-agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.18 md/arch#x86_64 lang/python#3.11.9",
    "x-amz-date": "20260102T030405Z",
    "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
    "amz-sdk-invocation-id": "a9ee2a2f-0000-4000-8000-000000000000",
    "amz-sdk-request": "attempt=1",
    "accept-encoding": "identity",
}
JSON = {**SIGNED, "content-type": "application/x-amz-json-1.0"}
FORM = {**SIGNED, "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
PUT = {
    **SIGNED,
    "content-length": "11",
    "content-type": "text/plain",
    "x-amz-checksum-crc32": "DUoRhQ==",
    "x-amz-sdk-checksum-algorithm": "CRC32",
    "x-amz-meta-owner": "me",
}
KEYS = [{"Key": f"logs/2026/{n:05}.txt", "LastModified": NOW, "ETag": '"d41d8"', "Size": n} for n in range(1000)]
HEAD = {
    "ContentLength": 11,
    "ETag": '"5eb63bbb"',
    "LastModified": NOW,
    "ContentType": "text/plain",
    "Metadata": {"owner": "me"},
}
INSTANCE = {
    "InstanceId": "i-0123456789abcdef0",
    "InstanceType": "t3.micro",
    "State": {"Code": 16, "Name": "running"},
    "LaunchTime": NOW,
    "Tags": [{"Key": "Name", "Value": "web"}],
}


class Case(NamedTuple):
    """An operation, a request of it, its URI labels, and a result."""

    service: str
    operation: str
    request: HttpRequest
    labels: dict[str, str]
    result: dict[str, Any]


def _form(service: str, text: str) -> HttpRequest:
    return HttpRequest("POST", "/", "", FORM, text.encode())


OBJECT = {"Bucket": "bench", "Key": "a/b.txt"}
FILTERS = "&Filter.1.Name=instance-state-name&Filter.1.Value.1=running&Filter.1.Value.2=stopped&MaxResults=50"
ITEM = b'{"TableName": "t", "Key": {"pk": {"S": "user#1"}, "sk": {"N": "42"}}, "ConsistentRead": true}'
MESSAGE = b'{"QueueUrl": "http://localhost:4566/000000000000/q", "MessageBody": "hello", "DelaySeconds": 0}'
CASES = (
    Case("s3", "GetObject", HttpRequest("GET", "/bench/a/b.txt", "", SIGNED), OBJECT, {**HEAD, "Body": b"hello world"}),
    Case("s3", "HeadObject", HttpRequest("HEAD", "/bench/a/b.txt", "", SIGNED), OBJECT, HEAD),
    Case("s3", "PutObject", HttpRequest("PUT", "/bench/a/b.txt", "", PUT), OBJECT, {"ETag": '"5eb63bbb"'}),
    Case(
        "s3",
        "ListObjectsV2",
        HttpRequest("GET", "/bench", "list-type=2&prefix=logs%2F&max-keys=1000&encoding-type=url", SIGNED),
        {"Bucket": "bench"},
        {"Name": "bench", "Prefix": "logs/", "KeyCount": 1000, "MaxKeys": 1000, "IsTruncated": False, "Contents": KEYS},
    ),
    Case(
        "sqs",
        "SendMessage",
        HttpRequest("POST", "/", "", JSON, MESSAGE),
        {},
        {"MessageId": "1", "MD5OfMessageBody": "5d41"},
    ),
    Case(
        "dynamodb",
        "GetItem",
        HttpRequest("POST", "/", "", JSON, ITEM),
        {},
        {"Item": {"pk": {"S": "user#1"}, "n": {"N": "1"}}},
    ),
    Case(
        "iam",
        "GetUser",
        _form("iam", "Action=GetUser&Version=2010-05-08&UserName=alice"),
        {},
        {
            "User": {
                "Path": "/",
                "UserName": "alice",
                "UserId": "AIDA",
                "Arn": "arn:aws:iam::1:user/alice",
                "CreateDate": NOW,
            }
        },
    ),
    Case(
        "ec2",
        "DescribeInstances",
        _form("ec2", "Action=DescribeInstances&Version=2016-11-15" + FILTERS),
        {},
        {"Reservations": [{"ReservationId": "r-1", "Instances": [INSTANCE] * 5}]},
    ),
)


def microseconds(call: Callable[[], object]) -> float:
    """The median of several rounds, per call."""
    timer = timeit.Timer(call)
    number = max(timer.autorange()[0] // 4, 1)
    return statistics.median(timer.repeat(ROUNDS, number)) / number * 1e6


def measure(case: Case) -> tuple[float, float]:
    """Microseconds to parse (with a fresh request, as its arguments are cached) and to render."""
    codec = load(case.service).operations[case.operation].codec(load(case.service).protocol)
    request = case.request

    def parse() -> Mapping[str, Any]:
        fresh = HttpRequest(request.method, request.path, request.query, request.headers, request.body)
        return codec.parse(fresh, case.labels)

    return microseconds(parse), microseconds(lambda: codec.render(case.result))


def main() -> None:
    """Print a line per operation."""
    print(f"{'operation':<24}{'parse µs':>10}{'render µs':>11}")
    for case in CASES:
        parse, render = measure(case)
        print(f"{case.service + ' ' + case.operation:<24}{parse:>10.1f}{render:>11.1f}")


if __name__ == "__main__":
    main()
