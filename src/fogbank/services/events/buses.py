"""Event buses: the default one, and others that are made.

Source: API Reference, CreateEventBus, DescribeEventBus, UpdateEventBus, DeleteEventBus, ListEventBuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.named import by_name
from fogbank.services.events.addressing import addressed, find_bus, need_bus
from fogbank.services.events.errors import invalid, too_many
from fogbank.services.events.listing import after, paged
from fogbank.services.events.records import DEFAULT, Bus, Place, buses, generations, rules, when
from fogbank.services.events.service import events
from fogbank.services.events.tags import checked_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input

MOST: Final = 100  # buses of an account, in a region


@events.operation("write", "bus", takes="Name Description Tags")
def create_event_bus(call: Call, req: Input) -> dict[str, Any]:
    """Make a bus."""
    place, _ = addressed(call, req)
    if find_bus(call.tx, place) is not None:
        raise AwsError("ResourceAlreadyExistsException", f"Event bus {place.bus} already exists.", status=400)
    if "/" in place.bus:
        raise invalid("Event bus name must not contain '/'.")
    if sum(1 for _ in buses.scan(call.tx, place.account, place.region, limit=MOST)) >= MOST:
        raise too_many()
    now, description = int(call.now.timestamp()), req.get("Description", "")
    tags = checked_tags({}, req.get("Tags", []))
    made = Bus(name=place.bus, created=now, modified=now, description=description, tags=tags)
    buses.put(call.tx, made, *place.parts)
    return {"EventBusArn": place.arn} | ({"Description": description} if description else {})


@events.operation("read", "bus", takes="Name")
def describe_event_bus(call: Call, req: Input) -> dict[str, Any]:
    """A bus, with its policy."""
    place, _ = addressed(call, req)
    return told(call, place, need_bus(call.tx, place))


@events.operation("write", "bus", takes="Name Description")
def update_event_bus(call: Call, req: Input) -> dict[str, Any]:
    """Describe a bus anew."""
    place, _ = addressed(call, req)
    old, now = need_bus(call.tx, place), int(call.now.timestamp())
    made = msgspec.structs.replace(old, description=req.get("Description", old.description), modified=now)
    buses.put(call.tx, made, *place.parts)
    found = {"Name": place.bus, "Arn": place.arn}
    return found | ({"Description": made.description} if made.description else {})


@events.operation("write", "bus", takes="Name")
def delete_event_bus(call: Call, req: Input) -> dict[str, Any]:
    """Forget a bus without rules; one that is not there is no error."""
    place, _ = addressed(call, req)
    if place.bus == DEFAULT:
        raise invalid("Cannot delete event bus default.")
    if any(True for _ in rules.scan(call.tx, *place.parts, limit=1)):
        raise invalid("Event bus can't be deleted since it has rules.")
    buses.delete(call.tx, *place.parts)
    generations.delete(call.tx, *place.parts)
    return {}


@events.operation("scan", "*", takes="NamePrefix NextToken Limit")
def list_event_buses(call: Call, req: Input) -> dict[str, Any]:
    """The buses of the account in this region, by name."""
    behind, prefix = after(req), req.get("NamePrefix", "")
    found = ((bus.name, bus) for bus in every(call) if bus.name > (behind or "") and bus.name.startswith(prefix))
    return paged(req, "EventBuses", found, lambda bus: told(call, Place(call.account, call.region, bus.name), bus))


def every(call: Call) -> Iterator[Bus]:
    """All buses of the account, in order."""
    found = {bus.name: bus for _, bus in buses.scan(call.tx, call.account, call.region)}
    found.setdefault(DEFAULT, need_bus(call.tx, Place(call.account, call.region, DEFAULT)))
    return (found[name] for name in sorted(found))


def told(call: Call, place: Place, bus: Bus) -> dict[str, Any]:
    """A bus, as callers see it."""
    found: dict[str, Any] = {"Name": place.bus, "Arn": place.arn}
    if bus.description:
        found["Description"] = bus.description
    if bus.policy:
        found["Policy"] = by_name(call.tx, bus.policy_given, bus.policy)
    if bus.created:
        found |= {"CreationTime": when(bus.created), "LastModifiedTime": when(bus.modified)}
    return found
