"""Log streams.

Source: API Reference, CreateLogStream, DeleteLogStream, DescribeLogStreams.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.logs.addressing import need_group, need_stream
from fogbank.services.logs.errors import exists, invalid, protected
from fogbank.services.logs.purge import purge_stream
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.records import Stream, Tally, streams, streams_by_time, tallies
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group

PAGE: Final = 50
BY_TIME: Final = "LastEventTime"
TOKEN: Final = re.compile(r"\d{20}.", re.ASCII | re.DOTALL)


@logs.operation("write", "stream", takes="logGroupName logStreamName")
def create_log_stream(call: Call, req: Input) -> dict[str, Any]:
    """Make a log stream."""
    group, name = need_group(call, req), req["logStreamName"]
    if streams.get(call.tx, group.id, name):
        raise exists("The specified log stream already exists")
    tally = tallies.get(call.tx, group.id) or Tally()
    number = tally.streams + 1
    streams.put(call.tx, Stream(name=name, number=number, created=milliseconds(call)), group.id, name)
    tallies.put(call.tx, msgspec.structs.replace(tally, streams=number), group.id)
    return {}


@logs.operation("write", "stream", takes="logGroupName logStreamName")
def delete_log_stream(call: Call, req: Input) -> dict[str, Any]:
    """Delete a log stream, and all its events."""
    group = need_group(call, req)
    stream = need_stream(call, group, req["logStreamName"])
    if group.protected:
        raise protected("log stream")
    streams.delete(call.tx, group.id, stream.name)
    purge_stream(call, group, stream)
    return {}


@logs.operation(
    "scan",
    "group",
    takes="logGroupName logGroupIdentifier logStreamNamePrefix orderBy descending nextToken limit",
)
def describe_log_streams(call: Call, req: Input) -> dict[str, Any]:
    """The streams of a group, by name, or by the time of their last event."""
    group, most = need_group(call, req), req.get("limit", PAGE)
    found = list(islice(in_order(call, group, req), most + 1))
    more = {"nextToken": write_marker(token_of(found[most - 1]))} if len(found) > most else {}
    return {"logStreams": [told(group, stream) for stream in found[:most]], **more}


def in_order(call: Call, group: Group, req: Input) -> Iterator[Stream]:
    """The streams that a request means, behind its token."""
    prefix, reverse = req.get("logStreamNamePrefix"), req.get("descending", False)
    by_time = req.get("orderBy") == BY_TIME
    if by_time and prefix is not None:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    last, name = read_token(req.get("nextToken"))
    behind = name if not by_time else (last, name)
    table = streams_by_time if by_time else streams
    start, end = table.span(group.id, starting_with=prefix)
    if name and reverse:
        end = table.key(group.id, *(behind if isinstance(behind, tuple) else (behind,)))
    elif name:
        start = max(start, table.key(group.id, *(behind if isinstance(behind, tuple) else (behind,))) + b"\0")
    for key, _ in call.tx.scan(start, end, reverse=reverse):
        stream = streams.get(call.tx, group.id, table.parts(key)[-1])
        if stream is not None:
            yield stream


def token_of(stream: Stream) -> str:
    """What a token says of the last stream of a page."""
    return f"{stream.last:020d}{stream.name}"


def read_token(token: str | None) -> tuple[int, str]:
    """The time and the name of the last stream of the page before; InvalidParameterException for what is none."""
    error = invalid("The specified nextToken is invalid.")
    text = read_marker(token, error)
    if text is None:
        return 0, ""
    if not TOKEN.match(text) or int(text[:20]) >= 1 << 63:
        raise error
    return int(text[:20]), text[20:]


def told(group: Group, stream: Stream) -> dict[str, Any]:
    """A stream as output members."""
    first = {"firstEventTimestamp": stream.first, "lastEventTimestamp": stream.last} if stream.ingested else {}
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        **first,
        **({"lastIngestionTime": stream.ingested} if stream.ingested else {}),
        "uploadSequenceToken": f"{stream.ingested:056d}",
        "arn": f"{group.arn}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
