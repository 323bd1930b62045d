"""A clock that jumps, back and forth: versions stay in the order of their writes, locks hold, nothing goes before its time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from fogbank.services import registry
from fogbank.store import upkeep

if TYPE_CHECKING:
    from datetime import datetime

    from support.region import LocalRegion

JUMPS = (30, -60, 365, -400, 1, -1, 4000, -3000)  # days
LARGE = 300_000


@pytest.fixture(autouse=True)
def signed_on_time(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients sign by the region's clock."""

    def now(remove_tzinfo: bool = True) -> datetime:
        return region.clock.now().replace(tzinfo=None) if remove_tzinfo else region.clock.now()

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    monkeypatch.setattr("botocore.crt.auth.get_current_datetime", now)


def jump(region: LocalRegion, **by: float) -> None:
    """Move the clock either way, as a machine's may be."""
    region.clock._offset += timedelta(**by)


@pytest.fixture
def versioned(region: LocalRegion, s3: Any) -> str:
    """A bucket with Object Lock, and so with versions."""
    s3.create_bucket(Bucket="versioned", ObjectLockEnabledForBucket=True)
    return "versioned"


def check(region: LocalRegion) -> None:
    """All invariants hold."""
    with region.region.store.snapshot() as tx:
        assert not [problem.what for problem in registry.invariants(tx)]


def test_versions_stay_in_the_order_of_their_writes(region: LocalRegion, s3: Any, versioned: str) -> None:
    written = []
    for number, days in enumerate(JUMPS):
        jump(region, days=days)
        written.append(s3.put_object(Bucket=versioned, Key="key", Body=b"%d" % number)["VersionId"])
        written.append(s3.delete_object(Bucket=versioned, Key="key")["VersionId"])
    last = s3.put_object(Bucket=versioned, Key="key", Body=b"last")["VersionId"]
    assert s3.get_object(Bucket=versioned, Key="key")["Body"].read() == b"last"
    answer = s3.list_object_versions(Bucket=versioned)
    rows = {row["VersionId"]: row["IsLatest"] for row in answer["Versions"] + answer["DeleteMarkers"]}
    assert sorted(rows) == [last, *reversed(written)]  # ids sort newest first
    assert [one for one, latest in rows.items() if latest] == [last]
    s3.delete_object(Bucket=versioned, Key="key", VersionId=last)
    for number in reversed(range(len(JUMPS))):
        s3.delete_object(Bucket=versioned, Key="key", VersionId=written.pop())
        assert s3.get_object(Bucket=versioned, Key="key")["Body"].read() == b"%d" % number
        s3.delete_object(Bucket=versioned, Key="key", VersionId=written.pop())
    check(region)


@pytest.mark.parametrize("days", [-3650, -1, 0, 1, 29])
def test_a_lock_holds_until_its_date_whatever_the_clock_did(
    region: LocalRegion, s3: Any, versioned: str, days: int
) -> None:
    until = region.clock.now() + timedelta(days=30)
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    version = s3.put_object(Bucket=versioned, Key="key", Body=b"x", **lock)["VersionId"]
    jump(region, days=days)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=versioned, Key="key", VersionId=version)
    assert s3.get_object(Bucket=versioned, Key="key")["Body"].read() == b"x"


def test_nothing_expires_early_when_the_clock_comes_back(region: LocalRegion, s3: Any, versioned: str) -> None:
    """An object that was written while the clock was wrong is as old as its date says, and never negative days old."""
    rule = {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 10}}
    s3.put_bucket_lifecycle_configuration(Bucket=versioned, LifecycleConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=versioned, Key="before", Body=b"b")
    for days in (5, -5, -100, 100, 9, -9):
        jump(region, days=days)
        region.settle()
        assert s3.get_object(Bucket=versioned, Key="before")["Body"].read() == b"b"
    jump(region, days=-100)
    s3.put_object(Bucket=versioned, Key="in the past", Body=b"p")
    region.settle()
    assert s3.get_object(Bucket=versioned, Key="in the past")["Body"].read() == b"p"
    jump(region, days=100 + 12)
    region.settle()
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=versioned, Key="before")
    check(region)


def test_files_outlive_their_grace_and_go_after_it(region: LocalRegion, s3: Any, bucket: str) -> None:
    """The clock is back before the time at which a file was to go: it goes later, and is not forgotten."""

    def files() -> int:
        return sum(path.is_file() for path in (region.directory / "blobs").rglob("*"))

    s3.put_object(Bucket=bucket, Key="key", Body=b"x" * LARGE)
    jump(region, days=300)
    s3.delete_object(Bucket=bucket, Key="key")
    jump(region, days=-300)
    region.settle()
    assert files() == 1
    jump(region, days=300, minutes=2)
    region.settle()
    assert files() == 0
    check(region)


def test_a_sweep_at_a_wrong_time_removes_nothing_that_is_used(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"x" * LARGE)
    for days in (4000, -8000):
        jump(region, days=days)
        writer = region.region.blobs.create()
        writer.write(b"half")
        swept = upkeep.sweep(region.region.blobs, region.region.store, region.clock.now(), timedelta(minutes=10))
        assert sum(swept) == 0
        writer.finish()
        writer.close()
        assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"x" * LARGE
