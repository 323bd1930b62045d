"""How a caller wants an object encrypted, from its request and from the bucket's default; and the customer's own key.

Source: S3 User Guide, "Protecting data with server-side encryption", "Setting default server-side encryption behavior for Amazon S3
buckets", "Using server-side encryption with customer-provided keys (SSE-C)"; API Reference, "Error responses".
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
from base64 import b64decode
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError, not_implemented
from fogbank.services.s3 import configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket
    from fogbank.store.api import Tx

# The input members that say it.
CUSTOMER: Final = "SSECustomerAlgorithm SSECustomerKey SSECustomerKeyMD5"
MANAGED: Final = "ServerSideEncryption SSEKMSKeyId SSEKMSEncryptionContext BucketKeyEnabled"
COPY_SOURCE: Final = "CopySource"  # before the members of the customer's key for a copy's source
_CUSTOMER: Final = {prefix: tuple(f"{prefix}{member}" for member in CUSTOMER.split()) for prefix in ("", COPY_SOURCE)}

AES256: Final = "AES256"
KMS: Final = "aws:kms"
DSSE: Final = "aws:kms:dsse"
SSE_C: Final = "SSE-C"
KEY: Final = 32  # bytes
CONTEXT_TEXT: Final = 8192  # characters of an encryption context
MANAGED_KEY: Final = "alias/aws/s3"

# What every bucket has that was given nothing else. AWS blocks SSE-C in new buckets since April 2026.
DEFAULT_RULE: Final[Mapping[str, Any]] = {
    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": AES256},
    "BucketKeyEnabled": False,
    "BlockedEncryptionTypes": {"EncryptionType": [SSE_C]},
}


class Customer(msgspec.Struct, frozen=True):
    """A customer's key of 32 bytes, which is used and forgotten, and its MD5 in base 64."""

    key: bytes
    md5: str

    def __repr__(self) -> str:
        return f"Customer({self.md5})"


class Wanted(msgspec.Struct, frozen=True):
    """How an object is to be encrypted; `key_id` names a KMS key in any of KMS's ways, `context` is the caller's."""

    algorithm: str
    key_id: str = ""
    context: Mapping[str, str] = {}
    bucket_key: bool = False
    customer: Customer | None = None


def wanted(call: Call, req: Input, bucket: Bucket) -> Wanted:
    """How the object that a request makes is to be encrypted."""
    rule = rule_of(call.tx, bucket)
    customer = customer_of(call, req)
    if customer is not None:
        check_customer_alone(req)
        check_not_blocked(rule)
        return Wanted(SSE_C, customer=customer)
    bucket_key = bool(req.get("BucketKeyEnabled", rule.get("BucketKeyEnabled", False)))
    context = context_of(req)
    named = req.get("ServerSideEncryption")
    if named is not None:
        return managed(named, req.get("SSEKMSKeyId", ""), context, bucket_key)
    if "SSEKMSKeyId" in req or context:
        raise needs_kms()
    default = rule.get("ApplyServerSideEncryptionByDefault") or DEFAULT_RULE["ApplyServerSideEncryptionByDefault"]
    return managed(default["SSEAlgorithm"], default.get("KMSMasterKeyID", ""), context, bucket_key)


def managed(algorithm: str, key_id: str, context: Mapping[str, str], bucket_key: bool) -> Wanted:
    """Encryption with a key that the region keeps."""
    if algorithm == AES256:
        if key_id or context:
            raise needs_kms()
        return Wanted(AES256)
    if algorithm == DSSE:
        raise not_implemented("Dual-layer server-side encryption (aws:kms:dsse)")
    if algorithm != KMS:
        fields = {"ArgumentName": "x-amz-server-side-encryption", "ArgumentValue": algorithm[:100]}
        raise AwsError("InvalidArgument", "The encryption method specified is not supported", fields=fields)
    return Wanted(KMS, key_id or MANAGED_KEY, context, bucket_key)


def needs_kms() -> AwsError:
    """S3's error for a KMS key, or a context for one, without SSE-KMS."""
    what = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
    return AwsError("InvalidArgument", what, fields={"ArgumentName": "x-amz-server-side-encryption"})


