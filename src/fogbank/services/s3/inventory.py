"""Inventory configurations: which lists of a bucket's objects are written, and where to."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.s3 import configuration, inventory_runs
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.inventory_fields import OPTIONAL
from fogbank.services.s3.records import buckets
from fogbank.services.s3.service import s3
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketInventoryConfigurationRequestTypeDef,
        GetBucketInventoryConfigurationRequestTypeDef,
        ListBucketInventoryConfigurationsRequestTypeDef,
        PutBucketInventoryConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

KIND: Final = "inventory"
ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
DESTINATION: Final = re.compile(r"arn:aws[a-z-]*:s3:::([a-z0-9.-]{3,63})", re.ASCII)
MOST: Final = 1000
PAGE: Final = 100


@s3.operation(
    "write",
    "bucket",
    action="s3:PutInventoryConfiguration",
    takes="Bucket Id InventoryConfiguration ExpectedBucketOwner",
)
def put_bucket_inventory_configuration(
    call: Call, req: PutBucketInventoryConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Have a list of the bucket's objects written every day or every week."""
    bucket = open_bucket(call, req)
    value = req["InventoryConfiguration"]
    check(call, bucket, req["Id"], value)
    new = configuration.find(call.tx, bucket, KIND, req["Id"]) is None
    if new and sum(1 for _ in configuration.every(call.tx, bucket, KIND)) >= MOST:
        what = (
            "You are attempting to create a new configuration but have already reached the 1,000-configuration limit."
        )
        raise AwsError("TooManyConfigurations", what, status=400)
    configuration.keep(call.tx, bucket, KIND, value, req["Id"])
    return {}


def check(call: Call, bucket: Bucket, name: str, value: Input) -> None:
    """Refuse a configuration that is not one, and what is not there."""
    if not ID.fullmatch(name) or value["Id"] != name:
        fields = {"ArgumentName": "id", "ArgumentValue": name[:100]}
        raise AwsError(
            "InvalidConfigurationId", "The specified configuration id is invalid.", status=400, fields=fields
        )
    to = value["Destination"]["S3BucketDestination"]
    found = DESTINATION.fullmatch(to["Bucket"])
    if found is None:
        raise AwsError("InvalidS3DestinationBucket", "Invalid bucket ARN.", status=400)
    into = buckets.get(call.tx, found[1])
    if into is not None and into.region != bucket.region:
        what = "The destination bucket must be in the same region as the source bucket."
        raise AwsError("InvalidS3DestinationBucket", what, status=400)
    if len(to.get("Encryption", ())) > 1:
        raise malformed()
    check_works(to["Format"], value.get("OptionalFields", []))


def check_works(form: str, fields: list[str]) -> None:
    """NotImplemented for formats and fields that cannot be written here."""
    if form == "ORC":
        raise not_implemented("Inventory in the format ORC")
    if form == "Parquet" and find_spec("pyarrow") is None:
        raise not_implemented("Inventory in the format Parquet, without pyarrow (pip install 'fogbank[parquet]'),")
    if len(set(fields)) != len(fields):
        raise malformed()
    for field in fields:
        if field not in OPTIONAL:
            raise not_implemented(f"The inventory field {field}")


@s3.operation("read", "bucket", action="s3:GetInventoryConfiguration", takes="Bucket Id ExpectedBucketOwner")
def get_bucket_inventory_configuration(
    call: Call, req: GetBucketInventoryConfigurationRequestTypeDef
) -> dict[str, Any]:
    """One configuration."""
    found = configuration.find(call.tx, open_bucket(call, req), KIND, req["Id"])
    if found is None:
        raise no_such_configuration()
    return {"InventoryConfiguration": found}


@s3.operation(
    "read", "bucket", action="s3:GetInventoryConfiguration", takes="Bucket ContinuationToken ExpectedBucketOwner"
)
def list_bucket_inventory_configurations(
    call: Call, req: ListBucketInventoryConfigurationsRequestTypeDef
) -> dict[str, Any]:
    """A page of 100 configurations, by id."""
    bucket, token = open_bucket(call, req), req.get("ContinuationToken")
    fields = {"ArgumentName": "continuation-token", "ArgumentValue": (token or "")[:200]}
    bad = AwsError("InvalidArgument", "The continuation token provided is incorrect", fields=fields)
    found = configuration.every(call.tx, bucket, KIND, read_marker(token, bad) or "")
    page = [value for _, value in zip(range(PAGE + 1), (value for _, value in found), strict=False)]
    result: dict[str, Any] = {"InventoryConfigurationList": page[:PAGE], "IsTruncated": len(page) > PAGE}
    if token is not None:
        result["ContinuationToken"] = token
    if len(page) > PAGE:
        result["NextContinuationToken"] = write_marker(page[PAGE - 1]["Id"])
    return result


@s3.operation("write", "bucket", action="s3:PutInventoryConfiguration", takes="Bucket Id ExpectedBucketOwner")
def delete_bucket_inventory_configuration(
    call: Call, req: DeleteBucketInventoryConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Write no more of these lists."""
    if not configuration.drop(call.tx, open_bucket(call, req), KIND, req["Id"]):
        raise no_such_configuration()
    inventory_runs.forget(call.tx, req["Bucket"], req["Id"])
    return {}


def no_such_configuration() -> AwsError:
    """S3's error for a configuration that is not there."""
    return AwsError("NoSuchConfiguration", "The specified configuration does not exist.", status=404)
