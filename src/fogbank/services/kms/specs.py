"""Kinds of keys: what each may be used for, with which algorithms, and how its material is made.

Source: KMS Developer Guide, "Key spec reference"; API Reference, CreateKey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.ids import Ids

ENCRYPT: Final = "ENCRYPT_DECRYPT"
SIGN: Final = "SIGN_VERIFY"
MAC: Final = "GENERATE_VERIFY_MAC"
AGREE: Final = "KEY_AGREEMENT"
SYMMETRIC: Final = "SYMMETRIC_DEFAULT"
_RSA_SIGNING: Final = tuple(
    f"RSASSA_{padding}_SHA_{bits}" for padding in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)
)


class Spec(msgspec.Struct, frozen=True):
    """A kind: `algorithms` by usage; `size` in bytes of a secret, in bits of an RSA key; `curve` of an elliptic one."""

    algorithms: Mapping[str, tuple[str, ...]]
    size: int = 0
    curve: type[ec.EllipticCurve] | None = None

    @property
    def pair(self) -> bool:
        """Whether it has a public key."""
        return self.curve is not None or self.size > 128


def _rsa(bits: int) -> Spec:
    return Spec({ENCRYPT: ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"), SIGN: _RSA_SIGNING}, size=bits)


def _curve(curve: type[ec.EllipticCurve], bits: int, *usages: str) -> Spec:
    every = {SIGN: (f"ECDSA_SHA_{bits}",), AGREE: ("ECDH",)}
    return Spec({usage: every[usage] for usage in usages}, curve=curve)


SPECS: Final[Mapping[str, Spec]] = {
    SYMMETRIC: Spec({ENCRYPT: (SYMMETRIC,)}, size=32),
    "RSA_2048": _rsa(2048),
    "RSA_3072": _rsa(3072),
    "RSA_4096": _rsa(4096),
    "ECC_NIST_P256": _curve(ec.SECP256R1, 256, SIGN, AGREE),
    "ECC_NIST_P384": _curve(ec.SECP384R1, 384, SIGN, AGREE),
    "ECC_NIST_P521": _curve(ec.SECP521R1, 512, SIGN, AGREE),
    "ECC_SECG_P256K1": _curve(ec.SECP256K1, 256, SIGN),
    "HMAC_224": Spec({MAC: ("HMAC_SHA_224",)}, size=28),
    "HMAC_256": Spec({MAC: ("HMAC_SHA_256",)}, size=32),
    "HMAC_384": Spec({MAC: ("HMAC_SHA_384",)}, size=48),
    "HMAC_512": Spec({MAC: ("HMAC_SHA_512",)}, size=64),
}
PAIRS: Final = frozenset(name for name, spec in SPECS.items() if spec.pair)


class Made(msgspec.Struct, frozen=True):
    """New material: a secret, or a private key (PKCS #8, DER) with its public key (SubjectPublicKeyInfo, DER)."""

    secret: bytes
    public: bytes = b""

    def __repr__(self) -> str:
        return "Made()"


def make(name: str, ids: Ids) -> Made:
    """Material for a key of a kind. A large RSA key takes seconds."""
    spec = SPECS[name]
    if not spec.pair:
        return Made(ids.random(spec.size))
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if spec.curve is not None:
        private = ec.generate_private_key(spec.curve())
    else:
        private = rsa.generate_private_key(65537, spec.size)
    secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Made(secret, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
