"""KMS keys of groups. What came in under a key stays sealed with it; what comes later is sealed with the one of then.

Source: API Reference, AssociateKmsKey, DisassociateKmsKey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.services.logs import data_keys
from fogbank.services.logs.addressing import need_group
from fogbank.services.logs.records import groups
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@logs.operation("write", "group", takes="logGroupName kmsKeyId resourceIdentifier")
def associate_kms_key(call: Call, req: Input) -> dict[str, Any]:
    """Have what comes into a group sealed with a KMS key from now on."""
    return change(call, req, req["kmsKeyId"])


@logs.operation("write", "group", takes="logGroupName resourceIdentifier")
def disassociate_kms_key(call: Call, req: Input) -> dict[str, Any]:
    """Have what comes into a group sealed with the region's own keys from now on."""
    return change(call, req, "")


def change(call: Call, req: Input, kms: str) -> dict[str, Any]:
    """Give the addressed group a new data key under another KMS key, or under none."""
    group = need_group(call, req)
    number = group.keys[-1].number + 1
    key = data_keys.make(call, group.arn, kms, number)
    made = msgspec.structs.replace(group, keys=(*group.keys, key), kms=key.arn)
    groups.put(call.tx, made, group.account, group.region, group.name)
    return {}
