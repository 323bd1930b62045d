"""Real clients against a region that really runs: the aws CLI's `logs tail --follow`, boto3's live tail."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from gateway.live import Live
from services.logs.made import GROUP, STREAM, events, make, put

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.xdist_group("clients")]
SECONDS = 60


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    yield made
    made.end()


@pytest.fixture
def live_logs(live: Live) -> Iterator[Any]:
    """boto3's client of it, with a group; it does not prefix the host with `stream-`, which no local name has."""
    client = boto3.client(
        "logs",
        endpoint_url=live.endpoint,
        region_name="us-east-1",
        aws_access_key_id=live.key,
        aws_secret_access_key=live.secret,
        config=Config(inject_host_prefix=False),
    )
    make(client)
    yield client
    client.delete_log_group(logGroupName=GROUP)
    client.close()


@pytest.fixture(scope="module")
def aws() -> str:
    """The aws CLI, version 2: the first has no `logs tail`. TEST_AWS_CLI says where it is, if not in the path."""
    found = os.environ.get("TEST_AWS_CLI") or shutil.which("aws")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout if found else ""
    if found is None or not version.startswith("aws-cli/2"):
        pytest.skip("aws, version 2, is not installed")
    return found


def environment(live: Live) -> dict[str, str]:
    """What the CLI finds its region and keys in."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(live.data.parent),
        "AWS_ACCESS_KEY_ID": live.key,
        "AWS_SECRET_ACCESS_KEY": live.secret,
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def now() -> int:
    return int(time.time() * 1000)


def lines_of(process: subprocess.Popen[str]) -> queue.Queue[str]:
    """The lines of a program's output, as they come."""
    found: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            found.put(line)

    threading.Thread(target=read, daemon=True).start()
    return found


def test_the_cli_follows_a_group(aws: str, live: Live, live_logs: Any) -> None:
    put(live_logs, events("an old line", at=now()))
    command = [aws, "--endpoint-url", live.endpoint, "logs", "tail", GROUP, "--follow", "--format", "short"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(live)) as process:
        try:
            lines = lines_of(process)
            assert lines.get(timeout=SECONDS).endswith("an old line\n")
            for number in range(3):
                put(live_logs, events(f"line {number}", at=now()))
                assert lines.get(timeout=SECONDS).endswith(f"line {number}\n")
            assert lines.empty()
        finally:
            process.kill()


def test_the_cli_tails_what_matches(aws: str, live: Live, live_logs: Any) -> None:
    put(live_logs, events("ERROR one", "INFO two", "ERROR three", at=now()))
    command = [
        aws,
        "--endpoint-url",
        live.endpoint,
        "logs",
        "tail",
        GROUP,
        "--filter-pattern",
        "ERROR",
        "--format",
        "short",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(live), timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split(" ", 1)[1] for line in done.stdout.splitlines()] == ["ERROR one", "ERROR three"]


def test_a_live_tail_over_http(live_logs: Any) -> None:
    arn = live_logs.describe_log_groups()["logGroups"][0]["logGroupArn"]
    stream = live_logs.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="shown")["responseStream"]
    found = iter(stream)
    assert "sessionStart" in next(found)
    put(live_logs, events("shown 1", "hidden", "shown 2", at=now()), STREAM)
    deadline = time.monotonic() + SECONDS
    for event in found:
        results = event["sessionUpdate"]["sessionResults"]
        if results or time.monotonic() > deadline:
            break
    assert [each["message"] for each in results] == ["shown 1", "shown 2"]
    stream.close()
