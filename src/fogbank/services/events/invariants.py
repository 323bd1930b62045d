"""What is always true of EventBridge's records: `fogbank fsck` looks whether it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from fogbank.services.events.records import (
    Place,
    by_target,
    deliveries,
    due,
    generations,
    rules,
    spreads,
    taken,
    targets,
)
from fogbank.services.events.routing import EFFECT, MATCH, SPREAD
from fogbank.services.events.service import events
from fogbank.store import outbox
from fogbank.store.check import Problem, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx
    from fogbank.store.table import Table


def check(tx: Tx) -> Iterator[Problem]:
    """All that is wrong."""
    yield from check_rules(tx)
    yield from check_targets(tx)
    yield from check_events(tx)
    yield from check_effects(tx)


def check_rules(tx: Tx) -> Iterator[Problem]:
    """Rules are in the index of what is due when they are, and they and their patterns are counted."""
    wanted: set[tuple[Any, ...]] = set()
    counted: Counter[tuple[Any, ...]] = Counter()
    text: Counter[tuple[Any, ...]] = Counter()
    for parts, rule in readable(tx, rules):
        counted[parts[:3]] += 1
        text[parts[:3]] += len(rule.pattern)
        if rule.next:
            wanted.add((rule.next, *parts))
    found = {parts for parts, _ in readable(tx, due)}
    yield from differing(found, wanted, "the index of what is due", "rule")
    for parts, generation in readable(tx, generations):
        if generation.rules != counted[parts]:
            yield Problem(f"bus {Place(*parts).arn} counts {generation.rules} rules, and has {counted[parts]}")
        if generation.text != text[parts]:
            yield Problem(
                f"bus {Place(*parts).arn} counts {generation.text} characters of patterns, and has {text[parts]}"
            )


def check_targets(tx: Tx) -> Iterator[Problem]:
    """Targets belong to rules, and are in the index by their ARNs."""
    wanted, there = set(), {parts for parts, _ in readable(tx, rules)}
    for parts, target in readable(tx, targets):
        wanted.add((*parts[:3], target.arn, *parts[3:]))
        if parts[:4] not in there:
            yield Problem(f"target {parts[4]} belongs to no rule: {parts[3]}")
    found = {parts for parts, _ in readable(tx, by_target)}
    yield from differing(found, wanted, "the index of targets", "target")


def differing(found: set[tuple[Any, ...]], wanted: set[tuple[Any, ...]], index: str, what: str) -> Iterator[Problem]:
    """What an index lacks, or has too much."""
    yield from (Problem(f"{index} lacks {what} {parts}") for parts in sorted(wanted - found))
    yield from (Problem(f"{index} leads to no {what}: {parts}") for parts in sorted(found - wanted))


def check_events(tx: Tx) -> Iterator[Problem]:
    """Events are kept as long as something leads to them, which is counted."""
    needed = Counter(delivery.event for _, delivery in readable(tx, deliveries))
    needed.update(spread.event for _, spread in readable(tx, spreads))
    for parts, event in readable(tx, taken):
        name = str(parts[0])
        needed[name] += not event.matched
        if event.needed != needed.pop(name, 0):
            yield Problem(f"event {name} counts {event.needed} deliveries, and has another number")
    yield from (Problem(f"event {name} is to be delivered, and is not there") for name in sorted(needed))


def check_effects(tx: Tx) -> Iterator[Problem]:
    """An effect waits for each delivery, and for each event whose rules are not known yet."""
    led: dict[str, Table[Any]] = {EFFECT: deliveries, SPREAD: spreads, MATCH: taken}
    for kind, table in led.items():
        waiting = {payload.decode() for payload in outbox.payloads(tx, kind)}
        for parts, record in readable(tx, table):
            if parts[0] not in waiting and not (kind == MATCH and record.matched):
                yield Problem(f"nothing carries out {kind} {parts[0]}")


events.invariants = check
