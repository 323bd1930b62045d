"""S3: its names, and who owns what it addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.service import Service
from fogbank.services.s3.checksums import verify
from fogbank.services.s3.policy_keys import policy_keys
from fogbank.services.s3.records import buckets

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


def owner(call: Call, req: Input) -> str | None:
    """The account of the addressed bucket; S3's ARNs do not say it."""
    name = req.get("Bucket")
    bucket = buckets.get(call.tx, name) if name else None
    return bucket.account if bucket else None


s3 = Service(
    "s3",
    resources={"bucket": "arn:aws:s3:::{Bucket}", "object": "arn:aws:s3:::{Bucket}/{Key}"},
    modules=(
        "bucket",
        "bucket_versioning",
        "object_put",
        "object_post",
        "object_get",
        "object_delete",
        "object_copy",
        "object_list",
        "multipart",
        "multipart_complete",
        "multipart_copy",
        "multipart_list",
        "usage",
    ),
    owner=owner,
    keys=policy_keys,
    verify=verify,
)
