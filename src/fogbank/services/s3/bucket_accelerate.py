"""Transfer acceleration of buckets: a setting that is kept. The region is on this machine, and has nothing to be faster than.

Source: S3 API Reference, PutBucketAccelerateConfiguration; S3 User Guide, "Configuring fast, secure file transfers using Amazon S3
Transfer Acceleration".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.service import s3
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        GetBucketAccelerateConfigurationRequestTypeDef,
        PutBucketAccelerateConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call

KIND: Final = "accelerate"


@s3.operation(
    "write",
    "bucket",
    action="s3:PutAccelerateConfiguration",
    takes="Bucket AccelerateConfiguration ChecksumAlgorithm ExpectedBucketOwner",
)
def put_bucket_accelerate_configuration(
    call: Call, req: PutBucketAccelerateConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Enable or suspend transfer acceleration, for a bucket that can be a host's name."""
    bucket = open_bucket(call, req)
    status = req["AccelerateConfiguration"].get("Status")
    if status not in ("Enabled", "Suspended"):
        raise malformed()
    if "." in bucket.name:
        what = "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        raise AwsError("InvalidRequest", what)
    configuration.keep(call.tx, bucket, KIND, {"Status": status})
    return {}


@s3.operation("read", "bucket", action="s3:GetAccelerateConfiguration", takes="Bucket ExpectedBucketOwner RequestPayer")
def get_bucket_accelerate_configuration(
    call: Call, req: GetBucketAccelerateConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Whether transfer acceleration is enabled; nothing if it never was set."""
    found: dict[str, Any] = configuration.find(call.tx, open_bucket(call, req), KIND) or {}
    return found
