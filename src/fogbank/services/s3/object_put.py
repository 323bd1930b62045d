"""Writing objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import checksums, conditions, content, object_headers
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.names import check_key
from fogbank.services.s3.records import Object, objects
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutObjectRequestTypeDef

    from fogbank.core.call import Call

MAX_PUT = 5 * 1024**3

CHECKSUMS = " ".join(checksums.MEMBERS.values())
DESCRIPTION = (
    "ACL CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType Expires Metadata StorageClass"
)


def check_put(call: Call, req: PutObjectRequestTypeDef) -> None:
    """Refuse, before its body is read, an upload that must fail."""
    check_key(req["Key"])
    check_length(req.get("ContentLength"))
    object_headers.check_acl(req)
    object_headers.metadata_of(req)
    object_headers.storage_class_of(req)
    open_bucket(call, req)
    if "IfMatch" in req or "IfNoneMatch" in req:
        conditions.check_write(req, objects.get(call.tx, req["Bucket"], req["Key"]))


def check_length(size: int | None) -> None:
    """EntityTooLarge above the 5 GiB of one upload."""
    if size is not None and size > MAX_PUT:
        fields = {"ProposedSize": size, "MaxSizeAllowed": MAX_PUT}
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", fields=fields)


@s3.operation(
    "write",
    "object",
    takes=f"Bucket Key Body ContentLength ContentMD5 ChecksumAlgorithm {CHECKSUMS} {DESCRIPTION} IfMatch IfNoneMatch "
    "RequestPayer ExpectedBucketOwner",
    before_body=check_put,
    digests=checksums.wanted,
)
def put_object(call: Call, req: PutObjectRequestTypeDef) -> dict[str, Any]:
    """Keep an object, replacing the one of its key."""
    body = call.body
    assert body is not None
    checksum = checksums.check_upload(req, body)
    open_bucket(call, req)
    current = objects.get(call.tx, req["Bucket"], req["Key"])
    conditions.check_write(req, current)
    made = Object(
        size=body.size,
        etag=body.digests["MD5"].hex(),
        modified=int(call.now.timestamp()),
        headers=object_headers.headers_of(req),
        metadata=object_headers.metadata_of(req),
        storage_class=object_headers.storage_class_of(req),
        checksum=checksum,
        segments=content.keep(call, body),
        parts=(),
    )
    replace(call, req["Bucket"], req["Key"], made, current)
    return {"ETag": f'"{made.etag}"', **checksums.told(checksum)}


def replace(call: Call, bucket: str, key: str, made: Object, current: Object | None) -> None:
    """Put an object in the place of the current one, whose bytes are released."""
    if current is not None:
        content.release(call, current.segments)
    objects.put(call.tx, made, bucket, key)
