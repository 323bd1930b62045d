"""Listing multipart uploads and their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.digests import base64
from fogbank.services.s3 import checksums, object_state
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.acl import owner_of
from fogbank.services.s3.encryption_request import CUSTOMER
from fogbank.services.s3.multipart import check_customer, open_upload
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.pages import Wanted, echoed, encoder, natural, page_of, page_size
from fogbank.services.s3.records import Part, Upload, parts, uploads, when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ListMultipartUploadsRequestTypeDef, ListPartsRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket


@s3.operation(
    "scan",
    "object",
    action="s3:ListMultipartUploadParts",
    takes=f"Bucket Key UploadId MaxParts PartNumberMarker {CUSTOMER} RequestPayer ExpectedBucketOwner",
)
def list_parts(call: Call, req: ListPartsRequestTypeDef) -> dict[str, Any]:
    """A page of an upload's parts, by number. A customer's key need not be given, but it must be the upload's if it is."""
    upload = open_upload(call, req)
    check_customer(call, req, upload)
    most = page_size(req.get("MaxParts"), "max-parts")
    after = natural(req.get("PartNumberMarker", 0), "part-number-marker")
    found = list(parts.scan(call.tx, req["Bucket"], req["UploadId"], start_after=after, limit=most + 1))
    page = found[:most]
    result = {
        "Bucket": req["Bucket"],
        "Key": req["Key"],
        "UploadId": req["UploadId"],
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1][0][2] if page else 0,
        "MaxParts": most,
        "IsTruncated": len(found) > most,
        "Parts": [listed_part(key[2], part, upload) for key, part in page],
        **people(open_bucket(call, req), upload),
        "StorageClass": upload.storage_class,
    }
    result |= object_state.abortion(call, open_bucket(call, req), req["Key"], upload)
    return result | {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.checksum_type}


def listed_part(number: Any, part: Part, upload: Upload) -> dict[str, Any]:
    """A part as ListParts tells it."""
    entry = {"PartNumber": number, "LastModified": when(part.modified), "ETag": f'"{part.etag}"', "Size": part.size}
    entry[checksums.MEMBERS[upload.algorithm]] = base64(part.checksum)
    return entry


def people(bucket: Bucket, upload: Upload) -> dict[str, Any]:
    """Who started an upload, and who will own the object."""
    return {"Initiator": {"ID": upload.initiator}, "Owner": {"ID": canonical_user(owner_of(bucket, upload))}}


@s3.operation(
    "scan",
    "bucket",
    action="s3:ListBucketMultipartUploads",
    takes="Bucket Delimiter EncodingType KeyMarker MaxUploads Prefix UploadIdMarker RequestPayer ExpectedBucketOwner",
)
def list_multipart_uploads(call: Call, req: ListMultipartUploadsRequestTypeDef) -> dict[str, Any]:
    """A page of the uploads in progress, by key."""
    bucket = open_bucket(call, req)
    most = page_size(req.get("MaxUploads"), "max-uploads")
    wanted = Wanted(bucket.name, req.get("Prefix", ""), req.get("Delimiter", ""), marker(req), most)
    page = page_of(call.tx, uploads, wanted)
    encode = encoder(req)
    result: dict[str, Any] = {
        "Bucket": bucket.name,
        "KeyMarker": encode(req.get("KeyMarker", "")),
        "UploadIdMarker": req.get("UploadIdMarker", ""),
        "Prefix": encode(req.get("Prefix", "")),
        "MaxUploads": most,
        "IsTruncated": page.truncated,
        "Uploads": [listed_upload(bucket, encode(key), upload_id, upload) for (key, upload_id), upload in page.entries],
        "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in page.prefixes],
    }
    if page.truncated:
        result["NextKeyMarker"] = encode(page.last[0])
        result["NextUploadIdMarker"] = page.last[1] if len(page.last) > 1 else ""
    return result | echoed(req, "Delimiter", "EncodingType")


def marker(req: Input) -> tuple[str, ...]:
    """Where the page starts: behind a key, or with an upload id behind that upload of the key."""
    key, upload_id = req.get("KeyMarker", ""), req.get("UploadIdMarker", "")
    if key and upload_id:
        return key, upload_id
    return (key,) if key else ()


def listed_upload(bucket: Bucket, key: str, upload_id: str, upload: Upload) -> dict[str, Any]:
    """An upload as ListMultipartUploads tells it."""
    return {
        "UploadId": upload_id,
        "Key": key,
        "Initiated": when(upload.initiated),
        "StorageClass": upload.storage_class,
        **people(bucket, upload),
        "ChecksumAlgorithm": upload.algorithm,
        "ChecksumType": upload.checksum_type,
    }
