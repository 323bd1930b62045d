"""Where an event is in its group, as clients see it: in ids of events, in tokens of pages, in pointers.

A place is an event's timestamp, the number of its put, and its number in that; they order a group's events, and no two have the same.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

from fogbank.services.logs.errors import invalid

if TYPE_CHECKING:
    from fogbank.services.logs.records import Place

DIGITS: Final = 56  # of an event's id, as AWS's have
_TIME: Final = 144  # bits behind the timestamp: the group's id (64), the put (64), the number in it (16)
_GROUP: Final = 80
_PUT: Final = 16
_TOKEN: Final = re.compile(r"([fb])/(\d{56})/s", re.ASCII)

LATEST: Final = 4_000_000_000_000  # ms, in 2096: behind it an id would not have room for the time


def write_id(group: int, place: Place) -> str:
    """An event's id: 56 digits that order like the events of a group."""
    time, put, number = place
    return f"{time << _TIME | group << _GROUP | put << _PUT | number + 1:0{DIGITS}d}"


def read_id(text: str) -> tuple[int, Place]:
    """The group and the place in an id. The place before a put's first event has the number -1."""
    value = int(text)
    group, put, number = value >> _GROUP & (1 << 64) - 1, value >> _PUT & (1 << 64) - 1, (value & (1 << _PUT) - 1) - 1
    return group, (value >> _TIME, put, number)


def before(time: int) -> Place:
    """The place before all events of a time."""
    return time, 0, -1


def write_token(group: int, place: Place, *, reverse: bool) -> str:
    """The token of a page of GetLogEvents that goes on from a place."""
    return f"{'b' if reverse else 'f'}/{write_id(group, place)}/s"


def read_token(group: int, token: str) -> tuple[bool, Place]:
    """Whether a token goes backward, and from where. InvalidParameterException for one that is not of this group."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise invalid("The specified nextToken is invalid.")
    of, place = read_id(found[2])
    if of != group:
        raise invalid("The specified nextToken is invalid.")
    return found[1] == "b", place


def write_pointer(group: int, place: Place) -> str:
    """A log record pointer: what Insights calls `@ptr`."""
    return urlsafe_b64encode(b"1" + write_id(group, place).encode()).decode()


def read_pointer(text: str) -> tuple[int, Place]:
    """The group and the place that a pointer leads to. InvalidParameterException for what is none."""
    try:
        raw = b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != DIGITS + 1 or raw[:1] != b"1" or not raw[1:].isdigit():
        raise invalid("The specified log record pointer is invalid.")
    return read_id(raw[1:].decode())
