"""Restoring archived objects.

Source: S3 API Reference, RestoreObject; S3 User Guide, "Restoring an archived object".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, error_of, permit, refusal, signed, status, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

pytestmark = pytest.mark.usefixtures("signed_on_time")
DAYS = {"Days": 2, "GlacierJobParameters": {"Tier": "Bulk"}}


@pytest.fixture
def frozen(s3: Any, bucket: str) -> dict[str, Any]:
    """An archived object, as the arguments that name it."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"frozen", StorageClass="GLACIER")
    return {"Bucket": bucket, "Key": "k"}


def midnight_after(moment: datetime, days: int) -> datetime:
    """The midnight that follows `days` days after a time."""
    whole = moment.replace(microsecond=0) + timedelta(days=days)
    return (whole - timedelta(seconds=1)).replace(hour=0, minute=0, second=0) + timedelta(days=1)


def expiry(answer: Any) -> datetime:
    """When a restored copy goes, as a header says it."""
    return parsedate_to_datetime(answer["Restore"].split('expiry-date="')[1].rstrip('"'))


def test_restore_object_makes_a_copy_that_can_be_read(region: LocalRegion, s3: Any, frozen: dict[str, Any]) -> None:
    assert status(s3.restore_object(**frozen, RestoreRequest=DAYS)) == 202
    assert s3.head_object(**frozen)["Restore"] == 'ongoing-request="true"'
    assert code(s3.get_object, **frozen) == "InvalidObjectState"
    region.settle()
    answer = s3.get_object(**frozen)
    assert answer["Body"].read() == b"frozen"
    assert answer["StorageClass"] == "GLACIER"
    assert answer["Restore"].startswith('ongoing-request="false", expiry-date="')
    assert expiry(answer) == midnight_after(region.clock.now(), 2)


def test_a_restore_that_goes_on_is_not_asked_for_again(s3: Any, frozen: dict[str, Any]) -> None:
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    error = refusal(s3.restore_object, **frozen, RestoreRequest=DAYS)
    assert (error["Code"], error["Status"]) == ("RestoreAlreadyInProgress", 409)
    assert error["Message"] == "Object restore is already in progress"


def test_a_restored_copy_goes_after_its_days(region: LocalRegion, s3: Any, frozen: dict[str, Any]) -> None:
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    region.settle()
    region.advance(days=2)
    assert s3.get_object(**frozen)["Body"].read() == b"frozen"
    region.advance(days=1)
    assert code(s3.get_object, **frozen) == "InvalidObjectState"
    assert "Restore" not in s3.head_object(**frozen)
    region.settle()
    assert status(s3.restore_object(**frozen, RestoreRequest=DAYS)) == 202


def test_a_restored_copy_is_given_more_time(region: LocalRegion, s3: Any, frozen: dict[str, Any]) -> None:
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    region.settle()
    assert status(s3.restore_object(**frozen, RestoreRequest={"Days": 10})) == 200
    assert expiry(s3.head_object(**frozen)) == midnight_after(region.clock.now(), 10)
    region.advance(days=4)
    region.settle()
    assert s3.get_object(**frozen)["Body"].read() == b"frozen"
    region.advance(days=7)
    region.settle()
    assert code(s3.get_object, **frozen) == "InvalidObjectState"


def test_a_restored_copy_can_be_copied(region: LocalRegion, s3: Any, frozen: dict[str, Any]) -> None:
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    region.settle()
    s3.copy_object(Bucket=frozen["Bucket"], Key="warm", CopySource=frozen)
    answer = s3.get_object(Bucket=frozen["Bucket"], Key="warm")
    assert answer["Body"].read() == b"frozen"
    assert "Restore" not in answer


def test_a_version_is_restored(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"old", StorageClass="DEEP_ARCHIVE")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"new", StorageClass="GLACIER")
    s3.restore_object(Bucket=bucket, Key="k", VersionId=old, RestoreRequest={"Days": 1})
    region.settle()
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=old)["Body"].read() == b"old"
    assert code(s3.get_object, Bucket=bucket, Key="k") == "InvalidObjectState"


def test_an_object_that_goes_while_it_is_restored(region: LocalRegion, s3: Any, frozen: dict[str, Any]) -> None:
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    s3.put_object(**frozen, Body=b"new", StorageClass="DEEP_ARCHIVE")
    region.settle()
    assert "Restore" not in s3.head_object(**frozen)
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    s3.delete_object(**frozen)
    region.settle()
    assert code(s3.head_object, **frozen) == "404"


