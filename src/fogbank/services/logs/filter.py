"""FilterLogEvents: search in the streams of a group.

Literals that every match has are looked for in whole blocks before an event of them is looked at. A page ends when it is full, or when
so much was looked at that its answer would be late; then its token goes on there.

Source: API Reference, FilterLogEvents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.logs.addressing import need_group, need_stream
from fogbank.services.logs.errors import invalid
from fogbank.services.logs.get import MOST, on_unmask, page, searchable
from fogbank.services.logs.patterns import compile_pattern
from fogbank.services.logs.places import LATEST, read_token, write_token
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.reading import Reading, material_of
from fogbank.services.logs.records import streams
from fogbank.services.logs.service import logs
from fogbank.services.logs.sources import Want

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.reading import Event
    from fogbank.services.logs.records import Group, Place

BACKWARD_FROM: Final = 1_704_067_200_000  # 2024-01-01: AWS searches backward from then on


@logs.operation(
    "scan",
    "group",
    takes="logGroupName logGroupIdentifier logStreamNames logStreamNamePrefix startTime endTime filterPattern nextToken limit "
    "startFromHead interleaved unmask",
    also=on_unmask,
)
def filter_log_events(call: Call, req: Input) -> dict[str, Any]:
    """A page of the events that match, of all streams or some, by time."""
    group = need_group(call, req)
    pattern = compile_pattern(req.get("filterPattern", ""))
    want = wanted(call, group, req, pattern.required)
    matches = pattern.matches

    def fits(event: Event) -> bool:
        return matches(event.message.decode())

    found = page(Reading(material_of(call.home, call.tx, group), want), req.get("limit", MOST), fits)
    told: dict[str, Any] = {"events": searchable(found.events), "searchedLogStreams": []}
    if not found.ended and found.place is not None:
        told["nextToken"] = write_marker(write_token(group.id, found.place, reverse=want.reverse))
    return told


def wanted(call: Call, group: Group, req: Input, literals: tuple[bytes, ...]) -> Want:
    """What a request is after. The end is included here, other than in GetLogEvents."""
    reverse, place = direction(group, req)
    start = max(req.get("startTime", 0), group.cutoff(milliseconds(call)))
    end = min(req.get("endTime", LATEST), LATEST) + 1
    return Want(start, end, chosen(call, group, req), literals, reverse, place)


def direction(group: Group, req: Input) -> tuple[bool, Place | None]:
    """Whether to go backward, and from where."""
    error = invalid("The specified nextToken is invalid.")
    token = read_marker(req.get("nextToken"), error)
    if token is not None:
        return read_token(group.id, token)
    reverse = not req.get("startFromHead", True)
    if reverse and req.get("startTime", 0) < BACKWARD_FROM:
        raise invalid("startFromHead can be false only if startTime is on or after Jan 1, 2024 00:00:00 UTC.")
    return reverse, None


def chosen(call: Call, group: Group, req: Input) -> frozenset[int] | None:
    """The numbers of the streams that a request names, by their names or a prefix; None for all."""
    names, prefix = req.get("logStreamNames"), req.get("logStreamNamePrefix")
    if names is not None and prefix is not None:
        raise invalid("Cannot specify both logStreamNames and logStreamNamePrefix.")
    if names is not None:
        return frozenset(need_stream(call, group, name).number for name in names)
    if prefix is not None:
        return frozenset(each.number for _, each in streams.scan(call.tx, group.id, starting_with=prefix))
    return None
