"""The recorder: what is written when, what is lost, and that it never fails a request."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from support.region import LocalRegion


def full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_full_disk_loses_events_and_no_requests(
    region: LocalRegion, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, and logged once until there is space again."""
    iam = region.client("iam")
    iam.create_group(GroupName="before")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr("fogbank.region.events.os.write", full)
        for number in range(3):
            iam.create_group(GroupName=f"lost{number}")
        assert region.recorder.lost == 3
        patch.setattr("fogbank.region.events.os.write", real)
        iam.create_group(GroupName="after")
        patch.setattr("fogbank.region.events.os.write", full)
        iam.create_group(GroupName="lost3")
    iam.create_group(GroupName="last")
    named = [event["requestParameters"]["groupName"] for event in region.events() if event["requestParameters"]]
    assert named == ["last", "after", "before"]
    assert region.recorder.lost == 4
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["events are lost: the disk is full"] * 2


def test_times_rise_whatever_the_clock_does(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = region.client("iam")
    iam.create_group(GroupName="first")
    earlier = region.clock.now() - timedelta(minutes=4)
    monkeypatch.setattr(region.clock, "now", lambda: earlier)
    iam.create_group(GroupName="second")
    found = region.events()
    assert [event["requestParameters"]["groupName"] for event in found] == ["second", "first"]
    answered = [event["additionalEventData"]["answered"] for event in found]
    assert answered[0] > answered[1]


def test_reads_wait_and_changes_do_not(region: LocalRegion) -> None:
    """A change takes the reads before it along: the order of lines is the order of answers."""
    written: list[bytes] = []
    append: Any = region.logs["management"].append

    def kept(lines: bytes, at: int) -> bool:
        written.append(lines)
        return bool(append(lines, at))

    region.logs["management"].append = kept  # type: ignore[method-assign]
    iam = region.client("iam")
    iam.list_groups()
    iam.create_group(GroupName="g")
    assert written[-1].count(b"\n") >= 1
    assert b'"eventName":"CreateGroup"' in written[-1].splitlines()[-1]
    assert b"".join(written).index(b"ListGroups") < b"".join(written).index(b"CreateGroup")


def test_a_closed_recorder_has_written_all(region: LocalRegion) -> None:
    region.client("iam").list_groups()
    region.run(region.recorder.close())
    assert [event["eventName"] for event in region.events()] == ["ListGroups"]
