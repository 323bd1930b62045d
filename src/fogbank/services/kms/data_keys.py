"""Data keys: made for a caller, who keeps them as ciphertexts; and random bytes.

Source: API Reference, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateDataKeyPair, GenerateRandom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import not_implemented
from fogbank.services.kms.addressing import find
from fogbank.services.kms.encryption import encrypted, need_symmetric
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import PAIRS, Made, make
from fogbank.services.kms.states import need_enabled, rehearsed, validation
from fogbank.services.kms.tokens import check_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key

_SIZES: Final = {"AES_256": 32, "AES_128": 16}


@kms.operation(
    "read", "shared", takes="KeyId EncryptionContext NumberOfBytes KeySpec GrantTokens DryRun", needs_policy=True
)
def generate_data_key(call: Call, req: Input) -> dict[str, Any]:
    """A new data key, as it is and as a ciphertext."""
    made, secret = data_key(call, req)
    return {**made, "Plaintext": secret}


@kms.operation(
    "read", "shared", takes="KeyId EncryptionContext NumberOfBytes KeySpec GrantTokens DryRun", needs_policy=True
)
def generate_data_key_without_plaintext(call: Call, req: Input) -> dict[str, Any]:
    """A new data key, as a ciphertext alone."""
    return data_key(call, req)[0]


def data_key(call: Call, req: Input) -> tuple[dict[str, Any], bytes]:
    """The answer without the plaintext, and the plaintext."""
    key = usable(call, req, call.bound.name)
    if ("KeySpec" in req) == ("NumberOfBytes" in req):
        raise validation("Please specify either number of bytes or key spec.")
    size = _SIZES[req["KeySpec"]] if "KeySpec" in req else req["NumberOfBytes"]
    rehearsed(req)
    secret = call.ids.random(size)
    blob, material = encrypted(call, key, secret, req.get("EncryptionContext"))
    return {"CiphertextBlob": blob, "KeyId": key.arn, "KeyMaterialId": material}, secret


def usable(call: Call, req: Input, operation: str) -> Key:
    """The addressed key, if data keys can be made with it."""
    key = find(call, req["KeyId"])
    need_enabled(key)
    need_symmetric(key, operation)
    check_tokens(call, req)
    return key


def prepare(call: Call, req: Input) -> Callable[[], Made]:
    """Make a pair before the transaction: a large RSA key takes seconds."""
    spec = req["KeyPairSpec"]
    usable(call, req, call.bound.name)
    if spec not in PAIRS:
        raise not_implemented(f"A data key pair of the spec {spec}")
    rehearsed(req)
    ids = call.ids
    return lambda: make(spec, ids)


@kms.operation(
    "scan", "shared", takes="KeyId EncryptionContext KeyPairSpec GrantTokens DryRun", needs_policy=True, prepare=prepare
)
def generate_data_key_pair(call: Call, req: Input) -> dict[str, Any]:
    """A new pair: its public key, and its private key as it is and as a ciphertext."""
    return {**pair(call, req), "PrivateKeyPlaintext": call.prepared.secret}


@kms.operation(
    "scan", "shared", takes="KeyId EncryptionContext KeyPairSpec GrantTokens DryRun", needs_policy=True, prepare=prepare
)
def generate_data_key_pair_without_plaintext(call: Call, req: Input) -> dict[str, Any]:
    """A new pair: its public key, and its private key as a ciphertext alone."""
    return pair(call, req)


def pair(call: Call, req: Input) -> dict[str, Any]:
    """The pair that was made, without the plaintext of the private key."""
    made: Made = call.prepared
    key = usable(call, req, call.bound.name)
    blob, material = encrypted(call, key, made.secret, req.get("EncryptionContext"))
    return {
        "PrivateKeyCiphertextBlob": blob,
        "PublicKey": made.public,
        "KeyId": key.arn,
        "KeyPairSpec": req["KeyPairSpec"],
        "KeyMaterialId": material,
    }


@kms.operation("read", "*", takes="NumberOfBytes")
def generate_random(call: Call, req: Input) -> dict[str, Any]:
    """Random bytes."""
    if "NumberOfBytes" not in req:
        raise validation("NumberOfBytes is required.")
    return {"Plaintext": call.ids.random(req["NumberOfBytes"])}
