"""What tests of replication share: buckets, the role, configurations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support.region import LocalRegion

ROLE = "arn:aws:iam::123456789012:role/replicator"
SOURCE = [
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
]
DESTINATION = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner"]


def make_role(region: LocalRegion, *actions: str, trusted: str = "s3.amazonaws.com") -> None:
    """The role that S3 replicates as, with these permissions, or all that it needs."""
    trust = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
    iam = region.client("iam")
    document = {"Version": "2012-10-17", "Statement": [trust]}
    iam.create_role(RoleName="replicator", AssumeRolePolicyDocument=json.dumps(document))
    permit_role(region, *(actions or (*SOURCE, *DESTINATION)))


def permit_role(region: LocalRegion, *actions: str) -> None:
    """Give the role these permissions in the place of those before."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    region.client("iam").put_role_policy(RoleName="replicator", PolicyName="p", PolicyDocument=document)


def versioned(s3: Any, name: str, **options: Any) -> str:
    """A bucket that keeps versions."""
    s3.create_bucket(Bucket=name, **options)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def rule(bucket: str = "copy", **more: Any) -> dict[str, Any]:
    """A rule for everything; `Destination` in `more` adds to the bucket."""
    made = {
        "ID": "r",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
    }
    destination = {"Bucket": f"arn:aws:s3:::{bucket}"} | more.pop("Destination", {})
    return made | more | {"Destination": destination}


def replicate(s3: Any, bucket: str, *rules: dict[str, Any], role: str = ROLE) -> None:
    """Set a bucket's replication."""
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": role, "Rules": list(rules)})


def status_of(s3: Any, bucket: str, key: str, **version: str) -> str | None:
    """The replication status of an object."""
    found: str | None = s3.head_object(Bucket=bucket, Key=key, **version).get("ReplicationStatus")
    return found
