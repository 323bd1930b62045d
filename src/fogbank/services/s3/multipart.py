"""Multipart uploads: starting, uploading parts, aborting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.call import Sealing
from fogbank.core.errors import AwsError
from fogbank.services.s3 import checksums, content, encryption, object_lock, object_state
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.description import DESCRIPTION, described, permissions
from fogbank.services.s3.encryption_request import CUSTOMER, KEY, MANAGED, customer_of
from fogbank.services.s3.names import canonical_user, check_key
from fogbank.services.s3.object_put import CHECKSUMS, check_length
from fogbank.services.s3.records import Part, Upload, parts, uploads
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_s3.type_defs import (
        AbortMultipartUploadRequestTypeDef,
        CreateMultipartUploadRequestTypeDef,
        UploadPartRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.encryption_request import Customer

MAX_PARTS = 10_000
TIME_DIGITS = 14  # hexadecimal, of microseconds since the epoch
UPLOAD_ID = 80  # random characters behind the time and the algorithm


@s3.operation(
    "write",
    "object",
    action="s3:PutObject",
    also=permissions,
    takes=f"Bucket Key {DESCRIPTION} {CUSTOMER} {MANAGED} ChecksumAlgorithm ChecksumType RequestPayer ExpectedBucketOwner",
)
def create_multipart_upload(call: Call, req: CreateMultipartUploadRequestTypeDef) -> dict[str, Any]:
    """Start an upload in parts."""
    check_key(req["Key"])
    bucket = open_bucket(call, req)
    algorithm, kind = checksum_plan(req)
    upload_id = new_id(call, algorithm)
    sealed = encryption.wrapped(call, req, bucket, call.ids.random(KEY))
    upload = Upload(
        initiated=int(call.now.timestamp()),
        algorithm=algorithm,
        checksum_type=kind,
        initiator=canonical_user(call.account) if call.principal.kind == "root" else call.principal.arn,
        encryption=sealed,
        **described(call, req, bucket),
    )
    uploads.put(call.tx, upload, req["Bucket"], req["Key"], upload_id)
    told = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if "ChecksumAlgorithm" in req else {}
    told |= encryption.told_made(sealed)
    told |= object_state.abortion(call, bucket, req["Key"], upload)
    return {"Bucket": req["Bucket"], "Key": req["Key"], "UploadId": upload_id, **told}


def new_id(call: Call, algorithm: str) -> str:
    """An upload id. It sorts by when the upload was started, as listings do, and tells the algorithm before a body is read."""
    started = int(call.now.timestamp() * 1_000_000)
    return f"{started:0{TIME_DIGITS}x}{checksums.ALGORITHMS.index(algorithm):x}{call.ids.token(UPLOAD_ID)}"


def algorithm_of_id(upload_id: str) -> str:
    """The checksum algorithm of the upload of this id, if there is such an upload."""
    try:
        return checksums.ALGORITHMS[int(upload_id[TIME_DIGITS : TIME_DIGITS + 1], 16)]
    except (ValueError, IndexError):
        return checksums.DEFAULT


def checksum_plan(req: Input) -> tuple[str, str]:
    """The algorithm for the parts, and whether the object's checksum is of the whole or a composite of theirs."""
    algorithm = checksums.algorithm_of(req)
    kind = req.get("ChecksumType")
    if kind is not None and algorithm is None:
        raise AwsError(
            "InvalidRequest",
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )
    algorithm = algorithm or checksums.DEFAULT
    if kind is None:
        kind = "FULL_OBJECT" if algorithm in checksums.FULL_OBJECT_ONLY else "COMPOSITE"
    fits = algorithm in checksums.CAN_BE_WHOLE if kind == "FULL_OBJECT" else algorithm not in checksums.FULL_OBJECT_ONLY
    if not fits:
        raise AwsError(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.",
        )
    return algorithm, kind


def open_upload(call: Call, req: Input) -> Upload:
    """The addressed upload, while it is in progress."""
    open_bucket(call, req)
    upload = uploads.get(call.tx, req["Bucket"], req["Key"], req["UploadId"])
    if upload is None:
        raise AwsError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
            fields={"UploadId": req["UploadId"][:1024]},
        )
    return upload


def check_part(call: Call, req: UploadPartRequestTypeDef) -> None:
    """Refuse, before its body is read, a part that must fail."""
    check_length(req.get("ContentLength"))
    check_number(req["PartNumber"])
    checksums.check_headers(call.request.headers)
    upload = open_upload(call, req)
    if checksums.algorithm_of(req) is not None:  # it may still come in a trailer
        check_algorithm(req, upload)
    object_lock.check_part(call, req, open_bucket(call, req), upload.lock)


