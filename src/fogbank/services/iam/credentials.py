"""From an access key id to the secret that its requests are signed with, and to who signs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.core.principal import Principal, root_of
from fogbank.services.iam.records import access_keys, user_arn, users

if TYPE_CHECKING:
    from fogbank.store.api import Tx

DEV_SECRET = "test"
DEV_ACCOUNT = "000000000000"


class Root(msgspec.Struct, frozen=True):
    """The installation's own root key. `dev` adds those of the stand-ins: `test`, and every other account's number."""

    account: str
    access_key_id: str
    secret: str
    dev: bool = False

    def __repr__(self) -> str:  # a secret must not reach a log
        return f"Root({self.access_key_id}, of {self.account})"


class Credential(msgspec.Struct, frozen=True):
    """A secret, and the principal whose it is."""

    secret: str
    principal: Principal

    def __repr__(self) -> str:
        return f"Credential(of {self.principal.arn})"


def well_known(root: Root, access_key_id: str) -> Credential | None:
    """The credential of a root's key, which is not in the store."""
    if access_key_id == root.access_key_id:
        return Credential(root.secret, root_of(root.account, access_key_id))
    if root.dev and (account := dev_account(access_key_id)) and account != root.account:  # whose key is no secret
        return Credential(DEV_SECRET, root_of(account, access_key_id))
    return None


def find(tx: Tx, access_key_id: str) -> Credential | None:
    """The credential of a user's access key id; None if there is none, or it is switched off."""
    key = access_keys.get(tx, access_key_id)
    if key is None or not key.active:
        return None
    user = users.get(tx, key.account, key.user.lower())
    if user is None:
        return None
    return Credential(key.secret, Principal("user", key.account, user_arn(key.account, user), user.id, key.id))


def dev_account(access_key_id: str) -> str | None:
    """The account whose root has this key id under `--dev`."""
    if access_key_id == DEV_SECRET:
        return DEV_ACCOUNT
    if len(access_key_id) == 12 and access_key_id.isascii() and access_key_id.isdigit():
        return access_key_id
    return None
