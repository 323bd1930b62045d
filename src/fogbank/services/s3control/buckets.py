"""S3, as S3 Control sees it: who owns the buckets that it tags, and what is allowed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import not_implemented

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.auth.policy import Context, Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input, Service, Tagging

_ARN: Final = "arn:aws:s3:::"


def _s3(call: Call) -> Service:
    found = call.operations("s3", "HeadBucket")
    assert found is not None
    return found.service


def _names(req: Input) -> Input:
    """The bucket that a request is about, as S3's own requests name it."""
    return {"Bucket": req["ResourceArn"].removeprefix(_ARN)} if "ResourceArn" in req else {}


def tagged(_call: Call, req: Input) -> str:
    """The ARN of the resource that is tagged; access points, grants and the like are not here."""
    arn: str = req["ResourceArn"]
    if not arn.startswith(_ARN) or "/" in arn:
        raise not_implemented("Tagging what is no bucket")
    return arn


def owner(call: Call, req: Input) -> str | None:
    """The account of the bucket that a request is about, or the account that it is about."""
    find = _s3(call).owner
    account: str | None = req.get("AccountId")
    return (find(call, _names(req)) if find and "ResourceArn" in req else None) or account


def policy(call: Call, req: Input) -> Policy | None:
    """The policy of the bucket that a request is about."""
    find = _s3(call).policy
    return find(call, _names(req)) if find else None


def tags(call: Call, req: Input, arn: str) -> Mapping[str, str]:
    """The tags of the bucket, as far as access depends on them."""
    find = _s3(call).tags
    return find(call, _names(req), arn) if find else {}


def keys(call: Call, req: Input, arn: str) -> Context:
    """S3's condition keys."""
    find = _s3(call).keys
    nothing: dict[str, Any] = {}
    return find(call, _names(req), arn) if find else nothing


def tagging(call: Call) -> Tagging:
    """How S3 keeps tags."""
    found = _s3(call).tagging
    assert found is not None
    return found
