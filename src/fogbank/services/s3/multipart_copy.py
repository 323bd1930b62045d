"""Parts copied from objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.call import Taking
from fogbank.core.digests import base64
from fogbank.core.errors import AwsError
from fogbank.services.s3 import checksums, content, encryption
from fogbank.services.s3.encryption_request import CUSTOMER
from fogbank.services.s3.multipart import check_number, open_upload, part_digests, replace_part, seal_part
from fogbank.services.s3.object_copy import SOURCE, open_source, source_key, source_permission, source_told
from fogbank.services.s3.object_put import MAX_PUT
from fogbank.services.s3.ranges import copy_range
from fogbank.services.s3.records import Part, when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import UploadPartCopyRequestTypeDef

    from fogbank.core.call import Call, Sealing
    from fogbank.services.s3.records import Object


def check_sizes(start: int, end: int) -> None:
    """A part holds up to 5 GiB."""
    if end - start > MAX_PUT:
        raise AwsError(
            "InvalidRequest", f"The specified copy range is larger than the maximum allowable size: {MAX_PUT}"
        )


def source_bytes(call: Call, req: UploadPartCopyRequestTypeDef) -> Taking:
    """The bytes to copy; the gateway makes a body of them, as if the caller had sent them."""
    check_number(req["PartNumber"])
    sealing = seal_part(call, req)
    origin, source = open_source(call, req)
    start, end = copy_range(req.get("CopySourceRange"), source.size)
    check_sizes(start, end)
    key = source_key(call, req, origin, source)
    return Taking(content.read(call, source.segments, start, end, key), part_digests(req), with_source(sealing, source))


def with_source(sealing: Sealing | None, source: Object) -> Sealing | None:
    """How a part is encrypted, and what it is copied from: another version may be current by the time that it is kept."""
    if sealing is None:
        return None
    return msgspec.structs.replace(sealing, record=msgspec.structs.replace(sealing.record, source=source))


@s3.operation(
    "write",
    "object",
    action="s3:PutObject",
    also=source_permission,
    takes=f"Bucket Key PartNumber UploadId {SOURCE} {CUSTOMER} CopySourceRange RequestPayer ExpectedBucketOwner",
    body_from=source_bytes,
)
def upload_part_copy(call: Call, req: UploadPartCopyRequestTypeDef) -> dict[str, Any]:
    """Keep a part whose bytes come from an object, or a range of one."""
    body = call.body
    assert body is not None
    upload = open_upload(call, req)
    origin, source = open_source(call, req)
    part = Part(
        size=body.size,
        etag=encryption.etag_of(body),
        modified=int(call.now.timestamp()),
        checksum=body.digests[upload.algorithm],
        given=None,
        segments=content.keep(call, body),
    )
    replace_part(call, req, part)
    checksum = {checksums.MEMBERS[upload.algorithm]: base64(part.checksum)}
    told = {"ETag": f'"{part.etag}"', "LastModified": when(part.modified), **checksum}
    copied = body.sealing.record.source if body.sealing else source
    return {"CopyPartResult": told, **source_told(origin, copied), **encryption.told(upload.encryption)}
