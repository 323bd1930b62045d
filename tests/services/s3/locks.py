"""What tests of Object Lock share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support.region import LocalRegion

LOCKED = "Access Denied because object protected by object lock."
GOVERNED = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime(2500, 1, 1)}


def locked_bucket(s3: Any, name: str = "locked") -> str:
    """A bucket with Object Lock."""
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def default(s3: Any, bucket: str, **retention: Any) -> None:
    """Give a bucket a default retention."""
    rule = {"DefaultRetention": retention}
    s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )


def put(s3: Any, bucket: str, key: str = "k", **lock: Any) -> str:
    """Put an object; its version."""
    return str(s3.put_object(Bucket=bucket, Key=key, Body=b"x", **lock).get("VersionId"))


def retain(s3: Any, bucket: str, mode: str, until: datetime, version: str, key: str = "k", **more: Any) -> None:
    """Set a version's retention."""
    retention = {"Mode": mode, "RetainUntilDate": until}
    s3.put_object_retention(Bucket=bucket, Key=key, VersionId=version, Retention=retention, **more)


def after(region: LocalRegion, **time: float) -> datetime:
    """A time from the region's now."""
    return region.clock.now() + timedelta(**time)


def bypassing() -> dict[str, bool]:
    """The argument that asks to pass by governance mode."""
    return {"BypassGovernanceRetention": True}
