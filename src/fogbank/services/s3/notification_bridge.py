"""Events of objects as EventBridge is told them: all of a bucket's, on the default bus of the bucket's account.

Source: S3 User Guide, "Using EventBridge", "EventBridge event message structure".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.services.s3.records import when

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object

MEMBER: Final = "EventBridgeConfiguration"
DELETED: Final = "Object Deleted"
NO_BYTES: Final = "d41d8cd98f00b204e9800998ecf8427e"  # the ETag of none, which delete markers have
# What EventBridge calls events, with more of their details. Of replication and of losses it is not told.
NAMES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "ObjectCreated:Put": ("Object Created", {"reason": "PutObject"}),
    "ObjectCreated:Post": ("Object Created", {"reason": "POST Object"}),
    "ObjectCreated:Copy": ("Object Created", {"reason": "CopyObject"}),
    "ObjectCreated:CompleteMultipartUpload": ("Object Created", {"reason": "CompleteMultipartUpload"}),
    "ObjectRemoved:Delete": (DELETED, {"reason": "DeleteObject", "deletion-type": "Permanently Deleted"}),
    "ObjectRemoved:DeleteMarkerCreated": (
        DELETED,
        {"reason": "DeleteObject", "deletion-type": "Delete Marker Created"},
    ),
    "LifecycleExpiration:Delete": (
        DELETED,
        {"reason": "Lifecycle Expiration", "deletion-type": "Permanently Deleted"},
    ),
    "LifecycleExpiration:DeleteMarkerCreated": (
        DELETED,
        {"reason": "Lifecycle Expiration", "deletion-type": "Delete Marker Created"},
    ),
    "LifecycleTransition": ("Object Storage Class Changed", {}),
    "ObjectRestore:Post": ("Object Restore Initiated", {}),
    "ObjectRestore:Completed": ("Object Restore Completed", {}),
    "ObjectRestore:Delete": ("Object Restore Expired", {}),
    "ObjectTagging:Put": ("Object Tags Added", {}),
    "ObjectTagging:Delete": ("Object Tags Deleted", {}),
    "ObjectAcl:Put": ("Object ACL Updated", {}),
}


def bus_of(bucket: Bucket) -> str:
    """The ARN of the bus that is told a bucket's events."""
    return f"arn:aws:events:{bucket.region}:{bucket.account}:event-bus/default"


def event_of(call: Call, bucket: Bucket, event: str, key: str, which: Object, sequence: int) -> dict[str, Any]:
    """An event of NAMES, whole."""
    name, more = NAMES[event]
    return {
        "version": "0",
        "id": call.ids.uuid(),
        "detail-type": name,
        "source": "aws.s3",
        "account": bucket.account,
        "time": f"{call.now:%Y-%m-%dT%H:%M:%SZ}",
        "region": bucket.region,
        "resources": [f"arn:aws:s3:::{bucket.name}"],
        "detail": {
            "version": "0",
            "event-version": "1.0",
            "bucket": {"name": bucket.name},
            "object": about(bucket, name, key, which, sequence),
            "request-id": call.request_id,
            "requester": call.principal.service or call.principal.account,
            **({"source-ip-address": call.request.client} if call.request.client else {}),
            **more,
            **classes(event, which),
        },
    }


def about(bucket: Bucket, name: str, key: str, which: Object, sequence: int) -> dict[str, Any]:
    """The object. A delete marker has no size; only writes and deletions have a place in the order of the key's."""
    found: dict[str, Any] = {"key": key} | ({} if which.marker else {"size": which.size})
    found["etag"] = which.etag or NO_BYTES
    if bucket.versioning:
        found["version-id"] = which.version
    return found | ({"sequencer": f"{sequence:016x}"} if name in ("Object Created", DELETED) else {})


def classes(event: str, which: Object) -> dict[str, str]:
    """Storage classes, and until when a copy is there, where an event is about those."""
    if event == "LifecycleTransition":
        return {"destination-storage-class": which.storage_class}
    found: dict[str, str] = {}
    if event.startswith("ObjectRestore:"):
        found["source-storage-class"] = which.storage_class
    if event == "ObjectRestore:Completed" and which.restored is not None:
        found["restore-expiry-time"] = f"{when(which.restored.expires):%Y-%m-%dT%H:%M:%SZ}"
    return found
