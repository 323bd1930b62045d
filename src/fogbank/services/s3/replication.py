"""Replication of a bucket: its configuration. What it does is in the modules beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.s3 import configuration, remotes, replication_rules
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.records import buckets
from fogbank.services.s3.replication_rules import invalid
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketReplicationRequestTypeDef,
        GetBucketReplicationRequestTypeDef,
        PutBucketReplicationRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

KIND = "replication"


def pass_role(_call: Call, req: Input) -> list[Permission]:
    """Whoever gives a role to S3 has to be allowed to."""
    keys = {"iam:passedtoservice": "s3.amazonaws.com"}
    return [Permission("iam:PassRole", req["ReplicationConfiguration"]["Role"], {}, keys)]


@s3.operation(
    "write",
    "bucket",
    action="s3:PutReplicationConfiguration",
    also=pass_role,
    takes="Bucket ContentMD5 ChecksumAlgorithm ReplicationConfiguration ExpectedBucketOwner",
)
def put_bucket_replication(call: Call, req: PutBucketReplicationRequestTypeDef) -> dict[str, Any]:
    """Say where what is written from now on is replicated to."""
    bucket = open_bucket(call, req)
    if bucket.versioning != "Enabled":
        raise invalid("Versioning must be 'Enabled' on the bucket to apply a replication configuration")
    value: dict[str, Any] = {**req["ReplicationConfiguration"]}
    for account in (bucket.account, call.account):  # nobody gives away another account's role, whoever's the bucket is
        replication_rules.check(value, account)
    value["Rules"] = [{**one, "ID": one.get("ID") or call.ids.uuid()} for one in value["Rules"]]
    for one in value["Rules"]:
        check_destination(call, bucket, replication_rules.rule(one))
    configuration.keep(call.tx, bucket, KIND, value)
    return {}


def check_destination(call: Call, bucket: Bucket, rule: replication_rules.Rule) -> None:
    """Refuse a destination that cannot take replicas."""
    found = buckets.get(call.tx, rule.bucket)
    if found is None and remotes.find(call.tx, rule.bucket, bucket.account) is not None:
        return  # what it can take it will tell
    if found is None:
        raise invalid("Destination bucket must exist.")
    if found.name == bucket.name:
        raise invalid("Destination bucket cannot be the same as the source bucket.")
    if found.versioning != "Enabled":
        raise invalid("Destination bucket must have versioning enabled.")
    if rule.account and rule.account != found.account:
        raise invalid("Account does not own the destination bucket.")
    if bucket.lock and not found.lock:
        raise invalid("Object Lock must be enabled on the destination bucket.")


@s3.operation("read", "bucket", action="s3:GetReplicationConfiguration", takes="Bucket ExpectedBucketOwner")
def get_bucket_replication(call: Call, req: GetBucketReplicationRequestTypeDef) -> dict[str, Any]:
    """Where the bucket's objects are replicated to."""
    found = configuration.find(call.tx, open_bucket(call, req), KIND)
    if found is None:
        raise AwsError(
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
            status=404,
            fields={"BucketName": req["Bucket"]},
        )
    return {"ReplicationConfiguration": found}


@s3.operation("write", "bucket", action="s3:PutReplicationConfiguration", takes="Bucket ExpectedBucketOwner")
def delete_bucket_replication(call: Call, req: DeleteBucketReplicationRequestTypeDef) -> dict[str, Any]:
    """Replicate no more."""
    configuration.drop(call.tx, open_bucket(call, req), KIND)
    return {}
