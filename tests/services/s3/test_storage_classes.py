"""Storage classes.

Source: S3 User Guide, "Understanding and managing Amazon S3 storage classes"; S3 API Reference, GetObject, CopyObject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import error_of, headers, refusal, signed
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

READABLE = ("REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR")
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")


@pytest.mark.parametrize("name", READABLE)
def test_a_class_is_kept_and_told(s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=name)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == name
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == name


def test_the_standard_class_is_not_told_of_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="STANDARD")
    assert "x-amz-storage-class" not in headers(s3.head_object(Bucket=bucket, Key="k"))
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["StorageClass"] == "STANDARD"


@pytest.mark.parametrize("name", ARCHIVED)
def test_an_archived_object_is_not_read(s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=name)
    error = refusal(s3.get_object, Bucket=bucket, Key="k")
    assert (error["Code"], error["Status"], error["StorageClass"]) == ("InvalidObjectState", 403, name)
    assert error["Message"] == "The operation is not valid for the object's storage class"
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == name


@pytest.mark.parametrize("name", ARCHIVED)
def test_an_archived_object_is_not_copied(s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=name)
    source = {"Bucket": bucket, "Key": "k"}
    error = refusal(s3.copy_object, Bucket=bucket, Key="c", CopySource=source)
    assert (error["Code"], error["Status"]) == ("InvalidObjectState", 403)
    where = start(s3, bucket, "c")
    assert refusal(s3.upload_part_copy, CopySource=source, PartNumber=1, **where)["Code"] == "InvalidObjectState"


def test_an_archived_version_is_not_read(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"y")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"y"
    assert refusal(s3.get_object, Bucket=bucket, Key="k", VersionId=old)["Code"] == "InvalidObjectState"


def test_an_archived_object_that_did_not_change(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")["ETag"]
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)["Status"] == 304


def test_a_copy_has_the_class_that_it_is_given(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="STANDARD_IA")
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="plain", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="k", CopySource=source, StorageClass="DEEP_ARCHIVE")
    found = {entry["Key"]: entry["StorageClass"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert found == {"plain": "STANDARD", "k": "DEEP_ARCHIVE"}


def test_an_upload_in_parts_has_its_class(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, StorageClass="GLACIER_IR")
    parts = upload(s3, where, {1: b"x"})
    assert s3.list_parts(**where)["StorageClass"] == "GLACIER_IR"
    complete(s3, where, parts)
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "GLACIER_IR"


@pytest.mark.parametrize("name", ["OUTPOSTS", "SNOW", "EXPRESS_ONEZONE", "standard", "X" * 5000])
def test_a_class_that_no_bucket_here_has(region: LocalRegion, bucket: str, name: str) -> None:
    answer = signed(region, "PUT", "/bucket/k", {"x-amz-storage-class": name}, b"x")
    assert error_of(answer) == (400, "InvalidStorageClass")
