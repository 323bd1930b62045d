"""Buses that events are sent to: from rules of other buses, and from AWS's services, which send to an account's default bus.

Source: EventBridge User Guide, "Sending and receiving events between event buses", and "… between AWS accounts".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core import destinations
from fogbank.core.errors import AwsError
from fogbank.core.identity import sessions
from fogbank.core.principal import root_of, service_of
from fogbank.core.service import Permission
from fogbank.services.events.addressing import BUS_ARN, find_bus
from fogbank.services.events.matching import event_of
from fogbank.services.events.records import DEFAULT, Place
from fogbank.services.events.routing import Arrival, take_in
from fogbank.services.events.sending import Failed

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.core.destinations import Sender
    from fogbank.core.principal import Principal
    from fogbank.services.events.sending import Sending
    from fogbank.store.api import Tx

SERVICE: Final = "events.amazonaws.com"
MOST_HOPS: Final = 1  # buses that pass an event on, so that none goes round


def place_of_arn(arn: str) -> Place | None:
    """Where the bus of an ARN is."""
    found = BUS_ARN.fullmatch(arn)
    return Place(found[2], found[1], found[3]) if found else None


class EventBuses:
    """Buses, as other services send their events to them. A message is a whole event."""

    def exists(self, tx: Tx, arn: str) -> bool:
        """Whether there is such a bus."""
        place = place_of_arn(arn)
        return place is not None and find_bus(tx, place) is not None

    def may(self, _call: Call, arn: str, sender: Sender) -> bool:
        """Whether it is the default bus of the sender's account: that takes what AWS's services send."""
        place = place_of_arn(arn)
        return place is not None and place.bus == DEFAULT and place.account == sender.account

    async def deliver(self, ctx: Background, arn: str, sender: Sender, message: bytes) -> None:
        """Take an event in."""
        place = place_of_arn(arn)
        if place is not None:
            region, arrival = ctx.region, Arrival(place, message, ctx.region.clock.now())
            await region.store.write(lambda tx: take_in(tx, region, arrival))


destinations.register("events", EventBuses())


async def send(ctx: Background, what: Sending) -> None:
    """Pass an event on to another bus, for a rule, and for its role if it has one."""
    place = place_of_arn(what.arn)
    if place is None:
        raise Failed("NO_RESOURCE", "there is no such bus")
    if what.hops >= MOST_HOPS:
        raise Failed("INVALID_PARAMETER", "an event that came from another bus is not passed on again")

    def write(tx: Tx) -> None:
        need(ctx, tx, what, place)
        arrival = Arrival(place, what.message, ctx.region.clock.now(), what.hops + 1)
        take_in(tx, ctx.region, arrival)

    await ctx.region.store.write(write)


def need(ctx: Background, tx: Tx, what: Sending, place: Place) -> None:
    """Raise Failed unless the bus is there, and the rule may put the event on it."""
    if find_bus(tx, place) is None:
        raise Failed("NO_RESOURCE", "there is no such bus")
    try:
        event: dict[str, Any] = event_of(what.message)
    except RecursionError:
        raise Failed("INVALID_INPUT", "the event is nested too deeply") from None
    keys: dict[str, str | tuple[str, ...]] = {
        "events:source": (event["source"],),
        "events:detail-type": (event["detail-type"],),
        "events:eventbusinvocation": "true",
        "aws:sourcearn": what.rule_arn,
    }
    names = {"EventBusName": place.arn}
    call = ctx.call(tx, sender(ctx, tx, what), ctx.bound("events", "PutEvents"), names, place.region)
    if not call.may(Permission("events:PutEvents", place.arn, names, keys), place.account):
        raise Failed("NO_PERMISSIONS", "the rule may not put events on the bus")


def sender(ctx: Background, tx: Tx, what: Sending) -> Principal:
    """Who passes the event on: the target's role, which has to trust EventBridge, or the rule's account."""
    account, region = what.place.account, what.place.region
    if not what.role:
        return root_of(account)
    req = {"RoleArn": what.role, "RoleSessionName": "events"}
    service = service_of(SERVICE, account, what.rule_arn)
    try:
        given = ctx.carry_out(tx, service, ctx.bound("sts", "AssumeRole"), req, region)["Credentials"]
        session = sessions.unseal(ctx.region.vault, given["SessionToken"], given["AccessKeyId"])
        return sessions.principal_of(tx, session)
    except (AwsError, sessions.BadToken):
        raise Failed("NO_PERMISSIONS", "the role cannot be assumed") from None
