"""What a lifecycle has due for an object, a noncurrent version, a delete marker or an upload.

Source: S3 User Guide, "Lifecycle configuration elements", "How Amazon S3 handles conflicts in lifecycle configurations", "How S3
Lifecycle interacts with other bucket configurations" (Object Lock, replication).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.s3 import object_lock
from fogbank.services.s3.lifecycle_rules import is_due
from fogbank.services.s3.lifecycle_time import due
from fogbank.services.s3.records import versions

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.services.s3.lifecycle_rules import Rules
    from fogbank.services.s3.records import Bucket, Object, Upload
    from fogbank.store.api import Tx

BLOCKED: Final = ("PENDING", "FAILED")  # replication: an object is not touched until it is where it should be


class Due(msgspec.Struct, frozen=True):
    """What is due: a move to a class (empty: none), an expiry, as by a delete that names no version, or a removal for good."""

    move: str = ""
    expire: bool = False
    remove: bool = False


NOTHING: Final = Due()


def of_current(tx: Tx, bucket: Bucket, rules: Rules, key: str, found: Object, now: datetime) -> Due:
    """What is due for the current version of a key. One that is deleted for good does not move before."""
    if found.replication in BLOCKED:
        return NOTHING
    at = int(now.timestamp())
    expire = rules.expiry(tx, key, found)[0] <= at
    move = "" if expire and not bucket.versioning else rules.moved(tx, key, found, at)
    return Due(move, expire)


def of_noncurrent(tx: Tx, bucket: Bucket, rules: Rules, key: str, found: Object, now: datetime) -> Due:
    """What is due for a noncurrent version, or for a delete marker."""
    at = int(now.timestamp())
    if not found.superseded:
        return Due(remove=is_alone(tx, bucket, key) and rules.removes_marker(tx, key, found, at))
    if found.replication in BLOCKED:
        return NOTHING
    fitting = rules.of(key, found)
    over = [
        rule
        for rule in fitting
        if rule.noncurrent_days is not None and due(tx, found.superseded, rule.noncurrent_days) <= at
    ]
    if any(has_newer(tx, bucket, key, found, rule.newer) for rule in over) and not is_locked(found, now):
        return Due(remove=True)
    if found.marker:
        return NOTHING
    moves = [
        (rule, move) for rule in fitting for move in rule.noncurrent_moves if is_due(tx, move, found.superseded, at)
    ]
    there = [(rule, move) for rule, move in moves if has_newer(tx, bucket, key, found, move.newer)]
    return Due(rules.choose(found, there)) if there else NOTHING


def of_upload(tx: Tx, _bucket: Bucket, rules: Rules, key: str, found: Upload, now: datetime) -> Due:
    """What is due for an upload in progress."""
    return Due(remove=rules.abort(tx, key, found.initiated)[0] <= int(now.timestamp()))


def is_alone(tx: Tx, bucket: Bucket, key: str) -> bool:
    """Whether a key that has no current object has but one version, or delete marker."""
    return sum(1 for _ in versions.scan(tx, bucket.name, key, limit=2)) == 1


def is_locked(found: Object, now: datetime) -> bool:
    """Whether Object Lock keeps a version."""
    return found.lock is not None and (found.lock.hold or object_lock.is_retained(found.lock, now))


def has_newer(tx: Tx, bucket: Bucket, key: str, found: Object, wanted: int) -> bool:
    """Whether a key has so many noncurrent versions that are newer than one; the first of all may be a current delete marker."""
    if not wanted:
        return True
    rows = versions.scan(tx, bucket.name, key, limit=wanted + 1)
    return sum(1 for _, one in rows if one.superseded and one.stamp > found.stamp) >= wanted
