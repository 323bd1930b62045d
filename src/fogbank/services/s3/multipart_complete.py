"""Completing a multipart upload: the parts become the object, without a byte being copied."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fogbank.core.digests import base64, combine, digest
from fogbank.core.errors import AwsError
from fogbank.services.s3 import checksums, conditions, content, encryption, object_state, versions
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.acl import ENFORCED
from fogbank.services.s3.description import permissions
from fogbank.services.s3.encryption_request import CUSTOMER, KMS
from fogbank.services.s3.multipart import MAX_PARTS, check_customer, open_upload
from fogbank.services.s3.object_put import CHECKSUMS
from fogbank.services.s3.records import Checksum, Object, Part, PartInfo, Upload, objects, parts, uploads
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_s3.type_defs import CompletedPartTypeDef, CompleteMultipartUploadRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

SMALLEST_PART = 5 * 1024**2  # but for the last
Chosen = list[tuple[int, Part]]


@s3.operation(
    "bulk",
    "object",
    action="s3:PutObject",
    also=permissions,
    takes=f"Bucket Key MultipartUpload UploadId {CHECKSUMS} {CUSTOMER} ChecksumType MpuObjectSize RequestPayer ExpectedBucketOwner "
    "IfMatch IfNoneMatch",
)
def complete_multipart_upload(call: Call, req: CompleteMultipartUploadRequestTypeDef) -> dict[str, Any]:
    """Make the object of the listed parts; parts that are not listed go."""
    upload = open_upload(call, req)
    check_customer(call, req, upload)
    chosen = choose(call, req, upload)
    checksum = check_whole(req, upload, chosen)
    conditions.check_write(req, objects.get(call.tx, req["Bucket"], req["Key"]))
    bucket = open_bucket(call, req)
    if upload.encryption is not None and upload.encryption.algorithm == KMS:
        # Who completes must be able to read the parts. Source: User Guide, "Uploading an object using multipart upload", permissions.
        encryption.open_key(call, upload.encryption, bucket, req["Key"])
    made = assemble(call, bucket, upload, chosen, checksum)
    forget(call, req, chosen)
    made = versions.put(call, bucket, req["Key"], made, "ObjectCreated:CompleteMultipartUpload")
    host = call.request.headers.get("host", "")
    return {
        "Location": f"{call.request.scheme}://{host}/{req['Bucket']}/{quote(req['Key'])}",
        "Bucket": req["Bucket"],
        "Key": req["Key"],
        "ETag": f'"{made.etag}"',
        **versions.written(bucket, made),
        **object_state.expiration(call, bucket, req["Key"], made),
        **encryption.told_by_service(made.encryption),
        **checksums.told(checksum),
    }


def choose(call: Call, req: CompleteMultipartUploadRequestTypeDef, upload: Upload) -> Chosen:
    """The listed parts, checked: in order, uploaded, the ones that the caller means, large enough."""
    listed = req.get("MultipartUpload", {}).get("Parts", [])
    if not 1 <= len(listed) <= MAX_PARTS:
        raise AwsError(
            "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
        )
    numbers = [part.get("PartNumber", 0) for part in listed]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        what = "The list of parts was not in ascending order. The parts list must be specified in order by part number."
        raise AwsError("InvalidPartOrder", what)
    uploaded = {key[2]: part for key, part in parts.scan(call.tx, req["Bucket"], req["UploadId"])}
    chosen = [
        (number, check_listed(part, uploaded.get(number), upload)) for number, part in zip(numbers, listed, strict=True)
    ]
    for number, part in chosen[:-1]:
        if part.size < SMALLEST_PART:
            fields = {
                "PartNumber": number,
                "ProposedSize": part.size,
                "MinSizeAllowed": SMALLEST_PART,
                "ETag": part.etag,
            }
            raise AwsError(
                "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", fields=fields
            )
    return chosen


def check_listed(listed: CompletedPartTypeDef, part: Part | None, upload: Upload) -> Part:
    """The uploaded part that a listed one names, by number, ETag and checksum."""
    etag = listed.get("ETag", "").strip('"')
    named: dict[str, Any] = {**listed}
    given = {algorithm: named[member] for algorithm, member in checksums.MEMBERS.items() if member in named}
    if part is None or etag != part.etag or not given.items() <= checksums_of(part, upload).items():
        fields = {"PartNumber": listed.get("PartNumber", 0), "ETag": etag[:100]}
        what = (
            "One or more of the specified parts could not be found.  "
            "The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        )
        raise AwsError("InvalidPart", what, fields=fields)
    if upload.checksum_type == "COMPOSITE" and upload.algorithm not in given:
        what = (
            f"The upload was created using a {upload.algorithm.lower()} checksum. The complete request must include the checksum "
            f"for each part. It was missing for part {listed.get('PartNumber', 0)} in the request."
        )
        raise AwsError("InvalidRequest", what)
    return part


def checksums_of(part: Part, upload: Upload) -> dict[str, str]:
    """The checksums that are known of a part."""
    known = {upload.algorithm: base64(part.checksum)}
    return known | ({part.given.algorithm: part.given.value} if part.given else {})


def check_whole(req: Input, upload: Upload, chosen: Chosen) -> Checksum:
    """The object's checksum and size, checked against what the caller says they are."""
    size = sum(part.size for _, part in chosen)
    if "MpuObjectSize" in req and req["MpuObjectSize"] != size:
        raise AwsError(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {req['MpuObjectSize']} does not match what was computed: {size}",
        )
    if req.get("ChecksumType", upload.checksum_type) != upload.checksum_type:
        raise AwsError("InvalidRequest", "The checksum type does not match the one that the upload was created with.")
    checksum = whole_checksum(upload, [part for _, part in chosen])
    for algorithm, member in checksums.MEMBERS.items():
        if member in req and (
            algorithm != checksum.algorithm or req[member].partition("-")[0] != checksum.value.partition("-")[0]
        ):
            raise AwsError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
    return checksum


