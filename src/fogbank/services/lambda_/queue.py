"""Asynchronous invocations that wait: kept before they are acknowledged, and until they are done.

    ("lambda.event", account, region, function, due, request id)    what waits; due in microseconds since the epoch
    ("lambda.payload", request id)                                  its payload, sealed; read when its time has come

An event is crossed out in the transaction that keeps what came of it. One that was being tried when the process died is tried again:
delivery is at least once.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.lambda_ import gone
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.vault import Vault
    from fogbank.services.lambda_.names import Name
    from fogbank.store.api import Tx

Line = tuple[str, str, str]  # account, region, name of a function

MOST_RETRIES: Final = 2  # after errors of the function
AFTER_ERRORS: Final = (timedelta(minutes=1), timedelta(minutes=2))
FIRST_WAIT: Final = timedelta(seconds=1)  # after throttling and failures of the system
LONGEST_WAIT: Final = timedelta(minutes=5)
OLDEST: Final = 21_600  # seconds that an event is kept at most
MOST_FORGOTTEN: Final = 1000  # at once
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
    trace: str = ""

    @property
    def line(self) -> Line:
        """The function whose line it waits in."""
        return self.account, self.region, self.name


class Payload(Record, version=1):
    """What a function is given, sealed."""

    data: bytes


class Given(msgspec.Struct, frozen=True, array_like=True):
    """What a function is given: the event, and the client's context."""

    payload: bytes
    context: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """An event in the queue: `due` and `id`, which is the invocation's request id, are where it is in its function's line."""

    due: int
    id: str
    event: Event

    @property
    def place(self) -> tuple[str, str, str, int, str]:
        """Its key."""
        return (*self.event.line, self.due, self.id)


events: Final = Table("lambda.event", Event)  # account, region, function's name, due, request id
payloads: Final = Table("lambda.payload", Payload)  # request id


def microseconds(when: datetime) -> int:
    """A time as the queue has it."""
    return max((when - _EPOCH) // _MICROSECOND, 0)


def new(name: Name, now: datetime, trace: str) -> Event:
    """An event for a function, accepted now."""
    return Event(
        account=name.account,
        region=name.region,
        name=name.name,
        qualifier=name.qualifier,
        accepted=microseconds(now),
        trace=trace,
    )


def seal(vault: Vault, request_id: str, payload: bytes, context: str = "") -> bytes:
    """A payload as it is kept: whoever reads the disk without the master keys does not read it."""
    return vault.seal_apart(msgspec.msgpack.encode(Given(payload, context)), purpose(request_id))


def opened(vault: Vault, request_id: str, sealed: bytes) -> Given:
    """What was sealed. Raises Unsealable."""
    return msgspec.msgpack.decode(vault.open_apart(sealed, purpose(request_id)), type=Given)


def purpose(request_id: str) -> str:
    """What a payload is sealed for: its own invocation."""
    return f"lambda.payload {request_id}"


def put(tx: Tx, event: Event, request_id: str, sealed: bytes) -> None:
    """Add an event, with its sealed payload, to be tried at once."""
    payloads.put(tx, Payload(data=sealed), request_id)
    events.put(tx, event, *event.line, event.accepted, request_id)


def lines(tx: Tx) -> Iterator[Line]:
    """The functions that have events, in order. One look at each."""
    last: Line | None = None
    while True:
        parts = next((parts for parts, _ in events.scan(tx, start_after=last, limit=1)), None)
        if parts is None:
            return
        last = (str(parts[0]), str(parts[1]), str(parts[2]))
        yield last


def due(tx: Tx, line: Line, now: datetime, limit: int) -> list[Waiting]:
    """The first events of a function whose time has come, the longest due first."""
    end = microseconds(now)
    found = [Waiting(int(parts[3]), str(parts[4]), event) for parts, event in events.scan(tx, *line, limit=limit)]
    return [one for one in found if one.due <= end]


def is_there(tx: Tx, one: Waiting) -> bool:
    """Whether an event is still to be done."""
    return events.get(tx, *one.place) is not None


def payload_of(tx: Tx, one: Waiting) -> bytes:
    """The sealed payload of an event; empty if it was done meanwhile."""
    found = payloads.get(tx, one.id)
    return found.data if found else b""


def done(tx: Tx, one: Waiting) -> None:
    """An event is over: delivered, or given up."""
    events.delete(tx, *one.place)
    payloads.delete(tx, one.id)


def again(tx: Tx, one: Waiting, event: Event, when: datetime) -> None:
    """An event is to be tried later, unless it is over meanwhile."""
    if is_there(tx, one):
        events.delete(tx, *one.place)
        events.put(tx, event, *event.line, microseconds(when), one.id)


@gone.reaction
def forget(tx: Tx, name: Name) -> None:
    """What waits for a function that is deleted, or for a version or alias of it, is over; of very many, when they are to be tried."""
    for parts, event in list(events.scan(tx, name.account, name.region, name.name, limit=MOST_FORGOTTEN)):
        if name.qualifier in ("", event.qualifier):
            events.delete(tx, *parts)
            payloads.delete(tx, str(parts[4]))


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
