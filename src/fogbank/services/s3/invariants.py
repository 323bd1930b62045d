"""What is always true of S3's records: `fogbank fsck` looks whether it is. A repair loses nothing that anybody was promised."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from fogbank.services.s3.records import (
    LAST_STAMP,
    Null,
    Object,
    buckets,
    configurations,
    nulls,
    objects,
    owned,
    parts,
    put_bucket,
    uploads,
    versions,
)
from fogbank.services.s3.service import s3
from fogbank.services.s3.versions import NULL, STAMP_DIGITS
from fogbank.store.check import Problem, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx
    from fogbank.store.table import Table

    Where = tuple[Any, ...]

_version = Object.reader("version", "stamp", "marker", "superseded")
TABLES: Final[tuple[Table[Any], ...]] = (objects, versions, nulls, uploads, parts)


def check(tx: Tx) -> Iterator[Problem]:
    """All that is wrong."""
    yield from check_buckets(tx)
    yield from check_contents(tx)
    yield from check_versions(tx)
    yield from check_nulls(tx)


def check_buckets(tx: Tx) -> Iterator[Problem]:
    """A bucket is the same by name and by owner, and it says which configurations it has."""
    kinds: dict[str, set[str]] = {}
    for where, _ in readable(tx, configurations):
        kinds.setdefault(str(where[0]), set()).add(str(where[1]))
    for _, bucket in readable(tx, buckets):
        if owned.get(tx, bucket.account, bucket.name) != bucket:
            yield Problem(f"bucket {bucket.name}: its owner's list differs", partial(put_bucket, bucket=bucket))
        there = tuple(sorted(kinds.pop(bucket.name, ())))
        if there != bucket.configured:
            changed = msgspec.structs.replace(bucket, configured=there)
            what = f"bucket {bucket.name}: its configurations are {there}, not {bucket.configured}"
            yield Problem(what, partial(put_bucket, bucket=changed))
    for where, bucket in readable(tx, owned):
        if buckets.get(tx, bucket.name) is None or where != (bucket.account, bucket.name):
            yield Problem(f"bucket {bucket.name}: only {where[0]}'s list knows it", partial(disown, where=where))
    for name in kinds:
        yield Problem(f"bucket {name}: it has configurations, but is not there")


def disown(tx: Tx, where: Where) -> None:
    """Remove an entry of an owner's list."""
    owned.delete(tx, *where)


def check_contents(tx: Tx) -> Iterator[Problem]:
    """What is in a bucket is in one that is there, and a part belongs to an upload."""
    known = {bucket.name for _, bucket in readable(tx, buckets)}
    for table in TABLES:
        lost = Counter(str(where[0]) for where, _ in readable(tx, table) if where[0] not in known)
        for name, number in lost.items():
            yield Problem(f"bucket {name}: it is not there, but {number} records of {table.name} are in it")
    there = {(where[0], where[2]) for where, _ in readable(tx, uploads)}
    for where, _ in readable(tx, parts):
        if where[:2] not in there:
            yield Problem(f"part {where[2]} of upload {where[1]} in bucket {where[0]}: the upload is not there")


def check_versions(tx: Tx) -> Iterator[Problem]:
    """A key's versions are in their order, and the newest is the current one: the object, or a delete marker."""
    seen: tuple[str, str] | None = None
    for where, found in readable(tx, versions, _version):
        bucket, key, place = cast("tuple[str, str, int]", where)
        name = f"s3://{bucket}/{key} (version {found.version})"
        if place != LAST_STAMP - found.stamp or not is_id_of(found):
            yield Problem(f"{name}: it is not where its time puts it")
        if (bucket, key) != seen:
            seen = (bucket, key)
            current = tx.get(objects.key(bucket, key))
            yield from check_newest(name, found, None if current is None else _version(current))
        elif not found.superseded:
            yield Problem(f"{name}: a noncurrent version that does not say since when")
    for where, found in readable(tx, objects, _version):
        if found.marker or found.superseded or not is_id_of(found):
            yield Problem(f"s3://{where[0]}/{where[1]} (version {found.version}): no current object can be so")


def check_newest(name: str, found: Object, current: Object | None) -> Iterator[Problem]:
    """The newest of a key's noncurrent versions and markers, beside the current object."""
    if current is None:
        if not found.marker:
            yield Problem(f"{name}: the newest version is not the current object")
        elif found.superseded:
            yield Problem(f"{name}: the newest version is a marker that is said to be noncurrent")
    elif current.stamp <= found.stamp:
        yield Problem(f"{name}: it is newer than the current object")
    elif not found.superseded:
        yield Problem(f"{name}: a noncurrent version that does not say since when")


def is_id_of(found: Object) -> bool:
    """Whether a version's id says its time, as all do but `null`."""
    return found.version in (NULL, f"{LAST_STAMP - found.stamp:0{STAMP_DIGITS}x}{found.version[STAMP_DIGITS:]}")


def check_nulls(tx: Tx) -> Iterator[Problem]:
    """A key's null version is found, wherever it is, and there is but one."""
    pointed = {where: null.stamp for where, null in readable(tx, nulls)}
    for where, found in readable(tx, versions, _version):
        if found.version == NULL and pointed.pop(where[:2], None) != found.stamp:
            yield Problem(
                f"s3://{where[0]}/{where[1]}: its null version is not found",
                partial(point, where=where[:2], at=found.stamp),
            )
    for where in pointed:
        yield Problem(
            f"s3://{where[0]}/{where[1]}: a null version is expected that is not there", partial(unpoint, where=where)
        )


def point(tx: Tx, where: Where, at: int) -> None:
    """Say where a null version is."""
    nulls.put(tx, Null(stamp=at), *where)


def unpoint(tx: Tx, where: Where) -> None:
    """Say that there is no null version."""
    nulls.delete(tx, *where)


s3.invariants = check
