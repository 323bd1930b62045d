"""Copying objects: the bytes are shared, not copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.service import Permission
from fogbank.services.s3 import conditions, content, versions
from fogbank.services.s3.access import open_bucket, open_named, open_object
from fogbank.services.s3.description import DESCRIPTION, described
from fogbank.services.s3.names import check_key
from fogbank.services.s3.object_put import MAX_PUT
from fogbank.services.s3.records import Object, objects, when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CopyObjectRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

SOURCE = (
    "CopySource CopySourceIfMatch CopySourceIfModifiedSince CopySourceIfNoneMatch CopySourceIfUnmodifiedSince "
    "ExpectedSourceBucketOwner"
)


def source_of(req: Input) -> tuple[str, str, str | None]:
    """The bucket, key and version of x-amz-copy-source: `/bucket/key`, encoded as in a form, perhaps with `?versionId=`."""
    path, _, version = req["CopySource"].partition("?versionId=")
    path = unquote_plus(path)
    if path.startswith("arn:"):
        raise not_implemented("Copying from an access point")
    bucket, _, key = path.removeprefix("/").partition("/")
    if not bucket or not key:
        fields = {"ArgumentName": "x-amz-copy-source", "ArgumentValue": req["CopySource"][:1024]}
        raise AwsError("InvalidArgument", "Invalid copy source object key", fields=fields)
    return bucket, key, version or None


def source_permission(_call: Call, req: Input) -> list[Permission]:
    """A copy reads its source."""
    bucket, key, version = source_of(req)
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    return [Permission(action, f"arn:aws:s3:::{bucket}/{key}", {"Bucket": bucket, "Key": key})]


def open_source(call: Call, req: Input) -> Object:
    """The object to copy, after the conditions on it."""
    name, key, version = source_of(req)
    source = open_object(call, open_named(call, name, req.get("ExpectedSourceBucketOwner")), key, version)
    conditions.check_copy(req, source)
    return source


@s3.operation(
    "bulk",
    "object",
    action="s3:PutObject",
    also=source_permission,
    takes=f"Bucket Key {SOURCE} {DESCRIPTION} MetadataDirective TaggingDirective ChecksumAlgorithm IfMatch IfNoneMatch "
    "RequestPayer ExpectedBucketOwner",
)
def copy_object(call: Call, req: CopyObjectRequestTypeDef) -> dict[str, Any]:
    """Copy an object of up to 5 GiB, with its description or a new one."""
    check_key(req["Key"])
    bucket = open_bucket(call, req)
    source = open_source(call, req)
    check_sensible(req, source)
    conditions.check_write(req, objects.get(call.tx, req["Bucket"], req["Key"]))
    made = versions.put(call, bucket, req["Key"], copied(call, req, bucket, source), "ObjectCreated:Copy")
    told = {"ETag": f'"{made.etag}"', "LastModified": when(made.modified)}
    if made.checksum is not None:
        told |= {f"Checksum{made.checksum.algorithm}": made.checksum.value, "ChecksumType": made.checksum.type}
    return {"CopyObjectResult": told, **versions.told(bucket, made)}


def check_sensible(req: Input, source: Object) -> None:
    """Refuse copies that are too large, or that would change nothing, and what does not work here yet."""
    if source.size > MAX_PUT:
        what = f"The specified copy source is larger than the maximum allowable size for a copy source: {MAX_PUT}"
        raise AwsError("InvalidRequest", what)
    if "ChecksumAlgorithm" in req and req["ChecksumAlgorithm"] != (source.checksum and source.checksum.algorithm):
        raise not_implemented("Copying with another checksum algorithm")
    itself = source_of(req) == (req["Bucket"], req["Key"], None)
    if itself and req.get("MetadataDirective", "COPY") == "COPY" and "StorageClass" not in req:
        raise AwsError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
            "storage class, website redirect location or encryption attributes.",
        )


def copied(call: Call, req: Input, bucket: Bucket, source: Object) -> Object:
    """The new object: the source's bytes, as one part."""
    fields = described(call, req, bucket)
    if req.get("MetadataDirective") != "REPLACE":
        fields |= {"headers": source.headers, "metadata": source.metadata}
    return Object(
        size=source.size,
        etag=source.etag,
        modified=int(call.now.timestamp()),
        checksum=source.checksum,
        segments=content.share(call, source.segments),
        parts=source.parts,
        encryption=source.encryption,
        **fields,
    )
