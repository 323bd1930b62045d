"""Events of a stream, page by page in both directions, and single ones.

A page is bounded in events, in bytes, and in what is looked at for it, so that it takes a bounded time: it may be empty before the
end, which is where a token leads to itself.

Source: API Reference, GetLogEvents, GetLogRecord.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.logs.addressing import need_group, need_stream
from fogbank.services.logs.blocks import OVERHEAD
from fogbank.services.logs.errors import not_found
from fogbank.services.logs.places import LATEST, before, read_pointer, read_token, write_token
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.reading import Reading, material_of
from fogbank.services.logs.service import group as arn_of_group
from fogbank.services.logs.service import logs
from fogbank.services.logs.sources import Want

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.reading import Event
    from fogbank.services.logs.records import Group, Place, Stream

MOST: Final = 10_000  # events of a page
LARGEST: Final = 1 << 20  # bytes of a page
BUDGET: Final = 64 << 20  # bytes that are looked at for a page
EXAMINED: Final = 100_000  # events that are held against a pattern for a page

# What else a record shows beside what every event has: fields of its message.
record_fields: Final[list[Callable[[Event], dict[str, str]]]] = []


class Page(msgspec.Struct, frozen=True):
    """Events of a page, in the order of reading, and how far the reading has come. `ended`: nothing is behind it."""

    events: list[Event]
    place: Place | None
    ended: bool


def on_unmask(call: Call, req: Input) -> list[Permission]:
    """Who asks for what data protection hides needs a permission for that."""
    return [Permission("logs:Unmask", pointed(call, req), req)] if req.get("unmask") else []


@logs.operation(
    "scan",
    "stream",
    takes="logGroupName logGroupIdentifier logStreamName startTime endTime nextToken limit startFromHead unmask",
    also=on_unmask,
)
def get_log_events(call: Call, req: Input) -> dict[str, Any]:
    """A page of a stream's events, the oldest first."""
    group = need_group(call, req)
    stream = need_stream(call, group, req["logStreamName"])
    start, end = max(req.get("startTime", 0), group.cutoff(milliseconds(call))), min(req.get("endTime", LATEST), LATEST)
    reverse, place = not req.get("startFromHead", False), None
    if "nextToken" in req:
        reverse, place = read_token(group.id, req["nextToken"])
    want = Want(start, end, frozenset((stream.number,)), reverse=reverse, after=place)
    found = page(read(call, group, stream, want), req.get("limit", MOST))
    return told(req, group, want, found)


def read(call: Call, group: Group, stream: Stream, want: Want) -> Reading:
    """The wanted events of a stream, which says itself between which times it has any."""
    narrow = msgspec.structs.replace(want, start=max(want.start, stream.first), end=min(want.end, stream.last + 1))
    return Reading(material_of(call.home, call.tx, group), narrow, BUDGET)


def page(reading: Reading, most: int, fits: Callable[[Event], bool] = lambda _: True) -> Page:
    """The next events that fit, as many as a page has."""
    events: list[Event] = []
    size = 0
    for number, event in enumerate(reading, 1):
        if not fits(event):
            if number >= EXAMINED:
                return Page(events, event.place, ended=False)
            continue
        size += len(event.message) + OVERHEAD
        if len(events) == most or (events and size > LARGEST):
            return Page(events, events[-1].place, ended=False)
        events.append(event)
    return Page(events, reading.place, reading.ended)


def told(req: Input, group: Group, want: Want, found: Page) -> dict[str, Any]:
    """A page as output members. A token that has led to nothing leads to itself."""
    events = found.events[::-1] if want.reverse else found.events
    edge = want.after or before(min(want.end if want.reverse else want.start, LATEST))
    ahead = found.place if found.place and not (found.ended and not events) else edge
    if found.ended and events:
        ahead = found.events[-1].place
    behind = found.events[0].place if events else edge
    backward, forward = (ahead, behind) if want.reverse else (behind, ahead)
    tokens = {
        "nextForwardToken": write_token(group.id, forward, reverse=False),
        "nextBackwardToken": write_token(group.id, backward, reverse=True),
    }
    return {"events": [told_event(event) for event in events], **tokens}


def told_event(event: Event) -> dict[str, Any]:
    """An event as output members."""
    return {
        "timestamp": event.timestamp,
        "message": event.message.decode(),
        "ingestionTime": event.ingested,
    }


def pointed(call: Call, req: Input) -> str:
    """What the permission on the group of a pointer is asked on: on any group, if there is none."""
    try:
        return arn_of_group(call, req)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return f"arn:aws:logs:{call.region}:{call.account}:log-group:*:log-stream:"


logs.resources = {**logs.resources, "pointed": pointed}


@logs.operation("scan", "pointed", takes="logRecordPointer unmask", also=on_unmask)
def get_log_record(call: Call, req: Input) -> dict[str, Any]:
    """All fields of one event."""
    group = need_group(call, req)
    _, place = read_pointer(req["logRecordPointer"])
    want = Want(place[0], place[0] + 1, after=(place[0], place[1], place[2] - 1))
    event = next(iter(Reading(material_of(call.home, call.tx, group), want)), None)
    if event is None or event.place != place or event.timestamp < group.cutoff(milliseconds(call)):
        raise not_found("The specified log record does not exist.")
    return {"logRecord": fields_of(group, event)}


def fields_of(group: Group, event: Event) -> dict[str, str]:
    """What a record shows of an event."""
    found: dict[str, str] = {}
    for read_fields in record_fields:
        found |= read_fields(event)
    return found | {
        "@timestamp": str(event.timestamp),
        "@ingestionTime": str(event.ingested),
        "@message": event.message.decode(),
        "@logStream": event.stream,
        "@log": f"{group.account}:{group.name}",
    }


def searchable(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Events of many streams as output members."""
    return [{"logStreamName": event.stream, **told_event(event), "eventId": event.id} for event in events]
