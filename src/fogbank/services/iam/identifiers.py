"""Found by unique id: users and roles. Found by policy: the users and roles whose permissions boundary it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.identity.named import Entity, Kind, entities
from fogbank.core.identity.records import Attached, key_of
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.identity.records import Role, User
    from fogbank.store.api import Tx

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
