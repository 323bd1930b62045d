"""Events of objects as S3 tells them.

Source: S3 User Guide, "Event message structure".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import when
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fogbank.core.call import Call
    from fogbank.core.principal import Principal
    from fogbank.services.s3.notification_rules import Rule
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx

SERVICE: Final = "s3.amazonaws.com"
LATER: Final = ("Lifecycle", "IntelligentTiering", "ObjectAcl", "ObjectTagging", "ObjectRestore:Delete")


class Sequence(Record, version=1):
    """The last sequencer that was given: microseconds since the epoch, or a little more."""

    last: int


sequences = Table("s3.sequence", Sequence)  # (nothing)


def next_sequence(tx: Tx, now: datetime) -> int:
    """A number above all before it, whatever the clock says: transactions are in one order, and so are their events."""
    before = sequences.get(tx)
    number = max(int(now.timestamp() * 1_000_000), before.last + 1 if before else 0)
    sequences.put(tx, Sequence(last=number))
    return number


def moment(at: datetime) -> str:
    """A time as events have it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def version_of(event: str) -> str:
    """The version of an event's structure: later ones have more for the events that came later."""
    if event.startswith("Replication"):
        return "2.2"
    return "2.3" if event.startswith(LATER) else "2.1"


def identity(principal: Principal) -> str:
    """Who did it, as events have it."""
    if principal.kind == "anonymous":
        return "Anonymous"
    return principal.service or f"AWS:{principal.id}"


def record(
    call: Call, bucket: Bucket, rule: Rule, event: str, key: str, which: Object, sequence: int, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """An event for a rule, as an entry of `Records`."""
    return {
        "eventVersion": version_of(event),
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": moment(call.now),
        "eventName": event,
        "userIdentity": {"principalId": identity(call.principal)},
        "requestParameters": {"sourceIPAddress": call.request.client or SERVICE},
        "responseElements": {"x-amz-request-id": call.request_id, "x-amz-id-2": call.request_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule.id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": canonical_user(bucket.account)},
                "arn": f"arn:aws:s3:::{bucket.name}",
            },
            "object": about(bucket, event, key, which, sequence),
        },
        **details(event, which),
        **extra,
    }


def about(bucket: Bucket, event: str, key: str, which: Object, sequence: int) -> dict[str, Any]:
    """The object of an event. What is gone has no size."""
    found: dict[str, Any] = {"key": quote_plus(key, safe="/")}
    if not event.startswith(("ObjectRemoved", "LifecycleExpiration")):
        found |= {"size": which.size, "eTag": which.etag}
    if bucket.versioning:
        found["versionId"] = which.version
    return found | {"sequencer": f"{sequence:018X}"}


def details(event: str, which: Object) -> dict[str, Any]:
    """What only some events have."""
    if event == "ObjectRestore:Completed" and which.restored is not None:
        restore = {
            "lifecycleRestorationExpiryTime": moment(when(which.restored.expires)),
            "lifecycleRestoreStorageClass": which.storage_class,
        }
        return {"glacierEventData": {"restoreEventData": restore}}
    if event == "LifecycleTransition":
        return {"lifecycleEventData": {"transitionEventData": {"destinationStorageClass": which.storage_class}}}
    return {}


def trial(call: Call, bucket: Bucket) -> dict[str, Any]:
    """What a destination is sent when it is configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:" + "TestEvent",
        "Time": moment(call.now),
        "Bucket": bucket.name,
        "RequestId": call.request_id,
        "HostId": call.request_id,
    }
