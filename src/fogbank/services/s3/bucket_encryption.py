"""The default encryption of buckets.

Source: API Reference, PutBucketEncryption, GetBucketEncryption, DeleteBucketEncryption; S3 User Guide, "Setting default server-side
encryption behavior for Amazon S3 buckets", "Blocking or unblocking SSE-C for a general purpose bucket".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError, not_implemented
from fogbank.services.s3 import configuration
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.encryption_request import AES256, DSSE, KMS, SSE_C, rule_of
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_s3.type_defs import (
        DeleteBucketEncryptionRequestTypeDef,
        GetBucketEncryptionRequestTypeDef,
        PutBucketEncryptionRequestTypeDef,
    )

    from fogbank.core.call import Call

KIND: Final = "encryption"
WRITE: Final = "s3:PutEncryptionConfiguration"
KEY_ID: Final = 2048  # characters of a KMS key's name


@s3.operation(
    "write",
    "bucket",
    action=WRITE,
    takes="Bucket ContentMD5 ChecksumAlgorithm ServerSideEncryptionConfiguration ExpectedBucketOwner",
)
def put_bucket_encryption(call: Call, req: PutBucketEncryptionRequestTypeDef) -> dict[str, Any]:
    """Set how objects are encrypted that say nothing of it, and what is blocked."""
    bucket = open_bucket(call, req)
    rules = req["ServerSideEncryptionConfiguration"]["Rules"]
    if len(rules) != 1:
        raise malformed()
    configuration.keep(call.tx, bucket, KIND, {"Rules": [checked(rules[0])]})
    return {}


def checked(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule, as it is kept."""
    default = rule.get("ApplyServerSideEncryptionByDefault")
    blocked = rule.get("BlockedEncryptionTypes")
    if default is None and blocked is None and "BucketKeyEnabled" not in rule:
        raise malformed()
    if default is not None:
        check_default(default.get("SSEAlgorithm", ""), default.get("KMSMasterKeyID"))
    if blocked is not None and blocked.get("EncryptionType") not in ([SSE_C], ["NONE"]):
        raise malformed()
    return {
        "ApplyServerSideEncryptionByDefault": default or {"SSEAlgorithm": AES256},
        "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        **({"BlockedEncryptionTypes": blocked} if blocked is not None else {}),
    }


def check_default(algorithm: str, key_id: str | None) -> None:
    """Refuse what cannot be a default. Whether the KMS key exists shows with the first object, as on AWS."""
    if algorithm == DSSE:
        raise not_implemented("Dual-layer server-side encryption (aws:kms:dsse)")
    if algorithm not in (AES256, KMS):
        raise malformed()
    if key_id is not None and algorithm != KMS:
        what = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        raise AwsError("InvalidArgument", what, fields={"ArgumentName": "ApplyServerSideEncryptionByDefault"})
    if key_id is not None and not 0 < len(key_id) <= KEY_ID:
        raise malformed()


def malformed() -> AwsError:
    """S3's error for a document that is not one of its configurations."""
    what = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", what)


@s3.operation("read", "bucket", action="s3:GetEncryptionConfiguration", takes="Bucket ExpectedBucketOwner")
def get_bucket_encryption(call: Call, req: GetBucketEncryptionRequestTypeDef) -> dict[str, Any]:
    """The bucket's default encryption; every bucket has one."""
    return {"ServerSideEncryptionConfiguration": {"Rules": [dict(rule_of(call.tx, open_bucket(call, req)))]}}


@s3.operation("write", "bucket", action=WRITE, takes="Bucket ExpectedBucketOwner")
def delete_bucket_encryption(call: Call, req: DeleteBucketEncryptionRequestTypeDef) -> dict[str, Any]:
    """Reset the bucket's default encryption to SSE-S3."""
    configuration.drop(call.tx, open_bucket(call, req), KIND)
    return {}
