"""Ways around a permission or a lock that were open once: each acts on a second resource, or by somebody else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, make_public, put_policy
from services.s3.replicating import make_role, replicate, rule, versioned

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"


@pytest.fixture
def other(region: LocalRegion) -> Any:
    """Another account, with a bucket of its own and an upload in it."""
    made = dev(region, OTHER)
    made.create_bucket(Bucket="others")
    return made


def keep_secret(s3: Any, **said: str) -> str:
    """A bucket whose object is open to others by what is `said` of it, but for its first version, which is the answer."""
    s3.create_bucket(Bucket="mixed", ObjectOwnership="ObjectWriter")
    make_public(s3, "mixed")
    s3.put_bucket_versioning(Bucket="mixed", VersioningConfiguration={"Status": "Enabled"})
    first: str = s3.put_object(Bucket="mixed", Key="k", Body=b"secret", Tagging="for=us")["VersionId"]
    s3.put_object(Bucket="mixed", Key="k", Body=b"open", **said)
    return first


def check_not_copied(other: Any, version: str) -> None:
    upload = other.create_multipart_upload(Bucket="others", Key="p")["UploadId"]
    there, part = (
        {"Bucket": "others", "Key": "c"},
        {"Bucket": "others", "Key": "p", "UploadId": upload, "PartNumber": 1},
    )
    source = f"mixed/k?versionId={version}"
    assert code(other.copy_object, **there, CopySource=source, TaggingDirective="REPLACE") == "AccessDenied"
    assert code(other.upload_part_copy, **part, CopySource=source) == "AccessDenied"
    other.copy_object(**there, CopySource="mixed/k", TaggingDirective="REPLACE")
    assert other.get_object(**there)["Body"].read() == b"open"


def test_a_copied_version_is_read_by_its_own_acl(s3: Any, other: Any) -> None:
    check_not_copied(other, keep_secret(s3, ACL="public-read"))


def test_a_copied_version_is_read_by_its_own_tags(s3: Any, other: Any) -> None:
    first = keep_secret(s3, Tagging="for=all")
    tagged = {"StringEquals": {"s3:ExistingObjectTag/for": "all"}}
    readers = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": "s3:GetObject*",
        "Resource": "arn:aws:s3:::mixed/*",
    }
    put_policy(s3, "mixed", readers | {"Condition": tagged})
    check_not_copied(other, first)


def test_replication_does_not_weaken_a_lock(region: LocalRegion, s3: Any) -> None:
    make_role(region)
    for name in ("original", "copy"):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    default = {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 10}}
    s3.put_object_lock_configuration(
        Bucket="copy", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": default}
    )
    replicate(s3, "original", rule())
    version = s3.put_object(Bucket="original", Key="k", Body=b"")["VersionId"]
    region.settle()
    there = {"Bucket": "copy", "Key": "k", "VersionId": version}
    s3.put_object_legal_hold(**there, LegalHold={"Status": "ON"})
    before = s3.get_object_retention(**there)["Retention"]
    soon = region.clock.now() + timedelta(days=1)
    s3.put_object_retention(Bucket="original", Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon})
    region.settle()
    assert s3.get_object_retention(**there)["Retention"] == before
    assert s3.get_object_legal_hold(**there)["LegalHold"] == {"Status": "ON"}
    late = before["RetainUntilDate"] + timedelta(days=1)
    s3.put_object_retention(
        Bucket="original",
        Key="k",
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": late},
        BypassGovernanceRetention=True,
    )
    region.settle()
    assert s3.get_object_retention(**there)["Retention"]["RetainUntilDate"] == late


def test_an_object_of_another_account_is_replicated_only_if_its_owner_lets_it_be_read(
    region: LocalRegion, s3: Any
) -> None:
    make_role(region)
    versioned(s3, "copy")
    versioned(s3, "original", ObjectOwnership="ObjectWriter")
    writers = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Resource": "arn:aws:s3:::original/*"}
    put_policy(s3, "original", writers | {"Action": ["s3:PutObject", "s3:PutObjectAcl"]})
    replicate(s3, "original", rule())
    other = dev(region, OTHER)
    other.put_object(Bucket="original", Key="theirs", Body=b"")
    other.put_object(Bucket="original", Key="shared", Body=b"", ACL="bucket-owner-full-control")
    region.settle()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="copy").get("Contents", ())] == ["shared"]