def rule_of(tx: Tx, bucket: Bucket) -> Mapping[str, Any]:
    """The rule of the bucket's default encryption; every bucket has one."""
    found = configuration.find(tx, bucket, "encryption")
    return found["Rules"][0] if found else DEFAULT_RULE


def check_not_blocked(rule: Mapping[str, Any]) -> None:
    """AccessDenied for SSE-C where the bucket does not take it. Source: "Blocking or unblocking SSE-C"."""
    blocked = rule.get("BlockedEncryptionTypes") or DEFAULT_RULE["BlockedEncryptionTypes"]
    if SSE_C in blocked.get("EncryptionType", ()):
        raise AwsError(
            "AccessDenied", "Access Denied: this bucket has blocked uploads that specify SSE-C encryption.", status=403
        )


def check_customer_alone(req: Input) -> None:
    """A customer's key and one of the region's exclude each other."""
    if any(member in req for member in ("ServerSideEncryption", "SSEKMSKeyId", "SSEKMSEncryptionContext")):
        what = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified"
        fields = {
            "ArgumentName": "x-amz-server-side-encryption",
            "ArgumentValue": str(req.get("ServerSideEncryption", "null"))[:100],
        }
        raise AwsError("InvalidArgument", what, fields=fields)


def context_of(req: Input) -> dict[str, str]:
    """The encryption context of a request: base 64 of a JSON object of texts."""
    given = req.get("SSEKMSEncryptionContext")
    if given is None:
        return {}
    try:
        if len(given) > CONTEXT_TEXT:
            raise ValueError
        found = json.loads(b64decode(given, validate=True))
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise ValueError
    except (ValueError, RecursionError):
        what = (
            "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON "
            "which represents a string-string map"
        )
        fields = {"ArgumentName": "x-amz-server-side-encryption-context", "ArgumentValue": given[:200]}
        raise AwsError("InvalidArgument", what, fields=fields) from None
    return found


def customer_of(call: Call, req: Input, prefix: str = "") -> Customer | None:
    """The customer's key of a request, checked; `prefix` CopySource: the one for a copy's source."""
    members = _CUSTOMER[prefix]
    if req.keys().isdisjoint(members):
        return None
    algorithm, key, md5 = (req.get(member) for member in members)
    check_secure(call)
    if algorithm is None:
        raise customer_error("algorithm", "must provide a valid encryption algorithm.")
    if algorithm != AES256:
        what = "The encryption request that you specified is not valid. The valid value is AES256."
        fields = {"ArgumentName": "x-amz-server-side-encryption", "ArgumentValue": algorithm[:100]}
        raise AwsError("InvalidEncryptionAlgorithmError", what, status=400, fields=fields)
    if key is None:
        raise customer_error("key", "must provide an appropriate secret key.")
    if md5 is None:
        raise customer_error("key-MD5", "must provide the client calculated MD5 of the secret key.")
    return checked(key, md5)


def customer_error(name: str, what: str) -> AwsError:
    """S3's error for a part that is missing of a customer's key."""
    fields = {"ArgumentName": f"x-amz-server-side-encryption-customer-{name}", "ArgumentValue": "null"}
    start = "Requests specifying Server Side Encryption with Customer provided keys"
    return AwsError("InvalidArgument", f"{start} {what}", fields=fields)


def checked(key: str, md5: str) -> Customer:
    """A customer's key whose size and MD5 are right. What is told of one that is not does not repeat it."""
    name = "x-amz-server-side-encryption-customer-key"
    raw = decoded(key)
    if len(raw) != KEY:
        what = "The secret key was invalid for the specified algorithm."
        raise AwsError("InvalidArgument", what, fields={"ArgumentName": name})
    if not hmac.compare_digest(hashlib.md5(raw, usedforsecurity=False).digest(), decoded(md5)):
        what = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise AwsError("InvalidArgument", what, fields={"ArgumentName": f"{name}-MD5"})
    return Customer(raw, md5)


def decoded(text: str) -> bytes:
    """Base 64, or nothing."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def check_secure(call: Call) -> None:
    """A customer's key comes over TLS, or from this machine itself."""
    if call.request.scheme == "https":
        return
    try:
        local = ip_address(call.request.client).is_loopback
    except ValueError:
        local = False
    if not local:
        what = "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection."
        raise AwsError("InvalidRequest", what)
