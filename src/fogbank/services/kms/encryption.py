"""Encrypt, Decrypt and ReEncrypt, with symmetric keys and with RSA keys.

The private operations of RSA take milliseconds, so these run in threads.

Source: API Reference, Encrypt, Decrypt, ReEncrypt; KMS Developer Guide, "Encryption context".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.kms import ciphertext, material
from fogbank.services.kms.addressing import find
from fogbank.services.kms.pairs import private_key
from fogbank.services.kms.service import kms, need
from fogbank.services.kms.specs import ENCRYPT, SPECS, SYMMETRIC
from fogbank.services.kms.states import need_enabled, need_usage, rehearsed, validation
from fogbank.services.kms.tokens import check_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key

_HASHES: Final = {"RSAES_OAEP_SHA_1": hashes.SHA1, "RSAES_OAEP_SHA_256": hashes.SHA256}
CONTEXT_WITH_RSA: Final = "Encryption context is not supported with asymmetric keys."


@kms.operation(
    "scan",
    "shared",
    takes="KeyId Plaintext EncryptionContext GrantTokens EncryptionAlgorithm DryRun",
    needs_policy=True,
)
def encrypt(call: Call, req: Input) -> dict[str, Any]:
    """A ciphertext of at most 4,096 bytes."""
    key = find(call, req["KeyId"])
    algorithm = checked(key, req.get("EncryptionAlgorithm", SYMMETRIC), "Encrypt")
    check_tokens(call, req)
    rehearsed(req)
    blob, _ = closed(call, key, algorithm, req["Plaintext"], req.get("EncryptionContext"))
    return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": algorithm}


@kms.operation(
    "scan",
    "shared",
    takes="CiphertextBlob EncryptionContext GrantTokens KeyId EncryptionAlgorithm DryRun",
    needs_policy=True,
)
def decrypt(call: Call, req: Input) -> dict[str, Any]:
    """The plaintext of a ciphertext, which says what key it is of; of RSA keys the caller has to."""
    key = source(call, req)
    algorithm = checked(key, req.get("EncryptionAlgorithm", SYMMETRIC), "Decrypt")
    check_tokens(call, req)
    plaintext, used = opened(call, key, algorithm, req["CiphertextBlob"], req.get("EncryptionContext"))
    rehearsed(req)
    told = {"KeyId": key.arn, "Plaintext": plaintext, "EncryptionAlgorithm": algorithm}
    return told | ({"KeyMaterialId": used} if used else {})


def to_destination(call: Call, req: Input) -> list[Permission]:
    """The permission to encrypt anew, and what it is asked about."""
    key = find(call, req["DestinationKeyId"])
    names = {"KeyId": req["DestinationKeyId"], "ReEncryptOnSameKey": same(call, req)}
    if "DestinationEncryptionContext" in req:
        names["EncryptionContext"] = req["DestinationEncryptionContext"]
    names["EncryptionAlgorithm"] = req.get("DestinationEncryptionAlgorithm", SYMMETRIC)
    return [Permission("kms:ReEncryptTo", key.arn, names, needs_policy=True)]


def same_key(call: Call, req: Input) -> dict[str, str]:
    """The condition key that tells whether the key stays."""
    return {"kms:reencryptonsamekey": same(call, req)}


def same(call: Call, req: Input) -> str:
    """Whether both keys are one, as conditions have it."""
    return "true" if source(call, req).arn == find(call, req["DestinationKeyId"]).arn else "false"


@kms.operation(
    "scan",
    "shared",
    takes="CiphertextBlob SourceEncryptionContext SourceKeyId DestinationKeyId DestinationEncryptionContext"
    " SourceEncryptionAlgorithm DestinationEncryptionAlgorithm GrantTokens DryRun",
    action="kms:ReEncryptFrom",
    needs_policy=True,
    also=to_destination,
    keys=same_key,
)
def re_encrypt(call: Call, req: Input) -> dict[str, Any]:
    """A ciphertext of what another one means, under another key or in another context; the plaintext stays here."""
    old, new = source(call, req), find(call, req["DestinationKeyId"])
    old_algorithm = checked(old, req.get("SourceEncryptionAlgorithm", SYMMETRIC), "ReEncrypt")
    new_algorithm = checked(new, req.get("DestinationEncryptionAlgorithm", SYMMETRIC), "ReEncrypt")
    check_tokens(call, req)
    plaintext, used = opened(call, old, old_algorithm, req["CiphertextBlob"], req.get("SourceEncryptionContext"))
    rehearsed(req)
    blob, uses = closed(call, new, new_algorithm, plaintext, req.get("DestinationEncryptionContext"))
    told = {
        "CiphertextBlob": blob,
        "SourceKeyId": old.arn,
        "KeyId": new.arn,
        "SourceEncryptionAlgorithm": old_algorithm,
        "DestinationEncryptionAlgorithm": new_algorithm,
    }
    told |= {"SourceKeyMaterialId": used} if used else {}
    return told | ({"DestinationKeyMaterialId": uses} if uses else {})


def source(call: Call, req: Input) -> Key:
    """The key of a ciphertext, which is the one that the caller names if it names one (IncorrectKeyException)."""
    if "CiphertextBlob" not in req:
        return need(call, {})
    key = need(call, req)
    if key.spec == SYMMETRIC and ciphertext.parse(req["CiphertextBlob"]).owner != (key.account, key.id):
        what = "The key ID in the request does not identify a CMK that can perform this operation."
        raise AwsError("IncorrectKeyException", what, status=400)
    return key


def checked(key: Key, algorithm: str, operation: str) -> str:
    """The algorithm, if the key can be used with it now."""
    need_enabled(key)
    need_usage(key, ENCRYPT, operation)
    if algorithm not in SPECS[key.spec].algorithms[ENCRYPT]:
        what = f"Algorithm {algorithm} and key spec {key.spec} are incompatible."
        raise AwsError("InvalidKeyUsageException", what, status=400)
    return algorithm


def need_symmetric(key: Key, operation: str) -> None:
    """Raise for a key that data keys cannot be made with."""
    need_usage(key, ENCRYPT, operation)
    if key.spec != SYMMETRIC:
        what = f"{key.arn} key spec is {key.spec} which is not valid for {operation}."
        raise AwsError("InvalidKeyUsageException", what, status=400)


def closed(
    call: Call, key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str] | None
) -> tuple[bytes, str]:
    """A ciphertext, and the id of the material that it is of, if the key is symmetric."""
    if algorithm == SYMMETRIC:
        return encrypted(call, key, plaintext, context)
    need_no_context(context)
    public = cast("RSAPublicKey", load_der_public_key(key.public))
    try:
        return public.encrypt(plaintext, oaep(algorithm)), ""
    except ValueError:
        raise validation(f"The plaintext is too long for {algorithm} with {key.spec}.") from None


def opened(call: Call, key: Key, algorithm: str, blob: bytes, context: Mapping[str, str] | None) -> tuple[bytes, str]:
    """A plaintext, and the id of the material that it was encrypted with, if the key is symmetric."""
    if algorithm == SYMMETRIC:
        found = ciphertext.parse(blob)
        secret = material.numbered(call.vault, key, found.number)
        plaintext = ciphertext.unseal(found, secret, ciphertext.canonical(context))
        return plaintext, material.material_id(call.vault, key, found.number)
    need_no_context(context)
    private = cast("RSAPrivateKey", private_key(call.vault, key))
    try:
        return private.decrypt(blob, oaep(algorithm)), ""
    except ValueError:
        raise ciphertext.invalid() from None


def encrypted(call: Call, key: Key, plaintext: bytes, context: Mapping[str, str] | None) -> tuple[bytes, str]:
    """A ciphertext under a symmetric key's newest material, and that material's id."""
    number, secret = material.current(call.vault, key)
    random = call.ids.random(ciphertext.RANDOM)
    bound = ciphertext.canonical(context)
    blob = ciphertext.seal(key.account, key.id, number, secret, random, plaintext, bound)
    return blob, material.material_id(call.vault, key, number)


def need_no_context(context: Mapping[str, str] | None) -> None:
    """Raise for an encryption context, which RSA cannot bind."""
    if context:
        raise validation(CONTEXT_WITH_RSA)


def oaep(algorithm: str) -> padding.OAEP:
    """The padding of an algorithm."""
    kind = _HASHES[algorithm]
    return padding.OAEP(mgf=padding.MGF1(kind()), algorithm=kind(), label=None)
