"""PutRetentionPolicy, DeleteRetentionPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.logs import records
from services.helpers import code
from services.logs.made import GROUP, STREAM, events, filtered, make, messages, now_of, put, seal_all

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture(autouse=True)
def on_time(signed_on_time: None) -> None:
    """Days pass here."""


def retention(logs: Any) -> int | None:
    days: int | None = logs.describe_log_groups()["logGroups"][0].get("retentionInDays")
    return days


def test_a_group_says_how_long_it_keeps_events(logs: Any) -> None:
    make(logs)
    assert retention(logs) is None
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=14)
    assert retention(logs) == 14
    logs.delete_retention_policy(logGroupName=GROUP)
    assert retention(logs) is None


@pytest.mark.parametrize("days", [0, 2, -1, 15, 3654, 1 << 40])
def test_days_that_aws_does_not_have_are_refused(logs: Any, days: int) -> None:
    make(logs)
    assert code(logs.put_retention_policy, logGroupName=GROUP, retentionInDays=days) in (
        "InvalidParameterException",
        "SerializationException",
    )


@pytest.mark.parametrize("sealed", [False, True])
def test_expired_events_are_hidden_at_once_and_removed(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    make(logs)
    put(logs, events("old", at=now_of(region)))
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    if sealed:
        seal_all(region, monkeypatch)
    region.advance(days=1, seconds=1)
    put(logs, events("new", at=now_of(region)))
    assert filtered(logs) == ["new"]
    assert messages(logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM)) == ["new"]
    region.settle()
    with region.region.store.snapshot() as tx:
        assert not list(records.segments.scan(tx))
        assert len(list(records.chunks.scan(tx))) == 1
    logs.delete_retention_policy(logGroupName=GROUP)
    assert filtered(logs) == ["new"]
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 3 + 26


def test_without_a_policy_events_stay(region: LocalRegion, logs: Any) -> None:
    make(logs)
    put(logs, events("old", at=now_of(region)))
    region.advance(days=4000)
    region.settle()
    assert filtered(logs) == ["old"]


def test_what_expired_is_left_out_of_segments(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make(logs)
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    put(logs, events("old", "younger", at=now_of(region) - 80_000_000, step=70_000_000))
    region.advance(hours=12)
    seal_all(region, monkeypatch)
    with region.region.store.snapshot() as tx:
        (segment,) = [segment for _, segment in records.segments.scan(tx)]
    assert segment.count == 1
    assert filtered(logs) == ["younger"]


def test_a_group_has_to_be_there(logs: Any) -> None:
    assert code(logs.put_retention_policy, logGroupName="x", retentionInDays=1) == "ResourceNotFoundException"
    assert code(logs.delete_retention_policy, logGroupName="x") == "ResourceNotFoundException"
