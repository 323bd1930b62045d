"""The public access block of an account; S3 holds all its buckets to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.public_access import AccountBlock, block_of, blocks
from fogbank.services.s3control.service import s3control

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@s3control.operation(
    "write", "*", action="s3:PutAccountPublicAccessBlock", takes="AccountId PublicAccessBlockConfiguration"
)
def put_public_access_block(call: Call, req: Input) -> dict[str, Any]:
    """Replace the account's switches; what is not said is off."""
    if not req["PublicAccessBlockConfiguration"]:
        raise AwsError("InvalidRequest", "Must specify at least one configuration.")
    blocks.put(call.tx, AccountBlock(block=block_of(req["PublicAccessBlockConfiguration"])), req["AccountId"])
    return {}


@s3control.operation("read", "*", action="s3:GetAccountPublicAccessBlock", takes="AccountId")
def get_public_access_block(call: Call, req: Input) -> dict[str, Any]:
    """The account's switches."""
    found = blocks.get(call.tx, req["AccountId"])
    if found is None:
        what = "The public access block configuration was not found"
        fields = {"AccountId": req["AccountId"]}
        raise AwsError("NoSuchPublicAccessBlockConfiguration", what, status=404, fields=fields)
    return {"PublicAccessBlockConfiguration": found.block.told()}


@s3control.operation("write", "*", action="s3:PutAccountPublicAccessBlock", takes="AccountId")
def delete_public_access_block(call: Call, req: Input) -> dict[str, Any]:
    """Block nothing for the whole account."""
    blocks.delete(call.tx, req["AccountId"])
    return {}
