"""Ways around a permission or a lock that were open once: each acts on a second resource, or by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, make_public, put_policy

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
