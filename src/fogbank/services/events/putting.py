"""Events that callers put on buses, and trying a pattern.

Source: API Reference, PutEvents, TestEventPattern; EventBridge User Guide, "Calculating PutEvents event entry size".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.service import Permission
from fogbank.services.events.addressing import find_bus, place_of
from fogbank.services.events.condition_keys import of_entries
from fogbank.services.events.errors import invalid
from fogbank.services.events.matching import MOST_WORK, event_of, items_of
from fogbank.services.events.pattern import compiled
from fogbank.services.events.routing import Arrival, take_in
from fogbank.services.events.rules import check_pattern
from fogbank.services.events.service import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input

LARGEST: Final = 1 << 20  # bytes of all entries
TIME: Final = 14  # bytes that a time counts for
LONGEST_TYPE: Final = 128  # characters of a DetailType
NEEDED: Final = ("Source", "DetailType", "Detail")
STRUCTURE: Final = ("id", "account", "source", "time", "region", "resources", "detail-type")


class EntryError(Exception):
    """An entry is refused: AWS's code, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def keys_of_first(_call: Call, req: Input) -> Mapping[str, Value]:
    """The condition keys of the entries for the bus of the first."""
    first = req["Entries"][0].get("EventBusName", "")
    return of_entries([entry for entry in req["Entries"] if entry.get("EventBusName", "") == first])


def on_other_buses(call: Call, req: Input) -> list[Permission]:
    """The permissions for the buses of the entries behind the first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in req["Entries"]:
        found.setdefault(entry.get("EventBusName", ""), []).append(entry)
    return [
        Permission(
            "events:PutEvents", place_of(call, bus).arn, {"EventBusName": bus} if bus else {}, of_entries(entries)
        )
        for bus, entries in list(found.items())[1:]
    ]


@events.operation("write", "bus", takes="Entries", keys=keys_of_first, also=on_other_buses)
def put_events(call: Call, req: Input) -> dict[str, Any]:
    """Put events on buses. Each is taken or refused by itself; one for a bus that is not there meets no rules."""
    if sum(map(size_of, req["Entries"])) > LARGEST:
        raise invalid("Total size of the entries in the request is over the limit.")
    told: list[dict[str, str]] = []
    for entry in req["Entries"]:
        try:
            told.append({"EventId": put(call, entry)})
        except EntryError as error:
            told.append({"ErrorCode": error.code, "ErrorMessage": str(error)})
    return {"FailedEntryCount": sum("ErrorCode" in each for each in told), "Entries": told}


def size_of(entry: Mapping[str, Any]) -> int:
    """The bytes that an entry counts for."""
    texts = [entry.get(name, "") for name in NEEDED] + list(entry.get("Resources", ()))
    return (TIME if "Time" in entry else 0) + sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def put(call: Call, entry: Mapping[str, Any]) -> str:
    """Put one event on its bus; its id. EntryError if it is refused."""
    check(entry)
    place = place_of(call, entry.get("EventBusName", ""))
    name = call.ids.uuid()
    at = entry.get("Time") or call.now
    try:
        event = made(name, entry["Source"], entry["DetailType"], call, at, entry.get("Resources", ()), entry["Detail"])
    except UnicodeEncodeError:
        raise EntryError("InvalidArgument", "The entry has characters that are not valid.") from None
    if find_bus(call.tx, place) is not None:
        try:
            take_in(call.tx, call.home, Arrival(place, event, call.now))
        except RecursionError:  # it is one level deeper than its detail
            raise malformed() from None
    return name


def check(entry: Mapping[str, Any]) -> None:
    """EntryError for what is no event of a caller's."""
    for name in NEEDED:
        if not entry.get(name):
            raise EntryError(
                "InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument."
            )
    if len(entry["DetailType"]) > LONGEST_TYPE:
        raise EntryError(
            "InvalidArgument", f"Parameter DetailType is not valid. Reason: it has more than {LONGEST_TYPE} characters."
        )
    if entry["Source"].lower().startswith("aws."):
        raise EntryError("NotAuthorizedForSource", "Not authorized for the source.")
    if not is_object(entry["Detail"]):
        raise malformed()


def malformed() -> EntryError:
    """The refusal of a detail that is no JSON object."""
    return EntryError("MalformedDetail", "Detail is malformed.")


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(event_of(text), dict)
    except (ValueError, RecursionError):
        return False


def made(name: str, source: str, kind: str, call: Call, at: datetime, resources: Any, detail: str) -> bytes:
    """An event, as rules match it and targets are sent it."""
    return msgspec.json.encode(
        {
            "version": "0",
            "id": name,
            "detail-type": kind,
            "source": source,
            "account": call.account,
            "time": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": call.region,
            "resources": list(resources),
            "detail": msgspec.Raw(detail.encode()),
        }
    )


@events.operation("scan", "*", takes="EventPattern Event")
def test_event_pattern(call: Call, req: Input) -> dict[str, Any]:
    """Whether an event meets a pattern."""
    check_pattern(req["EventPattern"])
    pattern, event = compiled(req["EventPattern"]), structured(req["Event"])
    if pattern.size * (1 + items_of(event)) > MOST_WORK:
        raise invalid("Parameter Event is not valid. Reason: it is too much to compare with this pattern.")
    return {"Result": pattern.meets(event)}


def structured(text: str) -> dict[str, Any]:
    """An event of a caller's; ValidationException unless it has what events have."""
    try:
        event = event_of(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or any(name not in event for name in STRUCTURE):
        raise invalid("Parameter Event is not valid.")
    return event
