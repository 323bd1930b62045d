"""What requests are on: buses and rules, by name or ARN, which may be another account's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.services.events.errors import invalid, no_bus, no_rule
from fogbank.services.events.records import DEFAULT, Bus, Place, buses, rules

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.events.records import Rule
    from fogbank.store.api import Tx

BUS_ARN: Final = re.compile(r"arn:aws:events:([a-z0-9-]+):([0-9]{12}):event-bus/([/.\-_A-Za-z0-9]{1,256})", re.ASCII)
RULE_ARN: Final = re.compile(
    r"arn:aws:events:([a-z0-9-]+):([0-9]{12}):rule/(?:([/.\-_A-Za-z0-9]{1,256})/)?([.\-_A-Za-z0-9]{1,64})", re.ASCII
)
# Operations whose `Name` is a bus's, not a rule's.
ON_BUSES: Final = {"CreateEventBus", "DescribeEventBus", "UpdateEventBus", "DeleteEventBus"}


def place_of(call: Call, name: str) -> Place:
    """Where a bus is, by its name or ARN; empty is the default one. ResourceNotFoundException for an ARN of another region."""
    if not name.startswith("arn:"):
        return Place(call.account, call.region, name or DEFAULT)
    found = BUS_ARN.fullmatch(name)
    if found is None or found[1] != call.region:
        raise no_bus(Place(call.account, call.region, name))
    return Place(found[2], found[1], found[3])


def addressed(call: Call, names: Input) -> tuple[Place, str]:
    """The bus that a request is on, and the name of its rule; empty for none."""
    if "ResourceARN" in names:
        return of_arn(names["ResourceARN"])
    if "Entries" in names:
        return place_of(call, names["Entries"][0].get("EventBusName", "")), ""
    if call.bound.name in ON_BUSES:
        return place_of(call, names.get("Name", "")), ""
    return place_of(call, names.get("EventBusName", "")), names.get("Rule") or names.get("Name") or ""


def of_arn(arn: str) -> tuple[Place, str]:
    """The bus, and the rule if it is one, of an ARN."""
    bus, rule = BUS_ARN.fullmatch(arn), RULE_ARN.fullmatch(arn)
    if bus:
        return Place(bus[2], bus[1], bus[3]), ""
    if rule:
        return Place(rule[2], rule[1], rule[3] or DEFAULT), rule[4]
    raise invalid(f"Parameter {arn[:200]} is not valid. Reason: Provided Arn is not in correct format.")


def arn_of_bus(call: Call, req: Any) -> str:
    """The ARN of the addressed bus."""
    return addressed(call, req)[0].arn


def arn_of_rule(call: Call, req: Any) -> str:
    """The ARN of the addressed rule."""
    place, name = addressed(call, req)
    return place.rule_arn(name)


def arn_of_tagged(call: Call, req: Any) -> str:
    """The ARN of the rule or bus whose tags a request is on."""
    place, name = addressed(call, req)
    return place.rule_arn(name) if name else place.arn


def find_bus(tx: Tx, place: Place) -> Bus | None:
    """A bus; the default one is always there."""
    found = buses.get(tx, *place.parts)
    return found or (Bus(name=DEFAULT, created=0, modified=0) if place.bus == DEFAULT else None)


def need_bus(tx: Tx, place: Place) -> Bus:
    """A bus; ResourceNotFoundException if it is not there."""
    found = find_bus(tx, place)
    if found is None:
        raise no_bus(place)
    return found


def need_rule(tx: Tx, place: Place, name: str) -> Rule:
    """A rule; ResourceNotFoundException if it is not there, or its bus is not."""
    need_bus(tx, place)
    found = rules.get(tx, *place.parts, name)
    if found is None:
        raise no_rule(name, place)
    return found
