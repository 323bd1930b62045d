"""Shared secrets of elliptic-curve keys.

Source: API Reference, DeriveSharedSecret: the x coordinate of ECDH with cofactors, as NIST SP 800-56A has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from fogbank.services.kms.addressing import find
from fogbank.services.kms.pairs import private_key
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import AGREE, SPECS
from fogbank.services.kms.states import need_enabled, need_usage, rehearsed, validation
from fogbank.services.kms.tokens import check_tokens

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key


@kms.operation("scan", "shared", takes="KeyId KeyAgreementAlgorithm PublicKey GrantTokens DryRun", needs_policy=True)
def derive_shared_secret(call: Call, req: Input) -> dict[str, Any]:
    """The secret that the key shares with the owner of another public key."""
    key = find(call, req["KeyId"])
    need_enabled(key)
    need_usage(key, AGREE, "DeriveSharedSecret")
    check_tokens(call, req)
    peer = peer_of(key, req["PublicKey"])
    rehearsed(req)
    secret = cast("EllipticCurvePrivateKey", private_key(call.vault, key)).exchange(ec.ECDH(), peer)
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "KeyAgreementAlgorithm": req["KeyAgreementAlgorithm"],
        "KeyOrigin": key.origin,
    }


def peer_of(key: Key, raw: bytes) -> EllipticCurvePublicKey:
    """The other public key (SubjectPublicKeyInfo, DER), which is on the key's curve."""
    curve = SPECS[key.spec].curve
    try:
        found = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise validation("The public key is not a valid DER-encoded X.509 public key.") from None
    if curve is None or not isinstance(found, ec.EllipticCurvePublicKey) or not isinstance(found.curve, curve):
        raise validation(f"The public key is not on the curve of {key.spec}.")
    return found
