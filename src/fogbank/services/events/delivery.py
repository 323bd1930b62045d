"""Deliveries: tried until they succeed, or their time or their attempts are over. What is given up goes to a dead-letter queue.

A target that is not there, or that lets EventBridge not send, is not tried again. One that the rule has no longer is sent nothing.

Source: EventBridge User Guide, "How EventBridge retries delivering events", "Using dead-letter queues to process undelivered events".
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core import destinations
from fogbank.core.destinations import Sender
from fogbank.core.principal import service_of
from fogbank.core.service import Gauge
from fogbank.services.events import bus_targets, log_targets, transform
from fogbank.services.events.records import Delivery, Tally, deliveries, rules, taken, tallies, targets, when
from fogbank.services.events.routing import EFFECT, count, message_of, need
from fogbank.services.events.sending import Failed, Sending
from fogbank.services.events.service import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.background import Background
    from fogbank.services.events.records import Event, Rule, Target
    from fogbank.store.api import Tx

SERVICE: Final = "events.amazonaws.com"
AT_ONCE: Final = 16
SMALL: Final = 32_768  # bytes of an event that paths and templates take little time of
OLDEST: Final = 86_400  # seconds that delivery is tried, where the target does not say
MOST_ATTEMPTS: Final = 185
_log = logging.getLogger("fogbank.events")


@events.effect(EFFECT, at_once=AT_ONCE)
async def deliver(ctx: Background, payload: bytes) -> None:
    """Deliver an event to a target. What was delivered, or given up, is there no more."""
    name = payload.decode()
    with ctx.region.store.snapshot() as tx:
        waiting = deliveries.get(tx, name)
        found = found_for(ctx, tx, waiting) if waiting else None
    if waiting is None:
        return
    if found is not None:
        event, rule, target = found
        try:
            await send(ctx, await formed(event, rule, target))
        except Failed as error:
            await give_up(ctx, found, error.code, str(error))
        except Exception as error:
            if not is_over(ctx, waiting, event, target):
                again = msgspec.structs.replace(waiting, tried=waiting.tried + 1)
                await ctx.region.store.write(lambda tx: deliveries.put(tx, again, name))
                raise
            await give_up(ctx, found, "EXHAUSTED", f"{type(error).__name__}: {error}")
    await ctx.region.store.write(lambda tx: finish(tx, name, waiting))


def found_for(ctx: Background, tx: Tx, waiting: Delivery) -> tuple[Event, Rule, Target] | None:
    """What a delivery is of, its event opened; None if the rule is gone, or has the target no longer."""
    event = taken.get(tx, waiting.event)
    message = message_of(ctx.region, waiting.event, event) if event else None
    place = event.place.parts if event else ()
    rule = rules.get(tx, *place, waiting.rule)
    target = targets.get(tx, *place, waiting.rule, waiting.target)
    if event is None or message is None or rule is None or target is None:
        return None
    return msgspec.structs.replace(event, message=message), rule, target


def finish(tx: Tx, name: str, waiting: Delivery) -> None:
    """Forget a delivery, and its event with the last one."""
    if deliveries.get(tx, name) is not None:
        deliveries.delete(tx, name)
        event = taken.get(tx, waiting.event)
        if event is not None:
            need(tx, waiting.event, event, -1)


async def formed(event: Event, rule: Rule, target: Target) -> Sending:
    """What a target is sent; what is made of a large event is made in a thread."""
    if len(event.message) > SMALL and (target.path or target.template):
        return await asyncio.to_thread(sending, event, rule, target)
    return sending(event, rule, target)


def sending(event: Event, rule: Rule, target: Target) -> Sending:
    """What a target is sent. Failed where the event cannot be given its form."""
    try:
        message = message_for(event, rule, target)
    except (transform.TransformError, RecursionError) as error:
        raise Failed("INVALID_INPUT", str(error)) from None
    return Sending(event.place, rule.name, target.arn, target.role or rule.role, message, event.hops)


def message_for(event: Event, rule: Rule, target: Target) -> bytes:
    """An event in the form that a target is sent it."""
    if target.input:
        return target.input.encode()
    if target.path:
        return transform.taken(event.message, target.path)
    if target.template:
        known: dict[str, Any] = {
            "aws.events.rule-arn": event.place.rule_arn(rule.name),
            "aws.events.rule-name": rule.name,
            "aws.events.event.ingestion-time": f"{when(event.since):%Y-%m-%dT%H:%M:%SZ}",
        }
        return transform.filled(target.template, target.paths, event.message, known)
    return event.message


async def send(ctx: Background, what: Sending) -> None:
    """Send a message to its target; raises Failed where trying again is of no use."""
    service = (destinations.parse(what.arn) or ("",))[0]
    if service == "events":
        await bus_targets.send(ctx, what)
    elif service == "logs":
        await log_targets.send(ctx, what)
    else:
        await send_to(ctx, what)


async def send_to(ctx: Background, what: Sending) -> None:
    """Send a message to a resource whose policy lets EventBridge do so, for this rule."""
    arn, account = what.arn, what.place.account
    sender = Sender(SERVICE, what.rule_arn, account)
    destination = destinations.find(arn)
    with ctx.region.store.snapshot() as tx:
        if destination is None or not destination.exists(tx, arn):
            raise Failed("NO_RESOURCE", "the target is not there")
        principal = service_of(SERVICE, account, sender.source)
        call = ctx.call(tx, principal, ctx.bound("events", "PutEvents"), {}, what.place.region)
        if not destination.may(call, arn, sender):
            raise Failed("NO_PERMISSIONS", "the target's policy does not let EventBridge send for this rule")
    await destination.deliver(ctx, arn, sender, what.message)


def is_over(ctx: Background, waiting: Delivery, event: Event, target: Target) -> bool:
    """Whether what failed once more is tried no more."""
    age = int(ctx.region.clock.now().timestamp()) - event.since
    attempts = target.attempts if target.attempts >= 0 else MOST_ATTEMPTS
    return waiting.tried >= attempts or age >= (target.age if target.age >= 0 else OLDEST)


async def give_up(ctx: Background, found: tuple[Event, Rule, Target], code: str, why: str) -> None:
    """Send an event to the target's dead-letter queue, if it has one."""
    event, rule, target = found
    fields = {"rule": event.place.rule_arn(rule.name), "arn": target.arn, "code": code, "why": why}
    _log.warning("an event is not delivered", extra={"fields": fields})
    kept = 0
    if target.dead_letters:
        try:
            await send_to(ctx, Sending(event.place, rule.name, target.dead_letters, "", event.message, event.hops))
            kept = 1
        except Failed as error:
            _log.warning("its dead-letter queue cannot take it", extra={"fields": {**fields, "why": str(error)}})
    await ctx.region.store.write(lambda tx: count(tx, failed=1, dead_lettered=kept))


def gauges(tx: Tx) -> Iterator[Gauge]:
    """CloudWatch's metrics of EventBridge, of all rules."""
    found = tallies.get(tx) or Tally()
    yield Gauge("fogbank_events_triggered_rules", "Rules that events or times met", {}, found.triggered)
    yield Gauge("fogbank_events_invocations", "Messages for targets", {}, found.invoked)
    yield Gauge("fogbank_events_failed_invocations", "Messages that were not delivered", {}, found.failed)
    yield Gauge("fogbank_events_dead_lettered", "Messages that went to dead-letter queues", {}, found.dead_lettered)


events.gauges.append(gauges)
