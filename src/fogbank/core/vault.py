"""Secrets at rest: sealed with the installation's master keys, which stay outside the database."""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NONCE: Final = 12  # bytes, of AES-GCM
NUMBER: Final = 2  # bytes, of the master key's number
KEY: Final = 32  # bytes


class Unsealable(Exception):
    """Sealed bytes that are not ours, were changed, or belong to another context."""


class Vault:
    """Seals bytes with AES-256-GCM. `keys` maps numbers (from 1) to master keys of 32 bytes; the highest seals, all open.

    What is sealed: key's number (2 bytes) | nonce (12) | ciphertext and tag. `context` is bound to it, not stored: what was
    sealed for one purpose does not open for another.
    """

    def __init__(self, keys: Mapping[int, bytes], random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._ciphers = {number: AESGCM(key) for number, key in keys.items()}
        self.newest = max(keys)
        self._random = random_bytes
        # Keys to derive others from, apart from those that seal: no key serves two algorithms.
        self._roots = {number: hmac.digest(key, b"fogbank derives", "sha256") for number, key in keys.items()}

    def seal(self, data: bytes, context: str) -> bytes:
        """Encrypt and authenticate."""
        nonce = self._random(NONCE)
        sealed = self._ciphers[self.newest].encrypt(nonce, data, context.encode())
        return self.newest.to_bytes(NUMBER, "big") + nonce + sealed

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed; Unsealable if it was not sealed here, for this context, as it is."""
        cipher = self._ciphers.get(int.from_bytes(sealed[:NUMBER], "big"))
        if cipher is None or len(sealed) < NUMBER + NONCE:
            raise Unsealable("sealed with a key that this installation does not have")
        try:
            return cipher.decrypt(sealed[NUMBER : NUMBER + NONCE], sealed[NUMBER + NONCE :], context.encode())
        except InvalidTag:
            raise Unsealable("changed, or sealed for another purpose") from None

    def seal_apart(self, data: bytes, context: str) -> bytes:
        """Seal with a key that is derived for this context alone, which is to be another one each time: for what is so much that one
        key would be used too often with nonces by chance (NIST SP 800-38D allows 2^32 times).
        """
        number, key = self.derive(context)
        nonce = self._random(NONCE)
        return number.to_bytes(NUMBER, "big") + nonce + AESGCM(key).encrypt(nonce, data, None)

    def open_apart(self, sealed: bytes, context: str) -> bytes:
        """What `seal_apart` sealed; Unsealable if it was not sealed here, for this context, as it is."""
        if len(sealed) < NUMBER + NONCE:
            raise Unsealable("not sealed here")
        _, key = self.derive(context, int.from_bytes(sealed[:NUMBER], "big"))
        try:
            return AESGCM(key).decrypt(sealed[NUMBER : NUMBER + NONCE], sealed[NUMBER + NONCE :], None)
        except InvalidTag:
            raise Unsealable("changed, or sealed for another purpose") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether bytes are sealed with the newest master key."""
        return int.from_bytes(sealed[:NUMBER], "big") == self.newest

    def derive(self, context: str, number: int | None = None) -> tuple[int, bytes]:
        """A key of 32 bytes for a purpose, the same every time, that is kept nowhere; with the number of the master key behind it.

        `number` asks for the one of that master key: what was made with an earlier one can be read after a newer was added.
        Unsealable if this installation does not have it.
        """
        chosen = self.newest if number is None else number
        root = self._roots.get(chosen)
        if root is None:
            raise Unsealable("derived from a key that this installation does not have")
        return chosen, hmac.digest(root, context.encode(), "sha256")

    def __repr__(self) -> str:
        return f"Vault({sorted(self._ciphers)})"
