"""Key policies: every key has one, named default; without it nobody uses the key, not even the account's root.

Source: API Reference, PutKeyPolicy; KMS Developer Guide, "Key policies in AWS KMS", "Default key policy".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.auth.policy import PolicyError, decide, parse_policy
from fogbank.core.conditions import Keys
from fogbank.core.errors import AwsError
from fogbank.core.identity.named import UnknownPrincipal, by_id, by_name
from fogbank.core.principal import EVERYTHING
from fogbank.core.service import Permission
from fogbank.services.kms.addressing import find_own
from fogbank.services.kms.service import kms
from fogbank.services.kms.states import keep

if TYPE_CHECKING:
    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key

NAME: Final = "default"
LARGEST: Final = 32768  # bytes


@kms.operation("read", "key", takes="KeyId PolicyName", needs_policy=True)
def get_key_policy(call: Call, req: Input) -> dict[str, Any]:
    """The policy of a key, as it was given; of users and roles that are gone it has the ids."""
    key = find_own(call, req["KeyId"])
    need_default(req)
    return {"Policy": by_name(call.tx, key.policy_given, key.policy), "PolicyName": NAME}


@kms.operation("read", "key", takes="KeyId Limit Marker", needs_policy=True)
def list_key_policies(call: Call, req: Input) -> dict[str, Any]:
    """The names of a key's policies: it has one."""
    find_own(call, req["KeyId"])
    if "Marker" in req:
        raise AwsError("InvalidMarkerException", "Could not deserialize marker", status=400)
    return {"PolicyNames": [NAME], "Truncated": False}


@kms.operation("write", "key", takes="KeyId PolicyName Policy BypassPolicyLockoutSafetyCheck", needs_policy=True)
def put_key_policy(call: Call, req: Input) -> dict[str, Any]:
    """Replace the policy of a key."""
    key = find_own(call, req["KeyId"])
    need_default(req)
    keep(call, with_policy(call, req, key))
    return {}


def need_default(req: Input) -> None:
    """Raise for a policy of another name."""
    if req.get("PolicyName", NAME) != NAME:
        raise AwsError("NotFoundException", "No such policy exists", status=400)


def default(account: str) -> str:
    """The policy of a key that was made without one: it leaves the decision to the account's IAM policies."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}, indent=2)


def with_policy(call: Call, req: Input, key: Key) -> Key:
    """A key with the policy of a request; MalformedPolicyDocumentException if it is none, or would lock the caller out."""
    document = req["Policy"]
    if len(document.encode("utf-8", "surrogatepass")) > LARGEST:
        raise AwsError("LimitExceededException", f"A key policy has at most {LARGEST} bytes.", status=400)
    try:
        policy = parse_policy(document, "resource", key.arn)
        kept = by_id(call.tx, call.account, document, policy)
    except PolicyError as error:
        raise malformed(error.reason) from None
    except UnknownPrincipal:
        raise malformed("Policy contains a statement with one or more invalid principals.") from None
    if not req.get("BypassPolicyLockoutSafetyCheck", False) and not may_put(
        call, req, key, parse_policy(kept, "resource")
    ):
        raise malformed("The new key policy will not allow you to update the key policy in the future.")
    return msgspec.structs.replace(key, policy=kept, policy_given=document)


def malformed(why: str) -> AwsError:
    """The error for a policy that a key cannot have."""
    return AwsError("MalformedPolicyDocumentException", why, status=400)


def may_put(call: Call, req: Input, key: Key, policy: Policy) -> bool:
    """Whether a policy lets the caller, or its account's IAM policies, put another one later."""
    permission = Permission("kms:PutKeyPolicy", key.arn, {})
    context = Keys(call, call.principal, call.bound, req, permission, key.account)
    decision = decide(
        permission.action,
        permission.resource,
        call.principal,
        context,
        EVERYTHING,
        resource_policy=policy,
        needs_resource_policy=True,
    )
    return decision.allowed
