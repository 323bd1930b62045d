"""`kill -9` of a region while it tells of events: those of every acknowledged write arrive, those of a key in order."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from itertools import count
from typing import TYPE_CHECKING

import pytest

from crash.load import BUCKET, Connection, rounds
from crash.test_kill import Killed, make_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = int(os.environ.get("TEST_NOTIFICATION_KILLS", "25"))
ENOUGH = 5  # acknowledged writes for each kill
KEYS = 5
CONFIGURATION = b"""<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:us-east-1:000000000000:q</Queue>
<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900), pytest.mark.xdist_group("crash")]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path / "data", "zygote_told.py")
    made.start()
    yield made
    made.end()


def write(connection: Connection, first: int, acknowledged: set[tuple[str, int]]) -> None:
    """Put objects, each larger than the one before, until the region is gone."""
    for size in count(first):
        key = f"k{size % KEYS}"
        try:
            status = connection.request("PUT", f"/{BUCKET}/{key}", b"x" * size).status
        except (OSError, http.client.HTTPException):
            break
        if status == 200:
            acknowledged.add((key, size))
    connection.close()


def told(path: Path) -> list[tuple[str, int]]:
    """The keys and sizes of the events that were delivered, in order; a line may be torn by a kill."""
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        records = json.loads(line).get("Records", [])
        found += [(record["s3"]["object"]["key"], record["s3"]["object"]["size"]) for record in records]
    return found


def test_events_of_acknowledged_writes_survive_kills(killed: Killed, tmp_path: Path) -> None:
    make_bucket(killed)
    connection = killed.connect()
    assert connection.request("PUT", f"/{BUCKET}?notification", CONFIGURATION)[0] == 200
    connection.close()
    acknowledged: set[tuple[str, int]] = set()
    for round_ in rounds(KILLS, lambda: len(acknowledged), ENOUGH * KILLS):
        writer = threading.Thread(target=write, args=(killed.connect(), round_ * 1000, acknowledged))
        writer.start()
        time.sleep(0.05 + round_ % 7 * 0.05)
        killed.kill()
        writer.join(30)
        killed.start()
    deadline = time.monotonic() + 60
    while acknowledged - set(told(tmp_path / "told")) and time.monotonic() < deadline:
        time.sleep(0.2)
    delivered = told(tmp_path / "told")
    assert len(acknowledged) >= ENOUGH * KILLS
    assert not acknowledged - set(delivered)
    for key in {key for key, _ in delivered}:
        first_seen = list(dict.fromkeys(size for other, size in delivered if other == key))
        assert first_seen == sorted(first_seen)
