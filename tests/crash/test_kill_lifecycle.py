"""Lifecycles of a real region: `fogbank up --dev --lifecycle-day`, and `kill -9` of the process that carries them out."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from fogbank.region import processes
from fogbank.region.data import DataDir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300), pytest.mark.xdist_group("crash")]

FOGBANK = Path(sys.executable).with_name("fogbank")
OBJECTS = 1000  # of a round
ROUNDS = 5
DAY = {"ID": "day", "Status": "Enabled", "Filter": {"Prefix": "go/"}, "Expiration": {"Days": 1}}


def run(home: Path, *arguments: str) -> str:
    environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
    found = subprocess.run([FOGBANK, *arguments], capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A region whose lifecycle days last a second."""
    where = tmp_path / "data"
    run(tmp_path, "up", "--detach", "--dev", "--port", "0", "--data", str(where), "--lifecycle-day", "1s")
    yield where
    run(tmp_path, "down", "--data", str(where))


@pytest.fixture
def s3(tmp_path: Path, data: Path) -> Any:
    port = json.loads(run(tmp_path, "status", "--json", "--data", str(data)))["port"]
    endpoint = f"http://127.0.0.1:{port}"
    made = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )
    made.create_bucket(Bucket="bucket")
    return made


def keys(s3: Any, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def until(seconds: float, done: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return False


def test_an_object_is_gone_after_a_day_of_a_second(s3: Any) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [DAY]})
    s3.put_object(Bucket="bucket", Key="stay/k", Body=b"x")
    s3.put_object(Bucket="bucket", Key="go/k", Body=b"x")
    assert until(30, lambda: keys(s3, "") == ["stay/k"])


def fill(s3: Any, round_: int) -> None:
    """The objects of a round, of which every tenth stays."""

    def write(number: int) -> None:
        s3.put_object(Bucket="bucket", Key=f"{round_}/{'go' if number % 10 else 'stay'}/{number:05}", Body=b"x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(OBJECTS)))


def kill_control(data: Path) -> None:
    """Kill the process that carries lifecycles out; it is started again."""
    runtime = processes.running(DataDir(data))
    if runtime is not None and "control" in runtime.children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(runtime.children["control"].pid, signal.SIGKILL)


def expire_under_fire(s3: Any, data: Path, round_: int, chance: random.Random) -> None:
    """Objects that expire while the process that removes them is killed, again and again."""
    fill(s3, round_)
    prefix = f"{round_}/go/"
    rules = {"Rules": [{**DAY, "Filter": {"Prefix": prefix}}]}
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration=rules)
    assert until(30, lambda: len(keys(s3, prefix)) < OBJECTS * 9 // 10)
    for _ in range(3):
        kill_control(data)
        time.sleep(chance.uniform(0, 0.3))
    assert until(30, lambda: not keys(s3, prefix))


def test_killing_it_loses_nothing_and_does_nothing_twice(s3: Any, data: Path) -> None:
    chance = random.Random(4)
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    for round_ in range(ROUNDS):
        expire_under_fire(s3, data, round_, chance)
    found = list(s3.get_paginator("list_object_versions").paginate(Bucket="bucket"))
    markers = Counter(entry["Key"] for page in found for entry in page.get("DeleteMarkers", ()))
    versions = Counter(entry["Key"] for page in found for entry in page.get("Versions", ()))
    assert markers == {key: 1 for key in versions if "/go/" in key}
    assert set(versions.values()) == {1}
    assert len(versions) == ROUNDS * OBJECTS
    assert len(keys(s3, "")) == ROUNDS * OBJECTS // 10
