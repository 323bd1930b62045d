"""Tags of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import bucket_tags, configuration, tags
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketTaggingRequestTypeDef,
        GetBucketTaggingRequestTypeDef,
        PutBucketTaggingRequestTypeDef,
    )

    from fogbank.core.call import Call


@s3.operation("write", "bucket", takes="Bucket ContentMD5 ChecksumAlgorithm Tagging ExpectedBucketOwner")
def put_bucket_tagging(call: Call, req: PutBucketTaggingRequestTypeDef) -> dict[str, Any]:
    """Replace the bucket's tags; at most fifty."""
    bucket = open_bucket(call, req)
    bucket_tags.check_not_abac(bucket)
    kept = tags.of_bucket([{**tag} for tag in req["Tagging"]["TagSet"]])
    configuration.keep(call.tx, bucket, "tagging", {"TagSet": tags.to_set(kept)})
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_tagging(call: Call, req: GetBucketTaggingRequestTypeDef) -> dict[str, Any]:
    """The bucket's tags. NoSuchTagSet if it has none."""
    bucket = open_bucket(call, req)
    found: dict[str, Any] | None = configuration.find(call.tx, bucket, "tagging")
    if not found or not found["TagSet"]:
        raise AwsError("NoSuchTagSet", "The TagSet does not exist", fields={"BucketName": bucket.name})
    return found


@s3.operation("write", "bucket", action="s3:PutBucketTagging", takes="Bucket ExpectedBucketOwner")
def delete_bucket_tagging(call: Call, req: DeleteBucketTaggingRequestTypeDef) -> dict[str, Any]:
    """Remove the bucket's tags."""
    bucket = open_bucket(call, req)
    bucket_tags.check_not_abac(bucket)
    configuration.drop(call.tx, bucket, "tagging")
    return {}
