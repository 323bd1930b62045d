"""What KMS keeps: keys with their material, aliases, grants. Times are in seconds since the epoch.

A key belongs to an account and a region. Its material is sealed by the region's vault, bound to the key's ARN and the material's
number. A key whose deletion came due is gone for every operation at once, and a chore erases its record, which holds all there is
of its material.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

ENABLED = "Enabled"
DISABLED = "Disabled"
PENDING_DELETION = "PendingDeletion"
PENDING_IMPORT = "PendingImport"


class Material(msgspec.Struct, frozen=True, array_like=True):
    """A generation of a key's material. `number` counts from 1 and is part of every ciphertext; `id` is AWS's key material id.

    `made` is when it came into use, `kind` how it came to a rotation: AUTOMATIC, ON_DEMAND, or empty for the first. `sealed` is empty
    for imported material that was deleted or expired.
    """

    number: int
    id: str
    made: int
    kind: str
    sealed: bytes

    def __repr__(self) -> str:
        return f"Material({self.number}, {self.id[:8]})"


class Key(Record, version=1):
    """A key. `state` is AWS's; `public` the public key of a pair (DER); `materials` are all generations, the newest last.

    `policy` is the key policy, with the users and roles that it names by their unique ids, `policy_given` as it was given.

    `deletes` is when it is gone, with `window` the days that it waits; `period` the days between automatic rotations (0: none) and
    `rotates` when the next is due; `expires` is when imported material does. `grants` counts the key's grants. All are 0 for none.
    """

    account: str
    region: str
    id: str
    created: int
    description: str
    usage: str
    spec: str
    origin: str
    state: str
    policy: str
    policy_given: str
    tags: dict[str, str]
    materials: tuple[Material, ...]
    public: bytes = b""
    deletes: int = 0
    window: int = 0
    period: int = 0
    rotates: int = 0
    expires: int = 0
    grants: int = 0

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.id}"

    @property
    def times(self) -> set[int]:
        """When something is to happen to it."""
        return {self.deletes, self.rotates, self.expires} - {0}

    @property
    def place(self) -> Place:
        """Where it is, for an index."""
        return Place(account=self.account, region=self.region, key=self.id)

    @property
    def complete(self) -> bool:
        """Whether all its material is there."""
        return bool(self.materials) and all(material.sealed for material in self.materials)


class Alias(Record, version=1):
    """A name of a key, without `alias/`."""

    name: str
    key: str
    created: int
    updated: int


class Grant(Record, version=1):
    """A grant. `grantee` and `retiring` are as they were given, `grantee_id` and `retiring_id` what callers are matched by: the
    unique id of a user or a role, so that a namesake made later has nothing of it. `constraint` is Equals, Subset or empty.
    """

    id: str
    key: str
    created: int
    name: str
    grantee: str
    grantee_id: str
    retiring: str
    retiring_id: str
    operations: tuple[str, ...]
    constraint: str
    context: dict[str, str]
    issuer: str


class Place(Record, version=1):
    """Where something is that an index leads to."""

    account: str
    region: str
    key: str


def index(tx: Tx, _key: bytes, old: Key | None, new: Key | None) -> None:
    """Keep true what says when something is to happen to a key."""
    before, after = old.times if old else set(), new.times if new else set()
    key = old or new
    if key is None:
        return
    for seconds in before - after:
        due.delete(tx, seconds, key.account, key.region, key.id)
    for seconds in after - before:
        due.put(tx, key.place, seconds, key.account, key.region, key.id)


keys = Table("kms.key", Key, on_change=index)  # account, region, id
aliases = Table("kms.alias", Alias)  # account, region, name
aliases_of = Table("kms.aliases_of", Alias)  # account, region, key's id, name
grants = Table("kms.grant", Grant)  # account, region, key's id, grant's id
granted = Table("kms.granted", Place)  # account, region, key's id, grantee_id, grant's id
retirable = Table("kms.retirable", Place)  # region, retiring_id, account, key's id, grant's id
due = Table("kms.due", Place)  # seconds, account, region, key's id: when something is to happen to the key


def when(seconds: int) -> datetime:
    """A stored time."""
    return datetime.fromtimestamp(seconds, UTC)
