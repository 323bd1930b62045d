"""Access control lists of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import acl, happened, versions
from fogbank.services.s3.access import open_bucket, open_object
from fogbank.services.s3.acl_writing import check_enforced, check_public
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetObjectAclRequestTypeDef, PutObjectAclRequestTypeDef

    from fogbank.core.call import Call

SAID = "ACL GrantFullControl GrantRead GrantReadACP GrantWrite GrantWriteACP"


@s3.operation(
    "write",
    "object",
    variants={"VersionId": "s3:PutObjectVersionAcl"},
    takes=f"Bucket Key VersionId {SAID} AccessControlPolicy ContentMD5 ChecksumAlgorithm RequestPayer ExpectedBucketOwner",
)
def put_object_acl(call: Call, req: PutObjectAclRequestTypeDef) -> dict[str, Any]:
    """Replace the ACL of an object, or of a version of it."""
    bucket = open_bucket(call, req)
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    grants = acl.wanted(req, acl.owner_of(bucket, found), bucket.account)
    if grants is None:
        fields = {"MissingHeaderName": "x-amz-acl"}
        raise AwsError("MissingSecurityHeader", "Your request was missing a required header", fields=fields)
    if bucket.ownership == acl.ENFORCED:
        check_enforced(req, bucket)
        return {}
    check_public(call, bucket, grants, "s3:PutObjectAcl")
    changed = msgspec.structs.replace(found, acl=grants)
    versions.update(call, bucket, req["Key"], changed)
    happened.tell(call, bucket, "ObjectAcl:Put", req["Key"], changed)
    return {}


@s3.operation(
    "read",
    "object",
    variants={"VersionId": "s3:GetObjectVersionAcl"},
    takes="Bucket Key VersionId RequestPayer ExpectedBucketOwner",
)
def get_object_acl(call: Call, req: GetObjectAclRequestTypeDef) -> dict[str, Any]:
    """The ACL of an object, or of a version of it."""
    bucket = open_bucket(call, req)
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    return acl.told(acl.owner_of(bucket, found), acl.of_object(bucket, found))
