"""Replicating to buckets of other S3 endpoints (ADR 16): versions wait in a line for each key, and are sent in their order.

What another endpoint is told is a request like any client's: it gives versions ids of its own, which are remembered for later changes.
A broken connection is tried again, with longer and longer waits, for a day; a refusal is final.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import msgspec

from fogbank.services.s3 import configuration, notification_events, remotes, replication_jobs
from fogbank.services.s3.records import when
from fogbank.services.s3.remote_client import BROKEN, Client, Refused
from fogbank.services.s3.replication_jobs import Job, conclude, opened, rules_of
from fogbank.services.s3.replication_local import Failed
from fogbank.services.s3.replication_transfer import NOTHING_TO_DO, Plan, prepare, transfer
from fogbank.services.s3.service import s3
from fogbank.store import outbox
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket
    from fogbank.services.s3.remotes import Remote
    from fogbank.services.s3.replication_local import Source
    from fogbank.services.s3.replication_rules import Rule
    from fogbank.store.api import Tx
    from fogbank.store.keys import Part

EFFECT: Final = "s3.replicate-elsewhere"
AT_ONCE: Final = 8  # keys that are replicated at the same time
TRIED: Final = timedelta(hours=24)
REPLICA: Final = "x-fogbank-replica"  # says to another Fogbank that a write is a replica, lest it come back


class Outgoing(Record, version=1):
    """A version that waits to be sent. See Job."""

    version: str
    update: bool
    at: int


class Sent(Record, version=1):
    """A version that was sent: its id there, empty where versions are not kept."""

    version: str


outgoing = Table("s3.outgoing", Outgoing)  # bucket, key, remote, stamp, sequence
sent = Table("s3.sent", Sent)  # bucket, key, version, remote
_lines: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()


def is_replica(call: Call, bucket: Bucket, key: str) -> bool:
    """Whether a write is a replica that another Fogbank sends, as one who may replicate to here.

    The header is signed: whoever was given a presigned URL could add another one.
    """
    headers = call.request.headers
    if headers.get(REPLICA) != "true" or REPLICA not in headers.get("authorization", ""):
        return False
    names = {"Bucket": bucket.name, "Key": key}
    return call.allowed("s3:ReplicateObject", f"arn:aws:s3:::{bucket.name}/{key}", bucket.account, names)


def forget(tx: Tx, bucket: str, key: str, version: str) -> None:
    """A version is gone for good: what it is called elsewhere is of no use any more."""
    for parts, _ in list(sent.scan(tx, bucket, key, version)):
        sent.delete(tx, *parts)


def line_up(source: Source, job: Job, rule: Rule) -> None:
    """Put a version into the line of its key, and have the line sent."""
    call = source.call
    sequence = notification_events.next_sequence(call.tx, call.now)
    kept = Outgoing(version=job.version, update=job.update, at=job.at)
    outgoing.put(call.tx, kept, job.bucket, job.key, rule.bucket, source.which.stamp, sequence)
    outbox.emit(call.tx, EFFECT, msgspec.msgpack.encode((job.bucket, job.key, rule.bucket)), now=call.now)


@s3.effect(EFFECT, at_once=AT_ONCE)
async def send(ctx: Background, payload: bytes) -> None:
    """Send what waits in a line, from its beginning."""
    bucket, key, remote = msgspec.msgpack.decode(payload)
    line = _lines.setdefault(payload, asyncio.Lock())
    async with line:
        while True:
            with ctx.region.store.snapshot() as tx:
                first = next(iter(outgoing.scan(tx, bucket, key, remote, limit=1)), None)
            if first is None:
                return
            await send_one(ctx, first[0], first[1])


async def send_one(ctx: Background, parts: tuple[Part, ...], kept: Outgoing) -> None:
    """Send one version, and keep how that went. What may go right later is raised, for a day."""
    bucket, key, remote = str(parts[0]), str(parts[1]), str(parts[2])
    job = Job(bucket, key, kept.version, kept.update, kept.at)
    late = ctx.region.clock.now() > when(kept.at) + TRIED
    version, reason = "", ""
    try:
        version = await in_thread(ctx, job, remote)
    except Failed as failed:
        reason = failed.reason
    except Refused as refused:
        if refused.passing and not late:
            raise
        reason = f"Dst{refused.code or refused.status}"
    except BROKEN:
        if not late:
            raise
        reason = "DstEndpointUnreachable"
    await ctx.region.store.write(partial(finished, ctx, parts, job, remote, version, reason))


async def in_thread(ctx: Background, job: Job, remote: str) -> str:
    """Transfer a version in a thread, which ends soon after this is cancelled."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, ctx, job, remote, stop)
    finally:
        stop.set()


def work(ctx: Background, job: Job, name: str, stop: threading.Event) -> str:
    """Transfer a version; its id there. Raises Failed, Refused or one of BROKEN."""
    with ctx.region.store.snapshot() as tx:
        found = planned(ctx, tx, job, name)
    if found is None:
        return NOTHING_TO_DO
    remote, plan = found
    client = Client(remote, remotes.secret_of(ctx.region.vault, remote), ctx.region.clock.now)
    try:
        return transfer(ctx.region.blobs, client, plan, stop)
    finally:
        client.close()


def planned(ctx: Background, tx: Tx, job: Job, name: str) -> tuple[Remote, Plan] | None:
    """What is to be sent, and where to; None if the version is gone. Raises Failed."""
    source = opened(ctx, tx, job)
    if source is None:
        return None
    remote = remotes.find(tx, name, source.bucket.account)
    rule = rule_for(tx, source, job, name)
    if remote is None or rule is None:
        raise Failed("DstBucketNotFound" if remote is None else "SrcBucketReplicationConfigMissing")
    known = sent.get(tx, job.bucket, job.key, job.version, name)
    if known is not None and not job.update:
        return None
    role = configuration.find(tx, source.bucket, "replication")["Role"]
    return remote, prepare(ctx, source, rule, role, {REPLICA: "true"}, known.version if known else None)


def rule_for(tx: Tx, source: Source, job: Job, name: str) -> Rule | None:
    """The rule that sends a version to a remote."""
    rules = rules_of(tx, source.bucket, job.key, source.which, update=job.update)
    return next((rule for rule in rules if rule.bucket == name), None)


def finished(ctx: Background, parts: tuple[Part, ...], job: Job, name: str, version: str, reason: str, tx: Tx) -> None:
    """Take a version out of its line, and keep what it is called there and its status."""
    outgoing.delete(tx, *parts)
    source = opened(ctx, tx, job)
    if source is None:
        return
    if not reason and version != NOTHING_TO_DO and not source.which.marker:
        sent.put(tx, Sent(version=version), job.bucket, job.key, job.version, name)
    rule = rule_for(tx, source, job, name)
    others: Any = outgoing.scan(tx, job.bucket, job.key)
    waiting = any(kept.version == job.version for _, kept in others)
    if rule is not None:
        conclude(source, job, [(rule, reason)], waiting=waiting)
    elif source.which.replication == "PENDING" and not waiting:
        replication_jobs.mark(source, job, "FAILED")
