"""S3: its names, and who owns what it addresses."""

from __future__ import annotations

from fogbank.services.s3.bucket_tags import TAGGING
from fogbank.services.s3.checksums import verify
from fogbank.services.s3.granted import owner, policy
from fogbank.services.s3.logged import is_logged
from fogbank.services.s3.paying import Paying
from fogbank.services.s3.policy_keys import policy_keys, tags

s3 = Paying(
    "s3",
    resources={"bucket": "arn:aws:s3:::{Bucket}", "object": "arn:aws:s3:::{Bucket}/{Key}"},
    modules=(
        "bucket",
        "bucket_versioning",
        "bucket_encryption",
        "object_encryption",
        "object_attributes",
        "bucket_tagging",
        "bucket_analytics",
        "bucket_metrics",
        "bucket_intelligent_tiering",
        "bucket_accelerate",
        "bucket_abac",
        "bucket_object_lock",
        "object_retention",
        "object_legal_hold",
        "object_versions",
        "cors",
        "bucket_policy",
        "bucket_acl",
        "object_acl",
        "ownership",
        "public_access_block",
        "request_payment",
        "notification",
        "bucket_logging",
        "access_log_delivery",
        "inventory",
        "inventory_report",
        "replication",
        "replication_work",
        "object_put",
        "object_post",
        "object_get",
        "object_tagging",
        "restore",
        "lifecycle",
        "lifecycle_run",
        "object_delete",
        "object_copy",
        "object_list",
        "multipart",
        "multipart_complete",
        "multipart_copy",
        "multipart_list",
        "website",
        "website_pages",
        "usage",
        "rewrap",
        "holdings",
        "invariants",
    ),
    owner=owner,
    policy=policy,
    tags=tags,
    keys=policy_keys,
    verify=verify,
    watched=is_logged,
    tagging=TAGGING,
)
