"""Retentions of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import happened, object_lock, versions
from fogbank.services.s3.access import open_bucket, open_object
from fogbank.services.s3.records import Lock, when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_s3.type_defs import GetObjectRetentionRequestTypeDef, PutObjectRetentionRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket, Object


@s3.operation(
    "write",
    "object",
    takes="Bucket Key Retention RequestPayer VersionId BypassGovernanceRetention ContentMD5 ChecksumAlgorithm "
    "ExpectedBucketOwner",
)
def put_object_retention(call: Call, req: PutObjectRetentionRequestTypeDef) -> dict[str, Any]:
    """Set, extend, or (in governance mode, by who may) shorten or remove a version's retention."""
    bucket, found = locked_object(call, req)
    bypass = object_lock.may_bypass(call, bucket, req["Key"], req, found)
    wanted = wanted_lock(call.now, req, found.lock or Lock())
    check_change(call.now, found.lock, wanted, bypass=bypass)
    kept = None if wanted == Lock() else wanted
    changed = msgspec.structs.replace(found, lock=kept)
    versions.update(call, bucket, req["Key"], changed)
    happened.tell(call, bucket, "ObjectRetention:Put", req["Key"], changed)
    return {}


def locked_object(call: Call, req: Input) -> tuple[Bucket, Object]:
    """The addressed version, in a bucket with Object Lock."""
    bucket = open_bucket(call, req)
    object_lock.check_enabled(bucket)
    return bucket, open_object(call, bucket, req["Key"], req.get("VersionId"))


def wanted_lock(now: datetime, req: Input, lock: Lock) -> Lock:
    """The lock with the retention that a request asks for; an empty one removes it."""
    retention = req.get("Retention") or {}
    mode, until = retention.get("Mode"), retention.get("RetainUntilDate")
    if mode is None and until is None and "Retention" in req:
        return msgspec.structs.replace(lock, mode="", until=0)
    if until is None or mode not in object_lock.MODES:
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    return msgspec.structs.replace(lock, mode=mode, until=object_lock.until_of(now, until))


def check_change(now: datetime, lock: Lock | None, wanted: Lock, *, bypass: bool) -> None:
    """AccessDenied unless a retention in force stays as strong as it is; governance mode may be passed by."""
    if lock is not None and weakens(now, lock, wanted, bypass=bypass):
        raise AwsError("AccessDenied", object_lock.LOCKED, status=403)


def weakens(now: datetime, lock: Lock, wanted: Lock, *, bypass: bool) -> bool:
    """Whether a change would make a retention in force less than it is; `bypass`: governance mode is passed by."""
    if not object_lock.is_retained(lock, now) or (bypass and lock.mode == object_lock.GOVERNANCE):
        return False
    return wanted.mode != lock.mode or wanted.until < lock.until


@s3.operation("read", "object", takes="Bucket Key VersionId RequestPayer ExpectedBucketOwner")
def get_object_retention(call: Call, req: GetObjectRetentionRequestTypeDef) -> dict[str, Any]:
    """A version's retention, in force or expired."""
    _, found = locked_object(call, req)
    if found.lock is None or not found.lock.mode:
        raise no_lock()
    return {"Retention": {"Mode": found.lock.mode, "RetainUntilDate": when(found.lock.until)}}


def no_lock() -> AwsError:
    """S3's error for a version without a retention, or without a legal hold."""
    what = "The specified object does not have a ObjectLock configuration"
    return AwsError("NoSuchObjectLockConfiguration", what, status=404)
