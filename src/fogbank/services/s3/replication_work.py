"""Replicating: every version that a rule is about is marked PENDING with the write that makes it, and an effect carries it over.

The effect makes each destination have the version, as it is now; it may come again, and out of order. A version whose destinations all
have it is COMPLETED; one that some cannot have is FAILED. What fails for other reasons is tried again, for a day.

Source: S3 User Guide, "What does Amazon S3 replicate?", "Getting replication status information", "Amazon S3 replication failure
reasons".
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.principal import service_of
from fogbank.services.s3 import configuration, happened, notification_delivery, replication_rules, versions
from fogbank.services.s3.notification_events import moment
from fogbank.services.s3.records import buckets, when
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
TRIED: Final = timedelta(hours=24)
THRESHOLD: Final = timedelta(minutes=replication_rules.MINUTES)
UPDATES: Final = ("ObjectTagging", "ObjectAcl", "ObjectRetention", "ObjectLegalHold")
MARKER: Final = "ObjectRemoved:DeleteMarkerCreated"
_log = logging.getLogger("fogbank.s3")


class Job(msgspec.Struct, frozen=True, array_like=True):
    """A version to replicate. `update`: it was replicated before, and has changed. `at` is when, in seconds since the epoch."""

    bucket: str
    key: str
    version: str
    update: bool
    at: int


@happened.reaction("replication")
def replicate(call: Call, bucket: Bucket, event: str, key: str, which: Object) -> None:
    """Have a new version, or what has changed of one, replicated."""
    update = event.startswith(UPDATES)
    if bucket.versioning != "Enabled" or not (update or event == MARKER or event.startswith("ObjectCreated:")):
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


def rules_of(tx: Tx, bucket: Bucket, key: str, which: Object, *, update: bool) -> list[Rule]:
    """The rules that a version is replicated by. Replicas are not, lest it go in circles; changes of them are, by some rules."""
    value = configuration.find(tx, bucket, "replication")
    if value is None or which.version == versions.NULL or (which.replication == "REPLICA" and not update):
        return []
    found = replication_rules.chosen(value, key, which.tags)
    if which.marker:
        return [rule for rule in found if rule.markers]
    if which.replication == "REPLICA":
        found = [rule for rule in found if rule.replicas]
    if which.encryption is not None and which.encryption.algorithm.startswith("aws:kms"):
        return [rule for rule in found if rule.kms]
    return found


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


def opened(ctx: Background, tx: Tx, job: Job) -> Source | None:
    """The version of a job, with S3 as the caller; None if it is gone."""
    bucket = buckets.get(tx, job.bucket)
    if bucket is None:
        return None
    principal = service_of("s3.amazonaws.com", bucket.account, f"arn:aws:s3:::{bucket.name}")
    req = {"Bucket": bucket.name, "Key": job.key}
    call = ctx.call(tx, principal, ctx.bound("s3", "PutObject"), req, bucket.region)
    which = versions.find(call, bucket, job.key, job.version)
    return Source(call, bucket, job.key, which) if which is not None else None


def replicated(ctx: Background, job: Job, tx: Tx) -> None:
    """Replicate a version to the buckets here that its rules name, and keep how that went."""
    source = opened(ctx, tx, job)
    if source is None:
        return
    rules = rules_of(tx, source.bucket, job.key, source.which, update=job.update)
    value = configuration.find(tx, source.bucket, "replication")
    outcomes = [(rule, attempt(ctx, source, rule, value["Role"], update=job.update)) for rule in rules]
    finish(source, job, outcomes)


def attempt(ctx: Background, source: Source, rule: Rule, role: str, *, update: bool) -> str:
    """Replicate by one rule; why it cannot be, in AWS's words, or nothing."""
    try:
        replicate_here(ctx, source, rule, role, update=update)
    except Failed as failed:
        return failed.reason
    return ""


def finish(source: Source, job: Job, outcomes: list[tuple[Rule, str]]) -> None:
    """Keep a version's status, and tell what is to be told of it. Without a rule that is about it any more, it has failed."""
    call, bucket = source.call, source.bucket
    failed = [(rule, reason) for rule, reason in outcomes if reason]
    status = "FAILED" if failed or not outcomes else "COMPLETED"
    if source.which.replication != "REPLICA":
        versions.update(call, bucket, job.key, msgspec.structs.replace(source.which, replication=status))
    for rule, reason in failed:
        fields = {"bucket": bucket.name, "key": job.key, "destination": rule.bucket, "reason": reason}
        _log.warning("replication failed", extra={"fields": fields})
        tell(source, job, "OperationFailedReplication", rule, {"failureReason": reason})
    late = call.now - when(job.at)
    for rule, reason in outcomes:
        if rule.timed and not reason and late > THRESHOLD:
            more = {"replicationTime": str(int(late.total_seconds())), "threshold": str(int(THRESHOLD.total_seconds()))}
            tell(source, job, "OperationReplicatedAfterThreshold", rule, more)


def missed(ctx: Background, job: Job, tx: Tx) -> None:
    """Tell of each watched rule that did not make it in time."""
    source = opened(ctx, tx, job)
    if source is not None and source.which.replication == "PENDING":
        for rule in rules_of(tx, source.bucket, job.key, source.which, update=job.update):
            if rule.timed:
                more = {"threshold": str(int(THRESHOLD.total_seconds()))}
                tell(source, job, "OperationMissedThreshold", rule, more)


def tell(source: Source, job: Job, event: str, rule: Rule, more: dict[str, Any]) -> None:
    """Notify of what became of a replication. Source: S3 User Guide, "Event message structure", replicationEventData."""
    if "notification" in source.bucket.configured:
        data = {
            "replicationRuleId": rule.id,
            "destinationBucket": f"arn:aws:s3:::{rule.bucket}",
            "s3Operation": "OBJECT_PUT" if not source.which.marker else "OBJECT_DELETE",
            "requestTime": moment(when(job.at)),
            **more,
        }
        call, bucket = source.call, source.bucket
        extra = {"replicationEventData": data}
        notification_delivery.tell(call, bucket, f"Replication:{event}", job.key, source.which, extra)
