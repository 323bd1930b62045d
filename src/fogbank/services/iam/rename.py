"""Renaming users and groups: what belongs to them goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.core.identity.records import (
    access_keys,
    attach,
    attached,
    detach,
    groups_of,
    inlines,
    join,
    key_of,
    keys_of,
    leave,
    members,
    put_key,
)
from fogbank.services.iam.account_records import hand_over

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.records import Owner


def rename_user(call: Call, old: str, new: str) -> None:
    """Move a user's keys, groups, policies and whatever else it holds to its new name."""
    tx, account = call.tx, call.account
    for _, key in list(keys_of.scan(tx, account, old)):
        keys_of.delete(tx, account, old, key.id)
        access_keys.delete(tx, key.id)
        put_key(tx, msgspec.structs.replace(key, user=new))
    for _, member in list(groups_of.scan(tx, account, key_of(old))):
        leave(tx, account, old, member.group)
        join(tx, account, new, member.group)
    _move_policies(call, "user", old, new)
    hand_over(tx, account, old, new)


def rename_group(call: Call, old: str, new: str) -> None:
    """Move a group's members and policies to its new name."""
    tx, account = call.tx, call.account
    for _, member in list(members.scan(tx, account, key_of(old))):
        leave(tx, account, member.user, old)
        join(tx, account, member.user, new)
    _move_policies(call, "group", old, new)


def _move_policies(call: Call, owner: Owner, old: str, new: str) -> None:
    tx, account = call.tx, call.account
    for parts, inline in list(inlines.scan(tx, account, owner, key_of(old))):
        inlines.delete(tx, *parts)
        inlines.put(tx, inline, account, owner, key_of(new), key_of(inline.name))
    for _, one in list(attached.scan(tx, account, owner, key_of(old))):
        detach(tx, account, owner, old, one.arn)
        attach(tx, account, owner, new, one.arn)
