"""Reading objects."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import (
    checksums,
    conditions,
    content,
    encryption,
    object_headers,
    object_lock,
    object_state,
    storage_classes,
    versions,
)
from fogbank.services.s3.access import open_bucket, open_object
from fogbank.services.s3.encryption_request import CUSTOMER, customer_of
from fogbank.services.s3.ranges import byte_range
from fogbank.services.s3.records import when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetObjectRequestTypeDef, HeadObjectRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.encryption_request import Customer
    from fogbank.services.s3.records import Bucket, Checksum, Object

READ = (
    "Bucket Key IfMatch IfModifiedSince IfNoneMatch IfUnmodifiedSince Range ResponseCacheControl ResponseContentDisposition "
    "ResponseContentEncoding ResponseContentLanguage ResponseContentType ResponseExpires VersionId RequestPayer PartNumber "
    f"ExpectedBucketOwner ChecksumMode {CUSTOMER}"
)
UNCHANGED = ("CacheControl", "Expires")  # what a 304 repeats besides ETag and Last-Modified (RFC 9110, section 15.4.5)
OVERRIDES = {f"Response{name}": name for name in object_headers.HEADERS}


@s3.operation("read", "object", takes=READ, variants={"VersionId": "s3:GetObjectVersion"})
def get_object(call: Call, req: GetObjectRequestTypeDef) -> dict[str, Any]:
    """An object's bytes, whole or a range of them, and all that is known of it."""
    bucket, customer = open_bucket(call, req), customer_of(call, req)
    found, result, start, end = describe(call, req, bucket, customer)
    if result["StatusCode"] != 304:
        storage_classes.check_readable(found, call.now)
        key = encryption.open_key(call, found.encryption, bucket, req["Key"], customer)
        result["Body"] = content.read(call, found.segments, start, end, key)
    return result


@s3.operation("read", "object", takes=READ, action="s3:GetObject", variants={"VersionId": "s3:GetObjectVersion"})
def head_object(call: Call, req: HeadObjectRequestTypeDef) -> dict[str, Any]:
    """What GetObject would answer, without the bytes."""
    bucket, customer = open_bucket(call, req), customer_of(call, req)
    found, result, _, _ = describe(call, req, bucket, customer)
    if req.get("ChecksumMode") == "ENABLED":
        # A checksum tells of the bytes: KMS is asked, too.
        encryption.open_key(call, found.encryption, bucket, req["Key"], customer)
    return result


def describe(
    call: Call, req: Input, bucket: Bucket, customer: Customer | None
) -> tuple[Object, dict[str, Any], int, int]:
    """The object, what its response says of it, and the range of its bytes that is wanted."""
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    encryption.check_customer(found.encryption, customer)
    result: dict[str, Any] = {
        "StatusCode": 200,
        "AcceptRanges": "bytes",
        "LastModified": when(found.modified),
        "ETag": f'"{found.etag}"',
        **versions.told(bucket, found),
    }
    if not conditions.check_read(req, found):
        fresh = {name: found.headers[name] for name in UNCHANGED if name in found.headers}
        return found, result | fresh | {"StatusCode": 304}, 0, 0
    result.update(found.headers)
    result.update(encryption.told(found.encryption))
    result.update(object_lock.told(call, bucket, req["Key"], found))
    result.update(object_state.told(call, bucket, req["Key"], found))
    result["Metadata"] = found.metadata
    if found.redirect:
        result["WebsiteRedirectLocation"] = found.redirect
    if found.storage_class != "STANDARD":
        result["StorageClass"] = found.storage_class
    override(call, req, result)
    start, end = locate(req, found, result)
    result["ContentLength"] = end - start
    if req.get("ChecksumMode") == "ENABLED":
        result.update(checksums.told(checksum_of(req, found, start, end)))
    return found, result, start, end


def checksum_of(req: Input, found: Object, start: int, end: int) -> Checksum | None:
    """The checksum of what is read: of the whole, or of a part, if it was uploaded with one; other ranges have none."""
    checksum = found.checksum
    if "PartNumber" in req and checksum is not None and checksum.type == "COMPOSITE":
        return msgspec.structs.replace(checksum, value=found.parts[req["PartNumber"] - 1].checksum)
    return checksum if (start, end) == (0, found.size) else None


def override(call: Call, req: Input, result: dict[str, Any]) -> None:
    """Replace response headers as the request says; only a signed one may."""
    if req.keys().isdisjoint(OVERRIDES):
        return
    for given, name in OVERRIDES.items():
        if given in req:
            if call.principal.kind == "anonymous":
                raise AwsError(
                    "InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests."
                )
            value = req[given]
            if isinstance(value, str) and not object_headers.is_header_text(value):
                fields = {"ArgumentName": given, "ArgumentValue": value[:200]}
                raise AwsError("InvalidArgument", "Header value cannot be represented using ISO-8859-1.", fields=fields)
            result[name] = format_datetime(value, usegmt=True) if isinstance(value, datetime) else value


def locate(req: Input, found: Object, result: dict[str, Any]) -> tuple[int, int]:
    """The range [start, end) that a Range header or a part number asks for, and the headers that tell it."""
    number: int | None = req.get("PartNumber")
    wanted: tuple[int, int] | None
    if number is not None:
        wanted = part_range(found, number, req.get("Range"))
        if found.parts:
            result["PartsCount"] = len(found.parts)
    else:
        wanted = byte_range(req.get("Range"), found.size)
    if wanted is None:
        return 0, found.size
    start, end = wanted
    result["StatusCode"] = 206
    if end > start:
        result["ContentRange"] = f"bytes {start}-{end - 1}/{found.size}"
    return start, end


def part_range(found: Object, number: int, header: str | None) -> tuple[int, int]:
    """The range of a part; an object that was put at once has one part."""
    if header is not None:
        raise AwsError("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    sizes = [part.size for part in found.parts] or [found.size]
    if not 1 <= number <= len(sizes):
        fields = {"ActualPartCount": len(sizes), "PartNumberRequested": number}
        raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", status=416, fields=fields)
    start = sum(sizes[: number - 1])
    return start, start + sizes[number - 1]
