"""What a caller says about an object besides its bytes, checked, as records keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.service import Permission
from fogbank.services.s3 import acl, acl_writing, object_headers, object_lock, tags
from fogbank.services.s3.granted import WRITER
from fogbank.services.s3.storage_classes import storage_class_of

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

# The input members that say it, which all operations that make objects take.
DESCRIPTION: Final = (
    f"{acl_writing.SAID} "
    "CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType Expires Metadata StorageClass Tagging "
    "ObjectLockMode ObjectLockRetainUntilDate ObjectLockLegalHoldStatus WebsiteRedirectLocation"
)
# What saying it takes, besides the permission to write. Source: API Reference, PutObject, "Permissions".
PERMISSIONS: Final = {
    "ObjectLockMode": "s3:PutObjectRetention",
    "ObjectLockRetainUntilDate": "s3:PutObjectRetention",
    "ObjectLockLegalHoldStatus": "s3:PutObjectLegalHold",
    "Tagging": "s3:PutObjectTagging",
    "IfMatch": "s3:GetObject",  # it tells whether the object is a certain one
}

_ASKING: Final = frozenset((*PERMISSIONS, *acl_writing.SAID.split()))


def permissions(call: Call, req: Input) -> list[Permission]:
    """The permissions that a caller needs for what it says about an object.

    The ACL of a new object is its writer's affair, wherever the bucket is: a bucket's policy need not allow s3:PutObjectAcl, but may
    deny it. AWS's services give the owner of a bucket full control of what they write there, with s3:PutObject alone.
    Source: S3 User Guide, "Bucket policy examples", "Managing access based on ... canned ACL".
    """
    if req.keys().isdisjoint(_ASKING):
        return []
    arn = f"arn:aws:s3:::{req['Bucket']}/{req['Key']}"
    actions = dict.fromkeys(action for member, action in PERMISSIONS.items() if member in req)
    asked = [Permission(action, arn, req) for action in actions]
    if acl.is_said(req) and call.principal.kind != "service":
        asked.append(Permission("s3:PutObjectAcl", arn, {**req, WRITER: call.account}))
    return asked


def described(call: Call, req: Input, bucket: Bucket) -> dict[str, Any]:
    """The fields that Object and Upload have in common, from a request that makes one of them."""
    return {
        **acl_writing.of_new_object(call, req, bucket),
        "headers": object_headers.headers_of(req),
        "metadata": object_headers.metadata_of(req),
        "storage_class": storage_class_of(req),
        "redirect": object_headers.redirect_of(req),
        "tags": tags.of_request(req),
        "lock": object_lock.given(call, req, bucket),
    }
