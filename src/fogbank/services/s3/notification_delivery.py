"""Telling events: they are kept with the write that caused them, and delivered after it, at least once, in order for a key.

Events wait in a line for each destination, bucket and key; an effect has the line delivered from its beginning, so that a later event
does not pass an earlier one that could not be delivered yet.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core import destinations
from fogbank.core.destinations import Sender
from fogbank.core.principal import service_of
from fogbank.services.s3 import configuration, happened, notification_events, notification_rules
from fogbank.services.s3 import notification_bridge as bridge
from fogbank.services.s3.records import when
from fogbank.services.s3.service import s3
from fogbank.store import outbox
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.core.destinations import Destination
    from fogbank.services.s3.notification_rules import Rule
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx
    from fogbank.store.keys import Part

EFFECT: Final = "s3.notify"
TRIED: Final = timedelta(hours=24)  # how long a destination that fails is tried; what is older then is dropped
AT_ONCE: Final = 50  # events of a line that are delivered before they are crossed out
NOTHING: Final[Mapping[str, Any]] = {}
_log = logging.getLogger("fogbank.s3")


class Message(Record, version=1):
    """An event that waits to be delivered: JSON, and the account of the bucket. `at` is in seconds since the epoch."""

    body: bytes
    account: str
    at: int


messages = Table("s3.message", Message)  # destination's ARN, bucket, key, sequence


def sender(bucket: Bucket) -> Sender:
    """S3, as it sends events of a bucket."""
    return Sender("s3.amazonaws.com", f"arn:aws:s3:::{bucket.name}", bucket.account)


@happened.reaction("notification")
def notify(call: Call, bucket: Bucket, event: str, key: str, which: Object) -> None:
    """Keep an event for whom it is to be told to."""
    tell(call, bucket, event, key, which)


def tell(call: Call, bucket: Bucket, event: str, key: str, which: Object, extra: Mapping[str, Any] = NOTHING) -> None:
    """Keep an event, with what it has besides the usual."""
    given = configuration.find(call.tx, bucket, "notification") or {}
    met = [rule for rule in notification_rules.rules(given) if rule.meets(event, key)]
    bridged = bridge.MEMBER in given and event in bridge.NAMES
    if met or bridged:
        sequence = notification_events.next_sequence(call.tx, call.now)
        if bridged:
            content = bridge.event_of(call, bucket, event, key, which, sequence)
            line_up(call, bucket, bridge.bus_of(bucket), key, sequence, content)
        for rule in met:
            record = notification_events.record(call, bucket, rule, event, key, which, sequence, extra)
            line_up(call, bucket, rule.arn, key, sequence, {"Records": [record]})


def tell_test(call: Call, bucket: Bucket, found: list[Rule]) -> None:
    """Have every queue and topic sent a test event; functions are not."""
    for arn in dict.fromkeys(rule.arn for rule in found if rule.service != "lambda"):
        sequence = notification_events.next_sequence(call.tx, call.now)
        line_up(call, bucket, arn, "", sequence, notification_events.trial(call, bucket))


def line_up(call: Call, bucket: Bucket, arn: str, key: str, sequence: int, content: dict[str, Any]) -> None:
    """Put a message at the end of its line, and have the line delivered."""
    message = Message(body=msgspec.json.encode(content), account=bucket.account, at=int(call.now.timestamp()))
    messages.put(call.tx, message, arn, bucket.name, key, sequence)
    outbox.emit(call.tx, EFFECT, msgspec.msgpack.encode((arn, bucket.name, key)), now=call.now)


@s3.effect(EFFECT)
async def deliver(ctx: Background, payload: bytes) -> None:
    """Deliver what waits in a line, from its beginning; where the destination fails the rest waits, and is tried again."""
    arn, bucket, key = msgspec.msgpack.decode(payload)
    while True:
        with ctx.region.store.snapshot() as tx:
            waiting = list(messages.scan(tx, arn, bucket, key, limit=AT_ONCE))
        if not waiting:
            return
        done: list[tuple[Part, ...]] = []
        try:
            for parts, message in waiting:
                await send(ctx, arn, bucket, message)
                done.append(parts)
        finally:
            if done:
                await ctx.region.store.write(partial(cross_out, done))


def cross_out(done: list[tuple[Part, ...]], tx: Tx) -> None:
    """Forget messages that were delivered, or dropped."""
    for parts in done:
        messages.delete(tx, *parts)


async def send(ctx: Background, arn: str, bucket: str, message: Message) -> None:
    """Deliver one message; it is dropped where its destination is gone, lets S3 send no more, or failed for too long."""
    sent_by = Sender("s3.amazonaws.com", f"arn:aws:s3:::{bucket}", message.account)
    destination = destinations.find(arn)
    fields = {"bucket": bucket, "arn": arn}
    if destination is None or not is_open(ctx, destination, arn, sent_by):
        _log.warning("event dropped: its destination is gone, or does not let S3 send", extra={"fields": fields})
        return
    try:
        await destination.deliver(ctx, arn, sent_by, message.body)
    except Exception:
        if when(message.at) + TRIED > ctx.region.clock.now():
            raise
        _log.exception("event dropped: its destination failed for too long", extra={"fields": fields})


def is_open(ctx: Background, destination: Destination, arn: str, sent_by: Sender) -> bool:
    """Whether a destination is there, and lets S3 send: a bucket's owner may have skipped that question."""
    with ctx.region.store.snapshot() as tx:
        principal = service_of(sent_by.service, sent_by.account, sent_by.source)
        call = ctx.call(tx, principal, ctx.bound("s3", "PutBucketNotificationConfiguration"), {})
        return destination.exists(tx, arn) and destination.may(call, arn, sent_by)
