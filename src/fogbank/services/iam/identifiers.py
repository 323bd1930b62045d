"""Found by unique id: users and roles. Found by policy: the users and roles whose permissions boundary it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fogbank.core.identity.records import Attached, arn_of, key_of, roles, users
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.identity.records import Role, User
    from fogbank.store.api import Tx

Kind = Literal["user", "role"]


class Entity(Record, version=1):
    """Whose a unique id is."""

    account: str
    kind: Kind
    name: str


entities = Table("iam.entity", Entity)  # unique id
bounded = Table("iam.bounded", Attached)  # policy's ARN, account, kind, key_of(name)


def index(tx: Tx, account: str, kind: Kind, old: User | Role | None, new: User | Role | None) -> None:
    """Keep both indexes true: `old` was there, `new` is now; None where there is none."""
    if old is not None:
        entities.delete(tx, old.id)
        if old.boundary:
            bounded.delete(tx, old.boundary, account, kind, key_of(old.name))
    if new is not None:
        entities.put(tx, Entity(account=account, kind=kind, name=new.name), new.id)
        if new.boundary:
            record = Attached(arn=new.boundary, owner=kind, owner_name=new.name)
            bounded.put(tx, record, new.boundary, account, kind, key_of(new.name))


def arn_of_id(tx: Tx, unique: str) -> str | None:
    """The ARN that a user or role has now; None if there is none of this id."""
    entity = entities.get(tx, unique)
    if entity is None:
        return None
    table = users if entity.kind == "user" else roles
    found = table.get(tx, entity.account, key_of(entity.name))
    return arn_of(entity.account, found) if found else None
