"""What answers tell of an object's state besides what its writer said: how many tags it has, its restore, when it expires.

Source: S3 API Reference, GetObject (x-amz-tagging-count, x-amz-restore, x-amz-expiration), CreateMultipartUpload (x-amz-abort-date).
"""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fogbank.services.s3 import lifecycle_rules, storage_classes
from fogbank.services.s3.records import when

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object, Upload

LAST: Final = 253_402_300_799  # the last second of the year 9999: what is later is not told


def told(call: Call, bucket: Bucket, key: str, found: Object) -> dict[str, Any]:
    """The output members of a read. How many tags there are is for who may read them."""
    result: dict[str, Any] = storage_classes.restore_told(found, call.now) | expiration(call, bucket, key, found)
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


def expiration(call: Call, bucket: Bucket, key: str, found: Object) -> dict[str, str]:
    """When the current version of a key expires, and by which rule, as the output member of reads and writes."""
    rules = lifecycle_rules.find(call.tx, bucket)
    if rules is None or found.superseded:
        return {}
    at, rule = rules.expiry(call.tx, key, found)
    if at > LAST:
        return {}
    return {"Expiration": f'expiry-date="{formatdate(at, usegmt=True)}", rule-id="{quote(rule, safe="")}"'}


def abortion(call: Call, bucket: Bucket, key: str, upload: Upload) -> dict[str, Any]:
    """When an upload in progress is aborted, and by which rule, as output members."""
    rules = lifecycle_rules.find(call.tx, bucket)
    at, rule = rules.abort(call.tx, key, upload.initiated) if rules else (lifecycle_rules.NEVER, "")
    return {"AbortDate": when(at), "AbortRuleId": rule} if at <= LAST else {}
