"""Replicating: every version that a rule is about is marked PENDING with the write that makes it, and an effect carries it over.

The effect makes each destination have the version, as it is now; it may come again, and out of order. A version whose destinations all
have it is COMPLETED; one that some cannot have is FAILED. Buckets here are served at once; for those elsewhere the version waits in a
line (replication_remote.py).

Source: S3 User Guide, "What does Amazon S3 replicate?", "Getting replication status information".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.s3 import configuration, happened, remotes, replication_remote, versions
from fogbank.services.s3.records import buckets
from fogbank.services.s3.replication_jobs import THRESHOLD, Job, conclude, mark, opened, rules_of, tell
from fogbank.services.s3.replication_local import Failed, Source, replicate_here
from fogbank.services.s3.service import s3
from fogbank.store import outbox

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.services.s3.replication_rules import Rule
    from fogbank.store.api import Tx

EFFECT: Final = "s3.replicate"
LATE: Final = "s3.replication-late"
UPDATES: Final = ("ObjectTagging", "ObjectAcl", "ObjectRetention", "ObjectLegalHold")
MARKER: Final = "ObjectRemoved:DeleteMarkerCreated"


@happened.reaction("replication")
def replicate(call: Call, bucket: Bucket, event: str, key: str, which: Object) -> None:
    """Have a new version, or what has changed of one, replicated."""
    update = event.startswith(UPDATES)
    if bucket.versioning != "Enabled" or not (update or event == MARKER or event.startswith("ObjectCreated:")):
        if event in ("ObjectRemoved:Delete", "LifecycleExpiration:Delete"):
            replication_remote.forget(call.tx, bucket.name, key, which.version)
        return
    if not update and which.replication != "REPLICA" and replication_remote.is_replica(call, bucket, key):
        versions.update(call, bucket, key, msgspec.structs.replace(which, replication="REPLICA"))
        return
    rules = rules_of(call.tx, bucket, key, which, update=update)
    if not rules:
        return
    before = which.replication
    if before != "REPLICA":
        versions.update(call, bucket, key, msgspec.structs.replace(which, replication="PENDING"))
    job = Job(bucket.name, key, which.version, update and before in ("COMPLETED", "REPLICA"), int(call.now.timestamp()))
    payload = msgspec.msgpack.encode(job)
    outbox.emit(call.tx, EFFECT, payload, now=call.now)
    if any(rule.timed for rule in rules):
        outbox.emit(call.tx, LATE, payload, now=call.now, not_before=call.now + THRESHOLD)


@s3.effect(EFFECT)
async def carry_over(ctx: Background, payload: bytes) -> None:
    """Replicate a version to all its destinations."""
    job = msgspec.msgpack.decode(payload, type=Job)
    await ctx.region.store.write(partial(replicated, ctx, job), bulk=True)


@s3.effect(LATE)
async def look_late(ctx: Background, payload: bytes) -> None:
    """Tell of a version that is not replicated after the threshold of Replication Time Control."""
    job = msgspec.msgpack.decode(payload, type=Job)
    await ctx.region.store.write(partial(missed, ctx, job))


def replicated(ctx: Background, job: Job, tx: Tx) -> None:
    """Replicate a version to the buckets here that its rules name, line it up for those elsewhere, and keep how that went."""
    source = opened(ctx, tx, job)
    if source is None:
        return
    rules = rules_of(tx, source.bucket, job.key, source.which, update=job.update)
    if not rules:  # the configuration is another by now
        if source.which.replication == "PENDING":
            mark(source, job, "FAILED")
        return
    value = configuration.find(tx, source.bucket, "replication")
    elsewhere = [rule for rule in rules if is_elsewhere(tx, source.bucket, rule)]
    for rule in elsewhere:
        replication_remote.line_up(source, job, rule)
    here = [
        (rule, attempt(ctx, source, rule, value["Role"], update=job.update)) for rule in rules if rule not in elsewhere
    ]
    conclude(source, job, here, waiting=bool(elsewhere))


def is_elsewhere(tx: Tx, bucket: Bucket, rule: Rule) -> bool:
    """Whether a rule's destination is a bucket of another endpoint."""
    return buckets.get(tx, rule.bucket) is None and remotes.find(tx, rule.bucket, bucket.account) is not None


def attempt(ctx: Background, source: Source, rule: Rule, role: str, *, update: bool) -> str:
    """Replicate by one rule; why it cannot be, in AWS's words, or nothing."""
    try:
        replicate_here(ctx, source, rule, role, update=update)
    except Failed as failed:
        return failed.reason
    return ""


def missed(ctx: Background, job: Job, tx: Tx) -> None:
    """Tell of each watched rule that did not make it in time."""
    source = opened(ctx, tx, job)
    if source is not None and source.which.replication == "PENDING":
        for rule in rules_of(tx, source.bucket, job.key, source.which, update=job.update):
            if rule.timed:
                more = {"threshold": str(int(THRESHOLD.total_seconds()))}
                tell(source, job, "OperationMissedThreshold", rule, more)
