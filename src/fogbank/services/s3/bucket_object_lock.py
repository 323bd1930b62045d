"""Object Lock of buckets: enabling it, and the retention that new versions have by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration, object_lock
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.records import put_bucket
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_s3.type_defs import (
        GetObjectLockConfigurationRequestTypeDef,
        PutObjectLockConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call


@s3.operation(
    "write",
    "bucket",
    action="s3:PutBucketObjectLockConfiguration",
    takes="Bucket ObjectLockConfiguration RequestPayer ContentMD5 ChecksumAlgorithm ExpectedBucketOwner",
)
def put_object_lock_configuration(call: Call, req: PutObjectLockConfigurationRequestTypeDef) -> dict[str, Any]:
    """Enable Object Lock, which is for good, and set or remove the default retention."""
    bucket = open_bucket(call, req)
    wanted: Mapping[str, Any] = req.get("ObjectLockConfiguration") or {}
    check(wanted)
    if bucket.versioning != "Enabled":
        what = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        raise AwsError("InvalidBucketState", what)
    put_bucket(call.tx, msgspec.structs.replace(bucket, lock=True))
    if "Rule" in wanted:
        configuration.keep(call.tx, bucket, object_lock.KIND, {"Rule": wanted["Rule"]})
    else:
        configuration.drop(call.tx, bucket, object_lock.KIND)
    return {}


def check(wanted: Mapping[str, Any]) -> None:
    """MalformedXML unless it enables Object Lock with, at the most, a mode and one period; that is within S3's bounds."""
    default: Mapping[str, Any] = wanted.get("Rule", {}).get("DefaultRetention") or {}
    sound = wanted.get("ObjectLockEnabled") == "Enabled"
    if "Rule" in wanted:
        sound = sound and default.get("Mode") in object_lock.MODES and ("Days" in default) != ("Years" in default)
    if not sound:
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    for unit, (_, most) in object_lock.PERIODS.items():
        count = default.get(unit, 1)
        if count < 1:
            raise object_lock.bad_argument(unit, count, "Default retention period must be a positive integer value.")
        if count > most:
            raise object_lock.bad_argument(unit, count, f"Default retention period is too large; the most is {most}.")


@s3.operation("read", "bucket", action="s3:GetBucketObjectLockConfiguration", takes="Bucket ExpectedBucketOwner")
def get_object_lock_configuration(call: Call, req: GetObjectLockConfigurationRequestTypeDef) -> dict[str, Any]:
    """That Object Lock is enabled, and the default retention."""
    bucket = open_bucket(call, req)
    if not bucket.lock:
        what = "Object Lock configuration does not exist for this bucket"
        raise AwsError("ObjectLockConfigurationNotFoundError", what, status=404, fields={"BucketName": bucket.name})
    rule = configuration.find(call.tx, bucket, object_lock.KIND) or {}
    return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", **rule}}
