"""Inventories as they are written: what is in them, when, and who has to let S3 write them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.digests import digest
from fogbank.services.s3 import inventory_report
from fogbank.services.s3.inventory_fields import OPTIONAL
from fogbank.services.s3.inventory_runs import is_due
from fogbank.services.s3.records import objects
from services.s3.replicating import versioned
from services.s3.test_inventory import inventory, keep

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def reports(s3: Any) -> str:
    """A bucket that S3 may write inventories of `bucket` to, with the policy that AWS documents for it."""
    s3.create_bucket(Bucket="reports")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": ["arn:aws:s3:::reports/*"],
        "Condition": {
            "ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"},
            "StringEquals": {"aws:SourceAccount": "123456789012", "s3:x-amz-acl": "bucket-owner-full-control"},
        },
    }
    s3.put_bucket_policy(Bucket="reports", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return "reports"


def read(s3: Any, key: str) -> bytes:
    """The bytes of an object of the reports."""
    found: bytes = s3.get_object(Bucket="reports", Key=key)["Body"].read()
    return found


def manifests(s3: Any) -> list[str]:
    """The keys of the manifests."""
    listed = s3.list_objects_v2(Bucket="reports").get("Contents", [])
    return [one["Key"] for one in listed if one["Key"].endswith("manifest.json")]


def rows(s3: Any) -> list[dict[str, str]]:
    """The rows of the last report in CSV, by the names of their fields."""
    manifest = json.loads(read(s3, manifests(s3)[-1]))
    names = manifest["fileSchema"].split(", ")
    text = "".join(gzip.decompress(read(s3, one["key"])).decode() for one in manifest["files"])
    return [dict(zip(names, row, strict=True)) for row in csv.reader(io.StringIO(text))]


def test_a_report_of_all_versions(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key='a "b"', Body=b"12345", StorageClass="STANDARD_IA")
    second = s3.put_object(Bucket=bucket, Key='a "b"', Body=b"1")
    marker = s3.delete_object(Bucket=bucket, Key="gone")
    keep(s3, bucket, inventory(OptionalFields=list(OPTIONAL)))
    region.settle()
    newest, older, gone = rows(s3)
    assert list(newest) == ["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", *OPTIONAL]
    assert (newest["VersionId"], newest["IsLatest"], newest["IsDeleteMarker"]) == (
        second["VersionId"], "true", "false",
    )  # fmt: skip
    assert older["VersionId"] == first["VersionId"]
    assert older["Key"] == "a+%22b%22"
    assert (older["Size"], older["IsLatest"], older["StorageClass"]) == ("5", "false", "STANDARD_IA")
    assert older["ETag"] == first["ETag"].strip('"')
    assert (older["EncryptionStatus"], older["ChecksumAlgorithm"], older["IsMultipartUploaded"]) == (
        "SSE-S3", "CRC32", "false",
    )  # fmt: skip
    assert older["LastModifiedDate"].endswith(".000Z")
    assert json.loads(b64decode(older["ObjectAccessControlList"]))["grants"][0]["permission"] == "FULL_CONTROL"
    assert len(older["ObjectOwner"]) == 64
    assert (gone["IsDeleteMarker"], gone["VersionId"], gone["Size"]) == ("true", marker["VersionId"], "")


def test_the_manifest(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    keep(s3, bucket, inventory())
    region.settle()
    (key,) = manifests(s3)
    assert key.startswith("p/bucket/all/")
    manifest = json.loads(read(s3, key))
    assert manifest["sourceBucket"] == bucket
    assert manifest["destinationBucket"] == "arn:aws:s3:::reports"
    assert manifest["fileFormat"] == "CSV"
    assert manifest["version"] == "2016-11-30"
    (file,) = manifest["files"]
    assert file["key"].startswith("p/bucket/all/data/")
    assert file["key"].endswith(".csv.gz")
    data = read(s3, file["key"])
    assert file["size"] == len(data)
    assert file["MD5checksum"] == digest("MD5", data).hex()
    checksum = key.replace("manifest.json", "manifest.checksum")
    assert read(s3, checksum).decode() == digest("MD5", read(s3, key)).hex()
    (links,) = [one["Key"] for one in s3.list_objects_v2(Bucket="reports", Prefix="p/bucket/all/hive/")["Contents"]]
    assert read(s3, links).decode() == f"s3://reports/{file['key']}"


def test_current_versions_under_a_prefix(region: LocalRegion, s3: Any, reports: str) -> None:
    bucket = versioned(s3, "bucket")
    for key in ("a/1", "a/1", "a/2", "b/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    keep(s3, bucket, inventory(IncludedObjectVersions="Current", Filter={"Prefix": "a/"}))
    region.settle()
    assert rows(s3) == [{"Bucket": bucket, "Key": "a/1"}, {"Bucket": bucket, "Key": "a/2"}]


def test_an_empty_bucket(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    keep(s3, bucket, inventory())
    region.settle()
    assert json.loads(read(s3, manifests(s3)[0]))["files"] == []


def test_locks_and_the_lifecycle(region: LocalRegion, s3: Any, reports: str) -> None:
    s3.create_bucket(Bucket="bucket", ObjectLockEnabledForBucket=True)
    until = datetime(2099, 1, 1, tzinfo=UTC)
    s3.put_object(
        Bucket="bucket",
        Key="k",
        Body=b"",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until,
        ObjectLockLegalHoldStatus="ON",
    )
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [rule]})
    keep(s3, "bucket", inventory(OptionalFields=list(OPTIONAL)))
    region.settle()
    (row,) = rows(s3)
    assert row["ObjectLockRetainUntilDate"] == "2099-01-01T00:00:00.000Z"
    assert (row["ObjectLockMode"], row["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", "On")
    assert row["LifecycleExpirationDate"].endswith("T00:00:00.000Z")


def written(region: LocalRegion) -> int:
    """How many manifests there are, without a request: clients do not know of the region's clock."""
    with region.region.store.snapshot() as tx:
        return sum(str(parts[1]).endswith("manifest.json") for parts, _ in objects.scan(tx, "reports"))


