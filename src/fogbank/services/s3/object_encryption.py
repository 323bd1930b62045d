"""Changing how an object is encrypted, without touching its bytes.

Source: API Reference, UpdateObjectEncryption; S3 User Guide, "Updating server-side encryption for existing data".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import encryption, object_lock, versions
from fogbank.services.s3.access import open_bucket, open_object
from fogbank.services.s3.encryption_request import KMS, SSE_C, Wanted
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import UpdateObjectEncryptionRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object

ARN: Final = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]*:[0-9]*:key/", re.ASCII)


@s3.operation(
    "write",
    "object",
    takes="Bucket Key VersionId ObjectEncryption ContentMD5 ChecksumAlgorithm RequestPayer ExpectedBucketOwner",
)
def update_object_encryption(call: Call, req: UpdateObjectEncryptionRequestTypeDef) -> dict[str, Any]:
    """Wrap the object's data key anew, with a KMS key; its dates, ETag and checksum stay."""
    bucket = open_bucket(call, req)
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    want = wanted(req)
    check_allowed(call, bucket, found, want)
    if found.encryption is None or found.encryption.algorithm == SSE_C:
        what = "UpdateObjectEncryption changes objects that are encrypted with SSE-S3 or SSE-KMS only."
        raise AwsError("InvalidRequest", what)
    data_key = encryption.open_key(call, found.encryption, bucket, req["Key"])
    sealed = encryption.wrap(call, want, bucket, req["Key"], data_key)
    changed = msgspec.structs.replace(found, encryption=encryption.keep(call, sealed))
    versions.update(call, bucket, req["Key"], changed)
    return {}


def check_allowed(call: Call, bucket: Bucket, found: Object, want: Wanted) -> None:
    """AccessDenied for a locked version, and for a key that is not the bucket owner's: who has the key has the object."""
    if found.lock is not None and (found.lock.hold or object_lock.is_retained(found.lock, call.now)):
        what = "The encryption type for the specified object can't be updated because that object is protected by S3 Object Lock."
        raise AwsError("AccessDenied", what, status=403)
    if want.key_id.split(":")[4] != bucket.account:
        what = "The AWS KMS key in the request must be owned by the same account as the bucket."
        raise AwsError("AccessDenied", what, status=403)


def wanted(req: UpdateObjectEncryptionRequestTypeDef) -> Wanted:
    """The KMS key that is asked for, by its ARN."""
    given = req["ObjectEncryption"].get("SSEKMS")
    arn = given.get("KMSKeyArn", "") if given else ""
    if given is None or not ARN.match(arn):
        fields = {"ArgumentName": "KMSKeyArn", "ArgumentValue": arn[:200]}
        raise AwsError("InvalidArgument", "The KMS key must be given by its ARN.", fields=fields)
    return Wanted(KMS, arn, bucket_key=given.get("BucketKeyEnabled", False))
