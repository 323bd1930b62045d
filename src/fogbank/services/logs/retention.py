"""How long a group keeps events. What is older is out of reach at once, and removed by a chore.

Source: API Reference, PutRetentionPolicy, DeleteRetentionPolicy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs.addressing import need_group
from fogbank.services.logs.errors import invalid
from fogbank.services.logs.records import groups
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


@logs.operation("write", "group", takes="logGroupName retentionInDays")
def put_retention_policy(call: Call, req: Input) -> dict[str, Any]:
    """Keep events for so many days."""
    if req["retentionInDays"] not in DAYS:
        listed = ", ".join(map(str, DAYS))
        raise invalid(f"1 validation error detected: Value '{req['retentionInDays']}' at 'retentionInDays' failed to "
                      f"satisfy constraint: Member must satisfy enum value set: [{listed}]")  # fmt: skip
    return change(call, req, req["retentionInDays"])


@logs.operation("write", "group", takes="logGroupName")
def delete_retention_policy(call: Call, req: Input) -> dict[str, Any]:
    """Keep events for ever."""
    return change(call, req, 0)


def change(call: Call, req: Input, days: int) -> dict[str, Any]:
    """Change how many days the addressed group keeps events; 0: for ever."""
    group = need_group(call, req)
    groups.put(call.tx, msgspec.structs.replace(group, retention=days), group.account, group.region, group.name)
    return {}
