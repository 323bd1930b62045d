"""Access control lists of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import acl, configuration
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.acl_writing import check_public
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetBucketAclRequestTypeDef, PutBucketAclRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Grant
    from fogbank.store.api import Tx

KIND = "acl"
SAID = "ACL GrantFullControl GrantRead GrantReadACP GrantWrite GrantWriteACP"


@s3.operation(
    "write",
    "bucket",
    takes=f"Bucket {SAID} AccessControlPolicy ContentMD5 ChecksumAlgorithm ExpectedBucketOwner",
)
def put_bucket_acl(call: Call, req: PutBucketAclRequestTypeDef) -> dict[str, Any]:
    """Replace the bucket's ACL."""
    bucket = open_bucket(call, req)
    grants = acl.wanted(req, bucket.account, bucket.account, bucket=True)
    if grants is None:
        fields = {"MissingHeaderName": "x-amz-acl"}
        raise AwsError("MissingSecurityHeader", "Your request was missing a required header", fields=fields)
    if bucket.ownership == acl.ENFORCED:
        if "AccessControlPolicy" in req and grants == acl.of_bucket(call, bucket):
            return {}
        raise acl.not_supported()
    check_public(call, bucket, grants, "s3:PutBucketAcl")
    keep(call.tx, bucket, grants)
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_acl(call: Call, req: GetBucketAclRequestTypeDef) -> dict[str, Any]:
    """The bucket's ACL."""
    bucket = open_bucket(call, req)
    return acl.told(bucket.account, acl.of_bucket(call, bucket))


def keep(tx: Tx, bucket: Bucket, grants: tuple[Grant, ...]) -> None:
    """Keep a bucket's grants."""
    configuration.keep(tx, bucket, KIND, {"grants": [[grant.grantee, grant.permission] for grant in grants]})
