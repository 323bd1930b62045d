"""Objects' data keys: made, wrapped for whoever may read the object, opened again; and what is told of them.

Every object has a random data key of its own; its bytes are sealed with it (store/chunks.py). What is kept of the key is wrapped: by
the region's vault (SSE-S3), by a data key of KMS (SSE-KMS) that only KMS opens, for callers who may, or by the customer's key (SSE-C).

Source: S3 User Guide, "Protecting data with server-side encryption", "Using server-side encryption with AWS KMS keys (SSE-KMS)",
"Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys".
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fogbank.core.call import Sealing
from fogbank.core.errors import AwsError
from fogbank.services.s3 import bucket_keys
from fogbank.services.s3.encryption_request import AES256, KEY, KMS, SSE_C, Wanted, wanted
from fogbank.services.s3.records import Encryption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Body, Call
    from fogbank.core.service import Input
    from fogbank.services.s3.bucket_keys import Fresh
    from fogbank.services.s3.encryption_request import Customer
    from fogbank.services.s3.records import Bucket, Object

NONCE: Final = 12  # bytes, of a wrapped key


class Sealed(msgspec.Struct, frozen=True):
    """What is kept of the key that a body was encrypted with. `fresh` is a bucket key to keep, too; `source` the object of a copy."""

    encryption: Encryption
    fresh: Fresh | None = None
    source: Object | None = None


def vault_context(bucket: str, key: str) -> str:
    """What binds a wrapped key to its object, as S3's own way of wrapping has it."""
    return f"s3:{bucket}/{key}"


def seal(call: Call, req: Input, bucket: Bucket) -> Sealing:
    """A new data key for the object that a request makes."""
    data_key = call.ids.random(KEY)
    return Sealing(data_key, wrap(call, wanted(call, req, bucket), bucket, req["Key"], data_key))


def wrapped(call: Call, req: Input, bucket: Bucket, data_key: bytes) -> Encryption:
    """How the object that a request makes keeps a data key, in a transaction that writes."""
    sealed = wrap(call, wanted(call, req, bucket), bucket, req["Key"], data_key)
    return keep(call, sealed)


def wrap(call: Call, want: Wanted, bucket: Bucket, key: str, data_key: bytes) -> Sealed:
    """A data key as it is kept, for one object."""
    if want.algorithm == AES256:
        return Sealed(Encryption(AES256, call.vault.seal(data_key, vault_context(bucket.name, key))))
    if want.customer is not None:
        by_customer = wrap_with(call, want.customer.key, data_key)
        return Sealed(Encryption(SSE_C, by_customer, customer=want.customer.md5))
    check_identified(call)
    arn, secret, blob, fresh = kms_key(call, want, bucket, key)
    context = json.dumps(dict(want.context)) if want.context else ""
    by_kms = wrap_with(call, secret, data_key)
    return Sealed(Encryption(KMS, by_kms, arn, blob, context, want.bucket_key), fresh)


def kms_key(call: Call, want: Wanted, bucket: Bucket, key: str) -> tuple[str, bytes, bytes, Fresh | None]:
    """A data key of KMS: the ARN of its key, itself, its ciphertext, and the bucket key that it is, if that is new."""
    reused = want.bucket_key and not want.context
    if reused:
        found = bucket_keys.find(call, bucket, want.key_id)
        if found is not None:
            return (*found, None)
    context = kms_context(want.context, bucket.name, key, bucket_key=want.bucket_key)
    ask = {"KeyId": want.key_id, "KeySpec": "AES_256", "EncryptionContext": context}
    made = kms(call, "GenerateDataKey", ask, bucket.region)
    fresh = bucket_keys.fresh(call, bucket, want.key_id, made) if reused else None
    return made["KeyId"], made["Plaintext"], made["CiphertextBlob"], fresh


def kms_context(context: Mapping[str, str], bucket: str, key: str, *, bucket_key: bool) -> dict[str, str]:
    """The encryption context that KMS is given: the caller's, and the ARN of the object, or of the bucket for a bucket key."""
    return {**context, "aws:s3:arn": f"arn:aws:s3:::{bucket}" if bucket_key else f"arn:aws:s3:::{bucket}/{key}"}


def kms(call: Call, operation: str, ask: Input, region: str) -> dict[str, Any]:
    """Ask KMS, as the caller. Its errors are told as S3 tells them."""
    try:
        answer: dict[str, Any] = call.invoke("kms", operation, ask, region)
    except AwsError as error:
        if error.code.startswith("AccessDenied"):
            raise AwsError("AccessDenied", error.message, status=403) from None
        raise AwsError(f"KMS.{error.code}", error.message, status=400) from None
    return answer


