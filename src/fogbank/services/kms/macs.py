"""Message authentication codes of HMAC keys.

Source: API Reference, GenerateMac, VerifyMac.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.kms.addressing import find
from fogbank.services.kms.material import current
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import MAC, SPECS
from fogbank.services.kms.states import need_enabled, need_usage, rehearsed
from fogbank.services.kms.tokens import check_tokens

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key


@kms.operation("read", "shared", takes="KeyId Message MacAlgorithm GrantTokens DryRun", needs_policy=True)
def generate_mac(call: Call, req: Input) -> dict[str, Any]:
    """The code of a message of at most 4,096 bytes."""
    key = checked(call, req)
    rehearsed(req)
    return {"KeyId": key.arn, "Mac": code(call, key, req["Message"]), "MacAlgorithm": req["MacAlgorithm"]}


@kms.operation("read", "shared", takes="KeyId Message Mac MacAlgorithm GrantTokens DryRun", needs_policy=True)
def verify_mac(call: Call, req: Input) -> dict[str, Any]:
    """Say that a code is the one of a message; KMSInvalidMacException if it is not."""
    key = checked(call, req)
    if not hmac.compare_digest(code(call, key, req["Message"]), req["Mac"]):
        raise AwsError("KMSInvalidMacException", status=400)
    rehearsed(req)
    return {"KeyId": key.arn, "MacValid": True, "MacAlgorithm": req["MacAlgorithm"]}


def checked(call: Call, req: Input) -> Key:
    """The key, if it can be used with the algorithm now."""
    key = find(call, req["KeyId"])
    need_enabled(key)
    need_usage(key, MAC, call.bound.name)
    if req["MacAlgorithm"] not in SPECS[key.spec].algorithms[MAC]:
        what = f"Algorithm {req['MacAlgorithm']} and key spec {key.spec} are incompatible."
        raise AwsError("InvalidKeyUsageException", what, status=400)
    check_tokens(call, req)
    return key


def code(call: Call, key: Key, message: bytes) -> bytes:
    """The code of a message: the key's spec says by which hash."""
    _, secret = current(call.vault, key)
    return hmac.digest(secret, message, f"sha{key.spec[-3:]}")
