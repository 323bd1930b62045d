"""Object Lock: versions that nobody may delete until a date, or while a legal hold is on.

A retention in COMPLIANCE mode is never shortened and never passed by, not by the root either; one in GOVERNANCE mode is, by who asks
for it and has the permission. Times are the region's.

Source: S3 User Guide, "Locking objects with Object Lock"; S3 API Reference, PutObject, DeleteObject, PutObjectRetention.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import checksums, configuration
from fogbank.services.s3.records import Lock, when

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket, Object

KIND: Final = "object-lock"  # of the bucket's configuration
GOVERNANCE: Final = "GOVERNANCE"
COMPLIANCE: Final = "COMPLIANCE"
MODES: Final = (GOVERNANCE, COMPLIANCE)
DAY: Final = 86_400  # seconds
PERIODS: Final = {"Days": (DAY, 36_500), "Years": (365 * DAY, 100)}  # seconds of one, and how many there may be
MEMBERS: Final = ("ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus")
LOCKED: Final = "Access Denied because object protected by object lock."
NOTHING: Final[Input] = {}
MISSING: Final = "Bucket is missing Object Lock Configuration"


def bad_argument(name: str, value: object, message: str) -> AwsError:
    """S3's error for an argument."""
    return AwsError("InvalidArgument", message, fields={"ArgumentName": name, "ArgumentValue": str(value)[:200]})


def check_enabled(bucket: Bucket) -> None:
    """InvalidRequest for a bucket without Object Lock."""
    if not bucket.lock:
        raise AwsError("InvalidRequest", MISSING)


def is_retained(lock: Lock | None, now: datetime) -> bool:
    """Whether a retention is in force."""
    return lock is not None and bool(lock.mode) and lock.until > now.timestamp()


def check_deletable(now: datetime, found: Object, *, bypass: bool = False) -> None:
    """AccessDenied for a version that is locked; `bypass`: the caller asks to pass by governance, and may."""
    lock = found.lock
    if lock is None:
        return
    if lock.hold or (is_retained(lock, now) and not (bypass and lock.mode == GOVERNANCE)):
        raise AwsError("AccessDenied", LOCKED, status=403)


def may_bypass(call: Call, bucket: Bucket, key: str, req: Input, found: Object | None) -> bool:
    """Whether the caller passes by a retention of `found` in governance mode: it asks to, and has the permission."""
    if not req.get("BypassGovernanceRetention"):
        return False
    if not bucket.lock:
        name = "x-amz-bypass-governance-retention"
        raise bad_argument(name, "true", f"{name} is only applicable to Object Lock enabled buckets.")
    if found is None or not is_retained(found.lock, call.now):
        return False
    return may(call, "s3:BypassGovernanceRetention", bucket, key, req)


def may(call: Call, action: str, bucket: Bucket, key: str, req: Input = NOTHING) -> bool:
    """Whether the caller may do this to an object, too. `req` is what condition keys are found in."""
    names = {**req, "Bucket": bucket.name, "Key": key}
    return call.allowed(action, f"arn:aws:s3:::{bucket.name}/{key}", bucket.account, names)


def given(call: Call, req: Input, bucket: Bucket) -> Lock | None:
    """The lock that a request asks for, for what it writes."""
    if req.keys().isdisjoint(MEMBERS):
        return None
    check_enabled(bucket)
    mode, until = req.get("ObjectLockMode"), req.get("ObjectLockRetainUntilDate")
    if (mode is None) != (until is None):
        name = "x-amz-object-lock-mode" if until is None else "x-amz-object-lock-retain-until-date"
        what = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        raise bad_argument(name, mode or until, what)
    if mode is not None and mode not in MODES:
        raise bad_argument("x-amz-object-lock-mode", mode, "Unknown wormMode directive.")
    status = req.get("ObjectLockLegalHoldStatus")
    if status not in (None, "ON", "OFF"):
        name = "x-amz-object-lock-legal-hold"
        raise bad_argument(name, status, "Legal hold must be either of 'ON' or 'OFF'")
    return Lock(mode or "", until_of(call.now, until) if until else 0, None if status is None else status == "ON")


def until_of(now: datetime, until: datetime) -> int:
    """A date to retain until as it is kept: whole seconds, never earlier than it was said. It is in the future."""
    if until.timestamp() <= now.timestamp():
        name = "x-amz-object-lock-retain-until-date"
        raise bad_argument(name, f"{until:%Y-%m-%dT%H:%M:%SZ}", "The retain until date must be in the future!")
    return math.ceil(until.timestamp())


def locked(call: Call, bucket: Bucket, made: Object) -> Object:
    """A new version with the bucket's default retention, unless it comes with its own."""
    if not bucket.lock or (made.lock is not None and made.lock.mode):
        return made
    default = default_of(call, bucket)
    if default is None:
        return made
    seconds = sum(default[unit] * length for unit, (length, _) in PERIODS.items() if unit in default)
    hold = made.lock.hold if made.lock else None
    return msgspec.structs.replace(made, lock=Lock(default["Mode"], math.ceil(call.now.timestamp()) + seconds, hold))


def default_of(call: Call, bucket: Bucket) -> dict[str, Any] | None:
    """The default retention of a bucket: its Mode, and Days or Years."""
    found = configuration.find(call.tx, bucket, KIND)
    return found.get("Rule", {}).get("DefaultRetention") if found else None


def check_upload(call: Call, req: Input, bucket: Bucket) -> None:
    """An upload that will be locked comes with a digest of its body. Source: S3 API Reference, PutObject, Content-MD5."""
    if bucket.lock and (any(member in req for member in MEMBERS) or default_of(call, bucket)):
        check_integrity(call, req, "Put Object")


def check_part(call: Call, req: Input, bucket: Bucket, lock: Lock | None) -> None:
    """So does a part of one."""
    if bucket.lock and (lock is not None or default_of(call, bucket)):
        check_integrity(call, req, "Upload Part")


def check_integrity(call: Call, req: Input, what: str) -> None:
    """InvalidRequest unless a request says a digest of its body, in a header or in a trailer."""
    named = ("ContentMD5", "ChecksumAlgorithm", *checksums.ALGORITHM_OF_MEMBER)
    trailers = call.request.headers.get("x-amz-trailer", "").lower()
    if not any(name in req for name in named) and checksums.HEADER_PREFIX not in trailers:
        message = (
            f"Content-MD5 OR x-amz-checksum- HTTP header is required for {what} requests with Object Lock parameters"
        )
        raise AwsError("InvalidRequest", message)


def told(call: Call, bucket: Bucket, key: str, found: Object) -> dict[str, Any]:
    """A version's lock as members of an answer to a read, as far as the caller may know of it."""
    lock = found.lock
    if lock is None:
        return {}
    result: dict[str, Any] = {}
    if lock.mode and may(call, "s3:GetObjectRetention", bucket, key):
        result = {"ObjectLockMode": lock.mode, "ObjectLockRetainUntilDate": when(lock.until)}
    if lock.hold is not None and may(call, "s3:GetObjectLegalHold", bucket, key):
        result["ObjectLockLegalHoldStatus"] = "ON" if lock.hold else "OFF"
    return result
