"""`kill -9` of the control process while functions become active: they do, and what is unpacked is whole."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from crash.test_kill import Killed, check_state
from services.lambda_.conftest import TRUST
from services.lambda_.packages import zipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FUNCTIONS = int(os.environ.get("TEST_ACTIVATIONS", "6"))
FILES = 3000
KILLS = 25
PATIENCE = 120  # seconds
RUNTIME = f"python3.{sys.version_info.minor}"

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("crash"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # boto3 drops connections that broke
]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path / "data")
    made.start()
    yield made
    made.end()


def client(region: Killed, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{region.port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 8, "mode": "standard"}),
    )


def package(number: int) -> bytes:
    """Many small files: unpacking them takes a while."""
    return zipped({f"d{n % 30}/f{n}.py": f"value = {number * n}\n" for n in range(FILES)})


def kill_control(region: Killed) -> None:
    """Kill the control process, if it is there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(region.pids()["control"], signal.SIGKILL)


def test_functions_become_active_whoever_is_killed(killed: Killed) -> None:
    chance = random.Random(7)
    functions = client(killed, "lambda")
    role = client(killed, "iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    for number in range(FUNCTIONS):
        functions.create_function(
            FunctionName=f"f{number}", Runtime=RUNTIME, Handler="a.h", Role=role, Code={"ZipFile": package(number)}
        )
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.01, 0.4))
        kill_control(killed)
    deadline = time.monotonic() + PATIENCE
    waiting = set(range(FUNCTIONS))
    while waiting and time.monotonic() < deadline:
        time.sleep(0.2)
        waiting -= {
            n for n in waiting if functions.get_function(FunctionName=f"f{n}")["Configuration"]["State"] == "Active"
        }
    assert not waiting
    assert_whole(killed)


def assert_whole(region: Killed) -> None:
    """Each package is unpacked, with all its files; a new control process has removed what others left."""
    place = region.data / "functions" / "code"
    deadline = time.monotonic() + PATIENCE
    while any(path.name.startswith("new-") for path in place.iterdir()) and time.monotonic() < deadline:
        kill_control(region)  # the next one sweeps when it starts
        time.sleep(2)
    found = sorted(place.iterdir())
    assert len(found) == FUNCTIONS
    for directory in found:
        assert (directory / "boot").is_file()
        sizes = [path.stat().st_size for path in (directory / "tree").rglob("*.py")]
        assert len(sizes) == FILES
        assert min(sizes) > 0
    check_state(region)
