"""Public access blocks of buckets; those of accounts are S3 Control's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.public_access import block_of
from fogbank.services.s3 import configuration
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeletePublicAccessBlockRequestTypeDef,
        GetPublicAccessBlockRequestTypeDef,
        PutPublicAccessBlockRequestTypeDef,
    )

    from fogbank.core.call import Call

KIND = "publicAccessBlock"


@s3.operation(
    "write",
    "bucket",
    action="s3:PutBucketPublicAccessBlock",
    takes="Bucket ContentMD5 ChecksumAlgorithm PublicAccessBlockConfiguration ExpectedBucketOwner",
)
def put_public_access_block(call: Call, req: PutPublicAccessBlockRequestTypeDef) -> dict[str, Any]:
    """Replace the bucket's switches; what is not said is off."""
    bucket = open_bucket(call, req)
    if not req["PublicAccessBlockConfiguration"]:
        raise AwsError("InvalidRequest", "Must specify at least one configuration.")
    configuration.keep(call.tx, bucket, KIND, block_of(req["PublicAccessBlockConfiguration"]).told())
    return {}


@s3.operation("read", "bucket", action="s3:GetBucketPublicAccessBlock", takes="Bucket ExpectedBucketOwner")
def get_public_access_block(call: Call, req: GetPublicAccessBlockRequestTypeDef) -> dict[str, Any]:
    """The bucket's switches; the account's hold besides."""
    bucket = open_bucket(call, req)
    found = configuration.find(call.tx, bucket, KIND)
    if found is None:
        fields = {"BucketName": bucket.name}
        what = "The public access block configuration was not found"
        raise AwsError("NoSuchPublicAccessBlockConfiguration", what, status=404, fields=fields)
    return {"PublicAccessBlockConfiguration": found}


@s3.operation("write", "bucket", action="s3:PutBucketPublicAccessBlock", takes="Bucket ExpectedBucketOwner")
def delete_public_access_block(call: Call, req: DeletePublicAccessBlockRequestTypeDef) -> dict[str, Any]:
    """Block nothing for this bucket."""
    configuration.drop(call.tx, open_bucket(call, req), KIND)
    return {}
