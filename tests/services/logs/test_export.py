"""Export tasks: files in a bucket that lets CloudWatch Logs write to it."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.logs import export_run
from services.helpers import code, refusal
from services.logs.made import GROUP, events, make, now_of, put
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

TO = "bucket"


def let(s3: Any, region: str = "us-east-1", **changes: Any) -> None:
    """Let CloudWatch Logs write to the bucket, as AWS documents it."""
    service = {"Service": f"logs.{region}.amazonaws.com"}
    source = {"StringEquals": {"aws:SourceAccount": [ACCOUNT]}}
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": "s3:GetBucketAcl",
            "Resource": f"arn:aws:s3:::{TO}",
            "Principal": service,
            "Condition": source,
        },
        {
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{TO}/*",
            "Principal": service,
            "Condition": {
                "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": [ACCOUNT]}
            },
        },
    ]
    document = {
        "Version": "2012-10-17",
        "Statement": [each for each in statements if each["Action"] not in changes.get("without", ())],
    }
    s3.put_bucket_policy(Bucket=TO, Policy=json.dumps(document))


def start(region: LocalRegion, logs: Any, **options: Any) -> str:
    """Export the last hour of the group."""
    now = now_of(region)
    options = {"logGroupName": GROUP, "fromTime": now - 3_600_000, "to": now + 1000, "destination": TO, **options}
    return str(logs.create_export_task(**options)["taskId"])


def status(logs: Any, task: str) -> str:
    """How a task stands."""
    (found,) = logs.describe_export_tasks(taskId=task)["exportTasks"]
    return str(found["status"]["code"])


def files(s3: Any) -> dict[str, list[str]]:
    """The lines of the files in the bucket, but the test file."""
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=TO).get("Contents", [])]
    bodies = {key: s3.get_object(Bucket=TO, Key=key)["Body"].read() for key in keys}
    return {key: gzip.decompress(body).decode().splitlines() for key, body in bodies.items() if key.endswith(".gz")}


def test_a_group_is_exported(region: LocalRegion, logs: Any, s3: Any, bucket: str) -> None:
    let(s3)
    make(logs, GROUP, "a", "2026/01/[$LATEST]x", "empty")
    put(logs, events("one", "two\n", at=1_000 * (now_of(region) // 1000)), "a")
    put(logs, events("three", at=now_of(region) - 5000), "2026/01/[$LATEST]x")
    put(logs, events("too old", at=now_of(region) - 7_200_000), "a")
    task = start(region, logs, taskName="mine", destinationPrefix="p")
    assert status(logs, task) == "PENDING"
    test = s3.get_object(Bucket=TO, Key="p/aws-logs-write-test")["Body"].read()
    assert test == b"Permission Check Successful"
    region.settle()
    (told,) = logs.describe_export_tasks(statusCode="COMPLETED")["exportTasks"]
    assert (told["taskName"], told["destination"], told["destinationPrefix"]) == ("mine", TO, "p")
    assert told["status"] == {"code": "COMPLETED", "message": "Completed successfully"}
    assert told["executionInfo"]["completionTime"] >= told["executionInfo"]["creationTime"]
    found = files(s3)
    assert {key: [line.partition("Z ")[2] for line in lines] for key, lines in found.items()} == {
        f"p/{task}/a/000000.gz": ["one", "two"],
        f"p/{task}/2026-01-[$LATEST]x/000000.gz": ["three"],
    }
    assert found[f"p/{task}/a/000000.gz"][0].split(" ")[0].endswith(".000Z")


def test_some_streams_in_several_files(
    region: LocalRegion, logs: Any, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let(s3)
    make(logs, GROUP, "a1", "b1")
    for stream in ("a1", "b1"):
        put(logs, events("x" * 80, "y" * 80, "z", at=now_of(region) - 1000), stream)
    monkeypatch.setattr(export_run, "MOST", 100)
    task = start(region, logs, logStreamNamePrefix="a")
    region.settle()
    assert {key: len(lines) for key, lines in files(s3).items()} == {
        f"exportedlogs/{task}/a1/000000.gz": 1,
        f"exportedlogs/{task}/a1/000001.gz": 1,
        f"exportedlogs/{task}/a1/000002.gz": 1,
    }


@pytest.mark.parametrize("operation", ["GetBucketAcl", "PutObject"])
def test_a_bucket_that_is_closed(region: LocalRegion, logs: Any, s3: Any, bucket: str, operation: str) -> None:
    make(logs)
    let(s3, without=(f"s3:{operation}",))
    told = refusal(start, region=region, logs=logs)
    assert told["Code"] == "InvalidParameterException"
    assert told["Message"] == (
        f"{operation} call on the given bucket failed. "
        "Please check if CloudWatch Logs has been granted permission to perform this operation."
    )
    assert logs.describe_export_tasks()["exportTasks"] == []


def test_what_is_refused(region: LocalRegion, logs: Any, s3: Any, bucket: str) -> None:
    make(logs)
    let(s3, "eu-west-1")
    assert code(start, region=region, logs=logs) == "InvalidParameterException"
    let(s3)
    assert code(start, region=region, logs=logs, destination="none") == "InvalidParameterException"
    assert code(start, region=region, logs=logs, fromTime=9, to=8) == "InvalidParameterException"
    assert code(start, region=region, logs=logs, logGroupName="none") == "ResourceNotFoundException"
    assert code(logs.cancel_export_task, taskId="none") == "ResourceNotFoundException"


def test_one_task_at_a_time(region: LocalRegion, logs: Any, s3: Any, bucket: str) -> None:
    let(s3)
    make(logs)
    first = start(region, logs)
    told = refusal(start, region=region, logs=logs)
    assert (told["Code"], told["Message"]) == ("LimitExceededException", "Resource limit exceeded.")
    region.settle()
    region.advance(seconds=1)
    second = start(region, logs)
    assert [each["taskId"] for each in logs.describe_export_tasks()["exportTasks"]] == [second, first]
    page = logs.describe_export_tasks(limit=1)
    assert [each["taskId"] for each in page["exportTasks"]] == [second]
    rest = logs.describe_export_tasks(nextToken=page["nextToken"])
    assert [each["taskId"] for each in rest["exportTasks"]] == [first]


def test_a_task_is_cancelled(region: LocalRegion, logs: Any, s3: Any, bucket: str) -> None:
    let(s3)
    make(logs)
    task = start(region, logs)
    logs.cancel_export_task(taskId=task)
    region.settle()
    assert status(logs, task) == "CANCELLED"
    assert code(logs.cancel_export_task, taskId=task) == "InvalidOperationException"


def test_a_running_task_is_cancelled(
    region: LocalRegion, logs: Any, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let(s3)
    make(logs, GROUP, "a")
    put(logs, events("one", at=now_of(region) - 1000), "a")
    task = start(region, logs)
    real = export_run.export_stream

    async def cancelling(ctx: Any, *rest: Any) -> None:
        await ctx.region.store.write(
            lambda tx: export_run.change((ACCOUNT, "us-east-1", task), ("RUNNING",), "PENDING_CANCEL", "", 0, tx)
        )
        await real(ctx, *rest)

    monkeypatch.setattr(export_run, "export_stream", cancelling)
    region.settle()
    assert status(logs, task) == "CANCELLED"
    assert files(s3) == {}


def test_a_bucket_that_closes_meanwhile_fails_the_task(region: LocalRegion, logs: Any, s3: Any, bucket: str) -> None:
    let(s3)
    make(logs, GROUP, "a")
    put(logs, events("one", at=now_of(region) - 1000), "a")
    task = start(region, logs)
    s3.delete_bucket_policy(Bucket=TO)
    region.settle()
    assert status(logs, task) == "FAILED"
