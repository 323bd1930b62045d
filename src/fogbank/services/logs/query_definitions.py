"""Queries that are kept under a name, to be started again.

Source: API Reference, PutQueryDefinition, DescribeQueryDefinitions, DeleteQueryDefinition.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from fogbank.core.errors import not_implemented
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.logs.errors import invalid, not_found, too_many
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.service import logs
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

MOST: Final = 1000  # of an account, in a region
PAGE: Final = 1000


class Definition(Record, version=1):
    """A query that is kept. `modified` is in milliseconds since the epoch."""

    id: str
    name: str
    query: str
    groups: tuple[str, ...]
    modified: int


definitions = Table("logs.query_definition", Definition)  # account, region, id


@logs.operation("write", "*", takes="queryLanguage name queryDefinitionId logGroupNames queryString clientToken")
def put_query_definition(call: Call, req: Input) -> dict[str, Any]:
    """Keep a query, or change one. A request that comes again with its token makes no second one."""
    if req.get("queryLanguage", "CWLI") != "CWLI":
        raise not_implemented(f"The query language {req['queryLanguage']}")
    given = req.get("queryDefinitionId")
    number = given or made_id(call, req.get("clientToken"))
    known = definitions.get(call.tx, call.account, call.region, number)
    if given and known is None:
        raise no_definition()
    if known is None and sum(1 for _ in definitions.scan(call.tx, call.account, call.region, limit=MOST)) >= MOST:
        raise too_many("Resource limit exceeded.")
    definition = Definition(
        id=number,
        name=req["name"],
        query=req["queryString"],
        groups=tuple(req.get("logGroupNames", ())),
        modified=milliseconds(call),
    )
    definitions.put(call.tx, definition, call.account, call.region, number)
    return {"queryDefinitionId": number}


def made_id(call: Call, token: str | None) -> str:
    """The id of a new definition: the same for the same token."""
    if token is None:
        return call.ids.uuid()
    digest = sha256(f"{call.account}:{call.region}:{token}".encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def no_definition() -> Exception:
    """The definition is not there."""
    return not_found("The specified query definition does not exist.")


@logs.operation("scan", "*", takes="queryLanguage queryDefinitionNamePrefix maxResults nextToken")
def describe_query_definitions(call: Call, req: Input) -> dict[str, Any]:
    """The queries that are kept, by name."""
    prefix, most = req.get("queryDefinitionNamePrefix", ""), req.get("maxResults", PAGE)
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid."))
    every = sorted((each.name, each.id, each) for _, each in definitions.scan(call.tx, call.account, call.region))
    found = [
        each for name, number, each in every if name.startswith(prefix) and (not after or f"{name} {number}" > after)
    ]
    if req.get("queryLanguage", "CWLI") != "CWLI":
        found = []
    last = found[most - 1] if len(found) > most else None
    more = {"nextToken": write_marker(f"{last.name} {last.id}")} if last else {}
    return {"queryDefinitions": [told(each) for each in found[:most]], **more}


def told(definition: Definition) -> dict[str, Any]:
    """A definition as output members."""
    return {
        "queryLanguage": "CWLI",
        "queryDefinitionId": definition.id,
        "name": definition.name,
        "queryString": definition.query,
        "lastModified": definition.modified,
        "logGroupNames": list(definition.groups),
    }


@logs.operation("write", "*", takes="queryDefinitionId")
def delete_query_definition(call: Call, req: Input) -> dict[str, Any]:
    """Forget a query that is kept."""
    if definitions.get(call.tx, call.account, call.region, req["queryDefinitionId"]) is None:
        raise no_definition()
    definitions.delete(call.tx, call.account, call.region, req["queryDefinitionId"])
    return {"success": True}
