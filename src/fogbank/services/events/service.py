"""EventBridge: its resources, whose they are, and what a bus's policy says of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.identity.documents import compiled
from fogbank.core.service import Service
from fogbank.services.events.addressing import addressed, arn_of_bus, arn_of_rule, arn_of_tagged, find_bus
from fogbank.services.events.condition_keys import policy_keys
from fogbank.services.events.records import buses, rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input


def owner(call: Call, names: Input) -> str | None:
    """The account of the addressed bus."""
    return addressed(call, names)[0].account


def policy(call: Call, names: Input) -> Policy | None:
    """The policy of the addressed bus, which is about its rules too."""
    found = buses.get(call.tx, *addressed(call, names)[0].parts)
    return compiled(found.policy, "event bus policy", "resource") if found and found.policy else None


def tags(call: Call, names: Input, _arn: str) -> Mapping[str, str]:
    """The tags of the addressed rule, or of the bus."""
    place, name = addressed(call, names)
    found = rules.get(call.tx, *place.parts, name) if name else find_bus(call.tx, place)
    return found.tags if found else {}


events = Service(
    "events",
    resources={"bus": arn_of_bus, "rule": arn_of_rule, "tagged": arn_of_tagged},
    modules=(
        "rules",
        "targets",
        "buses",
        "bus_policy",
        "tags",
        "putting",
        "delivery",
        "scheduler",
        "invariants",
    ),
    owner=owner,
    policy=policy,
    tags=tags,
    keys=policy_keys,
)
