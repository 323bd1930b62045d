"""From what a request names to groups and streams: names, identifiers, ARNs.

Source: API Reference; CloudWatch Logs User Guide, "CloudWatch Logs resources and operations".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fogbank.core.errors import not_implemented
from fogbank.services.logs.errors import invalid, no_group, no_stream
from fogbank.services.logs.places import read_pointer
from fogbank.services.logs.records import group_ids, groups, streams

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group, Stream
    from fogbank.store.api import Tx

NAME: Final = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}", re.ASCII)
ARN: Final = re.compile(
    r"arn:aws[a-z-]*:logs:([a-z0-9-]+):([0-9]{12}):log-group:([.\-_/#A-Za-z0-9]{1,512})(:\*)?", re.ASCII
)

Address = tuple[str, str, str]  # account, region and name of a group


def find_group(tx: Tx, account: str, region: str, name: str) -> Group | None:
    """A group, by its name."""
    return groups.get(tx, account, region, name)


def group_of_id(tx: Tx, number: int) -> Group | None:
    """A group, by its id."""
    where = group_ids.get(tx, number)
    found = find_group(tx, where.account, where.region, where.name) if where else None
    return found if found is not None and found.id == number else None


def address(call: Call, req: Input) -> Address:
    """Where the addressed group is or would be. InvalidParameterException for none, or for two ways of saying it."""
    name, identifier = req.get("logGroupName"), req.get("logGroupIdentifier") or req.get("resourceIdentifier")
    if name is not None and identifier is not None:
        raise invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    if name is not None:
        return call.account, call.region, name
    if identifier is not None:
        return address_of(call, identifier)
    if req.get("logGroupIdentifiers"):
        return address_of(call, req["logGroupIdentifiers"][0])
    if req.get("logGroupNames"):
        return call.account, call.region, req["logGroupNames"][0]
    if "logRecordPointer" in req:
        return address_of_id(call, read_pointer(req["logRecordPointer"])[0])
    arn = req.get("resourceArn")
    if arn is None:
        raise invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return address_of_arn(arn)


def address_of_id(call: Call, number: int) -> Address:
    """Where the group of an id is."""
    where = group_ids.get(call.tx, number)
    if where is None:
        raise no_group()
    return where.account, where.region, where.name


def address_of(call: Call, identifier: str) -> Address:
    """Where the group of an identifier is: a name, or an ARN."""
    if identifier.startswith("arn:"):
        return address_of_arn(identifier)
    if not NAME.fullmatch(identifier):
        raise invalid(f"Invalid log group identifier: {identifier[:512]}")
    return call.account, call.region, identifier


def address_of_arn(arn: str) -> Address:
    """Where the group of an ARN is, with or without `:*`."""
    if ":query-result:" in arn:
        raise not_implemented("A KMS key for query results")
    found = ARN.fullmatch(arn)
    if found is None:
        raise invalid("The specified ARN is not valid for a log group.")
    return found[2], found[1], found[3]


def need_group(call: Call, req: Input) -> Group:
    """The addressed group, of this region."""
    return need_at(call, address(call, req))


def group_of_identifier(call: Call, identifier: str) -> Group:
    """The group of a name or an ARN."""
    return need_at(call, address_of(call, identifier))


def need_at(call: Call, where: Address) -> Group:
    """The group that is somewhere; ResourceNotFoundException if none is, or if it is in another region."""
    found = find_group(call.tx, *where) if where[1] == call.region else None
    if found is None:
        raise no_group()
    return found


def need_stream(call: Call, group: Group, name: str) -> Stream:
    """A stream of a group."""
    found = streams.get(call.tx, group.id, name)
    if found is None:
        raise no_stream()
    return found
