"""Versions of objects: all writes of objects go through here, so that every bucket's versioning is one rule.

The current object of a key is in `objects`; its noncurrent versions and all delete markers are in `versions`, newest first. Where a
key has no current object, the newest of its versions is a delete marker, or it has none.

Source: S3 User Guide, "Retaining multiple versions of objects with S3 Versioning".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import content, happened, object_lock
from fogbank.services.s3.records import LAST_STAMP, Null, Object, nulls, objects, versions

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket

NULL: Final = "null"
STAMP_DIGITS: Final = (
    16  # hexadecimal, at the beginning of a version's id: LAST_STAMP - stamp, so that ids sort newest first
)
RANDOM: Final = 16  # hexadecimal digits behind them


def no_such_version(key: str, version: str) -> AwsError:
    """S3's error for a version that is not there."""
    fields = {"Key": key, "VersionId": version[:1024]}
    return AwsError("NoSuchVersion", "The specified version does not exist.", fields=fields)


def id_of(stamp: int, random: str) -> str:
    """A version's id: it tells the version's place among those of its key."""
    return f"{LAST_STAMP - stamp:0{STAMP_DIGITS}x}{random}"


def place_of(version: str, argument: str = "versionId") -> int:
    """Where the version of this id is among those of its key. InvalidArgument for what cannot be an id."""
    if not version:
        raise object_lock.bad_argument(argument, version, "Version id cannot be the empty string")
    try:
        if len(version) != STAMP_DIGITS + RANDOM or not (version.isascii() and version.isalnum()):
            raise ValueError
        return int(version[:STAMP_DIGITS], 16)
    except ValueError:
        fields = {"ArgumentName": argument, "ArgumentValue": version[:1024]}
        raise AwsError("InvalidArgument", "Invalid version id specified", fields=fields) from None


def told(bucket: Bucket, which: Object) -> dict[str, str]:
    """A version as output members: buckets that never kept versions do not say `null`."""
    return {"VersionId": which.version} if bucket.versioning else {}


def written(bucket: Bucket, made: Object) -> dict[str, str]:
    """A new version as output members: S3 returns the ids that it makes, not `null`."""
    return {"VersionId": made.version} if bucket.versioning == "Enabled" else {}


def find(call: Call, bucket: Bucket, key: str, version: str) -> Object | None:
    """The version of this id, or the delete marker."""
    current = objects.get(call.tx, bucket.name, key)
    if version == NULL:
        if current is not None and current.version == NULL:
            return current
        null = nulls.get(call.tx, bucket.name, key)
        return versions.get(call.tx, bucket.name, key, LAST_STAMP - null.stamp) if null else None
    place = place_of(version)
    if current is not None and current.version == version:
        return current
    found = versions.get(call.tx, bucket.name, key, place)
    return found if found is not None and found.version == version else None


def is_taken(call: Call, bucket: Bucket, key: str, stamp: int) -> bool:
    """Whether a version is at this place among those of a key. Stamps differ within a bucket, but not from those of another's."""
    current = objects.get(call.tx, bucket.name, key)
    if current is not None and current.stamp == stamp:
        return True
    return versions.get(call.tx, bucket.name, key, LAST_STAMP - stamp) is not None


def newest(call: Call, bucket: Bucket, key: str) -> Object | None:
    """The current object; where there is none, the delete marker in its place, if the bucket keeps versions."""
    current = objects.get(call.tx, bucket.name, key)
    if current is not None or not bucket.versioning:
        return current
    return next((found for _, found in versions.scan(call.tx, bucket.name, key, limit=1)), None)


def put(call: Call, bucket: Bucket, key: str, made: Object, event: str) -> Object:
    """Make an object the current one. It replaces, or supersedes, as the bucket's versioning says; what it has become."""
    made = stamped(call, bucket, key, object_lock.locked(call, bucket, made))
    supersede(call, bucket, key, keep_null=made.version != NULL)
    objects.put(call.tx, made, bucket.name, key)
    happened.tell(call, bucket, event, key, made)
    return made


def delete(call: Call, bucket: Bucket, key: str, cause: str = "ObjectRemoved") -> Object | None:
    """Delete without naming a version: for good in a bucket that never kept versions, behind a delete marker (returned) in others.

    `cause` is how events begin that tell of it.
    """
    if not bucket.versioning:
        current = objects.get(call.tx, bucket.name, key)
        if current is not None:
            content.release(call, current.segments)
            objects.delete(call.tx, bucket.name, key)
            happened.tell(call, bucket, f"{cause}:Delete", key, current)
        return None
    marker = stamped(call, bucket, key, marker_of(call))
    supersede(call, bucket, key, keep_null=marker.version != NULL)
    objects.delete(call.tx, bucket.name, key)
    keep_noncurrent(call, bucket, key, marker)
    happened.tell(call, bucket, f"{cause}:DeleteMarkerCreated", key, marker)
    return marker


