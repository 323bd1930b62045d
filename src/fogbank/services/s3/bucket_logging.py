"""Server access logging: which bucket the log of a bucket's requests is delivered to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import acl, configuration, object_lock
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.records import buckets
from fogbank.services.s3.service import s3
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetBucketLoggingRequestTypeDef, PutBucketLoggingRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

KIND = "logging"


@s3.operation("write", "bucket", takes="Bucket ContentMD5 ChecksumAlgorithm BucketLoggingStatus ExpectedBucketOwner")
def put_bucket_logging(call: Call, req: PutBucketLoggingRequestTypeDef) -> dict[str, Any]:
    """Have the bucket's requests logged, or no longer. The log service's permission is asked when it delivers."""
    bucket = open_bucket(call, req)
    value = req["BucketLoggingStatus"].get("LoggingEnabled")
    if value is None:
        configuration.drop(call.tx, bucket, KIND)
        return {}
    target = check_target(call, bucket, value)
    if value.get("TargetGrants") and target.ownership == acl.ENFORCED:
        raise acl.not_supported()
    check_format(value)
    configuration.keep(call.tx, bucket, KIND, value)
    return {}


def check_target(call: Call, bucket: Bucket, value: Input) -> Bucket:
    """The bucket that logs are delivered to: one of the same owner, in the same region."""
    target = buckets.get(call.tx, value["TargetBucket"])
    code = "InvalidTargetBucketForLogging"
    if target is None:
        fields = {"TargetBucket": value["TargetBucket"][:255]}
        raise AwsError(code, "The target bucket for logging does not exist", fields=fields)
    fields = {"TargetBucket": target.name}
    if target.account != bucket.account:
        what = "The owner for the bucket to be logged and the target bucket must be the same."
        raise AwsError(code, what, fields=fields)
    if target.region != bucket.region:
        what = "Cross S3 location logging not allowed. "
        more = {"SourceBucketLocation": bucket.region, "TargetBucketLocation": target.region}
        raise AwsError("CrossLocationLoggingProhibitted", what, status=403, fields=more)  # as AWS spells it
    if object_lock.default_of(call, target):
        what = "The target bucket for logging must not have a default retention period configuration."
        raise AwsError(code, what, fields=fields)
    return target


def check_format(value: Input) -> None:
    """Keys of logs have one format."""
    if "TargetObjectKeyFormat" in value and len(value["TargetObjectKeyFormat"]) != 1:
        raise malformed()
    for grant in value.get("TargetGrants", ()):
        if not {"Grantee", "Permission"} <= grant.keys():
            raise malformed()
        acl.grantee_of(grant["Grantee"])


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_logging(call: Call, req: GetBucketLoggingRequestTypeDef) -> dict[str, Any]:
    """Where the bucket's requests are logged; nothing if they are not."""
    found = configuration.find(call.tx, open_bucket(call, req), KIND)
    return {"LoggingEnabled": found} if found else {}
