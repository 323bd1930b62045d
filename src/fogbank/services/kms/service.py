"""KMS: its resources, whose they are, and what a key's own policy and grants say of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.core.identity.documents import compiled
from fogbank.core.service import Service
from fogbank.services.kms.addressing import addressed, find_own
from fogbank.services.kms.condition_keys import policy_keys
from fogbank.services.kms.granted import of_retiring, with_grants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key


def shared_key(call: Call, req: Input) -> str:
    """The ARN of the addressed key, which may be another account's."""
    return need(call, req).arn


def own_key(call: Call, req: Input) -> str:
    """The ARN of the addressed key, which is the caller's account's."""
    return find_own(call, req["KeyId"]).arn


def alias(call: Call, req: Input) -> str:
    """The ARN of an alias of the caller's account, which is there or is to be."""
    return f"arn:aws:kms:{call.region}:{call.account}:{req['AliasName']}"


def need(call: Call, req: Input) -> Key:
    """The addressed key; ValidationException for a request that names none, nor has a ciphertext."""
    key = addressed(call, req)
    if key is None:
        what = "GrantToken, or KeyId and GrantId," if call.bound.name == "RetireGrant" else "CiphertextBlob"
        raise AwsError("ValidationException", f"{what} must not be null", status=400)
    return key


def owner(call: Call, names: Input) -> str | None:
    """The account of the addressed key; None where none is."""
    key = addressed(call, names)
    return key.account if key else None


def policy(call: Call, names: Input) -> Policy | None:
    """What the addressed key's policy and its grants say."""
    key = addressed(call, names)
    if key is None:
        return None
    own = compiled(key.policy, "key policy", "resource")  # one name for all: keys that have the same policy share it
    if call.bound.name == "RetireGrant":
        return of_retiring(call, key, names, own)
    return with_grants(call, key, names, own) if key.grants else own


def tags(call: Call, names: Input, _arn: str) -> Mapping[str, str]:
    """The tags of the addressed key."""
    key = addressed(call, names)
    return key.tags if key else {}


kms = Service(
    "kms",
    resources={
        "key": own_key,
        "shared": shared_key,
        "alias": alias,
    },
    modules=(
        "keys",
        "key_policy",
        "encryption",
        "data_keys",
        "aliases",
        "tags",
        "deletion",
        "rotation",
        "signing",
        "macs",
        "agreement",
        "due",
        "grants",
        "imports",
    ),
    owner=owner,
    policy=policy,
    tags=tags,
    keys=policy_keys,
)
