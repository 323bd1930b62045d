"""KMS keys of groups. What came in under a key stays sealed with it; what comes later is sealed with the one of then.

A group has the data keys that its events are sealed with, and the newest: the others are forgotten when it gets another one.

Source: API Reference, AssociateKmsKey, DisassociateKmsKey.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs import data_keys
from fogbank.services.logs.addressing import need_group
from fogbank.services.logs.errors import too_many
from fogbank.services.logs.records import chunks, groups, segments
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Chunk, Group, Segment
    from fogbank.store.api import Tx

MOST: Final = 100  # data keys of a group that events are sealed with


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
    used = used_keys(call.tx, group)
    if len(used) >= MOST:
        raise too_many("Resource limit exceeded.")
    key = data_keys.make(call, group.arn, kms, number)
    kept = [each for each in group.keys if each.number in used]
    made = msgspec.structs.replace(group, keys=(*kept, key), kms=key.arn)
    groups.put(call.tx, made, group.account, group.region, group.name)
    return {}


def used_keys(tx: Tx, group: Group) -> set[int]:
    """The numbers of the data keys that events are sealed with."""
    parts: Iterator[tuple[Any, Chunk | Segment]] = chain(chunks.scan(tx, group.id), segments.scan(tx, group.id))
    return {part.key for _, part in parts}