def whole_checksum(upload: Upload, chosen: Sequence[Part]) -> Checksum:
    """The checksum of the whole: a CRC combined from those of the parts, or the digest of their digests."""
    if upload.checksum_type == "FULL_OBJECT":
        raw = combine(upload.algorithm, [(part.checksum, part.size) for part in chosen])
        return Checksum(upload.algorithm, base64(raw))
    composite = digest(upload.algorithm, b"".join(part.checksum for part in chosen))
    return Checksum(upload.algorithm, f"{base64(composite)}-{len(chosen)}", "COMPOSITE")


def assemble(call: Call, bucket: Bucket, upload: Upload, chosen: Chosen, checksum: Checksum) -> Object:
    """The object of these parts; its ETag is the MD5 of their MD5s, and their number. Whose it is, the bucket says as it is now."""
    enforced = bucket.ownership == ENFORCED
    digests = b"".join(bytes.fromhex(part.etag) for _, part in chosen)
    etag = hashlib.md5(digests, usedforsecurity=False).hexdigest()
    return Object(
        size=sum(part.size for _, part in chosen),
        etag=f"{etag}-{len(chosen)}",
        modified=int(call.now.timestamp()),
        headers=upload.headers,
        metadata=upload.metadata,
        storage_class=upload.storage_class,
        checksum=checksum,
        segments=tuple(segment for _, part in chosen for segment in part.segments),
        parts=tuple(PartInfo(number, part.size, base64(part.checksum)) for number, part in chosen),
        encryption=upload.encryption,
        tags=upload.tags,
        owner="" if enforced else upload.owner,
        acl=None if enforced else upload.acl,
        lock=upload.lock,
        redirect=upload.redirect,
    )


def forget(call: Call, req: Input, chosen: Chosen) -> None:
    """Remove the upload and its parts; the bytes of those that were not listed are released."""
    used = {number for number, _ in chosen}
    for key, part in list(parts.scan(call.tx, req["Bucket"], req["UploadId"])):
        if key[2] not in used:
            content.release(call, part.segments)
        parts.delete(call.tx, *key)
    uploads.delete(call.tx, req["Bucket"], req["Key"], req["UploadId"])
