"""Versions to replicate, and what becomes of them: their status, and who is told.

Source: S3 User Guide, "Getting replication status information", "Amazon S3 replication failure reasons".
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.principal import service_of
from fogbank.services.s3 import configuration, notification_delivery, replication_rules, versions
from fogbank.services.s3.notification_events import moment
from fogbank.services.s3.records import buckets, when
from fogbank.services.s3.replication_local import Source
from fogbank.services.s3.storage_classes import ARCHIVED

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.services.s3.replication_rules import Rule
    from fogbank.store.api import Tx

THRESHOLD: Final = timedelta(minutes=replication_rules.MINUTES)
_log = logging.getLogger("fogbank.s3")


class Job(msgspec.Struct, frozen=True, array_like=True):
    """A version to replicate. `update`: it was replicated before, and has changed. `at` is when, in seconds since the epoch."""

    bucket: str
    key: str
    version: str
    update: bool
    at: int


def rules_of(tx: Tx, bucket: Bucket, key: str, which: Object, *, update: bool) -> list[Rule]:
    """The rules that a version is replicated by. Replicas are not, lest it go in circles; changes of them are, by some rules."""
    value = configuration.find(tx, bucket, "replication")
    if value is None or which.version == versions.NULL or (which.replication == "REPLICA" and not update):
        return []
    if which.storage_class in ARCHIVED:  # which cannot be read without a restore
        return []
    found = replication_rules.chosen(value, key, which.tags)
    if which.marker:
        return [rule for rule in found if rule.markers]
    if which.replication == "REPLICA":
        found = [rule for rule in found if rule.replicas]
    if which.encryption is not None and which.encryption.algorithm.startswith("aws:kms"):
        return [rule for rule in found if rule.kms]
    return found


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


def mark(source: Source, job: Job, status: str) -> None:
    """Keep a version's status."""
    changed = msgspec.structs.replace(source.which, replication=status)
    versions.update(source.call, source.bucket, job.key, changed)


def conclude(source: Source, job: Job, outcomes: list[tuple[Rule, str]], *, waiting: bool) -> None:
    """Keep a version's status, and tell what is to be told: each rule comes with why it failed, if it did. `waiting`: others go on."""
    call, bucket = source.call, source.bucket
    failed = [(rule, reason) for rule, reason in outcomes if reason]
    before = source.which.replication
    if before != "REPLICA":
        mark(source, job, "FAILED" if failed or before == "FAILED" else "PENDING" if waiting else "COMPLETED")
    for rule, reason in failed:
        fields = {"bucket": bucket.name, "key": job.key, "destination": rule.bucket, "reason": reason}
        _log.warning("replication failed", extra={"fields": fields})
        tell(source, job, "OperationFailedReplication", rule, {"failureReason": reason})
    late = call.now - when(job.at)
    for rule, reason in outcomes:
        if rule.timed and not reason and late > THRESHOLD:
            more = {"replicationTime": str(int(late.total_seconds())), "threshold": str(int(THRESHOLD.total_seconds()))}
            tell(source, job, "OperationReplicatedAfterThreshold", rule, more)


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
