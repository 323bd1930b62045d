"""Ownership controls: whose objects are that other accounts write, and whether ACLs count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import acl
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import put_bucket
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketOwnershipControlsRequestTypeDef,
        GetBucketOwnershipControlsRequestTypeDef,
        PutBucketOwnershipControlsRequestTypeDef,
    )

    from fogbank.core.call import Call

SETTINGS = frozenset((acl.ENFORCED, acl.PREFERRED, "ObjectWriter"))


def has_acls() -> AwsError:
    """S3's error where ACLs are to be disabled that grant something to others."""
    what = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
    return AwsError("InvalidBucketAclWithObjectOwnership", what)


@s3.operation("write", "bucket", takes="Bucket ContentMD5 ChecksumAlgorithm OwnershipControls ExpectedBucketOwner")
def put_bucket_ownership_controls(call: Call, req: PutBucketOwnershipControlsRequestTypeDef) -> dict[str, Any]:
    """Set the one rule that a bucket has."""
    bucket = open_bucket(call, req)
    rules = req["OwnershipControls"]["Rules"]
    if len(rules) != 1 or rules[0]["ObjectOwnership"] not in SETTINGS:
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    setting = rules[0]["ObjectOwnership"]
    owner = canonical_user(bucket.account)
    if setting == acl.ENFORCED and any(grant.grantee != owner for grant in acl.of_bucket(call, bucket)):
        raise has_acls()
    put_bucket(call.tx, msgspec.structs.replace(bucket, ownership=setting))
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_ownership_controls(call: Call, req: GetBucketOwnershipControlsRequestTypeDef) -> dict[str, Any]:
    """The bucket's rule."""
    bucket = open_bucket(call, req)
    if not bucket.ownership:
        fields = {"BucketName": bucket.name}
        what = "The bucket ownership controls were not found"
        raise AwsError("OwnershipControlsNotFoundError", what, status=404, fields=fields)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}


@s3.operation("write", "bucket", action="s3:PutBucketOwnershipControls", takes="Bucket ExpectedBucketOwner")
def delete_bucket_ownership_controls(call: Call, req: DeleteBucketOwnershipControlsRequestTypeDef) -> dict[str, Any]:
    """Forget the rule: objects are their writers' then, as they were on S3 before there were rules."""
    put_bucket(call.tx, msgspec.structs.replace(open_bucket(call, req), ownership=""))
    return {}
