"""From an event to its deliveries: which rules of a bus it meets, and what their targets are sent. All in the event's transaction."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.events import transform
from fogbank.services.events.matching import Matcher, event_of
from fogbank.services.events.pattern import compiled
from fogbank.services.events.pattern_text import PatternError
from fogbank.services.events.records import (
    ENABLED,
    Delivery,
    Generation,
    Tally,
    deliveries,
    generations,
    rules,
    tallies,
    targets,
)
from fogbank.store import outbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fogbank.core.ids import Ids
    from fogbank.services.events.pattern import Branch
    from fogbank.services.events.records import Place, Rule, Target
    from fogbank.store.api import Tx

EFFECT: Final = "events.deliver"
KEPT: Final = 128  # buses whose compiled rules are kept
OLDEST: Final = 86_400  # seconds that delivery is tried, where the target does not say
MOST_ATTEMPTS: Final = 185
_log = logging.getLogger("fogbank.events")
_matchers: Final[dict[str, Matcher]] = {}  # by generation


class Taken(msgspec.Struct, frozen=True):
    """An event that a bus takes in: its JSON, when, and how many buses passed it on before."""

    place: Place
    event: bytes
    now: datetime
    hops: int = 0


def changed(tx: Tx, ids: Ids, place: Place, more: int = 0) -> None:
    """The rules of a bus are others now, and so many more."""
    generations.put(tx, Generation(id=ids.uuid(), rules=count_of(tx, place) + more), *place.parts)


def count_of(tx: Tx, place: Place) -> int:
    """How many rules a bus has."""
    found = generations.get(tx, *place.parts)
    return found.rules if found else 0


def take_in(tx: Tx, ids: Ids, taken: Taken) -> None:
    """Have the targets of the rules that an event meets be sent it."""
    place = taken.place
    found = matcher(tx, place)
    if found is None:
        return
    for name in found.match(event_of(taken.event)):
        rule = rules.get(tx, *place.parts, name)
        if rule is not None:
            trigger(tx, ids, taken, rule)


def matcher(tx: Tx, place: Place) -> Matcher | None:
    """The compiled rules of a bus; None if it never had any."""
    generation = generations.get(tx, *place.parts)
    if generation is None:
        return None
    found = _matchers.get(generation.id)
    if found is None:
        found = Matcher(patterns(tx, place))
        while len(_matchers) >= KEPT:
            _matchers.pop(next(iter(_matchers)), None)
        _matchers[generation.id] = found
    return found


def patterns(tx: Tx, place: Place) -> Iterator[tuple[str, Branch]]:
    """The patterns of a bus's rules that are enabled."""
    for _, rule in rules.scan(tx, *place.parts):
        if rule.pattern and rule.state == ENABLED:
            try:
                yield rule.name, compiled(rule.pattern)
            except PatternError:
                _log.exception("a stored pattern is not understood", extra={"fields": {"rule": rule.name}})


def trigger(tx: Tx, ids: Ids, taken: Taken, rule: Rule) -> None:
    """Have the targets of a rule be sent an event."""
    place, sent, failed = taken.place, 0, 0
    for _, target in targets.scan(tx, *place.parts, rule.name):
        try:
            message = message_for(taken, rule, target)
        except transform.TransformError as error:
            failed += 1
            fields = {"rule": place.rule_arn(rule.name), "target": target.id, "why": str(error)}
            _log.warning("an event cannot be given its target's form", extra={"fields": fields})
            continue
        sent += 1
        line_up(tx, ids, taken, rule, target, message)
    count(tx, triggered=1, invoked=sent, failed=failed)


def line_up(tx: Tx, ids: Ids, taken: Taken, rule: Rule, target: Target, message: bytes) -> None:
    """Keep a message, and have it delivered."""
    name = ids.uuid()
    waiting = Delivery(
        place=taken.place,
        rule=rule.name,
        target=target.id,
        arn=target.arn,
        role=target.role or rule.role,
        message=message,
        since=int(taken.now.timestamp()),
        age=target.age if target.age >= 0 else OLDEST,
        attempts=target.attempts if target.attempts >= 0 else MOST_ATTEMPTS,
        dead_letters=target.dead_letters,
        hops=taken.hops,
    )
    deliveries.put(tx, waiting, name)
    outbox.emit(tx, EFFECT, name.encode(), now=taken.now)


def message_for(taken: Taken, rule: Rule, target: Target) -> bytes:
    """What a target is sent of an event."""
    if target.input:
        return target.input.encode()
    if target.path:
        return transform.taken(taken.event, target.path)
    if target.template:
        known: dict[str, Any] = {
            "aws.events.rule-arn": taken.place.rule_arn(rule.name),
            "aws.events.rule-name": rule.name,
            "aws.events.event.ingestion-time": f"{taken.now:%Y-%m-%dT%H:%M:%SZ}",
        }
        return transform.filled(target.template, target.paths, taken.event, known)
    return taken.event


def count(tx: Tx, **more: int) -> None:
    """Count what became of deliveries."""
    old = tallies.get(tx) or Tally()
    changes: dict[str, Any] = {name: getattr(old, name) + number for name, number in more.items()}
    tallies.put(tx, msgspec.structs.replace(old, **changes))
