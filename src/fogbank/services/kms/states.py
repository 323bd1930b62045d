"""What a key's state lets be done with it.

Source: KMS Developer Guide, "Key states of AWS KMS keys", the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.services.kms import managed
from fogbank.services.kms.records import DISABLED, ENABLED, PENDING_DELETION, PENDING_IMPORT, keys

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key

_WORDS = {DISABLED: "disabled", PENDING_DELETION: "pending deletion", PENDING_IMPORT: "pending import"}


def need_enabled(key: Key) -> None:
    """Raise unless the key can be used: DisabledException, or KMSInvalidStateException for what comes before and after."""
    if key.state == ENABLED:
        return
    code = "DisabledException" if key.state == DISABLED else "KMSInvalidStateException"
    raise AwsError(code, f"{key.arn} is {_WORDS[key.state]}.", status=400)


def need_kept(key: Key) -> None:
    """Raise for a key that waits for its deletion."""
    if key.state == PENDING_DELETION:
        raise AwsError("KMSInvalidStateException", f"{key.arn} is pending deletion.", status=400)


def need_material(key: Key) -> None:
    """Raise for a key that waits for its deletion or its material."""
    if key.state in (PENDING_DELETION, PENDING_IMPORT):
        raise AwsError("KMSInvalidStateException", f"{key.arn} is {_WORDS[key.state]}.", status=400)


def need_usage(key: Key, usage: str, operation: str) -> None:
    """Raise for a key of another usage."""
    if key.usage != usage:
        what = f"{key.arn} key usage is {key.usage} which is not valid for {operation}."
        raise AwsError("InvalidKeyUsageException", what, status=400)


def rehearsed(req: Input) -> bool:
    """Raise if the request is only a rehearsal: all that could have refused it has been asked before."""
    if req.get("DryRun"):
        what = "The request would have succeeded, but the DryRun option is set."
        raise AwsError("DryRunOperationException", what, status=400)
    return False


def validation(what: str) -> AwsError:
    """The error for an input that cannot be."""
    return AwsError("ValidationException", what, status=400)


def unsupported(what: str = "") -> AwsError:
    """The error for a key of a kind that the operation is not for."""
    return AwsError("UnsupportedOperationException", what, status=400)


def keep(call: Call, key: Key) -> None:
    """Write a key's record. AWS managed keys have none, whatever their policies say."""
    if managed.service_of(key) is not None:
        raise unsupported("AWS managed keys cannot be changed.")
    keys.put(call.tx, key, key.account, key.region, key.id)
