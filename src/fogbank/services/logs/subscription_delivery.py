"""Passing on what subscription filters match: in order for a stream, at least once, from where each filter's cursor is.

A put has the delivery of its group's filters carried out behind it, unless that is under way. Delivery reads what was put behind the
cursor, sends it, and moves the cursor: killed amid that, it sends the same again. A destination that fails holds up its filter alone;
what it does not take for a day, as on AWS, or will never take, is dropped.

Filters take turns: what is left behind a few MiB is another effect, behind those of others. The turn is in the effect and in the
cursor: an effect that is carried out again, after the next one has been made, is none.

Source: CloudWatch Logs User Guide, "Log group-level subscription filters", example 2.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core import destinations
from fogbank.core.errors import AwsError
from fogbank.core.principal import service_of
from fogbank.services.logs import feed
from fogbank.services.logs.addressing import group_of_id
from fogbank.services.logs.patterns import compile_pattern
from fogbank.services.logs.put import reactions
from fogbank.services.logs.records import segments
from fogbank.services.logs.service import logs
from fogbank.services.logs.subscription_filters import Cursor, cursors, senders, subscriptions
from fogbank.store import outbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.core.destinations import Destination, Sender
    from fogbank.services.logs.feed import Put
    from fogbank.services.logs.patterns import Pattern
    from fogbank.services.logs.reading import Event
    from fogbank.services.logs.records import Group, Stream
    from fogbank.services.logs.subscription_filters import Subscription
    from fogbank.store.api import Tx

EFFECT: Final = "logs.subscription"
AT_ONCE: Final = 8
TRIED: Final = 86_400_000  # milliseconds: what is older when it cannot be delivered is dropped
MOST: Final = (
    640 << 10
)  # bytes of events in a message: compressed or not, it fits into an asynchronous invocation (1 MB)
NEVER: Final = ("RequestTooLargeException", "RequestEntityTooLargeException", "InvalidParameterValueException")
_log = logging.getLogger("fogbank.logs")

Message = tuple[bytes, int]  # and when its last event was ingested


def notice(call: Call, group: Group, _stream: Stream, _put: int) -> None:
    """Something was put: have it passed on by those filters that are not at it."""
    for _, subscription in subscriptions.scan(call.tx, group.id):
        cursor = cursors.get(call.tx, group.id, subscription.id)
        if cursor is not None and not cursor.queued:
            queue(call.tx, group.id, subscription, cursor, call.now)


def queue(tx: Tx, group: int, subscription: Subscription, cursor: Cursor, now: datetime) -> None:
    """Have a filter's next turn carried out."""
    turn = cursor.turn + 1
    cursors.put(tx, msgspec.structs.replace(cursor, queued=True, turn=turn), group, subscription.id)
    payload = msgspec.msgpack.encode((group, subscription.name, subscription.id, turn))
    outbox.emit(tx, EFFECT, payload, now=now)


reactions.append(notice)


@logs.effect(EFFECT, at_once=AT_ONCE)
async def deliver(ctx: Background, payload: bytes) -> None:
    """Pass on what a filter has before it, or a part of it."""
    number, name, subscription_id, turn = msgspec.msgpack.decode(payload)
    with ctx.region.store.snapshot() as tx:
        group = group_of_id(tx, number)
        subscription = subscriptions.get(tx, number, name)
        cursor = cursors.get(tx, number, subscription_id)
        behind = next_behind(tx, number, cursor.put) if cursor else 0
    if group is None or subscription is None or cursor is None or subscription.id != subscription_id:
        return
    if cursor.turn != turn:
        return
    puts = await asyncio.to_thread(feed.after, ctx.region, group, cursor.put)
    await pass_on(ctx, group, subscription, puts)
    seen, now = puts[-1].number if puts else behind, ctx.region.clock.now()
    await ctx.region.store.write(partial(move, number, subscription, seen, now))


