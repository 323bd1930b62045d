"""What answers tell of an object's state besides what its writer said: how many tags it has, its restore, its expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.s3 import storage_classes

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object


def told(call: Call, bucket: Bucket, key: str, found: Object) -> dict[str, Any]:
    """The output members of a read. How many tags there are is for who may read them."""
    result: dict[str, Any] = storage_classes.restore_told(found, call.now)
    if found.tags and may_read_tags(call, bucket, key):
        result["TagCount"] = len(found.tags)
    if found.replication:
        result["ReplicationStatus"] = found.replication
    return result


def may_read_tags(call: Call, bucket: Bucket, key: str) -> bool:
    """Whether the caller may read the tags of the object, or version, that it reads."""
    action = "s3:GetObjectVersionTagging" if "VersionId" in call.input else "s3:GetObjectTagging"
    names = {**call.input, "Bucket": bucket.name, "Key": key}
    return call.allowed(action, f"arn:aws:s3:::{bucket.name}/{key}", bucket.account, names)
