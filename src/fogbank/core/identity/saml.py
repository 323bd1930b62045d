"""A SAML identity provider's metadata: read without DTDs and entities, bounded.

Source: OASIS, "Metadata for SAML 2.0" (EntityDescriptor, IDPSSODescriptor, KeyDescriptor); IAM User Guide, "Create a SAML identity
provider in IAM".
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn
from xml.parsers import expat

import msgspec
from cryptography import x509

if TYPE_CHECKING:
    from collections.abc import Iterator

METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
_IDP: Final = f"{METADATA} IDPSSODescriptor"
_KEY: Final = f"{METADATA} KeyDescriptor"
MAX_DEPTH: Final = 64
MAX_ELEMENTS: Final = 100_000
MAX_CERTIFICATES: Final = 32


class BadMetadata(ValueError):
    """A document that is no metadata of an identity provider; the text says why."""


class Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself. `certificates` are those it signs with, in DER; `valid_until` in seconds since the epoch, 0
    for no end."""

    entity_id: str
    valid_until: int
    certificates: tuple[bytes, ...]

    def expires(self) -> int:
        """When the metadata is of no use any more: at its own end, or when the last of its certificates ends."""
        ends = max(int(certificate.not_valid_after_utc.timestamp()) for certificate in self.parsed())
        return min(ends, self.valid_until) if self.valid_until else ends

    def parsed(self) -> Iterator[x509.Certificate]:
        """The certificates."""
        return (x509.load_der_x509_certificate(each) for each in self.certificates)


class _Reader:
    def __init__(self) -> None:
        self.stack: list[str] = []
        self.count = 0
        self.entity_id = ""
        self.valid_until = ""
        self.sign_on = False
        self.texts: list[str] = []
        self.collecting = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.stack) >= MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise BadMetadata("the document is too large")
        if not self.stack:
            if name != f"{METADATA} EntityDescriptor":
                raise BadMetadata("its root is no EntityDescriptor")
            self.entity_id = attributes.get("entityID", "")
            self.valid_until = attributes.get("validUntil", "")
        self.stack.append(name)
        if _IDP in self.stack[1:2]:
            self._in_provider(name, attributes)

    def _in_provider(self, name: str, attributes: dict[str, str]) -> None:
        if name == f"{METADATA} SingleSignOnService":
            self.sign_on = True
        if name == _KEY:
            self.collecting = attributes.get("use", "signing") == "signing"
        if name == f"{SIGNATURE} X509Certificate" and self.collecting and _KEY in self.stack:
            if len(self.texts) == MAX_CERTIFICATES:
                raise BadMetadata("it has too many certificates")
            self.texts.append("")

    def end(self, _name: str) -> None:
        self.stack.pop()

    def text(self, data: str) -> None:
        if self.texts and self.collecting and self.stack[-1] == f"{SIGNATURE} X509Certificate" and _KEY in self.stack:
            self.texts[-1] += data


def _refuse(*_: object) -> NoReturn:
    raise BadMetadata("it has a document type definition")


def parse_metadata(document: str) -> Metadata:
    """The metadata of an identity provider. Raises BadMetadata."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(document.encode(), True)
    except (expat.ExpatError, UnicodeError):
        raise BadMetadata("it is no well-formed XML") from None
    if not reader.entity_id or not reader.sign_on:
        raise BadMetadata("it has no entityID, or no IDPSSODescriptor with a SingleSignOnService")
    certificates = tuple(dict.fromkeys(_certificate(text) for text in reader.texts))
    if not certificates:
        raise BadMetadata("it has no certificate to verify signatures with")
    return Metadata(reader.entity_id, _time(reader.valid_until), certificates)


def _certificate(text: str) -> bytes:
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
        _ = x509.load_der_x509_certificate(der).not_valid_after_utc
    except (binascii.Error, ValueError):
        raise BadMetadata("one of its certificates is none") from None
    return der


def _time(text: str) -> int:
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise BadMetadata("its validUntil is no time") from None
