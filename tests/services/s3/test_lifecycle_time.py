"""When a lifecycle's days are over: never too early, at midnight, whatever the numbers.

Source: S3 User Guide, "Lifecycle rules: Based on an object's age".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.core.background import Background, Options
from fogbank.services.s3 import lifecycle_run
from fogbank.services.s3.lifecycle_time import DAY, due, note
from services.s3.lifecycles import keys, put, rule
from store.memory import MemoryStore, MemoryTx

if TYPE_CHECKING:
    from support.region import LocalRegion

SECONDS = st.integers(0, 2**33)
DAYS = st.integers(0, 2**31)


def at(text: str) -> int:
    """A time in seconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def transaction(day: timedelta | None = None) -> MemoryTx:
    """A transaction on a state that notes how long a day is."""
    tx = MemoryTx(MemoryStore(), writes=True)
    note(tx, day)
    return tx


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2014-01-15T10:30:00", 3, "2014-01-19T00:00:00"),  # the guide's example
        ("2014-01-15T00:00:01", 1, "2014-01-17T00:00:00"),
        ("2014-01-15T23:59:59", 1, "2014-01-17T00:00:00"),
        ("2014-01-15T00:00:00", 1, "2014-01-16T00:00:00"),
        ("2014-01-15T12:00:00", 0, "2014-01-16T00:00:00"),
        ("2016-02-28T12:00:00", 1, "2016-03-01T00:00:00"),
    ],
)
def test_the_midnight_that_follows(start: str, days: int, expected: str) -> None:
    assert due(transaction(), at(start), days) == at(expected)


@given(start=SECONDS, days=DAYS)
def test_nothing_is_due_before_its_days_are_over_nor_a_day_after(start: int, days: int) -> None:
    found = due(transaction(), start, days)
    assert start + days * DAY <= found < start + (days + 1) * DAY
    assert found % DAY == 0


@given(start=SECONDS, days=DAYS, length=st.integers(100, DAY * 1000))
def test_a_short_day_is_as_long_as_it_is_said(start: int, days: int, length: int) -> None:
    found = due(transaction(timedelta(milliseconds=length)), start, days)
    assert 0 <= (found - start) * 1000 - days * length < 1000


@pytest.mark.usefixtures("signed_on_time")
def test_objects_expire_after_short_days_and_say_so(region: LocalRegion, s3: Any, bucket: str) -> None:
    def run(day: timedelta | None) -> None:
        region.run(lifecycle_run.lifecycle(Background(region.region, Options(lifecycle_day=day))))

    put(s3, bucket, rule(Expiration={"Days": 2}))
    run(timedelta(minutes=10))
    told = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["Expiration"]
    moment = datetime.strptime(told.split('"')[1], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta(minutes=19) < moment - region.clock.now() <= timedelta(minutes=20)
    region.advance(minutes=19)
    run(timedelta(minutes=10))
    assert keys(s3, bucket) == ["k"]
    region.advance(minutes=2)
    run(None)  # started again without the option: a day is a day
    assert keys(s3, bucket) == ["k"]
    run(timedelta(minutes=10))
    assert keys(s3, bucket) == []
