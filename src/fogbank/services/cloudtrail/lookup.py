"""LookupEvents.

Source: AWS CloudTrail API Reference, "LookupEvents".
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.cloudtrail.records import VALUES, decode
from fogbank.services.cloudtrail.service import cloudtrail

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.events import Event
    from fogbank.services.cloudtrail.records import Kept

PAGE: Final = 50
HISTORY: Final = timedelta(days=90)
LATEST: Final = 9_999_999_999_999_999  # microseconds
MOST_READ: Final = (
    16 << 20
)  # bytes of the log for one page; after that a page ends, with a token, however little it found


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a lookup goes on, and what it asks (a digest): a token is for the same question."""

    answered: int
    segment: str
    question: str


@cloudtrail.operation("scan", "*", takes="LookupAttributes StartTime EndTime MaxResults NextToken")
def lookup_events(call: Call, req: dict[str, Any]) -> dict[str, Any]:
    """A page of the account's management events in the region of the last 90 days, newest first; `EndTime` counts its whole second."""
    attributes = req.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise AwsError("InvalidLookupAttributesException", "You can only specify one lookup attribute at a time.")
    since, until = _micros(req.get("StartTime"), 0), _micros(req.get("EndTime"), LATEST)
    if since > until:
        raise AwsError("InvalidTimeRangeException", "The start time must be before the end time.")
    question = blake2b(
        f"{call.account} {call.region} {attributes} {since} {until}".encode(), digest_size=12
    ).hexdigest()
    before = _place(req["NextToken"], question) if "NextToken" in req else None
    most = req.get("MaxResults", PAGE)
    found: list[dict[str, Any]] = []
    left = MOST_READ
    last: Event | None = None
    more = False
    since = max(since, _micros(call.now - HISTORY, 0))
    for event in call.events.newest("management", since=since, until=min(until + 999_999, LATEST), before=before):
        if len(found) == most or left <= 0:
            more = True
            break
        left -= len(event.line)
        last = event
        kept = _matching(event.line, call, attributes)
        if kept is not None:
            found.append(_told(kept, event.line))
    if not more or last is None:
        return {"Events": found}
    token = msgspec.json.encode(Place(last.answered, last.segment, question))
    return {"Events": found, "NextToken": urlsafe_b64encode(token).decode()}


def _matching(line: bytes, call: Call, attributes: list[dict[str, str]]) -> Kept | None:
    """The event of a line, if its account, region and attribute are as asked."""
    # Most lines are told apart by what their bytes lack, without decoding them.
    if f'"recipientAccountId":"{call.account}"'.encode() not in line:
        return None
    try:
        kept = decode(line)
    except msgspec.DecodeError:
        return None
    if (kept.recipient_account_id, kept.aws_region) != (call.account, call.region):
        return None
    if any(one["AttributeValue"] not in VALUES[one["AttributeKey"]](kept) for one in attributes):
        return None
    return kept


def _told(kept: Kept, line: bytes) -> dict[str, Any]:
    told = {
        "EventId": kept.event_id,
        "EventName": kept.event_name,
        "ReadOnly": "true" if kept.read_only else "false",
        "AccessKeyId": kept.user_identity.access_key_id,
        "EventTime": datetime.fromisoformat(kept.event_time),
        "EventSource": kept.event_source,
        "Username": kept.username,
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in kept.resources],
        "CloudTrailEvent": line.decode("utf-8", "replace"),
    }
    return {name: value for name, value in told.items() if value != ""}


def _micros(time: datetime | None, default: int) -> int:
    if time is None:
        return default
    moment = time if time.tzinfo else time.replace(tzinfo=UTC)
    return min(max(int(moment.timestamp()) * 1_000_000, 0), LATEST)


def _place(token: str, question: str) -> tuple[int, str]:
    try:
        place = msgspec.json.decode(b64decode(token, b"-_", validate=True), type=Place)
    except (Base64Error, ValueError, msgspec.DecodeError):
        place = None
    if place is None or place.question != question or place.answered < 0:
        raise AwsError("InvalidNextTokenException", "The token is invalid, or was made for another lookup.")
    return place.answered, place.segment
