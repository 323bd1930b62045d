"""Copying objects.

The bytes are shared where the copy is what the source is: one part, with an ETag and a checksum that still hold. Its data key is
wrapped anew, for the copy's readers. Otherwise the bytes are read, hashed and encrypted once more.

Source: API Reference, CopyObject; S3 User Guide, "Copying, moving, and renaming objects", "Checking object integrity in Amazon S3".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode

import msgspec

from fogbank.core.call import Sealing, Taking
from fogbank.core.digests import base64
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.service import Permission
from fogbank.services.s3 import (
    checksums,
    conditions,
    content,
    encryption,
    granted,
    object_state,
    storage_classes,
    versions,
)
from fogbank.services.s3.access import open_bucket, open_named, open_object
from fogbank.services.s3.description import DESCRIPTION, described, permissions
from fogbank.services.s3.encryption_request import AES256, COPY_SOURCE, CUSTOMER, KEY, MANAGED, customer_of, wanted
from fogbank.services.s3.names import check_key
from fogbank.services.s3.object_put import MAX_PUT
from fogbank.services.s3.records import Checksum, Object, objects, when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CopyObjectRequestTypeDef

    from fogbank.core.call import Body, Call
    from fogbank.core.service import Input
    from fogbank.services.s3.encryption_request import Wanted
    from fogbank.services.s3.records import Bucket

SOURCE = (
    "CopySource CopySourceIfMatch CopySourceIfModifiedSince CopySourceIfNoneMatch CopySourceIfUnmodifiedSince "
    "ExpectedSourceBucketOwner CopySourceSSECustomerAlgorithm CopySourceSSECustomerKey CopySourceSSECustomerKeyMD5"
)
# What makes a copy to itself sensible.
CHANGES = (
    "StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "SSEKMSKeyId", "SSECustomerAlgorithm", "BucketKeyEnabled",
    "ChecksumAlgorithm",
)  # fmt: skip


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
    return [of_source(req, "s3:GetObject")]


def of_source(req: Input, action: str) -> Permission:
    """A permission on a copy's source. Of a version that is named, its own ACL and tags count, not the current one's."""
    bucket, key, version = source_of(req)
    names = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    if version:
        action = action.replace("Object", "ObjectVersion")
    return Permission(action, f"arn:aws:s3:::{bucket}/{key}", names)


def open_source(call: Call, req: Input) -> tuple[Bucket, Object]:
    """The object to copy, after the conditions on it, and its bucket."""
    name, key, version = source_of(req)
    bucket = open_named(call, name, req.get("ExpectedSourceBucketOwner"))
    source = open_object(call, bucket, key, version)
    encryption.check_customer(source.encryption, customer_of(call, req, COPY_SOURCE))
    conditions.check_copy(req, source)
    storage_classes.check_source(source, call.now)
    return bucket, source


def source_key(call: Call, req: Input, bucket: Bucket, source: Object) -> bytes:
    """The key of the source's bytes, for a caller who may read them."""
    customer = customer_of(call, req, COPY_SOURCE)
    return encryption.open_key(call, source.encryption, bucket, source_of(req)[1], customer)


def source_told(bucket: Bucket, source: Object) -> dict[str, str]:
    """Which version was copied, of a bucket that has several."""
    return {"CopySourceVersionId": source.version} if bucket.versioning else {}


def checksum_algorithm(req: Input, source: Object) -> str:
    """The algorithm of the copy's checksum: the one that is asked for, or the source's."""
    return req.get("ChecksumAlgorithm") or (source.checksum.algorithm if source.checksum else checksums.DEFAULT)


def is_shareable(req: Input, source: Object, want: Wanted) -> bool:
    """Whether the copy can have the source's bytes as they are, with its ETag and its checksum."""
    checksum = source.checksum
    return (
        source.encryption is not None
        and not source.parts
        and checksum is not None
        and checksum.type == "FULL_OBJECT"
        and checksum.algorithm == checksum_algorithm(req, source)
        and encryption.is_opaque(source.encryption) == (want.algorithm != AES256)
    )


def taken(call: Call, req: CopyObjectRequestTypeDef) -> Taking | None:
    """The source's bytes, where they cannot be shared."""
    bucket, (origin, source) = check_copy(call, req), open_source(call, req)
    check_sensible(req, source)
    want = wanted(call, req, bucket)
    if is_shareable(req, source, want):
        return None
    key = source_key(call, req, origin, source)
    data_key = call.ids.random(KEY)
    sealed = encryption.wrap(call, want, bucket, req["Key"], data_key)
    record = msgspec.structs.replace(sealed, source=source)
    digests = ("MD5", checksum_algorithm(req, source))
    return Taking(content.read(call, source.segments, 0, source.size, key), digests, Sealing(data_key, record))


