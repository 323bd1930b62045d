"""Metric filters: kept and tested. They are published as metrics once CloudWatch is here; until then nothing counts them.

Source: API Reference, PutMetricFilter, DescribeMetricFilters, DeleteMetricFilter, TestMetricFilter.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import not_implemented
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.logs.addressing import need_group
from fogbank.services.logs.errors import invalid, not_for_class, not_found, too_many
from fogbank.services.logs.groups import counts, group_gone
from fogbank.services.logs.patterns import compile_pattern
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.records import STANDARD, groups
from fogbank.services.logs.regex_count import MOST_REGEX_FILTERS, counters
from fogbank.services.logs.service import logs
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.patterns import Pattern
    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

MOST: Final = 100  # of a group
MOST_DIMENSIONS: Final = 3
PAGE: Final = 50
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class MetricFilter(Record, version=1):
    """A metric filter. `default` is None for none; `created` is in milliseconds since the epoch."""

    name: str
    pattern: str
    created: int
    metric: str
    namespace: str
    value: str
    default: float | None
    dimensions: dict[str, str]
    unit: str


filters = Table("logs.metric_filter", MetricFilter)  # group's id, name


@logs.operation(
    "write", "group", takes="logGroupName filterName filterPattern metricTransformations applyOnTransformedLogs"
)
def put_metric_filter(call: Call, req: Input) -> dict[str, Any]:
    """Keep a metric filter, in the place of one of its name."""
    group, name = need_group(call, req), req["filterName"]
    if group.kind != STANDARD:
        raise not_for_class(group.kind)
    check_plain(req)
    pattern = compile_pattern(req["filterPattern"])
    made = checked(name, pattern, req["metricTransformations"][0], milliseconds(call))
    known = filters.get(call.tx, group.id, name)
    if known is None and count(call.tx, group) >= MOST:
        raise too_many("Resource limit exceeded.")
    check_regexes(call.tx, group, pattern, ("metric", name))
    filters.put(call.tx, made, group.id, name)
    return {}


def check_plain(req: Input) -> None:
    """Refuse a filter of transformed events: no group has a transformer."""
    if req.get("applyOnTransformedLogs"):
        raise not_implemented("A filter of transformed log events")


def checked(name: str, pattern: Pattern, given: Mapping[str, Any], created: int) -> MetricFilter:
    """A metric filter of a transformation. InvalidParameterException for a value, dimensions or a default that cannot be."""
    value, dimensions = given["metricValue"], dict(given.get("dimensions", {}))
    if not NUMBER.fullmatch(value) and value not in pattern.names:
        raise invalid(
            f"Invalid metric transformation: metricValue '{value}' is not a number or a field of the filter pattern"
        )
    if dimensions and not pattern.names:
        raise invalid("The specified filter pattern does not support dimensions")
    if len(dimensions) > MOST_DIMENSIONS:
        raise invalid(f"A metric filter can have {MOST_DIMENSIONS} dimensions at most")
    if dimensions and "defaultValue" in given:
        raise invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
    for field in dimensions.values():
        if field not in pattern.names:
            raise invalid(
                f"Invalid metric transformation: dimension value '{field}' is not a field of the filter pattern"
            )
    return MetricFilter(
        name=name,
        pattern=pattern.text,
        created=created,
        metric=given["metricName"],
        namespace=given["metricNamespace"],
        value=value,
        default=given.get("defaultValue"),
        dimensions=dimensions,
        unit=given.get("unit", "None"),
    )


def check_regexes(tx: Tx, group: Group, pattern: Pattern, name: tuple[str, str]) -> None:
    """Refuse a pattern with a regular expression where the group's other filters have as many as may be."""
    if pattern.regexes:
        others = {each for counter in counters for each in counter(tx, group)} - {name}
        if len(others) >= MOST_REGEX_FILTERS:
            raise too_many("Resource limit exceeded.")


def with_regexes(tx: Tx, group: Group) -> Iterator[tuple[str, str]]:
    """The group's metric filters that have regular expressions."""
    return (("metric", each.name) for _, each in filters.scan(tx, group.id) if compile_pattern(each.pattern).regexes)


@logs.operation("scan", "some", takes="logGroupName filterNamePrefix nextToken limit metricName metricNamespace")
def describe_metric_filters(call: Call, req: Input) -> dict[str, Any]:
    """Metric filters of a group, or of all, by name."""
    if ("metricName" in req) != ("metricNamespace" in req):
        raise invalid("Both metricName and metricNamespace must be specified, or neither.")
    most = req.get("limit", PAGE)
    found = list(islice(matching(call, req), most + 1))
    last = found[most - 1] if len(found) > most else None
    more = {"nextToken": write_marker(f"{last[0].name}:{last[1].name}")} if last else {}
    return {"metricFilters": [told(group, each) for group, each in found[:most]], **more}


def matching(call: Call, req: Input) -> Iterator[tuple[Group, MetricFilter]]:
    """The filters that a request means, behind its token, in order."""
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid.")) or ":"
    of, _, behind = after.partition(":")
    metric = (req.get("metricName"), req.get("metricNamespace"))
    for group in chosen(call, req):
        if group.name < of:
            continue
        start = behind if group.name == of else None
        for _, each in filters.scan(call.tx, group.id, starting_with=req.get("filterNamePrefix"), start_after=start):
            if metric in ((None, None), (each.metric, each.namespace)):
                yield group, each


def chosen(call: Call, req: Input) -> Iterator[Group]:
    """The groups that a listing is of."""
    if "logGroupName" in req:
        yield need_group(call, req)
    else:
        yield from (group for _, group in groups.scan(call.tx, call.account, call.region))


def told(group: Group, each: MetricFilter) -> dict[str, Any]:
    """A metric filter as output members."""
    transformation: dict[str, Any] = {
        "metricName": each.metric,
        "metricNamespace": each.namespace,
        "metricValue": each.value,
        "unit": each.unit,
    }
    if each.default is not None:
        transformation["defaultValue"] = each.default
    if each.dimensions:
        transformation["dimensions"] = each.dimensions
    return {
        "filterName": each.name,
        "filterPattern": each.pattern,
        "metricTransformations": [transformation],
        "creationTime": each.created,
        "logGroupName": group.name,
        "applyOnTransformedLogs": False,
    }


@logs.operation("write", "group", takes="logGroupName filterName")
def delete_metric_filter(call: Call, req: Input) -> dict[str, Any]:
    """Forget a metric filter."""
    group = need_group(call, req)
    if filters.get(call.tx, group.id, req["filterName"]) is None:
        raise not_found("The specified metric filter does not exist.")
    filters.delete(call.tx, group.id, req["filterName"])
    return {}


@logs.operation("scan", "*", takes="filterPattern logEventMessages")
def test_metric_filter(call: Call, req: Input) -> dict[str, Any]:
    """Which of some messages a pattern means, and what it extracts of them."""
    pattern = compile_pattern(req["filterPattern"])
    return {
        "matches": [
            {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.extract(message)}
            for number, message in enumerate(req["logEventMessages"], 1)
            if pattern.matches(message)
        ]
    }


def count(tx: Tx, group: Group) -> int:
    """How many metric filters a group has."""
    return sum(1 for _ in filters.scan(tx, group.id))


def forget(tx: Tx, group: Group) -> None:
    """A group is gone, and its metric filters with it."""
    for name in [each.name for _, each in filters.scan(tx, group.id)]:
        filters.delete(tx, group.id, name)


counts["metricFilterCount"] = count
group_gone.append(forget)
counters.append(with_regexes)
