"""EventBridge's condition keys.

Source: EventBridge User Guide, "Using IAM policy conditions in Amazon EventBridge"; Service Authorization Reference, EventBridge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.services.events.addressing import addressed
from fogbank.services.events.pattern import Branch, Leaf, compiled
from fogbank.services.events.pattern_text import PatternError
from fogbank.services.events.records import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input

# Of a pattern: the key, the field, and whether it has several values.
OF_PATTERNS: Final = (
    ("events:source", ("source",), True),
    ("events:detail-type", ("detail-type",), True),
    ("events:detail.service", ("detail", "service"), False),
    ("events:detail.eventtypecode", ("detail", "eventTypeCode"), False),
    ("events:detail.useridentity.principalid", ("detail", "userIdentity", "principalId"), False),
)


def policy_keys(call: Call, names: Input, _arn: str) -> Mapping[str, Value]:
    """The keys of a request."""
    found: dict[str, Value] = {}
    place, rule = addressed(call, names)
    if rule:
        there = rules.get(call.tx, *place.parts, rule)
        found["events:creatoraccount"] = there.creator if there else call.account
    if call.bound.name == "PutTargets":
        found["events:targetarn"] = tuple(target["Arn"] for target in names.get("Targets", ()))
    if call.bound.name == "PutRule":
        found |= of_pattern(names.get("EventPattern", ""))
    return found


def of_pattern(text: str) -> dict[str, Value]:
    """The keys of a rule's pattern: the values that it names, if it names nothing else."""
    try:
        pattern = compiled(text)
    except PatternError:
        return {}
    found: dict[str, Value] = {}
    for key, path, several in OF_PATTERNS:
        given = exact(pattern, path)
        if given:
            found[key] = given if several else given[0]
    return found


def exact(pattern: Branch, path: Sequence[str]) -> tuple[str, ...]:
    """The strings that a field has to be one of; none if it may be another."""
    node: Any = pattern
    for name in path:
        node = dict(node.fields).get(name) if isinstance(node, Branch) else None
    if not isinstance(node, Leaf) or node.tests or node.absent or node.present:
        return ()
    return tuple(sorted(value for value in node.exact if isinstance(value, str)))


def of_entries(entries: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    """The keys of events that are put."""
    return {
        "events:source": tuple(dict.fromkeys(entry.get("Source", "") for entry in entries)),
        "events:detail-type": tuple(dict.fromkeys(entry.get("DetailType", "") for entry in entries)),
        "events:eventbusinvocation": "false",
    }