@s3.operation(
    "bulk",
    "object",
    action="s3:PutObject",
    also=lambda call, req: source_permission(call, req) + permissions(call, req),
    takes=f"Bucket Key {SOURCE} {DESCRIPTION} {CUSTOMER} {MANAGED} MetadataDirective TaggingDirective ChecksumAlgorithm IfMatch "
    "IfNoneMatch RequestPayer ExpectedBucketOwner",
    body_from=taken,
)
def copy_object(call: Call, req: CopyObjectRequestTypeDef) -> dict[str, Any]:
    """Copy an object of up to 5 GiB, with its description or a new one."""
    bucket = check_copy(call, req)
    origin, source = open_source(call, req)
    conditions.check_write(req, objects.get(call.tx, req["Bucket"], req["Key"]))
    if call.body is None:
        made = shared(call, req, bucket, origin, source)
    else:
        made = rewritten(call, req, bucket, call.body)
    made = versions.put(call, bucket, req["Key"], made, "ObjectCreated:Copy")
    told = {"ETag": f'"{made.etag}"', "LastModified": when(made.modified), **checksums.told(made.checksum)}
    sealed = encryption.told_made(made.encryption)
    told_made = versions.written(bucket, made) | object_state.expiration(call, bucket, req["Key"], made)
    return {"CopyObjectResult": told, **told_made, **source_told(origin, source), **sealed}


def check_copy(call: Call, req: Input) -> Bucket:
    """The bucket of the copy, for a request that can be one."""
    check_key(req["Key"])
    for member, name in (("MetadataDirective", "metadata"), ("TaggingDirective", "tagging")):
        if req.get(member, "COPY") not in ("COPY", "REPLACE"):
            fields = {"ArgumentName": f"x-amz-{name}-directive", "ArgumentValue": req[member][:100]}
            raise AwsError("InvalidArgument", f"Unknown {name} directive.", fields=fields)
    return open_bucket(call, req)


def check_sensible(req: Input, source: Object) -> None:
    """Refuse copies that are too large, or that would change nothing."""
    if source.size > MAX_PUT:
        what = f"The specified copy source is larger than the maximum allowable size for a copy source: {MAX_PUT}"
        raise AwsError("InvalidRequest", what)
    itself = source_of(req) == (req["Bucket"], req["Key"], None)
    if itself and req.get("MetadataDirective", "COPY") == "COPY" and not any(member in req for member in CHANGES):
        raise AwsError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
            "storage class, website redirect location or encryption attributes.",
        )


def shared(call: Call, req: Input, bucket: Bucket, origin: Bucket, source: Object) -> Object:
    """A copy that has the source's bytes: the key that opens them is wrapped anew."""
    check_sensible(req, source)
    want = wanted(call, req, bucket)
    if not is_shareable(req, source, want):  # it could be, a moment ago
        raise AwsError("SlowDown", "Please reduce your request rate.", status=503)
    sealed = encryption.wrap(call, want, bucket, req["Key"], source_key(call, req, origin, source))
    return Object(
        size=source.size,
        etag=source.etag,
        modified=int(call.now.timestamp()),
        checksum=source.checksum,
        segments=content.share(call, source.segments),
        parts=(),
        encryption=encryption.keep(call, sealed),
        **copied(call, req, bucket, source),
    )


def rewritten(call: Call, req: Input, bucket: Bucket, body: Body) -> Object:
    """A copy whose bytes were read, hashed and encrypted anew, of the source as it was then."""
    assert body.sealing is not None
    source: Object = body.sealing.record.source
    algorithm = checksum_algorithm(req, source)
    return Object(
        size=body.size,
        etag=encryption.etag_of(body),
        modified=int(call.now.timestamp()),
        checksum=Checksum(algorithm, base64(body.digests[algorithm])),
        segments=content.keep(call, body),
        parts=(),
        encryption=encryption.kept(call, body),
        **copied(call, req, bucket, source),
    )


def copied(call: Call, req: Input, bucket: Bucket, source: Object) -> dict[str, Any]:
    """What is said of the copy: as of the source, or anew."""
    fields = described(call, req, bucket)
    if req.get("MetadataDirective") != "REPLACE":
        fields |= {"headers": source.headers, "metadata": source.metadata}
    if req.get("TaggingDirective") != "REPLACE":
        fields |= {"tags": copied_tags(call, req, bucket, source)}
    return fields


def copied_tags(call: Call, req: Input, bucket: Bucket, source: Object) -> dict[str, str]:
    """The source's tags, for a caller who may read them there and write them here, as if the request said them."""
    if source.tags:
        said = {**req, "TaggingDirective": "REPLACE", "Tagging": urlencode(source.tags)}
        there = of_source(req, "s3:GetObjectTagging")
        here = Permission("s3:PutObjectTagging", f"arn:aws:s3:::{bucket.name}/{req['Key']}", said)
        if not call.may(there, granted.owner(call, there.names) or "") or not call.may(here, bucket.account):
            raise AwsError("AccessDenied", "Access Denied", status=403)
    return source.tags
