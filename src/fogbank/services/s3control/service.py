"""S3 Control: its requests name the account that they are about. Its actions are S3's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.service import Service

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


def owner(_call: Call, req: Input) -> str | None:
    """The account that a request is about."""
    account: str | None = req.get("AccountId")
    return account


s3control = Service("s3control", iam_prefix="s3", resources={}, modules=("public_access_block",), owner=owner)
