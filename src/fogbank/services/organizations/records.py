"""What Organizations keeps beside the tree and its policies: tags, and requests for accounts. Times in seconds since the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call


class Tags(Record, version=1):
    """The tags of a root, organizational unit, account or policy."""

    tags: dict[str, str]


class Creation(Record, version=1):
    """A request for an account: `reason` is why it failed, or empty; `account` the number that was given, or empty."""

    id: str
    name: str
    requested: int
    account: str
    reason: str


tags_of = Table("organizations.tags", Tags)  # organization, id
creations = Table("organizations.creation", Creation)  # organization, id


def tags_at(call: Call, arn: str) -> Mapping[str, str]:
    """The tags of what an ARN names."""
    parts = arn.rpartition(":")[2].split("/")
    found = tags_of.get(call.tx, parts[1], parts[-1]) if len(parts) > 2 else None
    return found.tags if found else {}
