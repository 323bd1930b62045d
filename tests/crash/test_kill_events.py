"""`kill -9` of a region while rules are due and events are put: each rule is triggered once for each time, and nothing acknowledged is
lost.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from crash.load import rounds
from crash.test_kill import Killed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = int(os.environ.get("TEST_EVENTS_KILLS", "12"))
ENOUGH = 5  # acknowledged events for each kill
RULES = 200
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("crash")]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path / "data", "zygote_told.py")
    made.start()
    yield made
    made.end()


def client(killed: Killed) -> Any:
    """EventBridge, as the root of an account."""
    return boto3.client(
        "events",
        endpoint_url=f"http://127.0.0.1:{killed.port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20),
    )


def told(path: Path) -> list[dict[str, Any]]:
    """The events that were delivered; a line may be torn by a kill."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"}}")]


def began(path: Path) -> bool:
    """Whether a minute has begun."""
    return any(event["source"] == "aws.events" for event in told(path))


def rule(events: Any, name: str, **what: str) -> None:
    """A rule with a queue."""
    events.put_rule(Name=name, **what)
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": QUEUE}])


def put_until_gone(events: Any, first: int, acknowledged: set[int]) -> None:
    """Put events, each with a number, until the region is gone."""
    for number in count(first):
        entry = {"Source": "shop", "DetailType": "Sold", "Detail": json.dumps({"n": number})}
        try:
            found = events.put_events(Entries=[entry])
        except (BotoCoreError, ClientError):
            break
        if found["FailedEntryCount"] == 0:
            acknowledged.add(number)
    events.close()


def test_what_is_due_and_what_is_put_survives_kills(killed: Killed, tmp_path: Path) -> None:
    path = tmp_path / "told"
    events = client(killed)
    rule(events, "shop", EventPattern='{"source": ["shop"]}')
    for number in range(RULES):
        rule(events, f"r{number}", ScheduleExpression="cron(* * * * ? *)")
    events.close()
    acknowledged: set[int] = set()
    for round_ in rounds(KILLS, lambda: len(acknowledged) if began(path) else 0, ENOUGH * KILLS):
        writer = threading.Thread(target=put_until_gone, args=(client(killed), round_ * 100_000, acknowledged))
        writer.start()
        time.sleep(0.1 + round_ % 7 * 0.2)
        killed.kill()
        writer.join(60)
        killed.start()
    everything = {f"r{number}" for number in range(RULES)}
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        found = told(path)
        fired = {event["resources"][0].rpartition("/")[2] for event in found if event["source"] == "aws.events"}
        numbers = {event["detail"]["n"] for event in found if event["source"] == "shop"}
        if fired == everything and acknowledged <= numbers:
            break
        time.sleep(0.5)
    assert len(acknowledged) >= ENOUGH * KILLS
    assert not acknowledged - numbers
    assert fired == everything
    ids = defaultdict(set)
    for event in found:
        if event["source"] == "aws.events":
            ids[event["resources"][0], event["time"]].add(event["id"])
    assert {len(each) for each in ids.values()} == {1}
