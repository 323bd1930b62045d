"""Tags of S3's resources, of which there are buckets here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3control.buckets import owner, tagging
from fogbank.services.s3control.service import s3control

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@s3control.operation("write", "tagged", takes="AccountId ResourceArn Tags")
def tag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Give a bucket tags, beside those that it has."""
    check_account(call, req)
    tagging(call).change(call, req["ResourceArn"], list(req["Tags"]), [])
    return {}


@s3control.operation("write", "tagged", takes="AccountId ResourceArn TagKeys")
def untag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Take tags away from a bucket."""
    check_account(call, req)
    tagging(call).change(call, req["ResourceArn"], [], list(req["TagKeys"]))
    return {}


@s3control.operation("read", "tagged", takes="AccountId ResourceArn")
def list_tags_for_resource(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a bucket."""
    check_account(call, req)
    found = tagging(call).find(call, req["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def check_account(call: Call, req: Input) -> None:
    """The account that a request names has to be the bucket's."""
    if owner(call, req) != req["AccountId"]:
        raise AwsError("AccessDenied", "Access Denied", status=403)
