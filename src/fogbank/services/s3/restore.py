"""Restoring archived objects: a temporary copy that can be read, for a number of days.

The bytes are here already, so that a restore takes no hours: the control process carries it out as soon as it comes to it, whatever
the tier. Until then the object says that its restore goes on. The copy expires at the midnight (UTC) that follows its last day; with
`--lifecycle-day`, after so many days of that length.

Source: S3 API Reference, RestoreObject; S3 User Guide, "Restoring an archived object", "Archive retrieval options".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError, not_implemented
from fogbank.services.s3 import acting, happened, storage_classes, versions
from fogbank.services.s3.access import open_bucket, open_object
from fogbank.services.s3.lifecycle_time import due
from fogbank.services.s3.records import Restored
from fogbank.services.s3.service import s3
from fogbank.store import outbox
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import RestoreObjectRequestTypeDef

    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx

MOST_DAYS: Final = 36_500
SELECT: Final = ("Type", "SelectParameters", "OutputLocation", "Description")


class Task(msgspec.Struct, frozen=True, array_like=True):
    """A restore to be carried out, or a copy that expires: of a version (a null one is known by its stamp), for days.

    `expires` is the copy's, 0 before there is one.
    """

    bucket: str
    key: str
    version: str
    stamp: int
    days: int
    expires: int = 0


@s3.operation(
    "write", "object", takes="Bucket Key VersionId RestoreRequest RequestPayer ChecksumAlgorithm ExpectedBucketOwner"
)
def restore_object(call: Call, req: RestoreObjectRequestTypeDef) -> dict[str, Any]:
    """Restore an archived object for some days (202), or change how long its restored copy stays (200)."""
    bucket = open_bucket(call, req)
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    days = days_of(req, found)
    task = Task(bucket.name, req["Key"], found.version, found.stamp, days)
    if storage_classes.has_copy(found, call.now):
        keep_copy(call, bucket, task, found)
        return {"StatusCode": 200}
    if storage_classes.is_restoring(found):
        raise AwsError("RestoreAlreadyInProgress", "Object restore is already in progress", status=409)
    begun = msgspec.structs.replace(found, restored=Restored(ready=0, expires=0))
    versions.update(call, bucket, req["Key"], begun)
    happened.tell(call, bucket, "ObjectRestore:Post", req["Key"], begun)
    outbox.emit(call.tx, "s3.restore", msgspec.msgpack.encode(task), now=call.now)
    return {"StatusCode": 202}


def days_of(req: Input, found: Object) -> int:
    """For how many days a request wants its copy; S3's error for one that cannot be."""
    asked = req.get("RestoreRequest")
    if asked is None:
        raise malformed()
    if other := [name for name in SELECT if name in asked]:
        raise not_implemented(f"RestoreRequest's {other[0]}")
    if found.storage_class not in storage_classes.ARCHIVED:
        message = "Restore is not allowed for the object's current storage class"
        raise storage_classes.invalid_state(found, message)
    days = asked.get("Days")
    if days is None or ("Tier" in asked and "GlacierJobParameters" in asked):
        raise malformed()
    if not 1 <= days <= MOST_DAYS:
        fields = {"ArgumentName": "Days", "ArgumentValue": days}
        raise AwsError("InvalidArgument", "restoration days should be at least 1", fields=fields)
    tier = asked.get("Tier") or asked.get("GlacierJobParameters", {}).get("Tier")
    if tier == "Expedited" and found.storage_class == "DEEP_ARCHIVE":
        fields = {"ArgumentName": "Tier", "ArgumentValue": tier}
        raise AwsError("InvalidArgument", "Retrieval option is not supported by this storage class", fields=fields)
    return int(days)


def keep_copy(call: Call, bucket: Bucket, task: Task, found: Object) -> Object:
    """Have a restored copy for so many days from now, and see to it that it goes."""
    now = int(call.now.timestamp())
    ready = found.restored.ready if found.restored and found.restored.ready else now
    copy = Restored(ready=ready, expires=due(call.tx, now, task.days))
    changed = msgspec.structs.replace(found, restored=copy)
    versions.update(call, bucket, task.key, changed)
    later = msgspec.structs.replace(task, expires=copy.expires)
    at = datetime.fromtimestamp(copy.expires, UTC)
    outbox.emit(call.tx, "s3.restored", msgspec.msgpack.encode(later), now=call.now, not_before=at)
    return changed


@s3.effect("s3.restore")
async def carry_out(ctx: Background, payload: bytes) -> None:
    """Carry out a restore that was asked for."""
    task = msgspec.msgpack.decode(payload, type=Task)
    await ctx.region.store.write(lambda tx: complete(ctx, tx, task))


def complete(ctx: Background, tx: Tx, task: Task) -> None:
    """Make the restored copy, unless it is there, or the version is not any more."""
    there = acting.version(ctx, tx, "RestoreObject", task.bucket, task.key, task.version, task.stamp)
    if there is not None and storage_classes.is_restoring(there[2]):
        call, bucket, found = there
        changed = keep_copy(call, bucket, task, found)
        happened.tell(call, bucket, "ObjectRestore:Completed", task.key, changed)


@s3.effect("s3.restored")
async def expire(ctx: Background, payload: bytes) -> None:
    """Remove a restored copy that has expired."""
    task = msgspec.msgpack.decode(payload, type=Task)
    await ctx.region.store.write(lambda tx: remove(ctx, tx, task))


def remove(ctx: Background, tx: Tx, task: Task) -> None:
    """Remove a restored copy, unless it was given another time."""
    there = acting.version(ctx, tx, "RestoreObject", task.bucket, task.key, task.version, task.stamp)
    if there is None or there[2].restored is None or there[2].restored.expires != task.expires:
        return
    call, bucket, found = there
    changed = msgspec.structs.replace(found, restored=None)
    versions.update(call, bucket, task.key, changed)
    happened.tell(call, bucket, "ObjectRestore:Delete", task.key, changed)
