"""Carrying out export tasks: each stream's events, by time, as gzip files of lines, `PREFIX/TASK/STREAM/000000.gz` and on.

Source: CloudWatch Logs User Guide, "Export log data to Amazon S3".
"""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.logs import reading
from fogbank.services.logs.addressing import find_group
from fogbank.services.logs.export import (
    ACTIVE,
    CANCELLED,
    COMPLETED,
    EFFECT,
    FAILED,
    OWNED,
    PENDING,
    RUNNING,
    Task,
    acting,
    keep,
    tasks,
)
from fogbank.services.logs.records import streams
from fogbank.services.logs.service import logs
from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.background import Background
    from fogbank.services.logs.reading import Event
    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

MOST: Final = 32 << 20  # bytes of events in a file
KEPT: Final = 90 * 86_400_000  # milliseconds: tasks that are older are forgotten
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_log = logging.getLogger("fogbank.logs")


class CancelledTaskError(Exception):
    """Somebody cancelled the task."""


@logs.effect(EFFECT)
async def run(ctx: Background, payload: bytes) -> None:
    """Carry out a task."""
    where = msgspec.msgpack.decode(payload)
    task = await ctx.region.store.write(partial(change, where, (PENDING, RUNNING), RUNNING, "Started successfully", 0))
    if task is None:
        await end(ctx, where, CANCELLED, "Cancelled")
        return
    try:
        await export(ctx, task)
    except CancelledTaskError:
        await end(ctx, where, CANCELLED, "Cancelled")
    except (AwsError, StoreError, OSError) as error:
        _log.warning("an export task failed: %s", error, extra={"fields": {"task": task.id}})
        await end(ctx, where, FAILED, str(error)[:500])
    else:
        await end(ctx, where, COMPLETED, "Completed successfully")


async def end(ctx: Background, where: tuple[str, str, str], code: str, message: str) -> None:
    """Keep how a task came to an end."""
    now = int(ctx.region.clock.now().timestamp() * 1000)
    await ctx.region.store.write(partial(change, where, ACTIVE, code, message, now))


def change(
    where: tuple[str, str, str], of: tuple[str, ...], code: str, message: str, completed: int, tx: Tx
) -> Task | None:
    """Keep how a task stands, if it stood at one of some codes; it as it is then."""
    task = tasks.get(tx, *where)
    if task is None or task.code not in of:
        return None
    changed = msgspec.structs.replace(task, code=code, message=message, completed=completed)
    keep(tx, changed)
    return changed


async def export(ctx: Background, task: Task) -> None:
    """Write the files of a task. A group that is gone has none."""
    with ctx.region.store.snapshot() as tx:
        group = find_group(tx, task.account, task.region, task.group)
        every = streams.scan(tx, group.id, starting_with=task.stream or None) if group else ()
        names = [stream.name for _, stream in every]
    for name in names if group else ():
        assert group is not None
        await export_stream(ctx, task, group, name)


async def export_stream(ctx: Background, task: Task, group: Group, name: str) -> None:
    """Write the files of a stream."""
    principal = acting(task.account, task.region, task.group)
    folder = "/".join(part for part in (task.prefix, task.id, name.replace("/", "-")) if part)
    files = parts(reading.scan(ctx.region, group, task.start, task.end, names=[name]))
    number = 0
    while (data := await asyncio.to_thread(next, files, None)) is not None:
        check_wanted(ctx, task)
        req = {"Bucket": task.bucket, "Key": f"{folder}/{number:06d}.gz", **OWNED}
        await ctx.invoke(principal, "s3", "PutObject", req, region=task.region, data=data)
        number += 1


def check_wanted(ctx: Background, task: Task) -> None:
    """CancelledTaskError if the task was cancelled."""
    with ctx.region.store.snapshot() as tx:
        found = tasks.get(tx, task.account, task.region, task.id)
    if found is None or found.code != RUNNING:
        raise CancelledTaskError


def parts(events: Iterator[Event]) -> Iterator[bytes]:
    """Events as the contents of files."""
    buffer, size = io.BytesIO(), 0
    packed = gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0)
    for event in events:
        line = line_of(event)
        packed.write(line)
        size += len(line)
        if size >= MOST:
            packed.close()
            yield buffer.getvalue()
            buffer, size = io.BytesIO(), 0
            packed = gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0)
    packed.close()
    if size:
        yield buffer.getvalue()


def line_of(event: Event) -> bytes:
    """An event as a line: its time, and its message."""
    when = _EPOCH + timedelta(milliseconds=event.timestamp)
    ending = b"" if event.message.endswith(b"\n") else b"\n"
    return f"{when:%Y-%m-%dT%H:%M:%S}.{event.timestamp % 1000:03}Z ".encode() + event.message + ending


@logs.chore(3600.0)
async def forget_old_tasks(ctx: Background) -> None:
    """Forget tasks that were done long ago."""
    before = int(ctx.region.clock.now().timestamp() * 1000) - KEPT

    def some(tx: Tx) -> None:
        for where in [where for where, task in tasks.scan(tx) if task.created < before and task.code not in ACTIVE]:
            tasks.delete(tx, *where)

    await ctx.region.store.write(some, bulk=True)
