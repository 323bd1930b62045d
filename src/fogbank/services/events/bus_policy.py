"""The policy of a bus: which other accounts may put events on it, or make rules on it.

Source: API Reference, PutPermission, RemovePermission; EventBridge User Guide, "Permissions for event buses in Amazon EventBridge".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.auth.policy import PolicyError, parse_policy
from fogbank.core.errors import AwsError
from fogbank.core.identity.named import UnknownPrincipal, by_id, by_name
from fogbank.services.events.addressing import need_bus, place_of
from fogbank.services.events.errors import invalid, missing
from fogbank.services.events.records import Bus, buses
from fogbank.services.events.service import events

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.events.records import Place

LARGEST: Final = 10_240  # bytes
VERSION: Final = "2012-10-17"
NEEDED: Final = ("Action", "Principal", "StatementId")


@events.operation("write", "*", takes="EventBusName Action Principal StatementId Condition Policy")
def put_permission(call: Call, req: Input) -> dict[str, Any]:
    """Replace the policy of a bus, or one statement of it."""
    place = place_of(call, req.get("EventBusName", ""))
    bus = need_bus(call.tx, place)
    if "Policy" in req:
        if any(name in req for name in (*NEEDED, "Condition")):
            raise invalid("Parameter Policy cannot be specified with other parameters.")
        keep(call, place, bus, req["Policy"])
        return {}
    made = statement(req, place)
    others = [each for each in statements(call, bus) if each.get("Sid") != made["Sid"]]
    keep(call, place, bus, json.dumps({"Version": VERSION, "Statement": [*others, made]}))
    return {}


@events.operation("write", "*", takes="StatementId RemoveAllPermissions EventBusName")
def remove_permission(call: Call, req: Input) -> dict[str, Any]:
    """Remove a statement of a bus's policy, or all."""
    place = place_of(call, req.get("EventBusName", ""))
    bus = need_bus(call.tx, place)
    if req.get("RemoveAllPermissions", False):
        put(call, place, bus, "", "")
        return {}
    if "StatementId" not in req:
        raise invalid("Parameter StatementId is required.")
    if not bus.policy:
        raise missing("EventBus does not have a policy.")
    found = statements(call, bus)
    left = [each for each in found if each.get("Sid") != req["StatementId"]]
    if len(left) == len(found):
        raise missing("Statement with the provided id does not exist.")
    if left:
        keep(call, place, bus, json.dumps({"Version": VERSION, "Statement": left}))
    else:
        put(call, place, bus, "", "")
    return {}


def statement(req: Input, place: Place) -> dict[str, Any]:
    """The statement that a request describes."""
    for name in NEEDED:
        if name not in req:
            raise invalid(f"Parameter {name} is required.")
    if req["Action"] != "events:PutEvents":
        raise invalid("Provided value in parameter 'action' is not supported.")
    who = req["Principal"]
    made = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": who if who == "*" else {"AWS": f"arn:aws:iam::{who}:root"},
        "Action": "events:PutEvents",
        "Resource": place.arn,
    }
    given = req.get("Condition")
    return made | ({"Condition": {given["Type"]: {given["Key"]: given["Value"]}}} if given else {})


def statements(call: Call, bus: Bus) -> list[dict[str, Any]]:
    """The statements of a bus's policy, as they were given."""
    if not bus.policy:
        return []
    found = json.loads(by_name(call.tx, bus.policy_given, bus.policy))["Statement"]
    return found if isinstance(found, list) else [found]


def keep(call: Call, place: Place, bus: Bus, document: str) -> None:
    """Give a bus a policy; ValidationException unless it is one."""
    if len(document.encode("utf-8", "surrogatepass")) > LARGEST:
        raise AwsError(
            "PolicyLengthExceededException", f"The event bus policy has more than {LARGEST} bytes.", status=400
        )
    try:
        parsed = parse_policy(document, "resource", place.arn)
        kept = by_id(call.tx, call.account, document, parsed)
    except PolicyError as error:
        raise invalid(f"Parameter Policy is not valid. Reason: {error.reason}") from None
    except UnknownPrincipal as unknown:
        raise invalid(f"Parameter Policy is not valid. Reason: Invalid principal {unknown.value[:200]}") from None
    put(call, place, bus, kept, document)


def put(call: Call, place: Place, bus: Bus, kept: str, given: str) -> None:
    """Keep a bus with a policy."""
    made = msgspec.structs.replace(bus, policy=kept, policy_given=given)
    buses.put(call.tx, made, *place.parts)
