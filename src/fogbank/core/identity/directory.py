"""From an access key, and a session token, to the secret that its requests are signed with and the principal who signs them.

What is found is kept while the account's generation stands: a lookup then costs one read, and a change counts at once, in every
process, as the generation is part of the same state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from fogbank.core.identity import permissions, sessions
from fogbank.core.identity.accounts import accounts, controls, is_closed, organization_keys, root_keys
from fogbank.core.identity.generation import generation
from fogbank.core.identity.records import access_keys, arn_of, key_of, put_key, secret_context, users
from fogbank.core.principal import Principal, Session, root_of

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.principal import Value
    from fogbank.core.vault import Vault
    from fogbank.store.api import Tx

DEV_SECRET: Final = "test"
DEV_ACCOUNT: Final = "000000000000"
K = TypeVar("K")
V = TypeVar("V")
KEPT: Final = 4096  # credentials, principals and sessions, each; all are forgotten when there are more


class Root(msgspec.Struct, frozen=True):
    """The installation's own root key. `dev` adds those of the stand-ins: `test`, and every other account's number."""

    account: str
    access_key_id: str
    secret: str
    dev: bool = False

    def __repr__(self) -> str:  # a secret must not reach a log
        return f"Root({self.access_key_id}, of {self.account})"


class Credential(msgspec.Struct, frozen=True):
    """A secret, and the principal whose it is. `session` is the one of its token, which came with it."""

    secret: str
    principal: Principal
    session: Session | None = None

    def __repr__(self) -> str:
        return f"Credential(of {self.principal.arn})"


class Directory:
    """Finds credentials. One per process."""

    def __init__(self, root: Root, vault: Vault) -> None:
        self._root = root
        self._vault = vault
        self._long: dict[str, tuple[bytes, Credential]] = {}  # by access key
        self._principals: dict[tuple[str, str], tuple[bytes, Principal]] = {}  # by access key and token
        self._sessions: dict[tuple[str, str], Session] = {}  # by access key and token

    def knows(self, access_key_id: str, token: str | None) -> bool:
        """Whether the credential was found before, by this process. Whether it still is, only `find` tells."""
        return access_key_id in self._long if token is None else (access_key_id, token) in self._principals

    def find(self, tx: Tx, access_key_id: str, token: str | None, now: datetime) -> Credential | None:
        """The credential; None if there is none of this id, or it is switched off.

        `sessions.BadToken` and `sessions.ExpiredToken` where the token is the reason.
        """
        if token is not None:
            return self._in_session(tx, access_key_id, token, now)
        kept = self._long.get(access_key_id)
        if kept is not None and kept[0] == generation(tx, kept[1].principal.account):
            return kept[1]
        found = (
            self._well_known(tx, access_key_id)
            or self._account_root(tx, access_key_id)
            or self._user(tx, access_key_id)
        )
        if found is None:
            self._long.pop(access_key_id, None)
        else:
            found = msgspec.structs.replace(found, principal=in_organization(tx, found.principal))
            _keep(self._long, access_key_id, (generation(tx, found.principal.account), found))
        return found

    def _in_session(self, tx: Tx, key_id: str, token: str, now: datetime) -> Credential:
        key = (key_id, token)
        session = self._sessions.get(key)
        if session is None:
            session = sessions.unseal(self._vault, token, key_id)
            _keep(self._sessions, key, session)
        if session.expires <= now.timestamp():
            raise sessions.ExpiredToken
        stands = generation(tx, session.account)
        kept = self._principals.get(key)
        if kept is None or kept[0] != stands:
            kept = (stands, in_organization(tx, sessions.principal_of(tx, session)))
            _keep(self._principals, key, kept)
        return Credential(session.secret, kept[1], session)

    def _well_known(self, tx: Tx, access_key_id: str) -> Credential | None:
        root = self._root
        if access_key_id == root.access_key_id:
            return Credential(root.secret, root_of(root.account, access_key_id))
        if root.dev and (account := dev_account(access_key_id)) and account != root.account:  # whose key is no secret
            if accounts.get(tx, account) is not None:  # made with a key of its own
                return None
            return Credential(DEV_SECRET, root_of(account, access_key_id))
        return None

    def _account_root(self, tx: Tx, access_key_id: str) -> Credential | None:
        key = root_keys.get(tx, access_key_id)
        account = accounts.get(tx, key.account) if key else None
        if account is None or account.status != "ACTIVE" or account.key_id != access_key_id:
            return None
        secret = self._vault.open(account.sealed, secret_context(access_key_id)).decode()
        principal = root_of(account.number, access_key_id)
        limited = msgspec.structs.replace(principal.policies, control=controls(tx, account.number))
        return Credential(secret, msgspec.structs.replace(principal, policies=limited))

    def _user(self, tx: Tx, access_key_id: str) -> Credential | None:
        key = access_keys.get(tx, access_key_id)
        if key is None or not key.active:
            return None
        user = users.get(tx, key.account, key_of(key.user))
        if user is None or is_closed(tx, key.account):
            return None
        secret = self._vault.open(key.sealed, secret_context(key.id)).decode() if key.sealed else key.secret
        arn = arn_of(key.account, user)
        keys: dict[str, Value] = {
            "aws:principalarn": arn,
            "aws:principalaccount": key.account,
            "aws:principaltype": "User",
            "aws:userid": user.id,
            "aws:username": user.name,
            "aws:principalisawsservice": "false",
        }
        keys |= {f"aws:principaltag/{name.lower()}": value for name, value in user.tags.items()}
        applies = permissions.of_user(tx, key.account, user)
        return Credential(
            secret, Principal("user", key.account, arn, user.id, key.id, arn, user.name, policies=applies, keys=keys)
        )


def seal_old_keys(tx: Tx, vault: Vault) -> int:
    """Seal the secrets that an earlier release kept in clear; how many there were."""
    old = [key for _, key in access_keys.scan(tx) if key.secret]
    for key in old:
        sealed = vault.seal(key.secret.encode(), secret_context(key.id))
        put_key(tx, msgspec.structs.replace(key, sealed=sealed, secret=""))
    return len(old)


def dev_account(access_key_id: str) -> str | None:
    """The account whose root has this key id under `--dev`."""
    if access_key_id == DEV_SECRET:
        return DEV_ACCOUNT
    if len(access_key_id) == 12 and access_key_id.isascii() and access_key_id.isdigit():
        return access_key_id
    return None


def in_organization(tx: Tx, principal: Principal) -> Principal:
    """The principal, with the condition keys of its account's organization."""
    found = organization_keys(tx, principal.account)
    return msgspec.structs.replace(principal, keys={**principal.keys, **found}) if found else principal


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = value
