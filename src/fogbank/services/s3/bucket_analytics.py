"""Storage class analysis of buckets: the configurations are kept and given back. Nothing is analysed, and no report is exported.

Source: S3 API Reference, PutBucketAnalyticsConfiguration; S3 User Guide, "Amazon S3 analytics - Storage Class Analysis".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import named_configurations
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketAnalyticsConfigurationRequestTypeDef,
        GetBucketAnalyticsConfigurationRequestTypeDef,
        ListBucketAnalyticsConfigurationsRequestTypeDef,
        PutBucketAnalyticsConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call

KIND: Final = "analytics"
DESTINATION: Final = re.compile(r"arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63}", re.ASCII)


@s3.operation(
    "write",
    "bucket",
    action="s3:PutAnalyticsConfiguration",
    takes="Bucket Id AnalyticsConfiguration ExpectedBucketOwner",
)
def put_bucket_analytics_configuration(
    call: Call, req: PutBucketAnalyticsConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Keep a configuration, in the place of the one of its id."""
    value: dict[str, Any] = {**req["AnalyticsConfiguration"]}
    named_configurations.check_filter(value.get("Filter"))
    export = value["StorageClassAnalysis"].get("DataExport")
    if export and not DESTINATION.fullmatch(export["Destination"]["S3BucketDestination"]["Bucket"]):
        raise AwsError("InvalidS3DestinationBucket", "Invalid bucket ARN.", status=400)
    return named_configurations.keep(call, req, KIND, value)


@s3.operation("read", "bucket", action="s3:GetAnalyticsConfiguration", takes="Bucket Id ExpectedBucketOwner")
def get_bucket_analytics_configuration(
    call: Call, req: GetBucketAnalyticsConfigurationRequestTypeDef
) -> dict[str, Any]:
    """One configuration."""
    return {"AnalyticsConfiguration": named_configurations.find(call, req, KIND)}


@s3.operation(
    "read", "bucket", action="s3:GetAnalyticsConfiguration", takes="Bucket ContinuationToken ExpectedBucketOwner"
)
def list_bucket_analytics_configurations(
    call: Call, req: ListBucketAnalyticsConfigurationsRequestTypeDef
) -> dict[str, Any]:
    """A page of configurations."""
    return named_configurations.page(call, req, KIND, "AnalyticsConfigurationList")


@s3.operation("write", "bucket", action="s3:PutAnalyticsConfiguration", takes="Bucket Id ExpectedBucketOwner")
def delete_bucket_analytics_configuration(
    call: Call, req: DeleteBucketAnalyticsConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Forget a configuration."""
    return named_configurations.drop(call, req, KIND)
