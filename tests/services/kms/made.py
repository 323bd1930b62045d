"""Keys and policies that tests of KMS make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fogbank.services.kms.records import Key, keys
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def arn(key: str, account: str = ACCOUNT, region: str = "us-east-1") -> str:
    """The ARN of a key."""
    return f"arn:aws:kms:{region}:{account}:key/{key}"


def statement(principal: Any, action: Any = "kms:*", effect: str = "Allow", **conditions: Any) -> dict[str, Any]:
    """A statement of a key policy; `conditions` are operators with their keys and values."""
    named = principal if isinstance(principal, dict) else {"AWS": principal}
    made = {"Effect": effect, "Principal": named, "Action": action, "Resource": "*"}
    return made | ({"Condition": conditions} if conditions else {})


def document(*statements: Any) -> str:
    """A policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def kept(region: LocalRegion, key: str) -> Key | None:
    """The record of a key."""
    with region.region.store.snapshot() as tx:
        return keys.get(tx, ACCOUNT, "us-east-1", key)
