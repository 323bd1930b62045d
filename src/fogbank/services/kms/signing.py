"""Signatures of RSA and elliptic-curve keys, and the public keys that others verify them with.

A private operation of RSA takes milliseconds, so these run in threads.

Source: API Reference, Sign, Verify, GetPublicKey; KMS Developer Guide, "Key spec reference", supported signing algorithms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from fogbank.core.errors import AwsError, not_implemented
from fogbank.services.kms.addressing import find
from fogbank.services.kms.keys import TOLD
from fogbank.services.kms.pairs import private_key
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import SIGN, SPECS
from fogbank.services.kms.states import need_enabled, need_usage, rehearsed, unsupported, validation
from fogbank.services.kms.tokens import check_tokens

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key

_HASHES: Final[dict[str, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}


class Asked(msgspec.Struct, frozen=True):
    """A signature that is asked for or about: the key, the algorithm, and the message or its digest."""

    key: Key
    algorithm: str
    message: bytes
    hash: hashes.HashAlgorithm | Prehashed

    @property
    def padding(self) -> padding.AsymmetricPadding:
        """The padding of an RSA signature. The salt is as long as the digest."""
        if "_PKCS1_" in self.algorithm:
            return padding.PKCS1v15()
        return padding.PSS(padding.MGF1(hash_of(self.algorithm)), hash_of(self.algorithm).digest_size)


@kms.operation(
    "scan", "shared", takes="KeyId Message MessageType GrantTokens SigningAlgorithm DryRun", needs_policy=True
)
def sign(call: Call, req: Input) -> dict[str, Any]:
    """Sign a message of at most 4,096 bytes, or its digest."""
    asked = checked(call, req)
    rehearsed(req)
    private = private_key(call.vault, asked.key)
    if asked.algorithm.startswith("ECDSA"):
        made = cast("EllipticCurvePrivateKey", private).sign(asked.message, ec.ECDSA(asked.hash))
    else:
        made = cast("RSAPrivateKey", private).sign(asked.message, asked.padding, asked.hash)
    return {"KeyId": asked.key.arn, "Signature": made, "SigningAlgorithm": asked.algorithm}


@kms.operation(
    "scan", "shared", takes="KeyId Message MessageType Signature SigningAlgorithm GrantTokens DryRun", needs_policy=True
)
def verify(call: Call, req: Input) -> dict[str, Any]:
    """Say that a signature is one of this key over this message; KMSInvalidSignatureException if it is not."""
    asked = checked(call, req)
    public = load_der_public_key(asked.key.public)
    try:
        if asked.algorithm.startswith("ECDSA"):
            cast("EllipticCurvePublicKey", public).verify(req["Signature"], asked.message, ec.ECDSA(asked.hash))
        else:
            cast("RSAPublicKey", public).verify(req["Signature"], asked.message, asked.padding, asked.hash)
    except InvalidSignature:
        raise AwsError("KMSInvalidSignatureException", status=400) from None
    rehearsed(req)
    return {"KeyId": asked.key.arn, "SignatureValid": True, "SigningAlgorithm": asked.algorithm}


def checked(call: Call, req: Input) -> Asked:
    """What is asked, if the key can be used for it now."""
    key, algorithm = find(call, req["KeyId"]), req["SigningAlgorithm"]
    need_enabled(key)
    need_usage(key, SIGN, call.bound.name)
    if algorithm not in SPECS[key.spec].algorithms[SIGN]:
        what = f"Algorithm {algorithm} and key spec {key.spec} are incompatible."
        raise AwsError("InvalidKeyUsageException", what, status=400)
    check_tokens(call, req)
    kind = req.get("MessageType", "RAW")
    if kind == "EXTERNAL_MU":
        raise not_implemented("The message type EXTERNAL_MU")
    algorithm_hash = hash_of(algorithm)
    if kind == "RAW":
        return Asked(key, algorithm, req["Message"], algorithm_hash)
    if len(req["Message"]) != algorithm_hash.digest_size:
        raise validation("Digest is invalid length for algorithm " + algorithm + ".")
    return Asked(key, algorithm, req["Message"], Prehashed(algorithm_hash))


def hash_of(algorithm: str) -> hashes.HashAlgorithm:
    """The hash of a signing algorithm."""
    return _HASHES[algorithm[-3:]]()


@kms.operation("read", "shared", takes="KeyId GrantTokens", needs_policy=True)
def get_public_key(call: Call, req: Input) -> dict[str, Any]:
    """The public key of a pair, and what it is for."""
    key = find(call, req["KeyId"])
    if not key.public:
        raise unsupported(f"{key.arn} key spec is {key.spec} which is not valid for GetPublicKey.")
    need_enabled(key)
    check_tokens(call, req)
    return {
        "KeyId": key.arn,
        "PublicKey": key.public,
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        "KeyUsage": key.usage,
        TOLD[key.usage]: list(SPECS[key.spec].algorithms[key.usage]),
    }
