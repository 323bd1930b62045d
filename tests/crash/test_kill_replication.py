"""Two regions that really run, one replicating to the other, whose processes are killed meanwhile: every version arrives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from gateway.live import _PROGRAM, Live, until
from services.helpers import pattern
from services.s3.replicating import DESTINATION, SOURCE, replicate, rule, status_of, versioned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = 6
OBJECTS = 60

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300), pytest.mark.xdist_group("crash")]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Live]:
    """The region that replicates."""
    made = Live(tmp_path / "here")
    yield made
    made.end()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Live]:
    """The region that is replicated to, on another port."""
    made = Live(tmp_path / "there")
    yield made
    made.end()


def name_bucket(here: Live, there: Live) -> None:
    """Name the bucket `target` of the other region `elsewhere`, by the command line."""
    command = [_PROGRAM, "s3", "remote", "add", "elsewhere", "--data", here.data, "--endpoint-url", there.endpoint]
    more = ["--access-key-id", there.key, "--bucket", "target"]
    environ = {**os.environ, "REMOTE_SECRET_ACCESS_KEY": there.secret}
    subprocess.run([*command, *more], check=True, capture_output=True, timeout=60, env=environ)


def make_role(live: Live) -> str:
    """A role that S3 may replicate as; its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": [*SOURCE, *DESTINATION], "Resource": "*"}
    iam = live.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
    return f"arn:aws:iam::{live.account}:role/r"


def kill_control(live: Live) -> None:
    """Kill the process that replicates; the supervisor starts it again."""
    os.kill(live.runtime()["children"]["control"]["pid"], signal.SIGKILL)


def bodies(s3: Any, bucket: str) -> dict[str, list[bytes]]:
    """The bodies of all versions, the oldest first, by key."""
    found: dict[str, list[bytes]] = {}
    for one in reversed(s3.list_object_versions(Bucket=bucket)["Versions"]):
        body = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])["Body"].read()
        found.setdefault(one["Key"], []).append(body)
    return found


def test_versions_arrive_though_processes_are_killed(here: Live, there: Live) -> None:
    s3, other = here.client("s3"), there.client("s3")
    versioned(other, "target")
    name_bucket(here, there)
    versioned(s3, "original")
    replicate(s3, "original", rule("elsewhere"), role=make_role(here))
    for number in range(OBJECTS):
        size = 200_000 if number % 7 == 0 else 100
        s3.put_object(Bucket="original", Key=f"k{number % 20}", Body=str(number).encode() + pattern(size))
        if number % (OBJECTS // KILLS) == 0:
            kill_control(here)
            time.sleep(0.1)

    def done() -> bool:
        versions = s3.list_object_versions(Bucket="original")["Versions"]
        return all(status_of(s3, "original", one["Key"], VersionId=one["VersionId"]) == "COMPLETED" for one in versions)

    until(done, 120)
    wanted, arrived = bodies(s3, "original"), bodies(other, "target")
    assert {key: list(dict.fromkeys(found)) for key, found in arrived.items()} == wanted  # one may have come twice
