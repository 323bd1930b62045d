"""Versioning of buckets: keeping what is overwritten or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError, not_implemented
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.records import put_bucket
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetBucketVersioningRequestTypeDef, PutBucketVersioningRequestTypeDef

    from fogbank.core.call import Call


@s3.operation(
    "write", "bucket", takes="Bucket ContentMD5 ChecksumAlgorithm MFA VersioningConfiguration ExpectedBucketOwner"
)
def put_bucket_versioning(call: Call, req: PutBucketVersioningRequestTypeDef) -> dict[str, Any]:
    """Enable or suspend versioning; it can never be turned off again."""
    bucket = open_bucket(call, req)
    status, erasing = req["VersioningConfiguration"].get("Status"), req["VersioningConfiguration"].get("MFADelete")
    if status is None and erasing is None:
        raise AwsError("IllegalVersioningConfigurationException", "The Versioning element must be specified")
    if status not in (None, "Enabled", "Suspended") or erasing not in (None, "Enabled", "Disabled"):
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    if erasing == "Enabled":
        raise not_implemented("MFA delete")  # the root, who alone may ask for it, has no MFA device here
    if status is None:
        return {}
    if status == "Suspended" and bucket.lock:
        what = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        raise AwsError("InvalidBucketState", what)
    if status == "Suspended" and "replication" in bucket.configured:
        what = "A replication configuration is present on this bucket, so the versioning state cannot be changed."
        raise AwsError("InvalidBucketState", what)
    put_bucket(call.tx, msgspec.structs.replace(bucket, versioning=status))
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_versioning(call: Call, req: GetBucketVersioningRequestTypeDef) -> dict[str, Any]:
    """Whether the bucket keeps versions; nothing if it never did."""
    bucket = open_bucket(call, req)
    return {"Status": bucket.versioning} if bucket.versioning else {}
