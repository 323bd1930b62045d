"""`kill -9` of the workers: of each management write that was acknowledged there is the event."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import HTTPClientError

from gateway.live import Live, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 8


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Live]:
    """Two workers that the test kills."""
    region = Live(tmp_path / "data", "--workers", "2")
    yield region
    region.end()


def test_acknowledged_writes_have_their_events(killed: Live) -> None:
    """All workers die the moment an answer is there; reads and data events may be lost with them, a write's event not."""
    acknowledged: list[str] = []
    for turn in range(ROUNDS):
        names = [f"u{turn}-{number}" for number in range(turn % 3 + 1)]
        acknowledged += [until(partial(created, killed, name)) for name in names]
        pids = killed.workers()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(partial(others, killed, set(pids)))
    events = {event["requestID"]: event for event in killed.events("management")}
    assert set(acknowledged) <= set(events)
    assert {events[one]["eventName"] for one in acknowledged} == {"CreateUser"}
    assert [event["additionalEventData"]["answered"] for event in killed.events("management")] == sorted(
        (event["additionalEventData"]["answered"] for event in events.values()), reverse=True
    )


def others(region: Live, killed: set[int]) -> bool:
    """Whether two other workers run."""
    now = set(region.workers())
    return len(now) == 2 and not now & killed


def created(region: Live, name: str) -> str:
    """The id of the request that made a user; empty while no worker answers."""
    iam = region.client("iam")
    try:
        return str(iam.create_user(UserName=name)["ResponseMetadata"]["RequestId"])
    except HTTPClientError:
        return ""
    except iam.exceptions.EntityAlreadyExistsException:  # the answer to an earlier try was lost: nothing was promised
        return created(region, f"{name}-again")