def check_identified(call: Call) -> None:
    """KMS needs a caller who is known by Signature Version 4."""
    version2 = not call.scope_region and call.request.headers  # what the region does by itself has no headers
    if call.principal.kind == "anonymous" or version2:
        what = "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4."
        raise AwsError("InvalidArgument", what, fields={"ArgumentName": "Authorization", "ArgumentValue": "null"})


def wrap_with(call: Call, key: bytes, data_key: bytes) -> bytes:
    """A data key, encrypted with another key: nonce, ciphertext and tag."""
    nonce = call.ids.random(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data_key, None)


def unwrap_with(key: bytes, wrapped: bytes) -> bytes:
    """What `wrap_with` wrapped. Raises InvalidTag for another key."""
    return AESGCM(key).decrypt(wrapped[:NONCE], wrapped[NONCE:], None)


def kept(call: Call, body: Body) -> Encryption | None:
    """What to keep of the key that a body was encrypted with."""
    return keep(call, body.sealing.record) if body.sealing else None


def keep(call: Call, sealed: Sealed) -> Encryption:
    """Keep a bucket key that was made along with a data key; what the object keeps."""
    if sealed.fresh is not None:
        bucket_keys.keep(call, sealed.fresh)
    return sealed.encryption


def check_customer(encryption: Encryption | None, customer: Customer | None) -> None:
    """A customer's key comes with every request for what it encrypts, and with no other. AccessDenied for a wrong one."""
    if encryption is None or encryption.algorithm != SSE_C:
        if customer is not None:
            raise AwsError("InvalidRequest", "The encryption parameters are not applicable to this object.")
        return
    if customer is None:
        what = (
            "The object was stored using a form of Server Side Encryption. "
            "The correct parameters must be provided to retrieve the object."
        )
        raise AwsError("InvalidRequest", what)
    try:
        unwrap_with(customer.key, encryption.wrapped)
    except InvalidTag:
        raise AwsError("AccessDenied", "Access Denied", status=403) from None


def open_key(
    call: Call, encryption: Encryption | None, bucket: Bucket, key: str, customer: Customer | None = None
) -> bytes:
    """An object's data key, for a caller who may read it; empty for one that is not encrypted. KMS decides on its own keys."""
    check_customer(encryption, customer)
    if encryption is None:
        return b""
    if encryption.algorithm == AES256:
        return call.vault.open(encryption.wrapped, vault_context(bucket.name, key))
    if customer is not None:
        return unwrap_with(customer.key, encryption.wrapped)
    check_identified(call)
    given = json.loads(encryption.context) if encryption.context else {}
    context = kms_context(given, bucket.name, key, bucket_key=encryption.bucket_key)
    ask = {"CiphertextBlob": encryption.kms, "KeyId": encryption.key_id, "EncryptionContext": context}
    return unwrap_with(kms(call, "Decrypt", ask, bucket.region)["Plaintext"], encryption.wrapped)


def is_opaque(encryption: Encryption | None) -> bool:
    """Whether ETags are no MD5s: those of SSE-KMS and SSE-C. Source: API Reference, Object, ETag."""
    return encryption is not None and encryption.algorithm != AES256


def etag_of(body: Body) -> str:
    """A body's ETag: its MD5, or what nobody can tell its bytes by, if it is encrypted with a key that S3 does not keep."""
    md5 = body.digests["MD5"]
    if body.sealing is not None and is_opaque(body.sealing.record.encryption):
        return hmac.digest(body.sealing.key, md5, "md5").hex()
    return md5.hex()


def told(encryption: Encryption | None) -> dict[str, Any]:
    """An object's encryption as output members."""
    if encryption is None:
        return {}
    if encryption.algorithm == SSE_C:
        return {"SSECustomerAlgorithm": AES256, "SSECustomerKeyMD5": encryption.customer}
    if encryption.algorithm == AES256:
        return {"ServerSideEncryption": AES256}
    bucket_key = {"BucketKeyEnabled": True} if encryption.bucket_key else {}
    return {"ServerSideEncryption": encryption.algorithm, "SSEKMSKeyId": encryption.key_id, **bucket_key}


def told_by_service(encryption: Encryption | None) -> dict[str, Any]:
    """The same where S3 says nothing of customers' keys."""
    return {} if encryption is not None and encryption.algorithm == SSE_C else told(encryption)


def told_made(encryption: Encryption | None) -> dict[str, Any]:
    """The same for what was just made, whose caller is told its context, too."""
    if encryption is None or not encryption.context:
        return told(encryption)
    return {**told(encryption), "SSEKMSEncryptionContext": b64encode(encryption.context.encode()).decode()}