def test_a_restore_is_of_the_object_that_it_was_asked_for(region: LocalRegion, s3: Any, frozen: dict[str, Any]) -> None:
    s3.restore_object(**frozen, RestoreRequest={"Days": 99})
    s3.put_object(**frozen, Body=b"new", StorageClass="GLACIER")
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    region.settle()
    assert expiry(s3.head_object(**frozen)) == midnight_after(region.clock.now(), 2)


def test_listings_tell_of_restores_to_who_asks(region: LocalRegion, s3: Any, frozen: dict[str, Any]) -> None:
    def told(**more: Any) -> list[Any]:
        lists = (s3.list_objects_v2, s3.list_objects)
        found = [each(Bucket=frozen["Bucket"], **more)["Contents"][0] for each in lists]
        return [entry.get("RestoreStatus") for entry in found]

    wanted = {"OptionalObjectAttributes": ["RestoreStatus"]}
    assert told(**wanted) == [None, None]
    s3.restore_object(**frozen, RestoreRequest=DAYS)
    assert told(**wanted) == [{"IsRestoreInProgress": True}] * 2
    region.settle()
    until = midnight_after(region.clock.now(), 2)
    assert told(**wanted) == [{"IsRestoreInProgress": False, "RestoreExpiryDate": until}] * 2
    assert told() == [None, None]
    version = s3.list_object_versions(Bucket=frozen["Bucket"], **wanted)["Versions"][0]
    assert version["RestoreStatus"] == {"IsRestoreInProgress": False, "RestoreExpiryDate": until}


def test_only_archived_objects_are_restored(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER_IR")
    error = refusal(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=DAYS)
    assert (error["Code"], error["Status"], error["StorageClass"]) == ("InvalidObjectState", 403, "GLACIER_IR")
    assert error["Message"] == "Restore is not allowed for the object's current storage class"
    assert code(s3.restore_object, Bucket=bucket, Key="none", RestoreRequest=DAYS) == "NoSuchKey"


@pytest.mark.parametrize("days", [0, -1, 36_501, 2**31 - 1])
def test_days_that_cannot_be(s3: Any, frozen: dict[str, Any], days: int) -> None:
    assert code(s3.restore_object, **frozen, RestoreRequest={"Days": days}) == "InvalidArgument"


def test_a_deep_archive_has_no_expedited_restore(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="DEEP_ARCHIVE")
    request = {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    error = refusal(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=request)
    assert error["Code"] == "InvalidArgument"
    assert error["Message"] == "Retrieval option is not supported by this storage class"


def test_select_is_not_implemented(s3: Any, frozen: dict[str, Any]) -> None:
    output = {"S3": {"BucketName": "bucket", "Prefix": "out"}}
    error = refusal(s3.restore_object, **frozen, RestoreRequest={"Type": "SELECT", "OutputLocation": output})
    assert (error["Code"], error["Status"]) == ("NotImplemented", 501)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<RestoreRequest>",
        b"<RestoreRequest/>",
        b"<Other><Days>1</Days></Other>",
        b"<RestoreRequest><Days>many</Days></RestoreRequest>",
        b"<RestoreRequest><Days>99999999999999999999</Days></RestoreRequest>",
        b"<RestoreRequest><Days>1</Days><Tier>Fast</Tier></RestoreRequest>",
        b"<RestoreRequest><Days>1</Days><GlacierJobParameters/></RestoreRequest>",
        b'<!DOCTYPE x [<!ENTITY e "1">]><RestoreRequest><Days>&e;</Days></RestoreRequest>',
    ],
    ids=["empty", "open", "no days", "another", "words", "large", "tier", "no tier", "entity"],
)
def test_a_hostile_document(region: LocalRegion, s3: Any, frozen: dict[str, Any], body: bytes) -> None:
    answer = signed(region, "POST", "/bucket/k?restore", {}, body)
    assert error_of(answer)[0] == 400
    assert "Restore" not in s3.head_object(**frozen)


def test_restoring_needs_its_permission(region: LocalRegion, frozen: dict[str, Any]) -> None:
    ann = user_client(region, "s3")
    permit(region, allow("s3:GetObject"))
    assert code(ann.restore_object, **frozen, RestoreRequest=DAYS) == "AccessDenied"
    permit(region, allow("s3:RestoreObject"))
    assert status(ann.restore_object(**frozen, RestoreRequest=DAYS)) == 202
