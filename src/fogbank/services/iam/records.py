"""What IAM keeps: users and their access keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx


class User(Record, version=1):
    """A user. `path` starts and ends with a slash; `created` is in seconds since the epoch."""

    name: str
    id: str
    path: str
    created: int
    tags: dict[str, str]


class AccessKey(Record, version=1):
    """A user's access key. The secret is kept as it is: signatures are computed with it."""

    id: str
    account: str
    user: str
    secret: str
    active: bool
    created: int

    def __repr__(self) -> str:
        return f"AccessKey({self.id}, of {self.account} {self.user})"


users = Table("iam.user", User)  # account, name in lower case: names differ in more than case
access_keys = Table("iam.access_key", AccessKey)  # id
keys_of = Table("iam.keys_of", AccessKey)  # account, user, id


def put_key(tx: Tx, key: AccessKey) -> None:
    """Keep a key, found by its id and by its user."""
    access_keys.put(tx, key, key.id)
    keys_of.put(tx, key, key.account, key.user, key.id)


def delete_key(tx: Tx, key: AccessKey) -> None:
    """Forget a key."""
    access_keys.delete(tx, key.id)
    keys_of.delete(tx, key.account, key.user, key.id)


def when(seconds: int) -> datetime:
    """A stored time."""
    return datetime.fromtimestamp(seconds, UTC)


def user_arn(account: str, user: User) -> str:
    """A user's ARN, with its path."""
    return f"arn:aws:iam::{account}:user{user.path}{user.name}"
