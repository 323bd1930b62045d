"""`fogbank events`."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from fogbank.cli.options import settings_of, which_region

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from fogbank.region.events import EventReader, Found, Kind

POLL: Final = 0.25  # seconds between looks at the log
SHOWN: Final = 50  # events, unless told
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Span(click.ParamType[timedelta]):
    """A time span such as 90s, 10m, 6h or 7d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is not a time span such as 90s, 10m, 6h or 7d", param, ctx)
        return timedelta(**{UNITS[found[2]]: int(found[1])})


@click.command()
@which_region
@click.option("--follow", "-f", is_flag=True, help="Go on and show events as they happen.")
@click.option(
    "--data-events", is_flag=True, help="Also S3's object operations, and callers that were not authenticated."
)
@click.option("--account", metavar="ID", help="Only this account's.")
@click.option("--operation", metavar="NAME", help="Only this operation: PutObject, or s3:PutObject; of whichever kind.")
@click.option("--user", metavar="NAME", help="Only this user's, role's or session's; or root's.")
@click.option("--errors", is_flag=True, help="Only requests that failed.")
@click.option("--since", type=Span(), metavar="SPAN", help="Only the last 90s, 10m, 6h, 7d.")
@click.option("--limit", type=click.IntRange(1), help="At most so many older events (default: 50; all with --since).")
@click.option("--json", "as_json", is_flag=True, help="Print the records as CloudTrail writes them, one a line.")
def events(
    data: Path | None, config: Path | None, follow: bool, data_events: bool, since: timedelta | None, limit: int | None,
    as_json: bool, **wanted: Any,
) -> None:  # fmt: skip
    """Show what was asked of the region, the oldest first.

    Each line has the time, the answer's status, who asked for what, and the request's id, for `fogbank iam explain`.
    """
    from fogbank.core.clock import Clock
    from fogbank.region.data import DataDir
    from fogbank.region.events import KINDS, EventReader

    reader = EventReader(DataDir(settings_of(data, config).data).events)
    kinds = KINDS if data_events or wanted["operation"] else KINDS[:1]  # who names PutObject means it
    start = int((Clock().now() - since).timestamp() * 1e6) if since else 0
    offsets = {kind: reader.ends(kind) for kind in kinds}
    shown = set()  # what came between the two looks is in both
    for record in before(reader, kinds, start, limit or (None if since else SHOWN), wanted):
        show(record, as_json)
        shown.add(record["requestID"])
    with suppress(KeyboardInterrupt):
        while follow:
            follow_once(reader, kinds, offsets, wanted, as_json, shown)
            shown.clear()


def before(
    reader: EventReader, kinds: tuple[Kind, ...], since: int, limit: int | None, wanted: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The latest events that are wanted, the oldest first."""
    from heapq import merge
    from itertools import islice

    newest = merge(
        *(reader.newest(kind, since=since) for kind in kinds), key=lambda found: found.answered, reverse=True
    )
    kept = [found.line for found in islice((one for one in newest if record_of(one, wanted) is not None), limit)]
    for line in reversed(kept):
        yield decoded(line)


def follow_once(
    reader: EventReader,
    kinds: tuple[Kind, ...],
    offsets: dict[Kind, dict[str, int]],
    wanted: dict[str, Any],
    as_json: bool,
    shown: Collection[str] = (),
) -> None:
    """Show what came since the last time, but for the requests that were `shown`, and wait a moment."""
    from threading import Event

    new = sorted(found for kind in kinds for found in reader.since(kind, offsets[kind]))
    for found in new:
        record = record_of(found, wanted)
        if record is not None and record["requestID"] not in shown:
            show(record, as_json)
    Event().wait(POLL)


def record_of(found: Found, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """An event's record, if it is one of those that are wanted."""
    record = decoded(found.line)
    return record if record and matches(record, **wanted) else None


def decoded(line: bytes) -> dict[str, Any]:
    """A line as a record; empty for one that was damaged."""
    import msgspec

    try:
        record = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("userIdentity"), dict) else {}


def matches(record: dict[str, Any], account: str | None, operation: str | None, user: str | None, errors: bool) -> bool:
    """Whether a record is of the account, operation and user, and a failure if these are wanted."""
    if account and record.get("recipientAccountId") != account:
        return False
    if operation and operation.lower() not in (operation_of(record).lower(), record["eventName"].lower()):
        return False
    if user and user not in names_of(record["userIdentity"]):
        return False
    return not errors or "errorCode" in record or record["additionalEventData"]["httpStatus"] >= 400


def operation_of(record: dict[str, Any]) -> str:
    """`s3:PutObject`, `lambda:CreateFunction`."""
    from fogbank.gateway.event_names import operation_name

    return f"{record['eventSource'].removesuffix('.amazonaws.com')}:{operation_name(record['eventName'])}"


def names_of(identity: dict[str, Any]) -> set[str]:
    """What a caller may be asked for as: its name, its ARN, its role's or its session's name."""
    arn = identity.get("arn", "")
    names = {arn, arn.rpartition("/")[2], identity.get("userName", "")}
    if identity["type"] == "Root":
        names.add("root")
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return names | {issuer.get("userName", ""), issuer.get("arn", "")}


def who(identity: dict[str, Any]) -> str:
    """A caller in few words: the end of its ARN, and its account."""
    arn, kind = identity.get("arn", ""), identity["type"]
    if not arn:
        words = {"Unknown": f"? {identity.get('accessKeyId', '')}".rstrip(), "AWSAccount": "anonymous"}
        return str(words.get(kind) or identity.get("userName") or identity.get("invokedBy", kind))
    parts = arn.split(":", 5)
    return f"{parts[5] if len(parts) > 5 else arn} {identity.get('accountId', '')}"


def show(record: dict[str, Any], as_json: bool) -> None:
    """Print a record: as it is, or in a line for people."""
    import msgspec

    from fogbank.cli.iam import printable

    if as_json:
        click.echo(msgspec.json.encode(record))
        return
    status, error = record["additionalEventData"]["httpStatus"], record.get("errorCode", "")
    color = "red" if status >= 400 else None
    parts = [
        record["eventTime"],
        click.style(f"{status}", fg=color),
        click.style(record["requestID"], dim=True),
        operation_of(record),
        printable(subject(record)),
        f"by {printable(who(record['userIdentity']))}",
        click.style(printable(error), fg=color) if error else "",
    ]
    click.echo(" ".join(part for part in parts if part))


def subject(record: dict[str, Any]) -> str:
    """What a request was about: the resource that it first asked a permission for."""
    decisions = record["additionalEventData"]["decisions"]
    resource: str = decisions[0]["resource"] if decisions else ""
    return "" if resource == "*" else resource
