"""What users and roles used last: for access keys' last use, roles' last use and IAM's service last accessed details."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.core.identity.records import KeyUsed, access_keys, keys_used
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fogbank.store.api import Tx


class Use(msgspec.Struct, frozen=True):
    """One use. `entity` is the ARN of the user, the root or the role (not of its session); `service` is IAM's prefix (`s3`),
    `action` without it (`GetObject`); `at` in seconds since the epoch."""

    account: str
    entity: str
    access_key_id: str
    service: str
    action: str
    region: str
    at: int


class Used(Record, version=1):
    """The last use of a service by a user or role."""

    at: int
    region: str
    action: str


class ActionUsed(Record, version=1):
    """The last use of an action by a user or role."""

    at: int
    region: str


used = Table("iam.used", Used)  # account, entity's ARN, service
actions_used = Table("iam.used_action", ActionUsed)  # account, entity's ARN, service, action


def note(tx: Tx, uses: Iterable[Use]) -> None:
    """Keep the last of these uses, where they are later than what is kept. Any number at once, in any order."""
    services: dict[tuple[str, str, str], Use] = {}
    actions: dict[tuple[str, str, str, str], Use] = {}
    keys: dict[str, Use] = {}
    for use in sorted(uses, key=lambda each: each.at):
        services[use.account, use.entity, use.service] = use
        actions[use.account, use.entity, use.service, use.action] = use
        keys[use.access_key_id] = use
    for service, use in services.items():
        old = used.get(tx, *service)
        if old is None or old.at <= use.at:
            used.put(tx, Used(at=use.at, region=use.region, action=use.action), *service)
    for action, use in actions.items():
        before = actions_used.get(tx, *action)
        if before is None or before.at <= use.at:
            actions_used.put(tx, ActionUsed(at=use.at, region=use.region), *action)
    for key, use in keys.items():
        _note_key(tx, key, use)


def _note_key(tx: Tx, key_id: str, use: Use) -> None:
    """Keys of sessions, and keys that are gone, are not kept; those of roots are in no table of keys."""
    if access_keys.get(tx, key_id) is None and not (key_id and use.entity.endswith(":root")):
        return
    old = keys_used.get(tx, key_id)
    if old is None or old.at <= use.at:
        keys_used.put(tx, KeyUsed(at=use.at, region=use.region, service=use.service), key_id)


def services_of(tx: Tx, account: str, entity: str) -> Iterator[tuple[str, Used]]:
    """The services that an entity used, by name."""
    for parts, record in used.scan(tx, account, entity):
        yield str(parts[2]), record


def last_use(tx: Tx, account: str, entity: str) -> Used | None:
    """An entity's last use of anything: a role's RoleLastUsed."""
    return max((record for _, record in services_of(tx, account, entity)), key=lambda each: each.at, default=None)


def forget(tx: Tx, account: str, entity: str) -> None:
    """Forget the uses of a user or role that is deleted or renamed: a later namesake did not do them."""
    for service, _ in list(services_of(tx, account, entity)):
        used.delete(tx, account, entity, service)
    for parts, _ in list(actions_used.scan(tx, account, entity)):
        actions_used.delete(tx, *parts)
