"""The private keys of pairs, ready to be used. Loading one takes longer than using it, so a few are kept while they are in use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import load_der_private_key

from fogbank.services.kms.material import context_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from fogbank.core.vault import Vault
    from fogbank.services.kms.records import Key


def private_key(vault: Vault, key: Key) -> PrivateKeyTypes:
    """The private key of a pair. Found by its sealed bytes, which are in the record: without the record nobody comes here."""
    newest = key.materials[-1]
    return _loaded(vault, newest.sealed, context_of(key, newest.number))


@lru_cache(maxsize=64)
def _loaded(vault: Vault, sealed: bytes, context: str) -> PrivateKeyTypes:
    # It was made here, or checked when it was imported.
    return load_der_private_key(vault.open(sealed, context), None, unsafe_skip_rsa_key_validation=True)
