"""Intelligent-Tiering's archive tiers: the configurations are kept and given back. No object is moved to an archive tier.

All objects of the class INTELLIGENT_TIERING stay in its Frequent Access tier, and are read at any time.

Source: S3 API Reference, PutBucketIntelligentTieringConfiguration, Tiering; S3 User Guide, "Using S3 Intelligent-Tiering".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import named_configurations
from fogbank.services.s3.service import s3
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_s3.type_defs import (
        DeleteBucketIntelligentTieringConfigurationRequestTypeDef,
        GetBucketIntelligentTieringConfigurationRequestTypeDef,
        ListBucketIntelligentTieringConfigurationsRequestTypeDef,
        PutBucketIntelligentTieringConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

KIND: Final = "intelligent-tiering"
LEAST: Final = {"ARCHIVE_ACCESS": 90, "DEEP_ARCHIVE_ACCESS": 180}  # days without an access
MOST_DAYS: Final = 730


@s3.operation(
    "write",
    "bucket",
    action="s3:PutIntelligentTieringConfiguration",
    takes="Bucket Id IntelligentTieringConfiguration ExpectedBucketOwner",
)
def put_bucket_intelligent_tiering_configuration(
    call: Call, req: PutBucketIntelligentTieringConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Keep a configuration, in the place of the one of its id."""
    value: dict[str, Any] = {**req["IntelligentTieringConfiguration"]}
    named_configurations.check_filter(value.get("Filter"))
    check_tiers(value["Tierings"])
    return named_configurations.keep(call, req, KIND, value)


def check_tiers(tiers: Sequence[Input]) -> None:
    """Refuse no tiers, a tier that is there twice, and days that are too few or too many."""
    names = [tier["AccessTier"] for tier in tiers]
    if not names or len(set(names)) < len(names):
        raise malformed()
    for tier in tiers:
        if not LEAST[tier["AccessTier"]] <= tier["Days"] <= MOST_DAYS:
            what = f"Days for {tier['AccessTier']} must be between {LEAST[tier['AccessTier']]} and {MOST_DAYS}"
            raise AwsError("InvalidArgument", what, fields={"ArgumentName": "Days", "ArgumentValue": tier["Days"]})


@s3.operation("read", "bucket", action="s3:GetIntelligentTieringConfiguration", takes="Bucket Id ExpectedBucketOwner")
def get_bucket_intelligent_tiering_configuration(
    call: Call, req: GetBucketIntelligentTieringConfigurationRequestTypeDef
) -> dict[str, Any]:
    """One configuration."""
    return {"IntelligentTieringConfiguration": named_configurations.find(call, req, KIND)}


@s3.operation(
    "read",
    "bucket",
    action="s3:GetIntelligentTieringConfiguration",
    takes="Bucket ContinuationToken ExpectedBucketOwner",
)
def list_bucket_intelligent_tiering_configurations(
    call: Call, req: ListBucketIntelligentTieringConfigurationsRequestTypeDef
) -> dict[str, Any]:
    """A page of configurations."""
    return named_configurations.page(call, req, KIND, "IntelligentTieringConfigurationList")


@s3.operation("write", "bucket", action="s3:PutIntelligentTieringConfiguration", takes="Bucket Id ExpectedBucketOwner")
def delete_bucket_intelligent_tiering_configuration(
    call: Call, req: DeleteBucketIntelligentTieringConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Forget a configuration."""
    return named_configurations.drop(call, req, KIND)
