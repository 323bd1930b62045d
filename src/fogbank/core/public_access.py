"""S3's public access block of accounts: S3 Control sets it, S3 holds every bucket of the account to it.

Source: S3 User Guide, "Blocking public access to your Amazon S3 storage".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.store.api import Tx

_MEMBERS: Final = {
    "BlockPublicAcls": "block_acls",
    "IgnorePublicAcls": "ignore_acls",
    "BlockPublicPolicy": "block_policy",
    "RestrictPublicBuckets": "restrict",
}


class Block(msgspec.Struct, frozen=True, array_like=True):
    """The four switches: public ACLs are refused, or ignored; public policies are refused, or restricted to the owner's account."""

    block_acls: bool = False
    ignore_acls: bool = False
    block_policy: bool = False
    restrict: bool = False

    def __or__(self, other: Block) -> Block:
        """The most restrictive combination."""
        return Block(
            self.block_acls or other.block_acls,
            self.ignore_acls or other.ignore_acls,
            self.block_policy or other.block_policy,
            self.restrict or other.restrict,
        )

    def told(self) -> dict[str, bool]:
        """As a PublicAccessBlockConfiguration."""
        return {member: getattr(self, name) for member, name in _MEMBERS.items()}


OPEN: Final = Block()
CLOSED: Final = Block(True, True, True, True)  # what new buckets have since April 2023


class AccountBlock(Record, version=1):
    """The public access block of an account."""

    block: Block


blocks = Table("account.public_access", AccountBlock)  # account


def block_of(given: Mapping[str, Any]) -> Block:
    """The switches of a PublicAccessBlockConfiguration; what is not said is off."""
    return Block(*(bool(given.get(member, False)) for member in _MEMBERS))


def block_of_account(tx: Tx, account: str) -> Block:
    """The switches that hold for all buckets of an account."""
    found = blocks.get(tx, account)
    return found.block if found else OPEN
