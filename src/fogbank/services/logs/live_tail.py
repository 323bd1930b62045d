"""StartLiveTail: what comes into groups, as it comes, once a second, as long as the client listens; three hours at most.

Source: API Reference, StartLiveTail.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.logs import feed
from fogbank.services.logs.addressing import address_of, group_of_id, group_of_identifier
from fogbank.services.logs.errors import invalid, not_for_class, too_many
from fogbank.services.logs.get import told_event
from fogbank.services.logs.patterns import compile_pattern
from fogbank.services.logs.records import STANDARD
from fogbank.services.logs.service import arn_of, logs
from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

    from fogbank.core.call import Call
    from fogbank.core.region import Region
    from fogbank.core.service import Input
    from fogbank.services.logs.reading import Event
    from fogbank.services.logs.records import Group

MOST: Final = 500  # events of an update
EVERY: Final = 1.0  # seconds
LONGEST: Final = timedelta(hours=3)
LAG: Final = 8  # times feed.MOST bytes that are looked at in a second; who is further behind misses events
MOST_SESSIONS: Final = 15  # of an account, by each of the processes that answer requests
_open: Final[Counter[str]] = Counter()  # sessions, by account
_log = logging.getLogger("fogbank.logs")


class Session(msgspec.Struct):
    """A session: what it is about, and the last put of each group that it has looked at, by the group's id."""

    seen: dict[int, int]
    names: dict[int, str]
    wants: Callable[[Event], bool]


def first(call: Call, req: Input) -> str:
    """What the permission on the first group is asked on."""
    return tailed(call, req["logGroupIdentifiers"][0])


def others(call: Call, req: Input) -> list[Permission]:
    """The permissions on the other groups."""
    rest = req["logGroupIdentifiers"][1:]
    return [Permission("logs:StartLiveTail", tailed(call, each), {"logGroupIdentifier": each}) for each in rest]


def tailed(call: Call, identifier: str) -> str:
    """What the permission on a group is asked on."""
    if identifier.endswith("*"):
        raise invalid("The log group identifier must not end with an asterisk.")
    return arn_of(address_of(call, identifier)) + ":log-stream:"


logs.resources = {**logs.resources, "tailed": first}


@logs.operation(
    "act",
    "tailed",
    takes="logGroupIdentifiers logStreamNames logStreamNamePrefixes logEventFilterPattern",
    also=others,
)
def start_live_tail(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """Begin a session."""
    check(req)
    if _open[call.account] >= MOST_SESSIONS:
        raise too_many(f"An account can have {MOST_SESSIONS} sessions at a time.")
    groups = [group_of_identifier(call, each) for each in req["logGroupIdentifiers"]]
    for group in groups:
        if group.kind != STANDARD:
            raise not_for_class(group.kind)
    session = Session(
        {group.id: feed.head(call.tx, group.id) for group in groups},
        {group.id: f"{group.account}:{group.name}" for group in groups},
        wanted(req),
    )
    begins = begun(call, req, groups)
    home, account = call.home, call.account

    async def answer() -> dict[str, Any]:
        return {"responseStream": counted(account, updates(home, session, begins))}

    return answer()


def check(req: Input) -> None:
    """Refuse what AWS refuses of a request."""
    names, prefixes = req.get("logStreamNames"), req.get("logStreamNamePrefixes")
    if names and prefixes:
        raise invalid("Cannot specify both logStreamNames and logStreamNamePrefixes.")
    if (names or prefixes) and len(req["logGroupIdentifiers"]) > 1:
        raise invalid("logStreamNames and logStreamNamePrefixes can be specified only with a single log group.")
    if len(set(req["logGroupIdentifiers"])) < len(req["logGroupIdentifiers"]):
        raise invalid("logGroupIdentifiers must not contain duplicates.")


def wanted(req: Input) -> Callable[[Event], bool]:
    """Which events a session shows."""
    pattern = compile_pattern(req.get("logEventFilterPattern", ""))
    names, prefixes = frozenset(req.get("logStreamNames", ())), tuple(req.get("logStreamNamePrefixes", ()))

    def wants(event: Event) -> bool:
        if names and event.stream not in names:
            return False
        if prefixes and not event.stream.startswith(prefixes):
            return False
        return pattern.matches(event.message.decode())

    return wants


def begun(call: Call, req: Input, groups: list[Group]) -> dict[str, Any]:
    """What is told first."""
    return {
        "requestId": call.request_id,
        "sessionId": call.ids.uuid(),
        "logGroupIdentifiers": [group.arn for group in groups],
        "logStreamNames": req.get("logStreamNames", []),
        "logStreamNamePrefixes": req.get("logStreamNamePrefixes", []),
        "logEventFilterPattern": req.get("logEventFilterPattern", ""),
    }


async def counted(account: str, pieces: AsyncGenerator[dict[str, Any], None]) -> AsyncIterator[dict[str, Any]]:
    """A session, counted as long as it lasts."""
    _open[account] += 1
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    finally:
        _open[account] -= 1


async def updates(home: Region, session: Session, begins: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """The session: its start, then an update every second. Nothing is kept for a client that reads slowly but what it has not read."""
    ends = home.clock.now() + LONGEST
    yield {"sessionStart": begins}
    while home.clock.now() < ends:
        await asyncio.sleep(EVERY)
        try:
            update = await asyncio.to_thread(next_update, home, session)
        except (AwsError, StoreError) as error:
            _log.warning("a live tail ended", extra={"fields": {"why": str(error)}})
            yield {"SessionStreamingException": {"message": "The session ended because of an error."}}
            return
        yield {"sessionUpdate": update}
    yield {"SessionTimeoutException": {"message": "The session timed out."}}


def next_update(home: Region, session: Session) -> dict[str, Any]:
    """What came into the groups since the last time, at most MOST events of it."""
    found: list[dict[str, Any]] = []
    more = False
    for group in session.seen:
        for event in come(home, session, group):
            if len(found) < MOST:
                found.append(
                    {**told_event(event), "logStreamName": event.stream, "logGroupIdentifier": session.names[group]}
                )
            else:
                more = True
    found.sort(key=lambda event: int(event["timestamp"]))
    return {"sessionMetadata": {"sampled": more}, "sessionResults": found}


def come(home: Region, session: Session, number: int) -> Iterator[Event]:
    """The wanted events that came into a group since the last time."""
    with home.store.snapshot() as tx:
        group = group_of_id(tx, number)
        newest = feed.head(tx, number)
    if group is None:
        return
    for _ in range(LAG):
        if session.seen[number] >= newest:
            break
        puts = feed.after(home, group, session.seen[number])
        if not puts:
            break
        session.seen[number] = puts[-1].number
        yield from (event for put in puts for event in put.events if session.wants(event))
    session.seen[number] = max(session.seen[number], newest)
