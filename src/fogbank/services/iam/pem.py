"""Certificates and keys in PEM, checked in IAM's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_MARK = "-----BEGIN"
CHAIN = 20  # certificates; far more than any chain has
_NOT_PEM = "Unable to parse certificate. Please ensure the certificate is in PEM format."
_ORDER = (
    "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by "
    "any intermediaries in order. The index within the chain of the invalid certificate is: "
)


def malformed(message: str = _NOT_PEM) -> AwsError:
    """MalformedCertificate."""
    return AwsError("MalformedCertificate", message)


def certificates(text: str) -> list[x509.Certificate]:
    """The certificates of a PEM text that has nothing else in it."""
    blocks = _BLOCK.findall(text)
    if not blocks or len(blocks) != text.count(_MARK):
        raise malformed()
    if len(blocks) > CHAIN:
        raise malformed(f"The certificate chain has more than {CHAIN} certificates.")
    try:
        found = [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
        for each in found:
            each.public_key()
    except (ValueError, UnsupportedAlgorithm, UnicodeError):
        raise malformed() from None
    return found


def certificate(text: str) -> x509.Certificate:
    """The one certificate of a PEM text."""
    found = certificates(text)
    if len(found) != 1:
        raise malformed(
            "The certificate body must contain exactly one certificate; others belong into the certificate chain."
        )
    return found[0]


def check_key(text: str, certificate: x509.Certificate) -> None:
    """That a private key in PEM is the certificate's, and not encrypted."""
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except TypeError:
        raise malformed("The private key must not be encrypted.") from None
    except (ValueError, UnsupportedAlgorithm, UnicodeError):
        raise malformed("Unable to parse key; it must be an unencrypted private key in PEM format.") from None
    if _spki(key) != _spki_of(certificate.public_key()):
        raise AwsError("KeyPairMismatch", "The certificate and the private key do not match.")


def check_chain(first: x509.Certificate, text: str) -> None:
    """That each certificate of a chain in PEM signed the one before it."""
    below = first
    for index, each in enumerate(certificates(text)):
        try:
            below.verify_directly_issued_by(each)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise malformed(f"{_ORDER}{index}") from None
        below = each


def _spki(key: PrivateKeyTypes) -> bytes:
    return _spki_of(key.public_key())


def _spki_of(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
