"""Storage classes: what they are called, in which order objects move through them, and which must be restored before they are read.

All bytes lie on the same disk here. A class is what it means to callers: GLACIER and DEEP_ARCHIVE objects are not read, nor copied,
until they are restored.

Source: S3 User Guide, "Understanding and managing Amazon S3 storage classes", "Transitioning objects using Amazon S3 Lifecycle",
"Working with archived objects".
"""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3.records import when

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.service import Input
    from fogbank.services.s3.records import Object

# The way down: a lifecycle moves objects to classes further along, never back.
WATERFALL: Final = (
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
)  # fmt: skip
ARCHIVED: Final = frozenset(("GLACIER", "DEEP_ARCHIVE"))


def storage_class_of(req: Input) -> str:
    """The storage class that a request gives to an object. Those of other products (Outposts, directory buckets) are none here."""
    name: str = req.get("StorageClass", "STANDARD")
    if name not in WATERFALL:
        what = "The storage class you specified is not valid"
        raise AwsError("InvalidStorageClass", what, fields={"StorageClassRequested": name[:64]})
    return name


def may_move(before: str, after: str) -> bool:
    """Whether a lifecycle may move an object from one class to another."""
    if before == "ONEZONE_IA":
        return after in ARCHIVED
    return WATERFALL.index(before) < WATERFALL.index(after)


def is_archived(found: Object, now: datetime) -> bool:
    """Whether an object has to be restored before it is read: it is archived, and no restored copy is there."""
    return found.storage_class in ARCHIVED and not has_copy(found, now)


def has_copy(found: Object, now: datetime) -> bool:
    """Whether a restored copy of an object is there."""
    copy = found.restored
    return copy is not None and copy.ready > 0 and copy.expires > now.timestamp()


def is_restoring(found: Object) -> bool:
    """Whether an object is being restored."""
    return found.restored is not None and not found.restored.ready


def invalid_state(found: Object, message: str) -> AwsError:
    """S3's error for what an object's storage class does not allow."""
    return AwsError("InvalidObjectState", message, status=403, fields={"StorageClass": found.storage_class})


def check_readable(found: Object, now: datetime) -> None:
    """InvalidObjectState for an archived object."""
    if is_archived(found, now):
        raise invalid_state(found, "The operation is not valid for the object's storage class")


def check_source(found: Object, now: datetime) -> None:
    """InvalidObjectState for a copy of an archived object."""
    if is_archived(found, now):
        raise invalid_state(found, "Operation is not valid for the source object's storage class")


def restore_told(found: Object, now: datetime) -> dict[str, str]:
    """The x-amz-restore header of an object that is being restored, or has a restored copy, as an output member."""
    if is_restoring(found):
        return {"Restore": 'ongoing-request="true"'}
    if found.restored is None or not has_copy(found, now):
        return {}
    return {"Restore": f'ongoing-request="false", expiry-date="{formatdate(found.restored.expires, usegmt=True)}"'}


def restore_status(found: Object, now: datetime) -> dict[str, Any]:
    """The same, as listings tell it to who asks for it."""
    if is_restoring(found):
        return {"RestoreStatus": {"IsRestoreInProgress": True}}
    if found.restored is None or not has_copy(found, now):
        return {}
    return {"RestoreStatus": {"IsRestoreInProgress": False, "RestoreExpiryDate": when(found.restored.expires)}}
