"""What a caller says about an object besides its bytes, checked, as records keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.service import Permission
from fogbank.services.s3 import object_headers, object_lock, tags

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

# The input members that say it, which all operations that make objects take.
DESCRIPTION: Final = (
    "ACL CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType Expires Metadata StorageClass Tagging "
    "ObjectLockMode ObjectLockRetainUntilDate ObjectLockLegalHoldStatus"
)
# What saying it takes, besides the permission to write. Source: API Reference, PutObject, "Permissions".
PERMISSIONS: Final = {
    "ObjectLockMode": "s3:PutObjectRetention",
    "ObjectLockRetainUntilDate": "s3:PutObjectRetention",
    "ObjectLockLegalHoldStatus": "s3:PutObjectLegalHold",
    "Tagging": "s3:PutObjectTagging",
}


def permissions(_call: Call, req: Input) -> list[Permission]:
    """The permissions that a caller needs for what it says about an object."""
    actions = dict.fromkeys(action for member, action in PERMISSIONS.items() if member in req)
    return [Permission(action, f"arn:aws:s3:::{req['Bucket']}/{req['Key']}", req) for action in actions]


def described(call: Call, req: Input, bucket: Bucket) -> dict[str, Any]:
    """The fields that Object and Upload have in common, from a request that makes one of them."""
    object_headers.check_acl(req)
    return {
        "headers": object_headers.headers_of(req),
        "metadata": object_headers.metadata_of(req),
        "storage_class": object_headers.storage_class_of(req),
        "owner": "" if call.account == bucket.account else call.account,
        "tags": tags.of_request(req),
        "lock": object_lock.given(call, req, bucket),
    }
