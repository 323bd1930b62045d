"""Insights queries: started, looked at, stopped.

A query is carried out by the control process (queries_run.py). Its results are there for seven days.

Source: API Reference, StartQuery, GetQueryResults, StopQuery, DescribeQueries.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import not_implemented
from fogbank.core.paging import read_marker, write_marker
from fogbank.core.service import Permission
from fogbank.services.logs.errors import invalid, not_found, too_many
from fogbank.services.logs.get import record_fields
from fogbank.services.logs.insights_rows import Row, found_first
from fogbank.services.logs.insights_run import MOST_ROWS, Plan
from fogbank.services.logs.insights_values import text
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.queries_records import (
    ACTIVE,
    CANCELLED,
    SCHEDULED,
    Query,
    keep,
    queries,
    read_rows,
    turns,
)
from fogbank.services.logs.queries_scope import addresses, arn_of, chosen
from fogbank.services.logs.queries_turns import emit
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.reading import Event

MOST_ACTIVE: Final = 100  # of an account, in a region
PAGE: Final = 50
PERCENT: Final = 1000  # milliseconds of a second: queries' times are in seconds


def others(call: Call, req: Input) -> list[Permission]:
    """What a query needs of the other groups."""
    return [
        Permission("logs:StartQuery", arn_of(where), {"logGroupIdentifier": arn_of(where).removesuffix(":log-stream:")})
        for where in addresses(call, req)[1:]
    ]


@logs.operation(
    "write",
    "queried",
    takes="queryLanguage logGroupName logGroupNames logGroupIdentifiers startTime endTime queryString limit",
    also=others,
)
def start_query(call: Call, req: Input) -> dict[str, Any]:
    """Start a query; times are in seconds, both inclusive. MalformedQueryException for a text that is none."""
    if req.get("queryLanguage", "CWLI") != "CWLI":
        raise not_implemented(f"The query language {req['queryLanguage']}")
    groups, limit = chosen(call, req), req.get("limit", MOST_ROWS)
    if limit > MOST_ROWS:
        raise invalid(f"The limit of a query can be at most {MOST_ROWS}.")
    if req["startTime"] > req["endTime"]:
        raise invalid("End time should not be less than start time.")
    Plan(req["queryString"], limit=limit)
    if sum(1 for _ in turns.scan(call.tx, call.account, call.region)) >= MOST_ACTIVE:
        raise too_many(f"Account maximum query concurrency limit of [{MOST_ACTIVE}] reached.")
    made = Query(
        account=call.account,
        region=call.region,
        id=call.ids.uuid(),
        query=req["queryString"],
        groups=tuple(group.arn for group in groups),
        start=req["startTime"] * PERCENT,
        end=req["endTime"] * PERCENT,
        limit=limit,
        status=SCHEDULED,
        created=milliseconds(call),
        asker=call.principal.arn,
    )
    keep(call.tx, made)
    emit(call.tx, (made.account, made.region, made.id), call.now)
    return {"queryId": made.id}


def need(call: Call, req: Input) -> Query:
    """A query of the caller's account."""
    found = queries.get(call.tx, call.account, call.region, req["queryId"])
    if found is None:
        raise not_found(f"Query with id {req['queryId']} not found")
    return found


@logs.operation("scan", "answered", takes="queryId nextToken maxItems")
def get_query_results(call: Call, req: Input) -> dict[str, Any]:
    """How a query stands, and its results."""
    query = need(call, req)
    marker = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid.")) or "0"
    start = int(marker) if marker.isdigit() and len(marker) < 10 else 0
    most = req.get("maxItems", MOST_ROWS) or MOST_ROWS
    found = list(islice(read_rows(call.tx, call.vault, query.id, start), most))
    more = {"nextToken": write_marker(str(start + most))} if query.rows > start + most else {}
    return {
        "queryLanguage": "CWLI",
        "results": [[{"field": name, "value": value} for name, value in row] for row in found],
        "statistics": statistics(query),
        "status": query.status,
        **more,
    }


def statistics(query: Query) -> Mapping[str, float]:
    """What a query looked at, so far."""
    return {
        "recordsMatched": float(query.matched),
        "recordsScanned": float(query.scanned),
        "bytesScanned": float(query.bytes),
        "estimatedRecordsSkipped": 0.0,
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": float(len(query.groups)),
    }


@logs.operation("write", "*", takes="queryId")
def stop_query(call: Call, req: Input) -> dict[str, Any]:
    """Stop a query. It is an error to stop one that has ended."""
    query = need(call, req)
    if query.status not in ACTIVE:
        raise invalid(f"Query with id {query.id} is not running, its status is {query.status}")
    keep(call.tx, msgspec.structs.replace(query, status=CANCELLED, ended=milliseconds(call)))
    return {"success": True}


@logs.operation("scan", "*", takes="logGroupName status maxResults nextToken queryLanguage")
def describe_queries(call: Call, req: Input) -> dict[str, Any]:
    """The account's queries in this region, the newest first."""
    if req.get("queryLanguage", "CWLI") != "CWLI":
        return {"queries": []}
    found = sorted(matching(call, req), key=lambda query: (query.created, query.id), reverse=True)
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid."))
    if after is not None:
        found = [query for query in found if place(query) < after]
    most = req.get("maxResults", PAGE)
    more = {"nextToken": write_marker(place(found[most - 1]))} if len(found) > most else {}
    return {"queries": [told(query) for query in found[:most]], **more}


def matching(call: Call, req: Input) -> list[Query]:
    """The queries that a request means."""
    name, status = req.get("logGroupName"), req.get("status")
    return [
        query
        for _, query in queries.scan(call.tx, call.account, call.region)
        if (name is None or name in map(name_of, query.groups)) and status in (None, query.status)
    ]


def place(query: Query) -> str:
    """Where a query is in listings."""
    return f"{query.created:015d} {query.id}"


def name_of(arn: str) -> str:
    """The name in a group's ARN."""
    return arn.split(":", 6)[6]


def told(query: Query) -> dict[str, Any]:
    """A query as output members."""
    ended = {"queryDuration": query.ended - query.created} if query.ended else {}
    return {
        "queryLanguage": "CWLI",
        "queryId": query.id,
        "queryString": query.query,
        "status": query.status,
        "createTime": query.created,
        "logGroupName": name_of(query.groups[0]),
        "bytesScanned": float(query.bytes),
        "userIdentity": query.asker,
        **ended,
    }


def discovered(event: Event) -> dict[str, str]:
    """What GetLogRecord shows of a message that is JSON."""
    document = Row(None, event).document()
    found = found_first(document) if isinstance(document, dict) else ()
    return {f"@{name}" if name.startswith("@") else name: text(value) for name, value in found if value is not None}


record_fields.append(discovered)
