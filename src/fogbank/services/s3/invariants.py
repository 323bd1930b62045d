"""What is always true of S3's records: `fogbank fsck` looks whether it is. A repair loses nothing that anybody was promised."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from fogbank.services.s3.holdings import holders
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
from fogbank.services.s3.versions import NULL, STAMP_DIGITS
from fogbank.store.blobs import blob_refs
from fogbank.store.check import Problem, forget, readable
from fogbank.store.chunks import sealed_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.services.s3.records import Segment
    from fogbank.store.api import Tx
    from fogbank.store.table import Table

    Where = tuple[Any, ...]

PAGE: Final = 1000
_version = Object.reader("version", "stamp", "marker", "superseded")
TABLES: Final[tuple[Table[Any], ...]] = (objects, versions, nulls, uploads, parts)


def check(tx: Tx) -> Iterator[Problem]:
    """All that is wrong."""
    yield from check_buckets(tx)
    yield from check_contents(tx)
    yield from check_versions(tx)
    yield from check_nulls(tx)
    yield from check_references(tx)


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


def check_references(tx: Tx) -> Iterator[Problem]:
    """All bytes that are referred to are there, with their size; files are counted, and small blobs referred to once."""
    counts: Counter[str] = Counter()
    small: set[int] = set()
    for holder in holders(tx):
        for segment in holder.segments:
            if wrong := wrong_with(tx, segment, small):
                yield Problem(f"{holder}: {wrong}")
            if segment.blob:
                counts[segment.blob] += 1
            else:
                small.add(segment.inline)
        if len(tx.memo) > PAGE:
            tx.memo.clear()
    for where, entry in readable(tx, blob_refs):
        counted = counts[str(where[0])]
        if counted != entry.refs:
            what = f"blob {where[0]}: {counted} records refer to it, not {entry.refs}"
            yield Problem(what, partial(recount, blob=str(where[0]), refs=counted))
    yield from check_small(tx, small)


def wrong_with(tx: Tx, segment: Segment, small: set[int]) -> str:
    """What is wrong with a segment; `small` are the small blobs that others refer to."""
    stored = sealed_size(segment.size) if segment.nonce else segment.size
    if segment.blob:
        entry = blob_refs.get(tx, segment.blob)
        size = entry.size if entry is not None and entry.refs else None
    else:
        if segment.inline in small:
            return f"small blob {segment.inline} is another's, too"
        size = tx.size_of_bytes(segment.inline)
    what = f"blob {segment.blob or segment.inline}"
    return "" if size == stored else f"{what} is missing" if size is None else f"{what} has {size} bytes, not {stored}"


def check_small(tx: Tx, used: set[int]) -> Iterator[Problem]:
    """No small blob is kept that nothing refers to."""
    after = 0
    while page := tx.list_bytes(after, PAGE):
        for blob in page:
            if blob not in used:
                yield Problem(f"small blob {blob}: nothing refers to it", partial(delete_bytes, blob=blob))
        after = page[-1]


def delete_bytes(tx: Tx, blob: int) -> None:
    """Remove a small blob."""
    tx.delete_bytes(blob)


def recount(tx: Tx, blob: str, refs: int) -> None:
    """Count a blob's references anew."""
    entry = blob_refs.get(tx, blob)
    if entry is not None and refs:
        blob_refs.put(tx, msgspec.structs.replace(entry, refs=refs), blob)
    else:
        forget(tx, blob)
