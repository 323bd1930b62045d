"""Configurations of buckets, as they were given: policies, lifecycles, CORS and the like, by the names of their sub-resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from fogbank.services.s3.records import Configuration, buckets, configurations, put_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.services.s3.records import Bucket
    from fogbank.store.api import Tx


def find(tx: Tx, bucket: Bucket, kind: str, name: str = "") -> Any:
    """A configuration; None if the bucket has none of that kind (and name, where it may have several)."""
    if kind not in bucket.configured:
        return None
    found = configurations.get(tx, bucket.name, kind, name)
    return found.value if found else None


def every(tx: Tx, bucket: Bucket, kind: str, after: str = "") -> Iterator[tuple[str, Any]]:
    """All configurations of a kind, by name, behind `after`."""
    if kind in bucket.configured:
        for parts, found in configurations.scan(tx, bucket.name, kind, start_after=after or None):
            yield cast("str", parts[2]), found.value


def keep(tx: Tx, bucket: Bucket, kind: str, value: Any, name: str = "") -> None:
    """Keep a configuration in the place of the one before."""
    configurations.put(tx, Configuration(value=value), bucket.name, kind, name)
    now = buckets.get(tx, bucket.name) or bucket
    if kind not in now.configured:
        put_bucket(tx, msgspec.structs.replace(now, configured=tuple(sorted((*now.configured, kind)))))


def drop(tx: Tx, bucket: Bucket, kind: str, name: str = "") -> bool:
    """Forget a configuration; whether there was one."""
    there = find(tx, bucket, kind, name) is not None
    configurations.delete(tx, bucket.name, kind, name)
    if there and not any(True for _ in configurations.scan(tx, bucket.name, kind, limit=1)):
        now = buckets.get(tx, bucket.name) or bucket
        put_bucket(tx, msgspec.structs.replace(now, configured=tuple(one for one in now.configured if one != kind)))
    return there


def drop_all(tx: Tx, bucket: Bucket) -> None:
    """Forget all configurations of a bucket that goes."""
    for parts, _ in list(configurations.scan(tx, bucket.name)):
        configurations.delete(tx, *parts)