def test_reports_come_every_day(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    keep(s3, bucket, inventory())
    keep(s3, bucket, inventory("off", IsEnabled=False))
    region.settle()
    region.settle()
    assert written(region) == 1
    region.advance(days=1)
    region.settle()
    assert written(region) == 2


def test_weekly_reports_come_on_sundays() -> None:
    def seconds(day: int) -> int:
        return int((datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=day - 1)).timestamp())  # a Sunday

    weekly = {"Schedule": {"Frequency": "Weekly"}}
    assert not is_due(weekly, seconds(1), seconds(7))
    assert is_due(weekly, seconds(1), seconds(8))
    assert is_due(weekly, seconds(7), seconds(8))
    assert not is_due(weekly, seconds(8), seconds(14))


def test_the_destination_has_to_let_s3(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    s3.delete_bucket_policy(Bucket="reports")
    keep(s3, bucket, inventory())
    region.settle()
    assert manifests(s3) == []


def test_a_report_is_of_the_owner_that_was_named(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    keep(s3, bucket, inventory(Destination={"AccountId": "111122223333"}))
    region.settle()
    assert manifests(s3) == []


def test_a_report_is_encrypted_as_it_says(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    kms = region.client("kms")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "kms:*", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "kms:GenerateDataKey",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
            },
        ],
    }
    key = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    keep(s3, bucket, inventory(Destination={"Encryption": {"SSEKMS": {"KeyId": key}}}))
    region.settle()
    assert s3.head_object(Bucket="reports", Key=manifests(s3)[0])["SSEKMSKeyId"] == key


def test_a_report_goes_on_page_by_page(
    region: LocalRegion, s3: Any, bucket: str, reports: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory_report, "PAGE", 2)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(7):
        s3.put_object(Bucket=bucket, Key=f"k{number // 2}", Body=b"")
    keep(s3, bucket, inventory())
    region.settle()
    found = rows(s3)
    assert len({row["VersionId"] for row in found}) == len(found) == 7
    assert [row["Key"] for row in found] == ["k0", "k0", "k1", "k1", "k2", "k2", "k3"]


def test_parquet(region: LocalRegion, s3: Any, bucket: str, reports: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    made = s3.put_object(Bucket=bucket, Key="a b", Body=b"123")
    keep(s3, bucket, inventory(OptionalFields=list(OPTIONAL), Destination={"Format": "Parquet"}))
    region.settle()
    manifest = json.loads(read(s3, manifests(s3)[0]))
    assert manifest["fileFormat"] == "Parquet"
    assert manifest["fileSchema"].startswith(
        "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional binary version_id"
    )
    (file,) = manifest["files"]
    assert file["key"].endswith(".parquet")
    (row,) = parquet.read_table(io.BytesIO(read(s3, file["key"]))).to_pylist()
    assert (row["bucket"], row["key"], row["size"], row["is_latest"]) == (bucket, "a b", 3, True)
    assert row["e_tag"] == made["ETag"].strip('"')
    assert row["last_modified_date"].tzinfo is not None
    assert row["version_id"] is None
