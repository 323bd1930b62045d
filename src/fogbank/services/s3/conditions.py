"""Conditional requests: If-Match and its kin, for reads, writes and copies.

Source: S3 API Reference, GetObject; S3 User Guide, "Add preconditions to S3 operations with conditional requests".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.service import Input
    from fogbank.services.s3.records import Object


def matches(condition: str, etag: str) -> bool:
    """Whether a list of entity tags, quoted or not, or `*`, names this one."""
    return any(tag.strip().removeprefix("W/").strip('"') in (etag, "*") for tag in condition.split(","))


def failed(condition: str) -> AwsError:
    """The error for a condition that does not hold."""
    return AwsError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        fields={"Condition": condition},
    )


def check_read(req: Input, found: Object, prefix: str = "") -> bool:
    """Check a read's conditions (`prefix` CopySource: a copy's); False means that nothing changed since the caller looked.

    If-Match that holds outweighs If-Unmodified-Since, If-None-Match that fails outweighs If-Modified-Since (RFC 9110).
    """
    if_match = req.get(f"{prefix}IfMatch")
    if if_match is not None and not matches(if_match, found.etag):
        raise failed("If-Match")
    unmodified: datetime | None = req.get(f"{prefix}IfUnmodifiedSince")
    if if_match is None and unmodified is not None and found.modified > unmodified.timestamp():
        raise failed("If-Unmodified-Since")
    if_none_match = req.get(f"{prefix}IfNoneMatch")
    if if_none_match is not None:
        return not matches(if_none_match, found.etag)
    modified: datetime | None = req.get(f"{prefix}IfModifiedSince")
    return modified is None or found.modified > modified.timestamp()


def check_copy(req: Input, source: Object) -> None:
    """Check the conditions on a copy's source; all failures are errors."""
    if not check_read(req, source, "CopySource"):
        raise failed("x-amz-copy-source-If-None-Match or x-amz-copy-source-If-Modified-Since")


def check_write(req: Input, current: Object | None) -> None:
    """Check a write's conditions against the object that it would replace."""
    if_none_match = req.get("IfNoneMatch")
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise AwsError(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
                fields={"Header": "If-None-Match"},
            )
        if current is not None:
            raise failed("If-None-Match")
    if_match = req.get("IfMatch")
    if if_match is not None:
        if current is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.", fields={"Key": req.get("Key", "")})
        if not matches(if_match, current.etag):
            raise failed("If-Match")
