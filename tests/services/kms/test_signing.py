"""Sign, Verify, GetPublicKey."""

from __future__ import annotations

from hashlib import sha256, sha384, sha512
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from services.helpers import allow, code, permit, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

RSA = [f"RSASSA_{kind}_SHA_{bits}" for kind in ("PSS", "PKCS1_V1_5") for bits in (256, 384, 512)]
CURVES = {
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "ECC_NIST_P384": "ECDSA_SHA_384",
    "ECC_NIST_P521": "ECDSA_SHA_512",
    "ECC_SECG_P256K1": "ECDSA_SHA_256",
}
HASHES = {"256": sha256, "384": sha384, "512": sha512}
MESSAGE = b"a message"


def pair(kms: Any, spec: str, usage: str = "SIGN_VERIFY") -> str:
    """The id of a new key."""
    return str(kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])


def check_all(kms: Any, key: str, algorithm: str) -> None:
    """A message and its digest are signed and verified, each in the place of the other."""
    digest = HASHES[algorithm[-3:]](MESSAGE).digest()
    raw = kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm=algorithm)["Signature"]
    made = kms.sign(KeyId=key, Message=digest, MessageType="DIGEST", SigningAlgorithm=algorithm)["Signature"]
    for signature in (raw, made):
        asked = {"KeyId": key, "Signature": signature, "SigningAlgorithm": algorithm}
        assert kms.verify(Message=MESSAGE, MessageType="RAW", **asked)["SignatureValid"]
        assert kms.verify(Message=digest, MessageType="DIGEST", **asked)["SignatureValid"]
        assert code(kms.verify, Message=MESSAGE + b".", **asked) == "KMSInvalidSignatureException"


def test_rsa_keys_sign(kms: Any) -> None:
    key = pair(kms, "RSA_2048")
    for algorithm in RSA:
        check_all(kms, key, algorithm)


@pytest.mark.parametrize("spec", CURVES)
def test_curves_sign(kms: Any, spec: str) -> None:
    check_all(kms, pair(kms, spec), CURVES[spec])


def test_others_verify_with_the_public_key(kms: Any) -> None:
    key, curve = pair(kms, "RSA_2048"), pair(kms, "ECC_NIST_P384")
    told = kms.get_public_key(KeyId=key)
    assert (told["KeySpec"], told["KeyUsage"], sorted(told["SigningAlgorithms"])) == (
        "RSA_2048",
        "SIGN_VERIFY",
        sorted(RSA),
    )
    made = kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    load_der_public_key(told["PublicKey"]).verify(made, MESSAGE, salted, hashes.SHA256())
    made = kms.sign(KeyId=curve, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_384")["Signature"]
    public = load_der_public_key(kms.get_public_key(KeyId=curve)["PublicKey"])
    public.verify(made, MESSAGE, ec.ECDSA(hashes.SHA384()))


def test_what_cannot_be_signed(kms: Any, key: str) -> None:
    signing = pair(kms, "ECC_NIST_P256")
    how = {"Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    assert code(kms.sign, KeyId=key, **how) == "InvalidKeyUsageException"
    assert (
        code(kms.sign, KeyId=signing, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_384") == "InvalidKeyUsageException"
    )
    assert code(kms.sign, KeyId=signing, MessageType="DIGEST", **how) == "ValidationException"
    assert code(kms.sign, KeyId=signing, **{**how, "Message": b"x" * 4097}) == "ValidationException"
    assert code(kms.sign, KeyId=signing, **{**how, "Message": b""}) == "ValidationException"
    assert code(kms.sign, KeyId=signing, MessageType="EXTERNAL_MU", **how) == "NotImplemented"
    assert code(kms.sign, KeyId=signing, DryRun=True, **how) == "DryRunOperationException"
    assert code(kms.get_public_key, KeyId=key) == "UnsupportedOperationException"
    for wrong in (b"x", b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\xff" * 6144, b"\x30\x80" + b"\0" * 60):
        assert code(kms.verify, KeyId=signing, Signature=wrong, **how) == "KMSInvalidSignatureException"
    kms.disable_key(KeyId=signing)
    assert code(kms.sign, KeyId=signing, **how) == "DisabledException"
    assert code(kms.get_public_key, KeyId=signing) == "DisabledException"


def test_policies_see_the_algorithm_and_the_kind_of_message(region: LocalRegion, kms: Any) -> None:
    key, client = pair(kms, "ECC_NIST_P256"), user_client(region, "kms")
    asked = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    permit(region, allow("kms:Sign", StringEquals={"kms:SigningAlgorithm": "ECDSA_SHA_256", "kms:MessageType": "RAW"}))
    assert client.sign(**asked)
    permit(region, allow("kms:Sign", StringEquals={"kms:MessageType": "DIGEST"}))
    assert code(client.sign, **asked) == "AccessDeniedException"


def test_derive_shared_secret(kms: Any) -> None:
    ours, theirs = (pair(kms, "ECC_NIST_P256", "KEY_AGREEMENT") for _ in range(2))
    publics = [kms.get_public_key(KeyId=each)["PublicKey"] for each in (ours, theirs)]
    assert kms.get_public_key(KeyId=ours)["KeyAgreementAlgorithms"] == ["ECDH"]
    how = {"KeyAgreementAlgorithm": "ECDH"}
    secrets = [
        kms.derive_shared_secret(KeyId=ours, PublicKey=publics[1], **how)["SharedSecret"],
        kms.derive_shared_secret(KeyId=theirs, PublicKey=publics[0], **how)["SharedSecret"],
    ]
    assert secrets[0] == secrets[1]
    assert len(secrets[0]) == 32
    other = kms.get_public_key(KeyId=pair(kms, "ECC_NIST_P384", "KEY_AGREEMENT"))["PublicKey"]
    rsa = kms.get_public_key(KeyId=pair(kms, "RSA_2048"))["PublicKey"]
    for wrong in (other, rsa, b"x", publics[1][:-1], publics[1][:-1] + b"\0"):
        assert code(kms.derive_shared_secret, KeyId=ours, PublicKey=wrong, **how) == "ValidationException"
    assert (
        code(kms.derive_shared_secret, KeyId=ours, PublicKey=publics[1], DryRun=True, **how)
        == "DryRunOperationException"
    )
    signing = pair(kms, "ECC_NIST_P256")
    assert code(kms.derive_shared_secret, KeyId=signing, PublicKey=publics[1], **how) == "InvalidKeyUsageException"
