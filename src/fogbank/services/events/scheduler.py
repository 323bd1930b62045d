"""Rules that are due: each is triggered once for each of its times, in the transaction that says when it is due next.

Times that passed while nobody looked (the region was down, or its clock was set forward) are made up for if they are of the last
minutes, so that a slow machine or a restart loses none. Of earlier ones, only the last is: a rule that was due every minute of a
night is not triggered hundreds of times in the morning. Where the clock is set back, rules wait until it has caught up.

Source: EventBridge User Guide, "Creating a scheduled rule (legacy)", on the event that targets are sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.events import schedule
from fogbank.services.events.records import Place, due, rules, when
from fogbank.services.events.routing import Arrival, trigger
from fogbank.services.events.service import events

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.region import Region
    from fogbank.services.events.records import Rule
    from fogbank.services.events.schedule import Schedule
    from fogbank.store.api import Tx
    from fogbank.store.keys import Part

MADE_UP: Final = 300  # seconds: how old times are all made up for
MOST: Final = 100  # rules in one transaction
SECOND: Final = 1.0


@events.chore(SECOND)
async def carry_out(work: Background) -> None:
    """Trigger the rules that are due, a bounded part in each transaction; if there are none, it costs one look."""
    region = work.region
    while waiting(region):
        await region.store.write(lambda tx: part(tx, region))


def waiting(region: Region) -> bool:
    """Whether a rule is due."""
    with region.store.snapshot() as tx:
        return bool(first(tx, int(region.clock.now().timestamp()), 1))


def first(tx: Tx, now: int, most: int) -> list[tuple[Part, ...]]:
    """The rules that are due, by the keys of the index."""
    start, end = due.span()[0], due.span(start=now + 1)[0]
    return [due.parts(key) for key, _ in tx.scan(start, end, limit=most)]


def part(tx: Tx, region: Region) -> None:
    """Trigger a part of the rules that are due."""
    now = int(region.clock.now().timestamp())
    for parts in first(tx, now, MOST):
        at, account, region_name, bus, name = parts
        place = Place(str(account), str(region_name), str(bus))
        rule = rules.get(tx, *place.parts, str(name))
        found = schedule.parse(rule.schedule) if rule else None
        if rule is None or found is None or rule.next != at:
            due.delete(tx, *parts)
            continue
        times, following = times_of(found, rule, now)
        for moment in times:
            arrival = Arrival(place, event(region, place, rule, moment), region.clock.now())
            trigger(tx, region, arrival, [rule.name])
        rules.put(tx, msgspec.structs.replace(rule, next=following), *place.parts, rule.name)


def times_of(found: Schedule, rule: Rule, now: int) -> tuple[list[int], int]:
    """The times that a rule is triggered for, and when it is due next: 0 for never."""
    moment: int | None = rule.next
    if rule.next < now - MADE_UP:
        moment = found.after(now - MADE_UP - 1, rule.since)
        if moment is None or moment > now:
            moment = found.until(now, rule.since) or rule.next
    times = []
    while moment is not None and moment <= now:
        times.append(moment)
        moment = found.after(moment, rule.since)
    return times, moment or 0


def event(region: Region, place: Place, rule: Rule, moment: int) -> bytes:
    """The event of a rule that was due."""
    return msgspec.json.encode(
        {
            "version": "0",
            "id": region.ids.uuid(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": place.account,
            "time": f"{when(moment):%Y-%m-%dT%H:%M:%SZ}",
            "region": place.region,
            "resources": [place.rule_arn(rule.name)],
            "detail": {},
        }
    )
