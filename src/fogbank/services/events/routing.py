"""From an event to its deliveries: which rules of a bus it meets, and that their targets are sent it, in the event's transaction."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.vault import Unsealable
from fogbank.services.events import rulebook
from fogbank.services.events.matching import event_of
from fogbank.services.events.records import (
    Delivery,
    Event,
    Generation,
    Spread,
    Tally,
    deliveries,
    generations,
    spreads,
    taken,
    tallies,
    targets,
)
from fogbank.services.events.service import events
from fogbank.store import outbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.core.ids import Ids
    from fogbank.core.region import Region
    from fogbank.services.events.records import Place
    from fogbank.store.api import Tx

EFFECT: Final = "events.deliver"
SPREAD: Final = "events.spread"
MATCH: Final = "events.match"
SOON: Final = 100_000  # comparisons that a transaction does: some hundredths of a second
FEW: Final = 100  # rules whose targets are found in one transaction
_log = logging.getLogger("fogbank.events")


class Arrival(msgspec.Struct, frozen=True):
    """An event that a bus takes in: its JSON, when, and how many buses passed it on before."""

    place: Place
    message: bytes
    now: datetime
    hops: int = 0


def changed(tx: Tx, ids: Ids, place: Place, more: int = 0, text: int = 0) -> None:
    """The rules of a bus are others now, so many more, and their patterns so many characters longer."""
    old = generation_of(tx, place)
    generations.put(tx, Generation(id=ids.uuid(), rules=old.rules + more, text=old.text + text), *place.parts)


def generation_of(tx: Tx, place: Place) -> Generation:
    """What is counted of the rules of a bus."""
    return generations.get(tx, *place.parts) or Generation(id="")


def take_in(tx: Tx, region: Region, arrival: Arrival) -> None:
    """Have the targets of the rules that an event meets be sent it. What takes long to compare is compared after the transaction."""
    generation = generations.get(tx, *arrival.place.parts)
    if generation is None:
        return
    event = event_of(arrival.message)
    found = rulebook.ready(tx, region, arrival.place, generation)
    if found is None or found.work(event) > SOON:
        name = region.ids.uuid()
        outbox.emit(tx, MATCH, name.encode(), now=arrival.now)
        keep(tx, region, arrival, name, 1, matched=False)
        return
    names = found.match(event)
    if names:
        trigger(tx, region, arrival, names)


def trigger(tx: Tx, region: Region, arrival: Arrival, names: Sequence[str]) -> None:
    """Have the targets of rules be sent an event."""
    name = region.ids.uuid()
    keep(tx, region, arrival, name, hand_out(tx, region.ids, arrival.place, name, names, arrival.now))


def keep(tx: Tx, region: Region, arrival: Arrival, name: str, needed: int, *, matched: bool = True) -> None:
    """Keep an event, sealed, as long as something leads to it."""
    if needed:
        since = int(arrival.now.timestamp())
        kept = Event(
            place=arrival.place,
            message=region.vault.seal_apart(arrival.message, purpose(name)),
            since=since,
            hops=arrival.hops,
            needed=needed,
            matched=matched,
        )
        taken.put(tx, kept, name)


def purpose(name: str) -> str:
    """What an event is sealed for: itself."""
    return f"events.taken {name}"


def message_of(region: Region, name: str, event: Event) -> bytes | None:
    """The JSON of an event that is kept; None if it is damaged, which is logged: then it cannot be delivered."""
    try:
        return region.vault.open_apart(event.message, purpose(name))
    except Unsealable:
        _log.exception("an event is lost: it is damaged", extra={"fields": {"event": name}})
        return None


def hand_out(tx: Tx, ids: Ids, place: Place, event: str, names: Sequence[str], now: datetime) -> int:
    """Have an event delivered: to the targets of the first rules now, to those of others in transactions of their own. How much leads
    to it.
    """
    needed = line_up(tx, ids, place, event, names[:FEW], now)
    for at in range(FEW, len(names), FEW):
        name = ids.uuid()
        spreads.put(tx, Spread(event=event, rules=tuple(names[at : at + FEW])), name)
        outbox.emit(tx, SPREAD, name.encode(), now=now)
        needed += 1
    return needed


def line_up(tx: Tx, ids: Ids, place: Place, event: str, names: Sequence[str], now: datetime) -> int:
    """Have an event delivered to the targets of rules; how many there are."""
    found = [(rule, target.id) for rule in names for _, target in targets.scan(tx, *place.parts, rule)]
    for rule, target in found:
        name = ids.uuid()
        deliveries.put(tx, Delivery(event=event, rule=rule, target=target), name)
        outbox.emit(tx, EFFECT, name.encode(), now=now)
    count(tx, triggered=len(names), invoked=len(found))
    return len(found)


@events.effect(SPREAD)
async def spread(ctx: Background, payload: bytes) -> None:
    """Have an event delivered to the targets of more rules. Where that was done, there is nothing left to do it by."""
    name, region = payload.decode(), ctx.region

    def write(tx: Tx) -> None:
        found = spreads.get(tx, name)
        event = taken.get(tx, found.event) if found else None
        if found is not None and event is not None:
            spreads.delete(tx, name)
            more = line_up(tx, region.ids, event.place, found.event, found.rules, region.clock.now())
            need(tx, found.event, event, more - 1)

    await region.store.write(write)


@events.effect(MATCH)
async def match(ctx: Background, payload: bytes) -> None:
    """Compare an event with the rules of its bus, in a thread, and have it delivered: once, whatever happens in between."""
    name, region = payload.decode(), ctx.region
    with region.store.snapshot() as tx:
        event = taken.get(tx, name)
    if event is None or event.matched:
        return
    message = message_of(region, name, event)
    names = [] if message is None else await asyncio.to_thread(names_of, region, event.place, message)

    def write(tx: Tx) -> None:
        event = taken.get(tx, name)
        if event is not None and not event.matched:
            more = hand_out(tx, region.ids, event.place, name, names, region.clock.now())
            need(tx, name, msgspec.structs.replace(event, matched=True), more - 1)

    await region.store.write(write)


def names_of(region: Region, place: Place, message: bytes) -> list[str]:
    """The rules of a bus that an event meets. For threads: it may take long."""
    found = rulebook.waited_for(region, place)
    return found.match(event_of(message)) if found else []


def need(tx: Tx, name: str, event: Event, more: int) -> None:
    """More, or less, leads to an event; it goes when nothing does."""
    left = event.needed + more
    if left:
        taken.put(tx, msgspec.structs.replace(event, needed=left), name)
    else:
        taken.delete(tx, name)


def count(tx: Tx, **more: int) -> None:
    """Count what became of deliveries."""
    old = tallies.get(tx) or Tally()
    changes: dict[str, Any] = {name: getattr(old, name) + number for name, number in more.items()}
    tallies.put(tx, msgspec.structs.replace(old, **changes))
