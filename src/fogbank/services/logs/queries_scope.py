"""Which groups a query is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.services.logs.addressing import group_of_identifier, need_at
from fogbank.services.logs.errors import invalid

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group

MOST_GROUPS: Final = 50


def chosen(call: Call, req: Input) -> list[Group]:
    """The groups that a query is on."""
    ways = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if name in req]
    if len(ways) != 1:
        raise invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.")
    given = req[ways[0]]
    names = [given] if ways[0] == "logGroupName" else list(dict.fromkeys(given))
    if not 1 <= len(names) <= MOST_GROUPS:
        raise invalid(f"A query can be on 1 to {MOST_GROUPS} log groups.")
    if ways[0] == "logGroupIdentifiers":
        return [group_of_identifier(call, name) for name in names]
    return [need_at(call, (call.account, call.region, name)) for name in names]


def queried(call: Call, req: Input) -> str:
    """The ARN of the first group that a query is on."""
    return resource_of(chosen(call, req)[0])


def resource_of(group: Group) -> str:
    """What permissions on a group are asked on."""
    return f"{group.arn}:log-stream:"
