"""Which groups a query is on, and what permissions on it are asked on.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch Logs".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.services.logs.addressing import address_of, need_at
from fogbank.services.logs.errors import invalid, no_group
from fogbank.services.logs.queries_records import queries

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.addressing import Address
    from fogbank.services.logs.records import Group

MOST_GROUPS: Final = 50


def addresses(call: Call, req: Input) -> list[Address]:
    """Where the groups of a query are or would be."""
    ways = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if name in req]
    if len(ways) != 1:
        raise invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.")
    given = req[ways[0]]
    names = [given] if ways[0] == "logGroupName" else list(dict.fromkeys(given))
    if not 1 <= len(names) <= MOST_GROUPS:
        raise invalid(f"A query can be on 1 to {MOST_GROUPS} log groups.")
    if ways[0] == "logGroupIdentifiers":
        found = [address_of(call, name) for name in names]
        if any(account != call.account for account, _, _ in found):
            raise no_group()  # those of other accounts are linked by CloudWatch, which is not here
        return found
    return [(call.account, call.region, name) for name in names]


def chosen(call: Call, req: Input) -> list[Group]:
    """The groups that a query is on."""
    return [need_at(call, where) for where in addresses(call, req)]


def arn_of(where: Address) -> str:
    """What permissions on a group are asked on."""
    account, region, name = where
    return f"arn:aws:logs:{region}:{account}:log-group:{name}:log-stream:"


def queried(call: Call, req: Input) -> str:
    """The ARN of the first group that a query is on."""
    return arn_of(addresses(call, req)[0])


def answered(call: Call, req: Input) -> str:
    """The ARN of the first group that a query, which is addressed, is on."""
    query = queries.get(call.tx, call.account, call.region, req["queryId"])
    return f"{query.groups[0]}:log-stream:" if query else arn_of((call.account, call.region, ""))


def some(call: Call, req: Input) -> str:
    """The ARN of the group that a listing is of, or what listing all is asked on."""
    return arn_of((call.account, call.region, req.get("logGroupName", "")))
