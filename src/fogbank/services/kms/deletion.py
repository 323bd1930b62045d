"""Deletion: announced, waited for, and then for good.

Source: API Reference, ScheduleKeyDeletion, CancelKeyDeletion; KMS Developer Guide, "Delete an AWS KMS key".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.kms.addressing import find_own
from fogbank.services.kms.records import DISABLED, PENDING_DELETION, PENDING_IMPORT, when
from fogbank.services.kms.service import kms
from fogbank.services.kms.states import keep, need_kept, validation

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

DAY: Final = 86400  # seconds
LONGEST: Final = 30  # days


@kms.operation("write", "key", takes="KeyId PendingWindowInDays", needs_policy=True)
def schedule_key_deletion(call: Call, req: Input) -> dict[str, Any]:
    """Have a key deleted after 7 to 30 days; until then it is not used, and can be saved."""
    key = find_own(call, req["KeyId"])
    need_kept(key)
    window = req.get("PendingWindowInDays", LONGEST)
    if not 7 <= window <= LONGEST:
        raise validation("PendingWindowInDays must be between 7 and 30 (inclusive).")
    deletes = int(call.now.timestamp()) + window * DAY
    keep(call, msgspec.structs.replace(key, state=PENDING_DELETION, deletes=deletes, window=window))
    return {
        "KeyId": key.arn,
        "DeletionDate": when(deletes),
        "KeyState": PENDING_DELETION,
        "PendingWindowInDays": window,
    }


@kms.operation("write", "key", takes="KeyId", needs_policy=True)
def cancel_key_deletion(call: Call, req: Input) -> dict[str, Any]:
    """Save a key from its deletion; it is disabled then, or waits for its material if that is gone."""
    key = find_own(call, req["KeyId"])
    if key.state != PENDING_DELETION:
        raise AwsError("KMSInvalidStateException", f"{key.arn} is not pending deletion.", status=400)
    state = DISABLED if key.complete else PENDING_IMPORT
    keep(call, msgspec.structs.replace(key, state=state, deletes=0, window=0))
    return {"KeyId": key.arn}
