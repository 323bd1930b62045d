"""Carrying out queries, some at a time, in the control process.

A query that was running when the control process was killed becomes Failed: it may be what brought it down. Those that had not begun
are begun.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.logs.addressing import address_of_arn, find_group
from fogbank.services.logs.data_keys import opened
from fogbank.services.logs.insights_process import StoppedError, carried_out
from fogbank.services.logs.insights_scan import Target
from fogbank.services.logs.insights_worker import Task, Told
from fogbank.services.logs.queries import PERCENT
from fogbank.services.logs.queries_records import (
    ACTIVE,
    COMPLETE,
    FAILED,
    KEPT,
    RUNNING,
    SCHEDULED,
    TIMEOUT,
    Query,
    drop,
    keep,
    keep_results,
    queries,
    sealed_pages,
)
from fogbank.services.logs.queries_turns import AT_ONCE, EFFECT, parked, wake
from fogbank.services.logs.service import logs
from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.services.logs.queries_records import Page
    from fogbank.services.logs.queries_turns import Where
    from fogbank.store.api import Store, Tx

LOOK_EVERY: Final = 3600.0  # seconds between looks for queries that are old
MOST_KEPT: Final = 10_000  # queries of an account, in a region
MOST_DROPPED: Final = 100  # of them at a time
_log = logging.getLogger("fogbank.logs")


@logs.effect(EFFECT, at_once=AT_ONCE)
async def run(ctx: Background, payload: bytes) -> None:
    """Carry out a query that is scheduled."""
    account, region, number = msgspec.msgpack.decode(payload)
    where = (account, region, number)
    query = await ctx.region.store.write(partial(begin, where))
    if query is not None:
        await carry(ctx, where, query)
    await ctx.region.store.write(partial(wake, account, ctx.region.clock.now()))


async def carry(ctx: Background, where: Where, query: Query) -> None:
    """Carry out a query that has begun, and keep what it comes to."""
    try:
        told = await carried_out(await asyncio.to_thread(task_of, ctx, query), partial(going_on, ctx, where))
    except StoppedError:
        return
    except TimeoutError:
        await finish(ctx, where, TIMEOUT, "the query took too long")
    except (AwsError, StoreError, OSError) as error:
        _log.warning("a query failed: %s", error, extra={"fields": {"query": query.id}})
        await finish(ctx, where, FAILED, str(error))
    else:
        await complete(ctx, where, told)


def begin(where: Where, tx: Tx) -> Query | None:
    """Take a query on; None for one that is not there, has been begun before, or has to wait for its turn."""
    query = queries.get(tx, *where)
    if query is None or query.status not in ACTIVE:
        return None
    if query.status != SCHEDULED:
        keep(tx, msgspec.structs.replace(query, status=FAILED, fault="the region was restarted"))
        return None
    if parked(tx, where):
        return None
    keep(tx, msgspec.structs.replace(query, status=RUNNING))
    return query


def task_of(ctx: Background, query: Query) -> Task:
    """A query as its process takes it. Groups that are gone have nothing; AwsError if KMS does not open a key."""
    home: Any = ctx.region
    now = int(home.clock.now().timestamp() * 1000)
    targets = []
    with home.store.snapshot() as tx:
        for arn in query.groups:
            group = find_group(tx, *address_of_arn(arn))
            if group is not None:
                keys = opened(home, tx, group, [key.number for key in group.keys])
                targets.append(Target(group.account, group.region, group.name, group.id, keys, group.cutoff(now)))
    return Task(
        state=str(home.store.path),
        blobs=str(home.blobs.root),
        query=query.query,
        now=query.created // PERCENT,
        limit=query.limit,
        start=query.start,
        end=query.end + PERCENT,
        targets=targets,
    )


async def going_on(ctx: Background, where: Where, told: Told | None) -> bool:
    """Keep how far a query is; whether it is still wanted."""
    if told is None:
        with ctx.region.store.snapshot() as tx:
            query = queries.get(tx, *where)
        return query is not None and query.status == RUNNING
    return await ctx.region.store.write(partial(progress, where, told))


def progress(where: Where, told: Told, tx: Tx) -> bool:
    """Keep what a query has looked at so far."""
    query = queries.get(tx, *where)
    if query is None or query.status != RUNNING:
        return False
    keep(tx, counted(query, told))
    return True


def counted(query: Query, told: Told) -> Query:
    """A query with what it looked at."""
    return msgspec.structs.replace(query, scanned=told.scanned, matched=told.matched, bytes=told.bytes)


async def finish(ctx: Background, where: Where, status: str, fault: str) -> None:
    """Keep that a query did not come to a result."""
    now = int(ctx.region.clock.now().timestamp() * 1000)

    def end(tx: Tx) -> None:
        query = queries.get(tx, *where)
        if query is not None and query.status == RUNNING:
            keep(tx, msgspec.structs.replace(query, status=status, fault=fault[:1000], ended=now))

    await ctx.region.store.write(end)


async def complete(ctx: Background, where: Where, told: Told) -> None:
    """Keep the results of a query, or that it failed."""
    if told.fault:
        await finish(ctx, where, FAILED, told.fault)
        return
    sealed = await asyncio.to_thread(sealed_pages, ctx.region.vault, where[2], told.rows)
    now = int(ctx.region.clock.now().timestamp() * 1000)
    await ctx.region.store.write(partial(store_results, where, told, sealed, now), bulk=True)


def store_results(where: Where, told: Told, sealed: list[Page], now: int, tx: Tx) -> None:
    """Keep a query's results, unless it was stopped meanwhile."""
    query = queries.get(tx, *where)
    if query is None or query.status != RUNNING:
        return
    ended = max(now, query.created + 1)
    done = msgspec.structs.replace(counted(query, told), status=COMPLETE, rows=len(told.rows), ended=ended)
    keep_results(tx, done, sealed)


@logs.chore(LOOK_EVERY)
async def forget_old(ctx: Background) -> None:
    """Forget queries after seven days, and the oldest of an account that has too many."""
    before = int(ctx.region.clock.now().timestamp() * 1000) - KEPT
    old = await asyncio.to_thread(forgettable, ctx.region.store, before)
    for at in range(0, len(old), MOST_DROPPED):
        await ctx.region.store.write(partial(drop_some, old[at : at + MOST_DROPPED]), bulk=True)


def forgettable(store: Store, before: int) -> list[Where]:
    """The queries that were made before a time, and all but the newest MOST_KEPT of an account in a region."""
    made: dict[tuple[str, str], list[tuple[int, str]]] = {}
    with store.snapshot() as tx:
        for _, query in queries.scan(tx):
            if query.status not in ACTIVE:
                made.setdefault((query.account, query.region), []).append((query.created, query.id))
    return [
        (*owner, number)
        for owner, mine in made.items()
        for place, (created, number) in enumerate(sorted(mine, reverse=True))
        if created < before or place >= MOST_KEPT
    ]


def drop_some(old: list[Where], tx: Tx) -> None:
    """Forget some queries."""
    for where in old:
        drop(tx, *where)
