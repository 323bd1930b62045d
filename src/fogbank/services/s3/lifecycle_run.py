"""Lifecycles that run: a chore of the control process that carries out what is due, a piece at a time.

A piece is looked for in a snapshot, which holds nobody up, and done in one short transaction, which looks again at everything: an
object that was written anew, tagged or locked meanwhile is judged as it is then. The transaction keeps how far the pass has come.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from fogbank.services.s3 import acting, happened, lifecycle_plan, lifecycle_rules, multipart, versions
from fogbank.services.s3.lifecycle_pass import CURRENT, DONE, NONCURRENT, UPLOADS, Pass, current, is_due, passes
from fogbank.services.s3.lifecycle_time import differs, note
from fogbank.services.s3.records import buckets, objects, uploads
from fogbank.services.s3.records import versions as noncurrent
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.services.s3.lifecycle_plan import Due
    from fogbank.services.s3.lifecycle_rules import Rules
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx
    from fogbank.store.table import Table

EVERY: Final = 1.0  # seconds between looks for something to do
LOOK: Final = 5000  # records that a piece is looked for in
PIECES: Final = 50  # of each bucket, before the others have their turn
CAUSE: Final = "LifecycleExpiration"
_log = logging.getLogger("fogbank.s3.lifecycle")


class Stage(msgspec.Struct, frozen=True):
    """A stage of a pass: the table that it goes through, how many of its records a piece acts on, what is due, how it is done."""

    table: Table[Any]
    most: int
    plan: Callable[..., Due]
    act: Callable[[Call, Bucket, Rules, tuple[Any, ...], Any, Due], None]


class Piece(msgspec.Struct, frozen=True):
    """A piece of a pass: its stage, the keys that it found something due for, and the pass before it and behind it."""

    stage: int
    keys: list[tuple[Any, ...]]
    before: Pass
    after: Pass


@s3.chore(EVERY)
async def lifecycle(ctx: Background) -> None:
    """Carry out the lifecycles of all buckets, as far as something is due."""
    day = ctx.options.lifecycle_day
    now = int(ctx.region.clock.now().timestamp())
    with ctx.region.store.snapshot() as tx:
        changed = differs(tx, day)
    if changed:
        await ctx.region.store.write(lambda tx: note(tx, day))
    with ctx.region.store.snapshot() as tx:
        waiting = [cast("str", parts[0]) for parts, found in passes.scan(tx) if is_due(tx, found, now)]
    for name in waiting:
        try:
            await work_on(ctx, name)
        except Exception:  # one bucket's trouble is not another's; its piece is tried again
            _log.exception("lifecycle failed", extra={"fields": {"bucket": name}})


async def work_on(ctx: Background, name: str) -> None:
    """Go on with a bucket's pass, for a while."""
    for _ in range(PIECES):
        if not await step(ctx, name):
            break


async def step(ctx: Background, name: str) -> bool:
    """Do the next piece of a bucket's pass; whether there is more."""
    piece = await asyncio.to_thread(look, ctx, name)
    await ctx.region.store.write(lambda tx: do(ctx, tx, name, piece), bulk=True)
    return piece is not None and piece.after.stage != DONE


def look(ctx: Background, name: str) -> Piece | None:
    """The next piece of a bucket's pass; None where the bucket, or its lifecycle, is gone."""
    now = ctx.region.clock.now()
    with ctx.region.store.snapshot() as tx:
        bucket, before = buckets.get(tx, name), passes.get(tx, name)
        rules = lifecycle_rules.find(tx, bucket) if bucket else None
        if bucket is None or before is None or rules is None:
            return None
        begun = current(before, int(now.timestamp()))
        stage = STAGES[begun.stage]
        keys: list[tuple[Any, ...]] = []
        lower, upper = stage.table.span(name)
        for count, (raw, value) in enumerate(tx.scan(max(lower, begun.cursor), upper)):
            if count == LOOK or len(keys) == stage.most:
                return Piece(begun.stage, keys, before, msgspec.structs.replace(begun, cursor=raw))
            parts = stage.table.parts(raw)
            due = stage.plan(tx, bucket, rules, parts[1], stage.table.decode(value), now)
            if due != lifecycle_plan.NOTHING:
                keys.append(parts)
    return Piece(begun.stage, keys, before, Pass(began=begun.began, stage=begun.stage + 1))


