"""Provisioned concurrency: environments of a version that are initialised before anybody invokes it.

What is wanted is stored; the control process makes it so, again after every start, and knows how far it is.

Source: Lambda API Reference, PutProvisionedConcurrencyConfig; Lambda Developer Guide, "Configuring provisioned concurrency".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.lambda_ import gone
from fogbank.services.lambda_.asking import SERVICE
from fogbank.services.lambda_.concurrency import UNRESERVED, reserved_of, unreserved_of
from fogbank.services.lambda_.errors import USER, conflict, invalid
from fogbank.services.lambda_.names import LATEST, function_of, whole_of
from fogbank.services.lambda_.records import milliseconds, told_time
from fogbank.services.lambda_.resolving import need, need_function
from fogbank.services.lambda_.service import lambda_
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name
    from fogbank.services.lambda_.resolving import Found
    from fogbank.store.api import Tx

PAGE: Final = 50
READY, IN_PROGRESS, FAILED = "READY", "IN_PROGRESS", "FAILED"


class Wanted(Record, version=1):
    """How many environments are wanted for a version or an alias. `modified` in milliseconds since the epoch."""

    count: int
    modified: int


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """How far it is: environments that are there, and those of them that are free; why it failed, if it did."""

    allocated: int = 0
    available: int = 0
    failure: str = ""


Place = tuple[str, str, str, str]  # account, region, function's name, qualifier
configs: Final = Table("lambda.provisioned", Wanted)  # a Place


@lambda_.operation("act", "function", takes="FunctionName Qualifier ProvisionedConcurrentExecutions")
def put_provisioned_concurrency_config(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """Have environments of a version or an alias initialised."""
    name = published(call, req)
    wanted = Wanted(count=req["ProvisionedConcurrentExecutions"], modified=milliseconds(call.now))

    def write(tx: Tx) -> None:
        check(tx, name, wanted.count)
        configs.put(tx, wanted, *place(name))

    async def put() -> dict[str, Any]:
        await call.home.store.write(write)
        await standing_of(call, [place(name)])
        return told(wanted, Standing())

    return put()


@lambda_.operation("act", "function", takes="FunctionName Qualifier")
def get_provisioned_concurrency_config(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """How far it is."""
    name = published(call, req)
    wanted = configs.get(call.tx, *place(name))
    if wanted is None:
        raise no_config()

    async def get() -> dict[str, Any]:
        (found,) = await standing_of(call, [place(name)])
        return told(wanted, found)

    return get()


@lambda_.operation("act", "function", takes="FunctionName Marker MaxItems")
def list_provisioned_concurrency_configs(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """What is provisioned of a function's versions and aliases."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    after = read_marker(req.get("Marker"), invalid("Invalid Marker."))
    most = req.get("MaxItems", PAGE)
    line = (name.account, name.region, name.name)
    found = [(str(parts[3]), one) for parts, one in configs.scan(call.tx, *line, start_after=after, limit=most + 1)]
    more = {"NextMarker": write_marker(found[most - 1][0])} if len(found) > most else {}

    async def show() -> dict[str, Any]:
        standings = await standing_of(call, [(*line, qualifier) for qualifier, _ in found[:most]])
        shown = [
            {"FunctionArn": f"{name.unqualified}:{qualifier}", **told(one, standing)}
            for (qualifier, one), standing in zip(found, standings, strict=False)
        ]
        return {"ProvisionedConcurrencyConfigs": shown, **more}

    return show()


@lambda_.operation("write", "function", takes="FunctionName Qualifier")
def delete_provisioned_concurrency_config(call: Call, req: Input) -> dict[str, Any]:
    """Have no environments initialised ahead any more."""
    name = published(call, req)
    if configs.get(call.tx, *place(name)) is None:
        raise no_config()
    configs.delete(call.tx, *place(name))
    return {}


@gone.reaction
def forget(tx: Tx, name: Name) -> None:
    """A function, a version or an alias is deleted."""
    if name.qualifier:
        configs.delete(tx, *place(name))
        return
    for parts, _ in list(configs.scan(tx, name.account, name.region, name.name)):
        configs.delete(tx, *parts)


def place(name: Name) -> Place:
    """Where a configuration is kept."""
    return name.account, name.region, name.name, name.qualifier


def published(call: Call, req: Input) -> Name:
    """The version or alias that a request addresses, which is there, and does not lead to $LATEST."""
    name = function_of(call, req)
    found = need(call.tx, name)
    if name.qualifier in ("", LATEST) or not found.version.number:
        raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    return name


def check(tx: Tx, name: Name, count: int) -> None:
    """Refuse more than there can be, and to provision a version twice."""
    found = need(tx, name)
    others = 0
    for parts, wanted in configs.scan(tx, name.account, name.region, name.name):
        if parts[3] != name.qualifier:
            others += wanted.count
            refuse_twice(tx, name, found, str(parts[3]))
    reserved = reserved_of(tx, name)
    if reserved is not None and others + count > reserved:
        raise invalid(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )
    left = unreserved_of(tx, name.account, name.region) - UNRESERVED
    if reserved is None and others + count > left:
        what = f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{left}]."
        raise invalid(what)


def refuse_twice(tx: Tx, name: Name, found: Found, other: str) -> None:
    """Refuse an alias of a version that is provisioned already, and a version that is by an alias."""
    same = need(tx, msgspec.structs.replace(name, qualifier=other))
    if same.version.number != found.version.number or (found.alias is not None) == (same.alias is not None):
        return
    what = "Alias" if found.alias is not None else "Version"
    raise conflict(f"{what} can't be used for Provisioned Concurrency configuration on an already Provisioned version")


def no_config() -> AwsError:
    """The error for what is not provisioned."""
    what = "No Provisioned Concurrency Config found for this function"
    return AwsError("ProvisionedConcurrencyConfigNotFoundException", what, fields=USER)


async def standing_of(call: Call, places: list[Place]) -> list[Standing]:
    """How far it is, by the control process; it looks at what is wanted anew."""
    answer = await call.control.ask(SERVICE, "provisioned", msgspec.msgpack.encode(places))
    return msgspec.msgpack.decode(answer, type=list[Standing])


def told(wanted: Wanted, standing: Standing) -> dict[str, Any]:
    """A configuration as Lambda tells it."""
    ready = standing.allocated >= wanted.count
    found = {
        "RequestedProvisionedConcurrentExecutions": wanted.count,
        "AllocatedProvisionedConcurrentExecutions": standing.allocated,
        "AvailableProvisionedConcurrentExecutions": standing.available,
        "Status": READY if ready else FAILED if standing.failure else IN_PROGRESS,
        "LastModified": told_time(wanted.modified),
    }
    return found | ({"StatusReason": standing.failure} if standing.failure and not ready else {})
