"""Lifecycle configurations of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration, lifecycle_check
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.lifecycle_pass import Pass, passes
from fogbank.services.s3.lifecycle_rules import KIND
from fogbank.services.s3.service import s3
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketLifecycleRequestTypeDef,
        GetBucketLifecycleConfigurationRequestTypeDef,
        PutBucketLifecycleConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call

MINIMUM: Final = "TransitionDefaultMinimumObjectSize"
DEFAULT_MINIMUM: Final = "all_storage_classes_128K"
ID: Final = 48  # characters of an id that is made up


@s3.operation(
    "write",
    "bucket",
    action="s3:PutLifecycleConfiguration",
    takes=f"Bucket ChecksumAlgorithm LifecycleConfiguration {MINIMUM} ExpectedBucketOwner",
)
def put_bucket_lifecycle_configuration(
    call: Call, req: PutBucketLifecycleConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Replace the bucket's lifecycle rules. They are carried out in the background, from now on."""
    bucket = open_bucket(call, req)
    given: dict[str, Any] = {**req.get("LifecycleConfiguration", {})}
    if "Rules" not in given:
        raise malformed()
    lifecycle_check.check(given["Rules"])
    rules = [{**rule, "ID": rule.get("ID") or call.ids.token(ID)} for rule in given["Rules"]]
    minimum = req.get(MINIMUM, DEFAULT_MINIMUM)
    configuration.keep(call.tx, bucket, KIND, {"Rules": rules, MINIMUM: minimum})
    passes.put(call.tx, Pass(), bucket.name)
    return {MINIMUM: minimum}


@s3.operation("read", "bucket", action="s3:GetLifecycleConfiguration", takes="Bucket ExpectedBucketOwner")
def get_bucket_lifecycle_configuration(
    call: Call, req: GetBucketLifecycleConfigurationRequestTypeDef
) -> dict[str, Any]:
    """The bucket's lifecycle rules. NoSuchLifecycleConfiguration if it has none."""
    bucket = open_bucket(call, req)
    found: dict[str, Any] | None = configuration.find(call.tx, bucket, KIND)
    if found is None:
        what = "The lifecycle configuration does not exist"
        raise AwsError("NoSuchLifecycleConfiguration", what, status=404, fields={"BucketName": bucket.name})
    return found


@s3.operation("write", "bucket", action="s3:PutLifecycleConfiguration", takes="Bucket ExpectedBucketOwner")
def delete_bucket_lifecycle(call: Call, req: DeleteBucketLifecycleRequestTypeDef) -> dict[str, Any]:
    """Remove the bucket's lifecycle rules: nothing expires any more."""
    bucket = open_bucket(call, req)
    configuration.drop(call.tx, bucket, KIND)
    passes.delete(call.tx, bucket.name)
    return {}
