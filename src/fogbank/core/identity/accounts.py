"""The accounts of a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.auth.policy import PolicySet
    from fogbank.store.api import Tx


class Account(Record, version=1):
    """An account beside the installation's own. `sealed` is the secret of its root's access key, in the vault, for the context
    `access-key:ID`; `created` in seconds since the epoch."""

    number: str
    name: str
    email: str
    status: str  # ACTIVE, SUSPENDED
    created: int
    key_id: str
    sealed: bytes


class RootKey(Record, version=1):
    """Whose root an access key is."""

    account: str


accounts = Table("account", Account)  # number
root_keys = Table("account.root_key", RootKey)  # access key's id


def controls(tx: Tx, account: str) -> tuple[PolicySet, ...]:
    """The service control policies over an account, one set per level; () if none control it."""
    return ()
