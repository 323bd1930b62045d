"""Asynchronous invocations that wait: kept before they are acknowledged, and until they are done.

    ("lambda.event", due, request id)    what waits; due in microseconds since the epoch
    ("lambda.payload", request id)       its payload, read when its time has come

An event is crossed out in the transaction that keeps what came of it. One that was being tried when the process died is tried again:
delivery is at least once.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx

MOST_RETRIES: Final = 2  # after errors of the function
AFTER_ERRORS: Final = (timedelta(minutes=1), timedelta(minutes=2))
FIRST_WAIT: Final = timedelta(seconds=1)  # after throttling and failures of the system
LONGEST_WAIT: Final = timedelta(minutes=5)
OLDEST: Final = 21_600  # seconds that an event is kept at most
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Event(Record, version=1):
    """An invocation that waits.

    `qualifier` is the version or alias that was asked for, or empty; `accepted` is when it was acknowledged, in microseconds since the
    epoch. `tries` counts those that the function failed, `refusals` those that never reached it, since the last that did.
    """

    account: str
    region: str
    name: str
    qualifier: str
    accepted: int
    tries: int = 0
    refusals: int = 0
    context: str = ""
    trace: str = ""
    error: str = ""  # how it failed last, in the words of a destination's record


class Payload(Record, version=1):
    """What a function is given."""

    data: bytes


class Waiting(msgspec.Struct, frozen=True):
    """An event in the queue: `due` and `id`, which is the invocation's request id, are where it is."""

    due: int
    id: str
    event: Event


events: Final = Table("lambda.event", Event)  # due, request id
payloads: Final = Table("lambda.payload", Payload)  # request id


def microseconds(when: datetime) -> int:
    """A time as the queue has it."""
    return max((when - _EPOCH) // _MICROSECOND, 0)


def put(tx: Tx, event: Event, request_id: str, payload: bytes) -> None:
    """Add an event, to be tried at once."""
    payloads.put(tx, Payload(data=payload), request_id)
    events.put(tx, event, event.accepted, request_id)


def due(tx: Tx, now: datetime, after: tuple[int, str] | None = None, limit: int | None = None) -> Iterator[Waiting]:
    """The events whose time has come, the longest due first, behind one of them."""
    end = microseconds(now)
    for parts, event in events.scan(tx, start_after=after, limit=limit):
        at, name = int(parts[0]), str(parts[1])
        if at > end:
            return
        yield Waiting(at, name, event)


def is_there(tx: Tx, one: Waiting) -> bool:
    """Whether an event is still to be done."""
    return events.get(tx, one.due, one.id) is not None


def payload_of(tx: Tx, one: Waiting) -> bytes:
    """The payload of an event; empty if it was done meanwhile."""
    found = payloads.get(tx, one.id)
    return found.data if found else b""


def done(tx: Tx, one: Waiting) -> None:
    """An event is over: delivered, or given up."""
    events.delete(tx, one.due, one.id)
    payloads.delete(tx, one.id)


def again(tx: Tx, one: Waiting, event: Event, when: datetime) -> None:
    """An event is to be tried later."""
    events.delete(tx, one.due, one.id)
    events.put(tx, event, microseconds(when), one.id)


def after_error(event: Event, now: datetime, most: int) -> tuple[Event, datetime] | None:
    """The event after the function failed it, and when it is next; None after the last try. `most` is how often it is retried."""
    tries = event.tries + 1
    if tries > min(most, MOST_RETRIES):
        return None
    return msgspec.structs.replace(event, tries=tries, refusals=0), now + AFTER_ERRORS[tries - 1]


def after_refusal(event: Event, now: datetime) -> tuple[Event, datetime]:
    """The event after it could not be given to the function, and when it is next."""
    wait = min(FIRST_WAIT * 2 ** min(event.refusals, 20), LONGEST_WAIT)
    return msgspec.structs.replace(event, refusals=event.refusals + 1), now + wait


def is_too_old(event: Event, now: datetime, oldest: int = OLDEST) -> bool:
    """Whether an event is older than it may be. `oldest` in seconds."""
    return microseconds(now) - event.accepted > min(oldest, OLDEST) * 1_000_000
