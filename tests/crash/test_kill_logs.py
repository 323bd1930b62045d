"""`kill -9` of a region while log events come in, become segments and are deleted: those that were acknowledged are there, once."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from crash.load import rounds
from crash.test_kill import Killed
from fogbank.services import registry
from fogbank.services.logs import records
from fogbank.store.blobs import Blobs
from fogbank.store.check import check_files, check_records, check_unlinks
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = int(os.environ.get("TEST_LOG_KILLS", "12"))
ENOUGH = 10  # acknowledged puts for each kill
GROUP = "killed"
STREAMS = ("s0", "s1", "s2")

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900), pytest.mark.xdist_group("crash")]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path / "data", "zygote_logs.py")
    made.start()
    yield made
    made.end()


def client(region: Killed) -> Any:
    """A client that does not try again: a put that was not answered may have been carried out."""
    return boto3.client(
        "logs",
        endpoint_url=f"http://127.0.0.1:{region.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )


def write(logs: Any, stream: str, first: int, acknowledged: set[str]) -> None:
    """Put events until the region is gone. Another stream comes and goes meanwhile."""
    for number in count(first):
        message = f"{stream} {number} " + "x" * (number % 300)
        given = [{"timestamp": int(time.time() * 1000) - number % 50, "message": message}]
        try:
            logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=given)
            acknowledged.add(message)
            if number % 7 == 0:
                passing(logs, f"{stream}-{number}")
        except (ClientError, BotoCoreError):
            logs.close()
            return


def passing(logs: Any, stream: str) -> None:
    """A stream that is made, written to, and deleted."""
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    given = [{"timestamp": int(time.time() * 1000), "message": "passing"}]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=given)
    logs.delete_log_stream(logGroupName=GROUP, logStreamName=stream)


def all_messages(logs: Any) -> Counter[str]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    return Counter(event["message"] for page in pages for event in page["events"])


def test_acknowledged_events_survive_kills(killed: Killed) -> None:
    logs = client(killed)
    logs.create_log_group(logGroupName=GROUP)
    for stream in STREAMS:
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.close()
    acknowledged: set[str] = set()
    for round_ in rounds(KILLS, lambda: len(acknowledged), ENOUGH * KILLS):
        writers = [
            threading.Thread(target=write, args=(client(killed), stream, round_ * 100_000, acknowledged))
            for stream in STREAMS
        ]
        for writer in writers:
            writer.start()
        time.sleep(0.1 + round_ % 5 * 0.1)
        killed.kill()
        for writer in writers:
            writer.join(30)
        killed.start()
        logs = client(killed)
        found = all_messages(logs)
        logs.close()
        assert not acknowledged - set(found)
        assert not [message for message, times in found.items() if times > 1 and message != "passing"]
    assert len(acknowledged) >= ENOUGH * KILLS
    check_state(killed)


def check_state(killed: Killed) -> None:
    """After a last kill, all invariants hold, and much is in segments."""
    registry.services()  # the tables of all of them are known now
    killed.kill()
    store, blobs = SqliteStore(killed.data / "state/state.db"), Blobs(killed.data / "blobs")
    try:
        with store.snapshot() as tx:
            assert list(records.segments.scan(tx))
            problems = [*check_records(tx), *registry.invariants(tx), *check_unlinks(tx)]
            files = [each.what for each in check_files(blobs, store, tx) if "nothing refers to it" not in each.what]
        assert not [each.what for each in problems] + files
    finally:
        store.close()
        killed.start()
