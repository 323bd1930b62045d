"""Ciphertexts of symmetric keys: self-describing, and bound to their encryption context.

    1 byte    version, 1
    5 bytes   the account, as a number
    16 bytes  the key's id, a UUID
    4 bytes   the number of the key's material
    24 bytes  random: 12 that make the message's own key from the material, and the nonce
    rest      AES-256-GCM: ciphertext and tag (16 bytes)

All before the ciphertext and the encryption context in canonical form are authenticated. Every message has a key of its own, so that
no number of messages makes two of them meet under one key and nonce.
"""

from __future__ import annotations

import hmac
import struct
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = 1
RANDOM: Final = 24  # bytes
TAG: Final = 16  # bytes
CONTEXT: Final = 8192  # characters of an encryption context, as JSON
_HEAD: Final = struct.Struct(">B5s16sI")
_LENGTH: Final = struct.Struct(">I")
SMALLEST: Final = _HEAD.size + RANDOM + TAG


class Ciphertext(msgspec.Struct, frozen=True):
    """A ciphertext taken apart: nothing of it is believed before it was decrypted."""

    account: str
    key: str
    number: int
    head: bytes
    random: bytes
    sealed: bytes

    @property
    def owner(self) -> tuple[str, str]:
        """The account and the id of its key."""
        return self.account, self.key


def parse(blob: bytes) -> Ciphertext:
    """Take a ciphertext apart; InvalidCiphertextException for what cannot be one."""
    if len(blob) < SMALLEST or blob[0] != VERSION:
        raise invalid()
    _, account, raw, number = _HEAD.unpack_from(blob)
    owner = int.from_bytes(account, "big")
    if owner >= 10**12:
        raise invalid()
    text = raw.hex()
    key = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    at = _HEAD.size + RANDOM
    return Ciphertext(f"{owner:012}", key, number, blob[: _HEAD.size], blob[_HEAD.size : at], blob[at:])


def seal(account: str, key: str, number: int, material: bytes, random: bytes, data: bytes, context: bytes) -> bytes:
    """Encrypt under a key's material; `random` are 24 fresh bytes, `context` is canonical."""
    head = _HEAD.pack(VERSION, int(account).to_bytes(5, "big"), bytes.fromhex(key.replace("-", "")), number)
    sealed = AESGCM(_own(material, random)).encrypt(random[12:], data, head + context)
    return head + random + sealed


def unseal(found: Ciphertext, material: bytes, context: bytes) -> bytes:
    """The plaintext; InvalidCiphertextException where anything is not as it was encrypted."""
    try:
        cipher = AESGCM(_own(material, found.random))
        return cipher.decrypt(found.random[12:], found.sealed, found.head + context)
    except InvalidTag:
        raise invalid() from None


def canonical(context: Mapping[str, str] | None) -> bytes:
    """An encryption context as bytes: the same for the same pairs, whatever their order, and for no others."""
    if not context:
        return b""
    pairs = sorted((_bytes(key), _bytes(value)) for key, value in context.items())
    if sum(len(key) + len(value) + 6 for key, value in pairs) > CONTEXT:
        raise AwsError(
            "ValidationException", f"The encryption context must have at most {CONTEXT} characters.", status=400
        )
    return b"".join(_LENGTH.pack(len(each)) + each for pair in pairs for each in pair)


def invalid() -> AwsError:
    """The error for a ciphertext that is none, was changed, or belongs to another context."""
    return AwsError("InvalidCiphertextException", status=400)


def _own(material: bytes, random: bytes) -> bytes:
    return hmac.digest(material, b"fogbank kms message" + random[:12], "sha256")


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, out of an escape in JSON
        raise AwsError("ValidationException", "The encryption context is not valid Unicode.", status=400) from None
