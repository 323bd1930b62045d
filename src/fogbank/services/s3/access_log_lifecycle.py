"""Lines of server access logs that no request is behind: what the lifecycle does to objects. They wait with the state.

Source: S3 User Guide, "Logging Amazon S3 API calls / lifecycle: S3 Lifecycle and logging", the table of operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.s3 import access_log, happened
from fogbank.services.s3.notification_events import next_sequence
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object

OPERATIONS: Final = {
    "LifecycleExpiration:Delete": "S3.EXPIRE.OBJECT",
    "LifecycleExpiration:DeleteMarkerCreated": "S3.CREATE.DELETEMARKER",
}
MOVES: Final = {
    "STANDARD_IA": "S3.TRANSITION_SIA.OBJECT",
    "ONEZONE_IA": "S3.TRANSITION_ZIA.OBJECT",
    "INTELLIGENT_TIERING": "S3.TRANSITION_INT.OBJECT",
    "GLACIER_IR": "S3.TRANSITION_GIR.OBJECT",
    "GLACIER": "S3.TRANSITION.OBJECT",
    "DEEP_ARCHIVE": "S3.TRANSITION_GDA.OBJECT",
}


class Line(Record, version=1):
    """A line of a bucket's log that waits to be delivered: JSON, as what the gateway keeps of a request."""

    kept: bytes


lines = Table("s3.access-line", Line)  # bucket, sequence


@happened.reaction("logging")
def note(call: Call, bucket: Bucket, event: str, key: str, which: Object) -> None:
    """Keep a line for what the lifecycle did."""
    name = OPERATIONS.get(event) or (MOVES.get(which.storage_class, "") if event == "LifecycleTransition" else "")
    if name:
        version = which.version if bucket.versioning else ""
        about = {"bucket": bucket.name, "operation": name, "key": key, "size": which.size, "version": version}
        at = {"at": int(call.now.timestamp() * 1_000_000), "id": call.request_id}
        kept = msgspec.json.encode({**access_log.NO_REQUEST, **about, **at})
        lines.put(call.tx, Line(kept=kept), bucket.name, next_sequence(call.tx, call.now))
