"""A number per account that every change of its identities moves, in the same transaction: what caches are valid by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.store import keys

if TYPE_CHECKING:
    from fogbank.store.api import Tx

_HEAD: Final = keys.encode("iam.generation")
_WIDTH: Final = 8  # bytes


def generation(tx: Tx, account: str) -> bytes:
    """The state of an account's identities: equal bytes mean that nothing about them changed."""
    return tx.get(_HEAD + keys.encode(account)) or b""


def moved(tx: Tx, account: str) -> None:
    """Say that an account's identities changed."""
    key = _HEAD + keys.encode(account)
    old = int.from_bytes(tx.get(key) or b"", "big")
    tx.put(key, (old + 1).to_bytes(_WIDTH, "big"))


def on_change(tx: Tx, key: bytes, _old: Any, _new: Any) -> None:
    """A table's hook, for tables whose first part is the account."""
    moved(tx, str(keys.decode(key)[1]))