def seal_part(call: Call, req: Input) -> Sealing | None:
    """The key that a part is encrypted with: its upload's. AWS asks for kms:Decrypt here, too."""
    upload = open_upload(call, req)
    customer = customer_of(call, req)
    check_part_customer(upload, customer)
    if upload.encryption is None:
        return None
    key = encryption.open_key(call, upload.encryption, open_bucket(call, req), req["Key"], customer)
    return Sealing(key, encryption.Sealed(upload.encryption))


def check_part_customer(upload: Upload, customer: Customer | None) -> None:
    """A part of an upload with a customer's key comes with the same one."""
    expected = upload.encryption.customer if upload.encryption else ""
    if expected and customer is None:
        what = (
            "The multipart upload initiate requested encryption. "
            "Subsequent part requests must include the appropriate encryption parameters."
        )
        raise AwsError("InvalidRequest", what)
    if customer is not None and customer.md5 != expected:
        raise AwsError("InvalidRequest", "The provided encryption parameters did not match the ones used originally.")


def check_customer(call: Call, req: Input, upload: Upload) -> None:
    """Once an upload is started, only its parts need a customer's key; any that is given must be the upload's."""
    customer = customer_of(call, req)
    if customer is not None:
        check_part_customer(upload, customer)


def check_algorithm(req: Input, upload: Upload, trailers: Mapping[str, str] = checksums.NO_TRAILERS) -> None:
    """A part comes with a checksum by its upload's algorithm, without which there is no composite; else with any, or with none."""
    given = checksums.algorithm_of(req, trailers)
    if given != upload.algorithm and upload.checksum_type == "COMPOSITE":
        expected, actual = upload.algorithm.lower(), given.lower() if given else "null"
        what = f"Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {actual}"
        raise AwsError("InvalidRequest", what)


def check_number(number: int) -> None:
    """Parts are numbered from 1 to 10,000."""
    if not 1 <= number <= MAX_PARTS:
        fields = {"ArgumentName": "partNumber", "ArgumentValue": number}
        raise AwsError(
            "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", fields=fields
        )


def part_digests(req: Input) -> tuple[str, ...]:
    """The digests of a part: MD5 for its ETag, the one of its upload, and the one that it comes with."""
    given = checksums.algorithm_of(req)
    wanted = ("MD5", algorithm_of_id(req["UploadId"]))
    return wanted if given is None or given in wanted else (*wanted, given)


@s3.operation(
    "write",
    "object",
    action="s3:PutObject",
    takes=f"Bucket Key PartNumber UploadId Body ContentLength ContentMD5 ChecksumAlgorithm {CHECKSUMS} "
    f"{CUSTOMER} RequestPayer ExpectedBucketOwner",
    before_body=check_part,
    seals=seal_part,
    digests=part_digests,
)
def upload_part(call: Call, req: UploadPartRequestTypeDef) -> dict[str, Any]:
    """Keep a part, replacing the one of its number."""
    body = call.body
    assert body is not None
    upload = open_upload(call, req)
    checksum = checksums.check_upload(req, body, upload.algorithm)
    check_algorithm(req, upload, body.trailers)
    part = Part(
        size=body.size,
        etag=encryption.etag_of(body),
        modified=int(call.now.timestamp()),
        checksum=body.digests[upload.algorithm],
        given=checksum if checksum.algorithm != upload.algorithm else None,
        segments=content.keep(call, body),
    )
    replace_part(call, req, part)
    told = checksums.told(checksum) if checksums.algorithm_of(req, body.trailers) else {}
    told.pop("ChecksumType", None)
    return {"ETag": f'"{part.etag}"', **encryption.told(upload.encryption), **told}


def replace_part(call: Call, req: Input, part: Part) -> None:
    """Put a part in the place of the one of its number, whose bytes are released."""
    where = (req["Bucket"], req["UploadId"], req["PartNumber"])
    current = parts.get(call.tx, *where)
    if current is not None:
        content.release(call, current.segments)
    parts.put(call.tx, part, *where)


@s3.operation("bulk", "object", takes="Bucket Key UploadId RequestPayer ExpectedBucketOwner IfMatchInitiatedTime")
def abort_multipart_upload(call: Call, req: AbortMultipartUploadRequestTypeDef) -> dict[str, Any]:
    """Forget an upload and release its parts."""
    upload = open_upload(call, req)
    wanted = req.get("IfMatchInitiatedTime")
    if wanted is not None and int(wanted.timestamp()) != upload.initiated:  # type: ignore[union-attr]  # parsed already
        raise AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    discard(call, req["Bucket"], req["Key"], req["UploadId"])
    return {}


def discard(call: Call, bucket: str, key: str, upload_id: str) -> None:
    """Forget an upload and release its parts."""
    for place, part in list(parts.scan(call.tx, bucket, upload_id)):
        content.release(call, part.segments)
        parts.delete(call.tx, *place)
    uploads.delete(call.tx, bucket, key, upload_id)
