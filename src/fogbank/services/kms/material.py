"""The material of keys: sealed in their records, or derived for AWS managed keys. It leaves this module only to be used at once."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from fogbank.core.vault import Unsealable
from fogbank.services.kms import managed
from fogbank.services.kms.ciphertext import invalid
from fogbank.services.kms.records import Material

if TYPE_CHECKING:
    from fogbank.core.vault import Vault
    from fogbank.services.kms.records import Key


def sealed(vault: Vault, key: Key, secret: bytes, now: int, kind: str = "") -> Material:
    """A key's next generation."""
    number = key.materials[-1].number + 1 if key.materials else 1
    return Material(number, id_of(key.arn, secret), now, kind, vault.seal(secret, context_of(key, number)))


def sealed_again(vault: Vault, key: Key, secret: bytes) -> Material:
    """A key's newest generation, with its material in its place again."""
    newest = key.materials[-1]
    return msgspec.structs.replace(newest, sealed=vault.seal(secret, context_of(key, newest.number)))


def current(vault: Vault, key: Key) -> tuple[int, bytes]:
    """The number and the secret of the generation in use."""
    if not key.materials:
        return vault.derive(context_of(key, 0))
    newest = key.materials[-1]
    return newest.number, vault.open(newest.sealed, context_of(key, newest.number))


def numbered(vault: Vault, key: Key, number: int) -> bytes:
    """The secret of a generation; InvalidCiphertextException if the key has none of this number."""
    if managed.service_of(key) is not None:
        try:
            return vault.derive(context_of(key, 0), number)[1]
        except Unsealable:
            raise invalid() from None
    for material in key.materials:
        if material.number == number and material.sealed:
            return vault.open(material.sealed, context_of(key, number))
    raise invalid()


def material_id(vault: Vault, key: Key, number: int) -> str:
    """The key material id of a generation."""
    if not key.materials:
        return id_of(key.arn, vault.derive(context_of(key, 0), number)[1])
    return next(material.id for material in key.materials if material.number == number)


def id_of(arn: str, secret: bytes) -> str:
    """The id of some material of a key: the same for the same, and says nothing about it."""
    return sha256(b"fogbank kms material\0" + arn.encode() + b"\0" + secret).hexdigest()


def context_of(key: Key, number: int) -> str:
    """What the vault binds a generation to."""
    return f"kms:{key.arn}:{number}"