def delete_version(
    call: Call, bucket: Bucket, key: str, version: str, *, bypass: bool = False, cause: str = "ObjectRemoved"
) -> Object | None:
    """Delete one version, or delete marker, for good; what it was. The next one becomes the current one, if it was that.

    AccessDenied if it is locked; `bypass` passes by a retention in governance mode.
    """
    found = find(call, bucket, key, version)
    if found is None:
        return None
    object_lock.check_deletable(call.now, found, bypass=bypass)
    current = objects.get(call.tx, bucket.name, key)
    if current is not None and current.version == found.version:
        objects.delete(call.tx, bucket.name, key)
    else:
        forget_noncurrent(call, bucket, key, found)
    content.release(call, found.segments)
    promote(call, bucket, key)
    happened.tell(call, bucket, f"{cause}:Delete", key, found)
    return found


def update(call: Call, bucket: Bucket, key: str, changed: Object) -> None:
    """Change what is kept of a version (its tags, lock, ACL, storage class …) in its place."""
    current = objects.get(call.tx, bucket.name, key)
    if current is not None and current.version == changed.version:
        objects.put(call.tx, changed, bucket.name, key)
    else:
        versions.put(call.tx, changed, bucket.name, key, LAST_STAMP - changed.stamp)


def stamped(call: Call, bucket: Bucket, key: str, made: Object) -> Object:
    """A new version with its id, newer than all of its key, whatever the clock says."""
    before = newest(call, bucket, key)
    stamp = max(int(call.now.timestamp() * 1_000_000), before.stamp + 1 if before else 0)
    enabled = bucket.versioning == "Enabled"
    version = id_of(stamp, call.ids.random(RANDOM // 2).hex()) if enabled else NULL
    return msgspec.structs.replace(made, version=version, stamp=stamp, superseded=0)


def marker_of(call: Call) -> Object:
    """A delete marker."""
    return Object(
        size=0,
        etag="",
        modified=int(call.now.timestamp()),
        headers={},
        metadata={},
        storage_class="STANDARD",
        checksum=None,
        segments=(),
        parts=(),
        marker=True,
    )


def supersede(call: Call, bucket: Bucket, key: str, *, keep_null: bool) -> None:
    """Make room for a new current version: the current one becomes noncurrent; the null one goes, unless it is to be kept."""
    before = newest(call, bucket, key)
    if before is None:
        return
    if before.version == NULL and not keep_null and not before.marker:
        content.release(call, before.segments)
    else:
        now = int(call.now.timestamp())
        keep_noncurrent(call, bucket, key, msgspec.structs.replace(before, superseded=now))
    if bucket.versioning and not keep_null:
        drop_null(call, bucket, key)


def drop_null(call: Call, bucket: Bucket, key: str) -> None:
    """Remove a null version, or null marker, that is not current: a new one takes its place."""
    null = nulls.get(call.tx, bucket.name, key)
    if null is not None:
        found = versions.get(call.tx, bucket.name, key, LAST_STAMP - null.stamp)
        if found is not None:
            content.release(call, found.segments)
            forget_noncurrent(call, bucket, key, found)


def keep_noncurrent(call: Call, bucket: Bucket, key: str, version: Object) -> None:
    """Keep a noncurrent version, or a delete marker."""
    versions.put(call.tx, version, bucket.name, key, LAST_STAMP - version.stamp)
    if version.version == NULL:
        nulls.put(call.tx, Null(stamp=version.stamp), bucket.name, key)


def forget_noncurrent(call: Call, bucket: Bucket, key: str, version: Object) -> None:
    """Forget a noncurrent version, or a delete marker."""
    versions.delete(call.tx, bucket.name, key, LAST_STAMP - version.stamp)
    if version.version == NULL:
        nulls.delete(call.tx, bucket.name, key)


def promote(call: Call, bucket: Bucket, key: str) -> None:
    """Make the newest version current again, if the key has no current object: as an object, or as a delete marker."""
    if objects.get(call.tx, bucket.name, key) is not None:
        return
    found = next((found for _, found in versions.scan(call.tx, bucket.name, key, limit=1)), None)
    if found is None or not found.superseded:
        return
    current = msgspec.structs.replace(found, superseded=0)
    if found.marker:
        keep_noncurrent(call, bucket, key, current)
    else:
        forget_noncurrent(call, bucket, key, found)
        objects.put(call.tx, current, bucket.name, key)
