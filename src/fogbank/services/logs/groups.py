"""Log groups.

Source: API Reference, CreateLogGroup, DeleteLogGroup, DescribeLogGroups, PutLogGroupDeletionProtection.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import not_implemented
from fogbank.core.paging import read_marker, write_marker
from fogbank.core.service import Permission
from fogbank.services.logs import data_keys
from fogbank.services.logs.addressing import address_of, find_group, need_at, need_group
from fogbank.services.logs.errors import exists, invalid, no_group, protected
from fogbank.services.logs.purge import purge_group
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.records import INFREQUENT, STANDARD, Group, Tally, Where, group_ids, groups, tallies
from fogbank.services.logs.service import logs, tagged
from fogbank.services.logs.tags import checked_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.store.api import Tx

PAGE: Final = 50

# What other modules keep of a group, and count of it.
group_gone: Final[list[Callable[[Tx, Group], None]]] = []
counts: Final[dict[str, Callable[[Tx, Group], int]]] = {}


def on_tags(call: Call, req: Input) -> list[Permission]:
    """Who gives tags needs one of the two permissions to do so."""
    if not req.get("tags"):
        return []
    permission = Permission("logs:TagLogGroup", tagged(call, req), {})
    if call.may(permission, call.account):
        return []
    return [Permission("logs:TagResource", tagged(call, req), {})]


@logs.operation(
    "write",
    "group",
    takes="logGroupName kmsKeyId tags logGroupClass deletionProtectionEnabled",
    makes=True,
    also=on_tags,
)
def create_log_group(call: Call, req: Input) -> dict[str, Any]:
    """Make a log group."""
    name, kind = req["logGroupName"], req.get("logGroupClass", STANDARD)
    if name.startswith("aws/"):
        raise invalid("Log groups starting with aws/ are reserved for AWS.")
    if kind not in (STANDARD, INFREQUENT):
        raise not_implemented(f"The log group class {kind}")
    if find_group(call.tx, call.account, call.region, name):
        raise exists("The specified log group already exists")
    made = Group(
        account=call.account,
        region=call.region,
        name=name,
        id=int.from_bytes(call.ids.random(7), "big"),
        created=milliseconds(call),
        kind=kind,
        keys=(),
        protected=req.get("deletionProtectionEnabled", False),
        tags=checked_tags({}, dict(req.get("tags", {}))),
    )
    kms = req.get("kmsKeyId", "")
    key = data_keys.make(call, made.arn, kms, 1)
    keep(call, msgspec.structs.replace(made, keys=(key,), kms=key.arn))
    group_ids.put(call.tx, Where(account=made.account, region=made.region, name=name), made.id)
    return {}


@logs.operation("write", "group", takes="logGroupName")
def delete_log_group(call: Call, req: Input) -> dict[str, Any]:
    """Delete a log group. What it holds is out of reach at once, and removed soon after."""
    group = need_group(call, req)
    if group.protected:
        raise protected("log group")
    groups.delete(call.tx, group.account, group.region, group.name)
    group_ids.delete(call.tx, group.id)
    for tell in group_gone:
        tell(call.tx, group)
    purge_group(call, group)
    return {}


@logs.operation("write", "group", takes="logGroupIdentifier deletionProtectionEnabled")
def put_log_group_deletion_protection(call: Call, req: Input) -> dict[str, Any]:
    """Protect a group against deletion, or no longer."""
    keep(call, msgspec.structs.replace(need_group(call, req), protected=req["deletionProtectionEnabled"]))
    return {}


@logs.operation(
    "scan",
    "all",
    takes="logGroupNamePrefix logGroupNamePattern nextToken limit logGroupClass logGroupIdentifiers",
)
def describe_log_groups(call: Call, req: Input) -> dict[str, Any]:
    """Log groups of the account in this region, by name."""
    most, few = req.get("limit", PAGE), "logGroupNamePattern" in req
    found = list(islice(matching(call, req), most + 1))
    more = {"nextToken": write_marker(found[most - 1].name)} if len(found) > most else {}
    return {"logGroups": [told_short(group) if few else told(call, group) for group in found[:most]], **more}


def matching(call: Call, req: Input) -> Iterator[Group]:
    """The groups that a request means, behind its token, in order."""
    prefix, pattern, kind = req.get("logGroupNamePrefix"), req.get("logGroupNamePattern"), req.get("logGroupClass")
    if prefix is not None and pattern is not None:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid."))
    named = None
    if "logGroupIdentifiers" in req:
        named = {own(call, each) for each in req["logGroupIdentifiers"]}
    for _, group in groups.scan(call.tx, call.account, call.region, starting_with=prefix, start_after=after):
        if named is not None and group.name not in named:
            continue
        if pattern and pattern not in group.name:
            continue
        if kind is None or group.kind == kind:
            yield group


def own(call: Call, identifier: str) -> str:
    """The name of a group of the caller's account."""
    group = need_at(call, address_of(call, identifier))
    if group.account != call.account:
        raise no_group()
    return group.name


def told_short(group: Group) -> dict[str, Any]:
    """A group as searches by a pattern tell it."""
    return {"logGroupName": group.name, "creationTime": group.created, "arn": f"{group.arn}:*"}


def told(call: Call, group: Group) -> dict[str, Any]:
    """A group as output members."""
    tally = tallies.get(call.tx, group.id) or Tally()
    return {
        **told_short(group),
        "logGroupArn": group.arn,
        "metricFilterCount": 0,
        **{name: count(call.tx, group) for name, count in counts.items()},
        "storedBytes": tally.raw,
        "logGroupClass": group.kind,
        "deletionProtectionEnabled": group.protected,
        **({"retentionInDays": group.retention} if group.retention else {}),
        **({"kmsKeyId": group.kms} if group.kms else {}),
    }


def keep(call: Call, group: Group) -> None:
    """Keep a group."""
    groups.put(call.tx, group, group.account, group.region, group.name)
