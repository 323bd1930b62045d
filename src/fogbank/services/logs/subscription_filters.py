"""Subscription filters: what of a group is passed on as it comes, and to where. Functions are destinations here.

AWS checks a destination when the filter is put, and so do we: it has to be there, and to let CloudWatch Logs invoke it for the
group. AWS also sends streams a control message, to see whether they answer; what is sent to a function here is durable before it
answers, so that there is nothing to see.

A function that is subscribed to the group that it logs to invokes itself for ever, as on AWS, which does not protect from that either;
the region's log says so once, when the filter is put.

Source: API Reference, PutSubscriptionFilter; CloudWatch Logs User Guide, "Log group-level subscription filters".
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.core import destinations
from fogbank.core.destinations import Sender
from fogbank.core.errors import not_implemented
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.logs import feed
from fogbank.services.logs.addressing import need_group
from fogbank.services.logs.errors import invalid, not_for_class, not_found, too_many
from fogbank.services.logs.groups import group_gone
from fogbank.services.logs.metric_filters import check_plain, check_regexes
from fogbank.services.logs.patterns import compile_pattern
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.records import STANDARD
from fogbank.services.logs.regex_count import counters
from fogbank.services.logs.service import logs
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

MOST: Final = 2  # of a group
PAGE: Final = 50
BY_STREAM: Final = "ByLogStream"
_log = logging.getLogger("fogbank.logs")
NOT_EXECUTED: Final = (
    "Could not execute the lambda function. "
    "Make sure you have given CloudWatch Logs permission to execute your function."
)


class Subscription(Record, version=1):
    """A subscription filter. `id` is another one for each put of it anew under a name; `created` is in milliseconds."""

    name: str
    id: str
    pattern: str
    destination: str
    created: int


class Cursor(Record, version=1):
    """How far a subscription is: the number of the last put that it passed on; whether its delivery is under way, and its turn."""

    put: int
    queued: bool = False
    turn: int = 0


subscriptions = Table("logs.subscription", Subscription)  # group's id, name
cursors = Table("logs.subscription_cursor", Cursor)  # group's id, subscription's id


@logs.operation(
    "write",
    "group",
    takes="logGroupName filterName filterPattern destinationArn roleArn distribution applyOnTransformedLogs",
)
def put_subscription_filter(call: Call, req: Input) -> dict[str, Any]:
    """Have events that match passed on from now on; a filter of this name is changed, and goes on where it is."""
    group, name, arn = need_group(call, req), req["filterName"], req["destinationArn"]
    if group.kind != STANDARD:
        raise not_for_class(group.kind)
    check_plain(req)
    pattern = compile_pattern(req["filterPattern"])
    check_destination(call, group, req)
    known = subscriptions.get(call.tx, group.id, name)
    if known is None and len(list(subscriptions.scan(call.tx, group.id))) >= MOST:
        raise too_many("Resource limit exceeded.")
    check_regexes(call.tx, group, pattern, ("subscription", name))
    if arn.split(":")[6:7] == [group.name.removeprefix("/aws/lambda/")]:
        fields = {"group": group.arn, "arn": arn}
        _log.warning("a function is subscribed to the log group that it writes to", extra={"fields": fields})
    made = Subscription(
        name=name,
        id=known.id if known else call.ids.uuid(),
        pattern=pattern.text,
        destination=arn,
        created=known.created if known else milliseconds(call),
    )
    subscriptions.put(call.tx, made, group.id, name)
    if known is None:
        cursors.put(call.tx, Cursor(put=feed.head(call.tx, group.id)), group.id, made.id)
    return {}


def check_destination(call: Call, group: Group, req: Input) -> None:
    """Refuse a destination that cannot be, is not there, or does not let the service send to it."""
    arn = req["destinationArn"]
    parsed = destinations.parse(arn)
    if parsed is None:
        raise invalid("Invalid value for destinationArn.")
    destination = destinations.find(arn)
    if parsed[0] != "lambda" or destination is None:
        raise not_implemented(f"A subscription filter to {parsed[0]}")
    if "roleArn" in req:
        raise invalid("destinationArn for vendor lambda cannot be used with roleArn")
    if req.get("distribution", BY_STREAM) != BY_STREAM:
        raise not_implemented(f"The distribution {req['distribution']}")
    if parsed[1] != group.region or not destination.exists(call.tx, arn):
        raise invalid(NOT_EXECUTED)
    if not any(destination.may(call, arn, sender) for sender in senders(group)):
        raise invalid(NOT_EXECUTED)


def senders(group: Group) -> list[Sender]:
    """CloudWatch Logs, as it sends for a group: policies may name the service with its region, or without."""
    source = f"{group.arn}:*"
    names = ("logs.amazonaws.com", f"logs.{group.region}.amazonaws.com")
    return [Sender(name, source, group.account) for name in names]


@logs.operation("scan", "group", takes="logGroupName filterNamePrefix nextToken limit")
def describe_subscription_filters(call: Call, req: Input) -> dict[str, Any]:
    """The subscription filters of a group, by name."""
    group, most = need_group(call, req), req.get("limit", PAGE)
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid."))
    prefix = req.get("filterNamePrefix")
    every = subscriptions.scan(call.tx, group.id, starting_with=prefix, start_after=after)
    found = [each for _, each in islice(every, most + 1)]
    more = {"nextToken": write_marker(found[most - 1].name)} if len(found) > most else {}
    return {"subscriptionFilters": [told(group, each) for each in found[:most]], **more}


def told(group: Group, each: Subscription) -> dict[str, Any]:
    """A subscription filter as output members."""
    return {
        "filterName": each.name,
        "logGroupName": group.name,
        "filterPattern": each.pattern,
        "destinationArn": each.destination,
        "distribution": BY_STREAM,
        "creationTime": each.created,
        "applyOnTransformedLogs": False,
    }


@logs.operation("write", "group", takes="logGroupName filterName")
def delete_subscription_filter(call: Call, req: Input) -> dict[str, Any]:
    """Pass on no more. What is on its way may still come."""
    group = need_group(call, req)
    known = subscriptions.get(call.tx, group.id, req["filterName"])
    if known is None:
        raise not_found("The specified subscription filter does not exist.")
    drop(call.tx, group, known)
    return {}


def drop(tx: Tx, group: Group, subscription: Subscription) -> None:
    """Forget a subscription."""
    subscriptions.delete(tx, group.id, subscription.name)
    cursors.delete(tx, group.id, subscription.id)


def forget(tx: Tx, group: Group) -> None:
    """A group is gone, and its subscriptions with it."""
    for each in [each for _, each in subscriptions.scan(tx, group.id)]:
        drop(tx, group, each)


def with_regexes(tx: Tx, group: Group) -> Iterator[tuple[str, str]]:
    """The group's subscription filters that have regular expressions."""
    every = subscriptions.scan(tx, group.id)
    return (("subscription", each.name) for _, each in every if compile_pattern(each.pattern).regexes)


group_gone.append(forget)
counters.append(with_regexes)
