"""`kill -9` of the control process and of a region, and time in which it is down, while a rule with a function comes round: no time is
left out, none is made up twice.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from crash.load import BUCKET
from crash.test_kill import Killed, check_state, make_bucket
from crash.test_kill_functions import client, make_function
from crash.zygote_fast import SPEED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = 8  # of the control process
TIMES = 9  # that the rule is due
MINUTE = 60 / SPEED  # seconds of the machine
PATIENCE = 600  # seconds: an event whose sandbox was killed is tried again later
SOURCE = """
import boto3
s3 = boto3.client("s3")

def handler(event, context):
    s3.put_object(Bucket="%s", Key="due/" + event["time"] + "/" + event["id"])
"""

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("crash")]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path / "data", "zygote_fast.py")
    made.start()
    yield made
    made.end()


def schedule(region: Killed) -> None:
    """A rule with a function, every minute."""
    arn = make_function(region, SOURCE)
    functions, events = client(region, "lambda"), client(region, "events")
    rule = events.put_rule(Name="minutely", ScheduleExpression="rate(1 minute)")["RuleArn"]
    functions.add_permission(
        FunctionName="f", StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
        SourceArn=rule,
    )  # fmt: skip
    assert events.put_targets(Rule="minutely", Targets=[{"Id": "1", "Arn": arn}])["FailedEntryCount"] == 0


def delivered(region: Killed) -> dict[datetime, set[str]]:
    """The times that the function was told of, with the ids of their events."""
    found: dict[datetime, set[str]] = defaultdict(set)
    with contextlib.suppress(BotoCoreError, ClientError):
        for one in client(region, "s3").list_objects_v2(Bucket=BUCKET, Prefix="due/").get("Contents", []):
            _, when, event = one["Key"].split("/")
            found[datetime.fromisoformat(when)].add(event)
    return found


def disturb(region: Killed) -> None:
    """Kill the control process again and again, for some minutes of the region; then all of it, which is away for more than one."""
    chance, kills = random.Random(1), 0
    while kills < KILLS:
        time.sleep(chance.uniform(0.1, 0.6) * MINUTE)
        with contextlib.suppress(OSError, ValueError, KeyError):  # the supervisor writes what runs anew
            os.kill(region.pids()["control"], signal.SIGKILL)
            kills += 1
    region.kill()
    time.sleep(1.2 * MINUTE)
    region.start()


def gaps(found: dict[datetime, Any]) -> list[datetime]:
    """The times before which one is missing."""
    return [later for earlier, later in pairwise(sorted(found)) if later - earlier != timedelta(minutes=1)]


def test_each_time_of_a_schedule_comes_once_to_its_function(killed: Killed) -> None:
    make_bucket(killed)
    schedule(killed)
    disturb(killed)
    deadline = time.monotonic() + PATIENCE
    found = delivered(killed)
    while (len(found) < TIMES or gaps(found)) and time.monotonic() < deadline:
        time.sleep(0.5)
        found = delivered(killed)
    assert len(found) >= TIMES
    assert not gaps(found)
    assert {len(events) for events in found.values()} == {1}  # delivered at least once, but made once
    check_state(killed)
