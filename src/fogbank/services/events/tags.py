"""Tags of rules and buses.

Source: API Reference, TagResource, UntagResource, ListTagsForResource: at most 50, `aws:` is reserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.events.addressing import addressed, need_bus, need_rule
from fogbank.services.events.errors import invalid, too_many
from fogbank.services.events.records import buses, rules
from fogbank.services.events.service import events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fogbank.core.call import Call
    from fogbank.core.service import Input

LIMIT: Final = 50


@events.operation("write", "tagged", takes="ResourceARN Tags")
def tag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Set tags of a rule or a bus."""
    set_tags(call, req, checked_tags(find_tags(call, req), req["Tags"]))
    return {}


@events.operation("write", "tagged", takes="ResourceARN TagKeys")
def untag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags of a rule or a bus; those that are not there are ignored."""
    left = {name: value for name, value in find_tags(call, req).items() if name not in req["TagKeys"]}
    set_tags(call, req, left)
    return {}


@events.operation("read", "tagged", takes="ResourceARN")
def list_tags_for_resource(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a rule or a bus, by key."""
    return {"Tags": [{"Key": name, "Value": value} for name, value in sorted(find_tags(call, req).items())]}


def find_tags(call: Call, req: Input) -> dict[str, str]:
    """The tags of the addressed rule or bus; ResourceNotFoundException if it is not there."""
    place, name = addressed(call, req)
    return need_rule(call.tx, place, name).tags if name else need_bus(call.tx, place).tags


def set_tags(call: Call, req: Input, tags: dict[str, str]) -> None:
    """Replace the tags of the addressed rule or bus."""
    place, name = addressed(call, req)
    if name:
        rules.put(call.tx, msgspec.structs.replace(need_rule(call.tx, place, name), tags=tags), *place.parts, name)
    else:
        buses.put(call.tx, msgspec.structs.replace(need_bus(call.tx, place), tags=tags), *place.parts)


def checked_tags(old: Mapping[str, str], given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags after some were set."""
    names = [tag["Key"] for tag in given]
    if len(set(names)) != len(names):
        raise invalid("Tags parameter is not valid. Reason: Duplicate tag keys.")
    if any(name.lower().startswith("aws:") for name in names):
        raise invalid("Tags parameter is not valid. Reason: Tag keys that begin with aws: are reserved.")
    made = {**old, **{tag["Key"]: tag["Value"] for tag in given}}
    if len(made) > LIMIT:
        raise too_many()
    return made
