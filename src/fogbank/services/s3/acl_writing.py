"""What requests that write objects, or ACLs, may say of ACLs; and whose their objects are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import acl
from fogbank.services.s3.granted import block_of_bucket
from fogbank.services.s3.names import canonical_user

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket, Grant

SAID: Final = "ACL GrantFullControl GrantRead GrantReadACP GrantWriteACP"  # input members of what writes an object


def of_new_object(call: Call, req: Input, bucket: Bucket) -> dict[str, Any]:
    """The owner and the ACL of an object that a request writes, as fields of its record."""
    writer = "" if call.account == bucket.account else call.account
    if bucket.ownership == acl.ENFORCED:
        if acl.is_said(req):
            check_enforced(req, bucket)
        return {"owner": ""}
    if bucket.ownership == acl.PREFERRED and req.get("ACL") == "bucket-owner-full-control":
        return {"owner": ""}
    if not acl.is_said(req):
        return {"owner": writer}
    grants = acl.wanted(req, call.account, bucket.account)
    assert grants is not None
    check_public(call, bucket, grants, "s3:PutObject")
    return {"owner": writer, "acl": grants}


def check_enforced(req: Input, bucket: Bucket) -> None:
    """AccessControlListNotSupported, where ACLs are disabled, for all but the bucket owner's full control."""
    if req.get("ACL") == "bucket-owner-full-control":
        return
    grants = acl.wanted(req, bucket.account, bucket.account) or ()
    if "ACL" in req or any((one.grantee, one.permission) != _full(bucket) for one in grants):
        raise acl.not_supported()


def _full(bucket: Bucket) -> tuple[str, str]:
    return canonical_user(bucket.account), "FULL_CONTROL"


def check_public(call: Call, bucket: Bucket, grants: tuple[Grant, ...], action: str, key: str = "") -> None:
    """AccessDenied for grants to everybody, where those are blocked."""
    if acl.is_public(grants) and block_of_bucket(call, bucket).block_acls:
        raise blocked(call, action, bucket, "access control lists (ACLs)", "BlockPublicAcls")


def blocked(call: Call, action: str, bucket: Bucket, what: str, switch: str) -> AwsError:
    """S3's error for what a public access block refuses."""
    who = call.principal.arn
    message = (
        f'User: {who} is not authorized to perform: {action} on resource: "arn:aws:s3:::{bucket.name}" because public {what} are '
        f"blocked by the {switch} block public access setting."
    )
    return AwsError("AccessDenied", message, status=403)
