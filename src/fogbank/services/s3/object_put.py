"""Writing objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import checksums, conditions, content, encryption, object_lock, object_state, versions
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.description import DESCRIPTION, described, permissions
from fogbank.services.s3.encryption_request import CUSTOMER, MANAGED
from fogbank.services.s3.names import check_key
from fogbank.services.s3.records import Object, objects
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutObjectRequestTypeDef

    from fogbank.core.call import Call, Sealing
    from fogbank.core.service import Input

MAX_PUT = 5 * 1024**3

CHECKSUMS = " ".join(checksums.MEMBERS.values())


def check_put(call: Call, req: PutObjectRequestTypeDef) -> None:
    """Refuse, before its body is read, an upload that must fail."""
    check_key(req["Key"])
    check_length(req.get("ContentLength"))
    checksums.check_headers(call.request.headers)
    bucket = open_bucket(call, req)
    described(call, req, bucket)
    object_lock.check_upload(call, req, bucket)
    if "IfMatch" in req or "IfNoneMatch" in req:
        conditions.check_write(req, objects.get(call.tx, req["Bucket"], req["Key"]))


def seal_put(call: Call, req: PutObjectRequestTypeDef) -> Sealing:
    """The key that the object is encrypted with: every new object is."""
    return encryption.seal(call, req, open_bucket(call, req))


def check_length(size: int | None) -> None:
    """EntityTooLarge above the 5 GiB of one upload."""
    if size is not None and size > MAX_PUT:
        fields = {"ProposedSize": size, "MaxSizeAllowed": MAX_PUT}
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", fields=fields)


@s3.operation(
    "write",
    "object",
    takes=f"Bucket Key Body ContentLength ContentMD5 ChecksumAlgorithm {CHECKSUMS} {DESCRIPTION} {CUSTOMER} {MANAGED} IfMatch "
    "IfNoneMatch RequestPayer ExpectedBucketOwner",
    also=permissions,
    before_body=check_put,
    seals=seal_put,
    digests=checksums.wanted,
)
def put_object(call: Call, req: PutObjectRequestTypeDef) -> dict[str, Any]:
    """Keep an object, replacing or superseding the one of its key."""
    return make(call, req, "ObjectCreated:Put")


def make(call: Call, req: Input, event: str) -> dict[str, Any]:
    """Make an object of the request's body; `event` is what notifications call that."""
    body = call.body
    assert body is not None
    checksum = checksums.check_upload(req, body)
    bucket = open_bucket(call, req)
    conditions.check_write(req, objects.get(call.tx, req["Bucket"], req["Key"]))
    made = Object(
        size=body.size,
        etag=encryption.etag_of(body),
        modified=int(call.now.timestamp()),
        checksum=checksum,
        segments=content.keep(call, body),
        parts=(),
        encryption=encryption.kept(call, body),
        **described(call, req, bucket),
    )
    made = versions.put(call, bucket, req["Key"], made, event)
    sealed = encryption.told_made(made.encryption)
    expiration = object_state.expiration(call, bucket, req["Key"], made)
    return {
        "ETag": f'"{made.etag}"',
        **versions.written(bucket, made),
        **expiration,
        **sealed,
        **checksums.told(checksum),
    }
