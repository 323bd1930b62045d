"""Tags of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration, tags
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
    given = [{**tag} for tag in req["Tagging"]["TagSet"]]
    if len(given) > tags.BUCKET_TAGS:
        raise AwsError("BadRequest", f"Bucket tag count cannot be greater than {tags.BUCKET_TAGS}", status=400)
    kept = tags.of_set(given)
    if system := [key for key in kept if key.lower().startswith("aws:")]:
        raise tags.invalid("System tags cannot be added/updated by requester", TagKey=system[0])
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
    configuration.drop(call.tx, open_bucket(call, req), "tagging")
    return {}
