"""Legal holds: a version stays until the hold is taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import happened, versions
from fogbank.services.s3.object_retention import locked_object, no_lock
from fogbank.services.s3.records import Lock
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetObjectLegalHoldRequestTypeDef, PutObjectLegalHoldRequestTypeDef

    from fogbank.core.call import Call


@s3.operation(
    "write",
    "object",
    takes="Bucket Key LegalHold RequestPayer VersionId ContentMD5 ChecksumAlgorithm ExpectedBucketOwner",
)
def put_object_legal_hold(call: Call, req: PutObjectLegalHoldRequestTypeDef) -> dict[str, Any]:
    """Put a legal hold on a version, or take it off."""
    bucket, found = locked_object(call, req)
    status = (req.get("LegalHold") or {}).get("Status")
    if status not in ("ON", "OFF"):
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    lock = msgspec.structs.replace(found.lock or Lock(), hold=status == "ON")
    changed = msgspec.structs.replace(found, lock=lock)
    versions.update(call, bucket, req["Key"], changed)
    happened.tell(call, bucket, "ObjectLegalHold:Put", req["Key"], changed)
    return {}


@s3.operation("read", "object", takes="Bucket Key VersionId RequestPayer ExpectedBucketOwner")
def get_object_legal_hold(call: Call, req: GetObjectLegalHoldRequestTypeDef) -> dict[str, Any]:
    """Whether a legal hold is on a version that ever had one."""
    _, found = locked_object(call, req)
    if found.lock is None or found.lock.hold is None:
        raise no_lock()
    return {"LegalHold": {"Status": "ON" if found.lock.hold else "OFF"}}
