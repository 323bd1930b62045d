"""What a caller says about an object besides its bytes, checked, as records keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.services.s3 import object_headers

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

# The input members that say it, which all operations that make objects take.
DESCRIPTION: Final = (
    "ACL CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType Expires Metadata StorageClass"
)


def described(call: Call, req: Input, bucket: Bucket) -> dict[str, Any]:
    """The fields that Object and Upload have in common, from a request that makes one of them."""
    object_headers.check_acl(req)
    return {
        "headers": object_headers.headers_of(req),
        "metadata": object_headers.metadata_of(req),
        "storage_class": object_headers.storage_class_of(req),
        "owner": "" if call.account == bucket.account else call.account,
    }