def do(ctx: Background, tx: Tx, name: str, piece: Piece | None) -> None:
    """Act on what a piece found, as far as it is still due, and note how far the pass is: all or nothing."""
    bucket, now = buckets.get(tx, name), passes.get(tx, name)
    rules = lifecycle_rules.find(tx, bucket) if bucket else None
    if bucket is None or rules is None:
        passes.delete(tx, name)
    elif piece is not None and now == piece.before:  # else the lifecycle was replaced, or another process has done it
        for parts in piece.keys:
            act(ctx, tx, STAGES[piece.stage], bucket, rules, parts)
        passes.put(tx, piece.after, name)


def act(ctx: Background, tx: Tx, stage: Stage, bucket: Bucket, rules: Rules, parts: tuple[Any, ...]) -> None:
    """Do what is due for a record, if it is still there."""
    found = stage.table.get(tx, *parts)
    if found is None:
        return
    call = acting.call_of(ctx, tx, "DeleteObject", bucket, {"Key": parts[1]})
    due = stage.plan(tx, bucket, rules, parts[1], found, call.now)
    if due != lifecycle_plan.NOTHING:
        stage.act(call, bucket, rules, parts, found, due)


def act_current(call: Call, bucket: Bucket, _rules: Rules, parts: tuple[Any, ...], found: Object, due: Due) -> None:
    """Move the current version of a key, then put a delete marker before it, or delete it, where it keeps no versions."""
    if due.move:
        move(call, bucket, parts[1], found, due.move)
    if due.expire:
        versions.delete(call, bucket, parts[1], CAUSE)


def act_noncurrent(call: Call, bucket: Bucket, rules: Rules, parts: tuple[Any, ...], found: Object, due: Due) -> None:
    """Delete a noncurrent version, or a delete marker, for good; or move it."""
    key: str = parts[1]
    if due.move:
        move(call, bucket, key, found, due.move)
    if due.remove:
        versions.delete_version(call, bucket, key, found.version, cause=CAUSE)
        remove_marker(call, bucket, rules, key)


def remove_marker(call: Call, bucket: Bucket, rules: Rules, key: str) -> None:
    """Delete a key's delete marker, where the last version behind it has just gone and the lifecycle says so."""
    if objects.get(call.tx, bucket.name, key) is None:
        newest = versions.newest(call, bucket, key)
        if newest is not None and lifecycle_plan.of_noncurrent(call.tx, bucket, rules, key, newest, call.now).remove:
            versions.delete_version(call, bucket, key, newest.version, cause=CAUSE)


def move(call: Call, bucket: Bucket, key: str, found: Object, to: str) -> None:
    """Move a version to another storage class."""
    moved = msgspec.structs.replace(found, storage_class=to, restored=None)
    versions.update(call, bucket, key, moved)
    happened.tell(call, bucket, "LifecycleTransition", key, moved)


def act_upload(call: Call, bucket: Bucket, _rules: Rules, parts: tuple[Any, ...], _found: Any, _due: Due) -> None:
    """Abort an upload."""
    multipart.discard(call, bucket.name, parts[1], parts[2])


# A piece is a transaction that others wait for: it is kept short. An upload has up to 10,000 parts.
STAGES: Final = {
    CURRENT: Stage(objects, 100, lifecycle_plan.of_current, act_current),
    NONCURRENT: Stage(noncurrent, 100, lifecycle_plan.of_noncurrent, act_noncurrent),
    UPLOADS: Stage(uploads, 10, lifecycle_plan.of_upload, act_upload),
}
