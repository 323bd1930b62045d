"""Replicating again what failed, and what was there before the rules: what AWS has S3 Batch Replication for."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.s3.records import LAST_STAMP, buckets, objects, versions
from fogbank.services.s3.replication_jobs import Job, rules_of
from fogbank.services.s3.replication_work import EFFECT
from fogbank.store import outbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx

KEYS: Final = 1000  # that are looked at in one transaction


def line_up_again(tx: Tx, name: str, after: str, now: datetime, *, existing: bool) -> tuple[int, str]:
    """Have versions of some keys behind `after` replicated: those that failed, and with `existing` those that never were.

    How many, and the last key that was looked at (empty at the end). The versions of a key come from the oldest to the newest.
    """
    bucket = buckets.get(tx, name)
    if bucket is None or "replication" not in bucket.configured:
        return 0, ""
    found, last = 0, ""
    for number, (key, each) in enumerate(by_key(tx, name, after)):
        if number == KEYS:
            return found, last
        last = key
        for which in reversed(each):
            found += line_up_one(tx, bucket, key, which, now, existing=existing)
    return found, ""


def by_key(tx: Tx, name: str, after: str) -> Iterator[tuple[str, list[Object]]]:
    """The keys behind one, each with its versions from the newest to the oldest."""
    current = ((str(parts[1]), which) for parts, which in objects.scan(tx, name, start_after=after or None))
    others = groupby(versions.scan(tx, name, start_after=after or None), key=lambda one: str(one[0][1]))
    first, rest = next(current, None), next(others, None)
    while first is not None or rest is not None:
        key = min(one[0] for one in (first, rest) if one is not None)
        found: list[Object] = []
        if first is not None and first[0] == key:
            found, first = [first[1]], next(current, None)
        if rest is not None and rest[0] == key:
            found, rest = found + [which for _, which in rest[1]], next(others, None)
        yield key, found


def line_up_one(tx: Tx, bucket: Bucket, key: str, which: Object, now: datetime, *, existing: bool) -> int:
    """Have a version replicated, if it is one of those that are wanted and a rule is about it; whether it is."""
    wanted = which.replication == "FAILED" or (existing and not which.replication)
    if not wanted or not rules_of(tx, bucket, key, which, update=False):
        return 0
    pending = msgspec.structs.replace(which, replication="PENDING")
    current = objects.get(tx, bucket.name, key)
    if current is not None and current.version == which.version:
        objects.put(tx, pending, bucket.name, key)
    else:
        versions.put(tx, pending, bucket.name, key, LAST_STAMP - which.stamp)
    job = Job(bucket.name, key, which.version, False, int(now.timestamp()))
    outbox.emit(tx, EFFECT, msgspec.msgpack.encode(job), now=now)
    return 1
