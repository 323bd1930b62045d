"""When inventories are due: every day, or every week on Sunday, by the region's clock in UTC.

Source: S3 User Guide, "Configuring Amazon S3 Inventory".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.services.s3 import configuration
from fogbank.services.s3.records import buckets
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fogbank.services.s3.records import Bucket
    from fogbank.store.api import Tx

DAY: Final = 86_400  # seconds
SUNDAY: Final = 3  # the first of them, in days since the epoch


class Run(Record, version=1):
    """The last report of a configuration, in seconds since the epoch."""

    at: int


runs = Table("s3.inventory-run", Run)  # bucket, id


def forget(tx: Tx, bucket: str, name: str) -> None:
    """A configuration is gone."""
    runs.delete(tx, bucket, name)


def done(tx: Tx, bucket: str, name: str, now: datetime) -> None:
    """A report was written, or cannot be: the next one is due when its time comes."""
    if buckets.get(tx, bucket) is not None:
        runs.put(tx, Run(at=int(now.timestamp())), bucket, name)


def due(tx: Tx, now: datetime) -> list[tuple[Bucket, dict[str, Any]]]:
    """The configurations whose report is due. The first is as soon as they are there."""
    found = []
    for _, bucket in buckets.scan(tx):
        for name, value in configuration.every(tx, bucket, "inventory"):
            last = runs.get(tx, bucket.name, name)
            first = last is None or last.at < bucket.created  # that one was of a bucket that is gone
            if value["IsEnabled"] and (first or last is None or is_due(value, last.at, int(now.timestamp()))):
                found.append((bucket, value))
    return found


def is_due(value: Mapping[str, Any], last: int, now: int) -> bool:
    """Whether another day, or week, has begun since the last report."""
    weekly = value["Schedule"]["Frequency"] == "Weekly"
    first, length = (SUNDAY, 7 * DAY) if weekly else (0, DAY)
    return (now - first * DAY) // length > (last - first * DAY) // length
