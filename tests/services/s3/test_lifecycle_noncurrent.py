"""Lifecycles that run: noncurrent versions, delete markers, uploads in progress.

Source: S3 User Guide, "Lifecycle configuration elements", "Deleting incomplete multipart uploads", "Removing expired object delete
markers".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.services.s3.records import objects
from services.helpers import kept, parts_kept
from services.s3.lifecycles import history, keys, later, put, rule, versioned
from services.s3.uploads import start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

pytestmark = pytest.mark.usefixtures("signed_on_time")
LARGE = 128 * 1024
OLD = {"NoncurrentVersionExpiration": {"NoncurrentDays": 3}}


@pytest.fixture
def keeping(s3: Any, bucket: str) -> str:
    """A bucket that keeps versions."""
    versioned(s3, bucket)
    return bucket


def write(s3: Any, *sizes: int, key: str = "k", **more: Any) -> list[str]:
    """Write versions of these sizes; their ids."""
    return [s3.put_object(Bucket="bucket", Key=key, Body=b"x" * size, **more)["VersionId"] for size in sizes]


def test_noncurrent_versions_expire_by_when_they_became_so(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(**OLD))
    write(s3, 1, 2)
    region.advance(days=10)
    write(s3, 3)
    region.settle()
    assert history(s3, keeping) == ["3", "2"]  # the first was noncurrent for ten days, the second is since now
    later(region, 3)
    assert history(s3, keeping) == ["3", "2"]
    later(region, 1)
    assert history(s3, keeping) == ["3"]
    assert kept(region)[0] == 1


def test_newer_noncurrent_versions_are_kept(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}))
    write(s3, 1, 2, 3, 4, 5)
    write(s3, 1, 2, key="few")
    later(region, 2)
    assert history(s3, keeping) == ["5", "4", "3"]
    assert history(s3, keeping, "few") == ["2", "1"]
    s3.delete_object(Bucket=keeping, Key="k")
    later(region, 2)
    assert history(s3, keeping) == ["marker", "5", "4"]


def test_a_hundred_newer_versions_are_kept(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 100}))
    write(s3, *range(103))
    later(region, 2)
    assert history(s3, keeping) == [str(size) for size in range(102, 1, -1)]


def test_noncurrent_versions_are_chosen_by_tags_and_sizes(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(Filter={"And": {"Tags": [{"Key": "a", "Value": "1"}], "ObjectSizeGreaterThan": 2}}, **OLD))
    write(s3, 1, 5, Tagging="a=1")
    write(s3, 6, 7)
    later(region, 9)
    assert history(s3, keeping) == ["7", "6", "1"]


def test_noncurrent_versions_move(region: LocalRegion, s3: Any, keeping: str) -> None:
    move = {"NoncurrentDays": 30, "StorageClass": "STANDARD_IA", "NewerNoncurrentVersions": 1}
    put(s3, keeping, rule(NoncurrentVersionTransitions=[move]))
    write(s3, LARGE, LARGE, LARGE)
    later(region, 31)
    found = s3.list_object_versions(Bucket=keeping)["Versions"]
    assert [entry["StorageClass"] for entry in found] == ["STANDARD", "STANDARD", "STANDARD_IA"]


def test_the_null_version_expires_like_others(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    versioned(s3, bucket)
    put(s3, bucket, rule(**OLD))
    write(s3, 2)
    later(region, 4)
    assert history(s3, bucket) == ["2"]


def test_a_delete_marker_goes_with_the_last_version_behind_it(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(**OLD, Expiration={"ExpiredObjectDeleteMarker": True}))
    write(s3, 1, 2)
    s3.delete_object(Bucket=keeping, Key="k")
    later(region, 3)
    assert history(s3, keeping) == ["marker", "2", "1"]
    later(region, 1)
    assert history(s3, keeping) == []


def test_a_delete_marker_without_versions_goes(region: LocalRegion, s3: Any, keeping: str) -> None:
    version = write(s3, 1)[0]
    write(s3, 2, key="other")
    for key in ("k", "other"):
        s3.delete_object(Bucket=keeping, Key=key)
    s3.delete_object(Bucket=keeping, Key="k", VersionId=version)
    put(s3, keeping, rule(Expiration={"ExpiredObjectDeleteMarker": True}))
    region.settle()
    assert history(s3, keeping) == []
    assert history(s3, keeping, "other") == ["marker", "2"]


def test_a_delete_marker_stays_where_no_rule_removes_it(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(**OLD))
    write(s3, 1)
    s3.delete_object(Bucket=keeping, Key="k")
    later(region, 9)
    assert history(s3, keeping) == ["marker"]


def test_an_expiration_by_days_removes_old_delete_markers_too(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(**OLD, Expiration={"Days": 5}))
    write(s3, 1)
    s3.delete_object(Bucket=keeping, Key="k")
    later(region, 4)
    assert history(s3, keeping) == ["marker"]
    later(region, 2)
    assert history(s3, keeping) == []


def test_noncurrent_delete_markers_expire(region: LocalRegion, s3: Any, keeping: str) -> None:
    put(s3, keeping, rule(**OLD))
    write(s3, 1)
    s3.delete_object(Bucket=keeping, Key="k")
    s3.delete_object(Bucket=keeping, Key="k")
    write(s3, 2)
    later(region, 4)
    assert history(s3, keeping) == ["2"]


def test_locked_versions_stay(region: LocalRegion, s3: Any) -> None:
    s3.create_bucket(Bucket="bucket", ObjectLockEnabledForBucket=True)
    put(s3, "bucket", rule(**OLD))
    until = region.clock.now() + timedelta(days=30)
    lock = {"ObjectLockRetainUntilDate": until}
    write(s3, 1, ObjectLockMode="GOVERNANCE", **lock)
    write(s3, 2, ObjectLockMode="COMPLIANCE", **lock)
    write(s3, 3, ObjectLockLegalHoldStatus="ON")
    write(s3, 4, 5)
    later(region, 9)
    assert history(s3, "bucket") == ["5", "3", "2", "1"]
    later(region, 30)
    assert history(s3, "bucket") == ["5", "3"]


@pytest.mark.parametrize("state", ["PENDING", "FAILED"])
def test_what_is_still_to_be_replicated_stays(region: LocalRegion, s3: Any, bucket: str, state: str) -> None:
    def mark(tx: Any, to: str) -> None:
        found = objects.get(tx, bucket, "k")
        assert found is not None
        objects.put(tx, msgspec.structs.replace(found, replication=to), bucket, "k")

    put(s3, bucket, rule(Expiration={"Days": 1}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    region.run(region.region.store.write(lambda tx: mark(tx, state)))
    later(region, 9)
    assert keys(s3, bucket) == ["k"]
    region.run(region.region.store.write(lambda tx: mark(tx, "COMPLETED")))
    later(region, 1)
    assert keys(s3, bucket) == []


def test_uploads_in_progress_are_aborted(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule("a b", "u/", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2}))
    old, other = start(s3, bucket, "u/1"), start(s3, bucket, "v/1")
    for where in (old, other):
        upload(s3, where, {1: b"x", 2: b"y"})
    region.advance(days=1)
    new = start(s3, bucket, "u/2")
    later(region, 2)
    left = [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    assert left == ["u/2", "v/1"]
    assert (parts_kept(region), kept(region)[0]) == (2 + 2, 2)
    s3.abort_multipart_upload(**new)


def test_when_an_upload_is_aborted_is_told(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule("a b", "u/", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2}))
    made = s3.create_multipart_upload(Bucket=bucket, Key="u/1")
    listed = s3.list_parts(Bucket=bucket, Key="u/1", UploadId=made["UploadId"])
    for answer in (made, listed):
        days = (answer["AbortDate"] - region.clock.now()).total_seconds() / 86400
        assert days + 0.01 >= 2
        assert days <= 3
        assert answer["AbortRuleId"] == "a b"
    assert "AbortDate" not in s3.create_multipart_upload(Bucket=bucket, Key="v/1")
