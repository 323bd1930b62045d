"""`kill -9` of the processes that log requests and of the one that delivers the log: what was answered is in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from gateway.live import Live, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUESTS = 60

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300), pytest.mark.xdist_group("crash")]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A region that really runs."""
    made = Live(tmp_path / "data")
    yield made
    made.end()


def set_up(s3: Any) -> None:
    """Have the requests for `bucket` logged into `logs`."""
    for name in ("bucket", "logs"):
        s3.create_bucket(Bucket=name)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logs/*",
    }
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    enabled = {"TargetBucket": "logs", "TargetPrefix": ""}
    s3.put_bucket_logging(Bucket="bucket", BucketLoggingStatus={"LoggingEnabled": enabled})


def kill(pid: int) -> None:
    """Kill a process; the supervisor starts it again."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def delivered(s3: Any) -> str:
    """The text of all logs."""
    listed = s3.list_objects_v2(Bucket="logs").get("Contents", [])
    return "".join(s3.get_object(Bucket="logs", Key=one["Key"])["Body"].read().decode() for one in listed)


def test_answered_requests_are_logged_though_processes_are_killed(live: Live) -> None:
    s3 = live.client("s3")
    set_up(s3)
    answered = set()
    for number in range(REQUESTS):
        with contextlib.suppress(BotoCoreError, ClientError):
            answered.add(s3.put_object(Bucket="bucket", Key=f"k{number}", Body=b"")["ResponseMetadata"]["RequestId"])
        if number % 15 == 7:
            for pid in live.workers():
                kill(pid)
    assert len(answered) > REQUESTS // 2

    def arrived() -> bool:
        kill(live.runtime()["children"]["control"]["pid"])  # it looks for what is to be delivered when it starts
        return until(lambda: all(one in delivered(s3) for one in answered), 15) is True

    assert arrived()
