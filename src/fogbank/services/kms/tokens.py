"""Grant tokens: they name a grant, so that it can be used before it is known everywhere. Here it is known at once.

Source: KMS Developer Guide, "Using a grant token"; API Reference, CreateGrant.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.vault import Unsealable

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.core.vault import Vault
    from fogbank.services.kms.records import Key

_PURPOSE: Final = "kms:grant-token"


class Token(msgspec.Struct, frozen=True, array_like=True):
    """What a token says: the key and the grant."""

    account: str
    region: str
    key: str
    grant: str


def write_token(vault: Vault, key: Key, grant: str) -> str:
    """The token of a grant."""
    said = msgspec.msgpack.encode(Token(key.account, key.region, key.id, grant))
    return b64encode(vault.seal(said, _PURPOSE)).decode()


def read_token(vault: Vault, text: str) -> Token:
    """What a token says; InvalidGrantTokenException if it was not made here."""
    try:
        raw = vault.open(b64decode(text, validate=True), _PURPOSE)
        return msgspec.msgpack.decode(raw, type=Token)
    except (ValueError, Unsealable):
        raise AwsError("InvalidGrantTokenException", "The grant token is invalid.", status=400) from None


def check_tokens(call: Call, req: Input) -> None:
    """Raise for a token that was not made here."""
    for text in req.get("GrantTokens") or ():
        read_token(call.vault, text)