def next_behind(tx: Tx, group: int, put: int) -> int:
    """Up to which put nothing is left, where reading behind a put finds nothing: its streams were deleted."""
    behind = [(one.put_first, one.put_last) for _, one in segments.scan(tx, group) if one.put_last > put]
    return min(behind)[1] if behind else feed.head(tx, group)


def move(group: int, subscription: Subscription, seen: int, now: datetime, tx: Tx) -> None:
    """Move a cursor on; what is left behind it has another turn."""
    cursor = cursors.get(tx, group, subscription.id)
    if cursor is None:
        return
    moved = msgspec.structs.replace(cursor, put=max(cursor.put, seen), queued=False)
    if moved.put >= feed.head(tx, group):
        cursors.put(tx, moved, group, subscription.id)
    else:
        queue(tx, group, subscription, moved, now)


async def pass_on(ctx: Background, group: Group, subscription: Subscription, puts: list[Put]) -> None:
    """Send what matches of some puts; raises where the destination fails for now."""
    found = await asyncio.to_thread(messages, group, subscription, compile_pattern(subscription.pattern), puts)
    for message, ingested in found:
        await send(ctx, group, subscription, message, ingested)


async def send(ctx: Background, group: Group, subscription: Subscription, message: bytes, ingested: int) -> None:
    """Send a message, or drop it where its destination is gone, does not let the service send, or cannot take it."""
    arn, fields = subscription.destination, {"group": group.arn, "arn": subscription.destination}
    destination = destinations.find(arn)
    sender = open_to(ctx, group, destination, arn) if destination else None
    if destination is None or sender is None:
        _log.warning("log events dropped: their destination is gone, or closed", extra={"fields": fields})
        return
    try:
        await destination.deliver(ctx, arn, sender, message)
    except Exception as error:
        late = ingested + TRIED < int(ctx.region.clock.now().timestamp() * 1000)
        if not late and not (isinstance(error, AwsError) and error.code in NEVER):
            raise
        _log.exception("log events dropped: their destination does not take them", extra={"fields": fields})


def open_to(ctx: Background, group: Group, destination: Destination, arn: str) -> Sender | None:
    """As whom the service may send; None if it may not, or there is no such destination."""
    with ctx.region.store.snapshot() as tx:
        if not destination.exists(tx, arn):
            return None
        principal = service_of(senders(group)[0].service, group.account, group.arn)
        call = ctx.call(tx, principal, ctx.bound("logs", "PutSubscriptionFilter"), {}, group.region)
        return next((sender for sender in senders(group) if destination.may(call, arn, sender)), None)


def messages(group: Group, subscription: Subscription, pattern: Pattern, puts: list[Put]) -> list[Message]:
    """What matches, as messages: of one stream each, in the order of their puts."""
    streams: dict[str, list[Event]] = {}
    for put in puts:
        matching = [event for event in put.events if pattern.matches(event.message.decode(errors="replace"))]
        if matching:
            streams.setdefault(put.stream, []).extend(matching)
    return [
        (message(group, subscription, stream, part), max(event.ingested for event in part))
        for stream, events in streams.items()
        for part in split(events)
    ]


def split(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Events in parts that fit into a message."""
    part: list[Event] = []
    size = 0
    for event in events:
        if part and size + len(event.message) > MOST:
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event.message) + 128
    if part:
        yield part


def message(group: Group, subscription: Subscription, stream: str, events: list[Event]) -> bytes:
    """A message as functions get it."""
    content: dict[str, Any] = {
        "messageType": "DATA_MESSAGE",
        "owner": group.account,
        "logGroup": group.name,
        "logStream": stream,
        "subscriptionFilters": [subscription.name],
        "logEvents": [
            {"id": event.id, "timestamp": event.timestamp, "message": event.message.decode(errors="replace")}
            for event in events
        ],
    }
    packed = gzip.compress(msgspec.json.encode(content), compresslevel=6, mtime=0)
    return msgspec.json.encode({"awslogs": {"data": b64encode(packed).decode()}})
