"""S3 Control: its requests name the account that they are about. Its actions and its resources are S3's."""

from __future__ import annotations

from fogbank.core.service import Service
from fogbank.services.s3control.buckets import keys, owner, policy, tagged, tags

s3control = Service(
    "s3control",
    iam_prefix="s3",
    resources={"tagged": tagged},
    modules=("public_access_block", "resource_tags"),
    owner=owner,
    policy=policy,
    tags=tags,
    keys=keys,
)
