"""S3 acting by itself: calls in the background, in the name of nobody but the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.principal import service_of
from fogbank.services.s3 import versions
from fogbank.services.s3.records import buckets

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx

NAME: Final = "s3.amazonaws.com"


def call_of(ctx: Background, tx: Tx, operation: str, bucket: Bucket, req: dict[str, Any]) -> Call:
    """A call by the service on a bucket of its own: what happens is told as S3's doing."""
    principal = service_of(NAME, bucket.account, f"arn:aws:s3:::{bucket.name}")
    return ctx.call(tx, principal, ctx.bound("s3", operation), {"Bucket": bucket.name, **req}, bucket.region)


def version(
    ctx: Background, tx: Tx, operation: str, bucket: str, key: str, version_id: str, stamp: int
) -> tuple[Call, Bucket, Object] | None:
    """A call on a version, with its bucket and what is kept of it; None if it is not there any more, or another has its id (null)."""
    found = buckets.get(tx, bucket)
    if found is None:
        return None
    call = call_of(ctx, tx, operation, found, {"Key": key})
    kept = versions.find(call, found, key, version_id)
    return (call, found, kept) if kept is not None and kept.stamp == stamp else None
