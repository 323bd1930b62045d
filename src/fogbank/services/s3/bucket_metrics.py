"""Request metrics of buckets: the configurations are kept and given back. No metrics are sent: there is no CloudWatch here yet.

Source: S3 API Reference, PutBucketMetricsConfiguration; S3 User Guide, "CloudWatch metrics configurations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.services.s3 import named_configurations
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketMetricsConfigurationRequestTypeDef,
        GetBucketMetricsConfigurationRequestTypeDef,
        ListBucketMetricsConfigurationsRequestTypeDef,
        PutBucketMetricsConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call

KIND: Final = "metrics"


@s3.operation(
    "write", "bucket", action="s3:PutMetricsConfiguration", takes="Bucket Id MetricsConfiguration ExpectedBucketOwner"
)
def put_bucket_metrics_configuration(call: Call, req: PutBucketMetricsConfigurationRequestTypeDef) -> dict[str, Any]:
    """Keep a configuration, in the place of the one of its id."""
    value: dict[str, Any] = {**req["MetricsConfiguration"]}
    named_configurations.check_filter(value.get("Filter"))
    return named_configurations.keep(call, req, KIND, value)


@s3.operation("read", "bucket", action="s3:GetMetricsConfiguration", takes="Bucket Id ExpectedBucketOwner")
def get_bucket_metrics_configuration(call: Call, req: GetBucketMetricsConfigurationRequestTypeDef) -> dict[str, Any]:
    """One configuration."""
    return {"MetricsConfiguration": named_configurations.find(call, req, KIND)}


@s3.operation(
    "read", "bucket", action="s3:GetMetricsConfiguration", takes="Bucket ContinuationToken ExpectedBucketOwner"
)
def list_bucket_metrics_configurations(
    call: Call, req: ListBucketMetricsConfigurationsRequestTypeDef
) -> dict[str, Any]:
    """A page of configurations."""
    return named_configurations.page(call, req, KIND, "MetricsConfigurationList")


@s3.operation("write", "bucket", action="s3:PutMetricsConfiguration", takes="Bucket Id ExpectedBucketOwner")
def delete_bucket_metrics_configuration(
    call: Call, req: DeleteBucketMetricsConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Forget a configuration."""
    return named_configurations.drop(call, req, KIND)
