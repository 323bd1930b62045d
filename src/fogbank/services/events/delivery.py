"""Deliveries: tried until they succeed, or their time or their attempts are over. What is given up goes to a dead-letter queue.

A target that is not there, or that lets EventBridge not send, is not tried again.

Source: EventBridge User Guide, "How EventBridge retries delivering events", "Using dead-letter queues to process undelivered events".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core import destinations
from fogbank.core.destinations import Sender
from fogbank.core.principal import service_of
from fogbank.core.service import Gauge
from fogbank.services.events import bus_targets, log_targets
from fogbank.services.events.failed import Failed
from fogbank.services.events.records import Tally, deliveries, tallies
from fogbank.services.events.routing import EFFECT, count
from fogbank.services.events.service import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.background import Background
    from fogbank.services.events.records import Delivery
    from fogbank.store.api import Tx

SERVICE: Final = "events.amazonaws.com"
AT_ONCE: Final = 8
_log = logging.getLogger("fogbank.events")


@events.effect(EFFECT, at_once=AT_ONCE)
async def deliver(ctx: Background, payload: bytes) -> None:
    """Deliver one message. One that was delivered, or given up, is there no more."""
    name = payload.decode()
    with ctx.region.store.snapshot() as tx:
        waiting = deliveries.get(tx, name)
    if waiting is None:
        return
    try:
        await send(ctx, waiting)
    except Failed as error:
        await give_up(ctx, name, waiting, error.code, str(error))
    except Exception as error:
        if is_over(ctx, waiting):
            await give_up(ctx, name, waiting, "EXHAUSTED", f"{type(error).__name__}: {error}")
            return
        again = msgspec.structs.replace(waiting, tried=waiting.tried + 1)
        await ctx.region.store.write(lambda tx: deliveries.put(tx, again, name))
        raise
    else:
        await ctx.region.store.write(lambda tx: deliveries.delete(tx, name))


async def send(ctx: Background, waiting: Delivery) -> None:
    """Send a message to its target; raises Failed where trying again is of no use."""
    service = (destinations.parse(waiting.arn) or ("",))[0]
    if service == "events":
        await bus_targets.send(ctx, waiting)
    elif service == "logs":
        await log_targets.send(ctx, waiting)
    else:
        await send_to(ctx, waiting, waiting.arn)


async def send_to(ctx: Background, waiting: Delivery, arn: str) -> None:
    """Send a message to a resource whose policy lets EventBridge do so, for this rule."""
    account = waiting.place.account
    sender = Sender(SERVICE, waiting.place.rule_arn(waiting.rule), account)
    destination = destinations.find(arn)
    with ctx.region.store.snapshot() as tx:
        if destination is None or not destination.exists(tx, arn):
            raise Failed("NO_RESOURCE", "the target is not there")
        principal = service_of(SERVICE, account, sender.source)
        call = ctx.call(tx, principal, ctx.bound("events", "PutEvents"), {}, waiting.place.region)
        if not destination.may(call, arn, sender):
            raise Failed("NO_PERMISSIONS", "the target's policy does not let EventBridge send for this rule")
    await destination.deliver(ctx, arn, sender, waiting.message)


def is_over(ctx: Background, waiting: Delivery) -> bool:
    """Whether a message that failed once more is tried no more."""
    age = int(ctx.region.clock.now().timestamp()) - waiting.since
    return waiting.tried >= waiting.attempts or age >= waiting.age


async def give_up(ctx: Background, name: str, waiting: Delivery, code: str, why: str) -> None:
    """Send a message to its dead-letter queue, if it has one, and forget it."""
    fields = {"rule": waiting.place.rule_arn(waiting.rule), "arn": waiting.arn, "code": code, "why": why}
    _log.warning("an event is not delivered", extra={"fields": fields})
    kept = 0
    if waiting.dead_letters:
        try:
            await send_to(ctx, waiting, waiting.dead_letters)
            kept = 1
        except Failed as error:
            _log.warning("its dead-letter queue cannot take it", extra={"fields": {**fields, "why": str(error)}})

    def forget(tx: Tx) -> None:
        if deliveries.get(tx, name) is not None:
            deliveries.delete(tx, name)
            count(tx, failed=1, dead_lettered=kept)

    await ctx.region.store.write(forget)


def gauges(tx: Tx) -> Iterator[Gauge]:
    """CloudWatch's metrics of EventBridge, of all rules."""
    found = tallies.get(tx) or Tally()
    yield Gauge("fogbank_events_triggered_rules", "Rules that events or times met", {}, found.triggered)
    yield Gauge("fogbank_events_invocations", "Messages for targets", {}, found.invoked)
    yield Gauge("fogbank_events_failed_invocations", "Messages that were not delivered", {}, found.failed)
    yield Gauge("fogbank_events_dead_lettered", "Messages that went to dead-letter queues", {}, found.dead_lettered)


events.gauges.append(gauges)
