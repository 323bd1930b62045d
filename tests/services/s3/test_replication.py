"""PutBucketReplication: what configurations may say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, permit, refusal, user_client
from services.s3.replicating import ROLE, replicate, rule, status_of, versioned

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def pair(s3: Any) -> str:
    """A bucket, and one to replicate to."""
    versioned(s3, "copy")
    return versioned(s3, "original")


def wrong(s3: Any, bucket: str, *rules: dict[str, Any], role: str = ROLE) -> tuple[str, str]:
    """The refusal of a configuration."""
    value = {"Role": role, "Rules": list(rules)}
    error = refusal(s3.put_bucket_replication, Bucket=bucket, ReplicationConfiguration=value)
    return error["Code"], error["Message"]


def without(made: dict[str, Any], *names: str) -> dict[str, Any]:
    """A rule without some of its elements."""
    return {name: value for name, value in made.items() if name not in names}


def test_a_configuration_comes_back(s3: Any, pair: str) -> None:
    both = {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}}
    made = rule(Filter=both, DeleteMarkerReplication={"Status": "Disabled"})
    replicate(s3, pair, made, without(rule(Priority=2), "ID"))
    found = s3.get_bucket_replication(Bucket=pair)["ReplicationConfiguration"]
    assert found["Role"] == ROLE
    assert found["Rules"][0] == made
    assert len(found["Rules"][1]["ID"]) == 36
    s3.delete_bucket_replication(Bucket=pair)
    assert code(s3.get_bucket_replication, Bucket=pair) == "ReplicationConfigurationNotFoundError"


def test_a_configuration_of_the_older_schema(s3: Any, pair: str) -> None:
    older = {"ID": "old", "Prefix": "", "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::copy"}}
    replicate(s3, pair, older)
    assert s3.get_bucket_replication(Bucket=pair)["ReplicationConfiguration"]["Rules"] == [older]


def test_a_filter_may_be_empty(region: LocalRegion, s3: Any, pair: str) -> None:
    replicate(s3, pair, rule(Filter={}))
    assert s3.get_bucket_replication(Bucket=pair)["ReplicationConfiguration"]["Rules"][0]["Filter"] == {}
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    assert status_of(s3, pair, "k") == "PENDING"


def test_buckets_that_do_not_fit(s3: Any, bucket: str, pair: str) -> None:
    assert wrong(s3, bucket, rule())[1].startswith("Versioning must be 'Enabled' on the bucket")
    assert wrong(s3, pair, rule("nowhere")) == ("InvalidRequest", "Destination bucket must exist.")
    assert wrong(s3, pair, rule(bucket))[1] == "Destination bucket must have versioning enabled."
    assert wrong(s3, pair, rule(pair))[1].startswith("Destination bucket cannot be the same")
    assert "own" in wrong(s3, pair, rule(Destination={"Account": "111122223333"}))[1]
    locked = versioned(s3, "locked", ObjectLockEnabledForBucket=True)
    assert "Object Lock" in wrong(s3, locked, rule())[1]


def test_versioning_stays_on_while_a_bucket_replicates(s3: Any, pair: str) -> None:
    replicate(s3, pair, rule())
    suspended = {"Status": "Suspended"}
    assert code(s3.put_bucket_versioning, Bucket=pair, VersioningConfiguration=suspended) == "InvalidBucketState"


def test_roles(region: LocalRegion, s3: Any, pair: str) -> None:
    assert wrong(s3, pair, rule(), role="me") == ("InvalidArgument", "Invalid Role ARN")
    assert wrong(s3, pair, rule(), role=ROLE.replace("123456789012", "111122223333"))[0] == "AccessDenied"
    ann = user_client(region, "s3")
    permit(region, allow("s3:PutReplicationConfiguration"))
    assert "iam:PassRole" in wrong(ann, pair, rule())[1]
    passing = allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "s3.amazonaws.com"})
    permit(region, allow("s3:PutReplicationConfiguration"), passing)
    replicate(ann, pair, rule())


def test_elements_that_belong_together(s3: Any, pair: str) -> None:
    newer = "must be specified for this version of Cross Region Replication configuration schema"
    assert newer in wrong(s3, pair, without(rule(), "Priority"))[1]
    assert newer in wrong(s3, pair, without(rule(), "DeleteMarkerReplication"))[1]
    assert "cannot be used for this version" in wrong(s3, pair, without(rule(Prefix=""), "Filter"))[1]
    assert wrong(s3, pair, rule(Prefix="a"))[0] == "MalformedXML"
    both = {"Prefix": "a", "Tag": {"Key": "k", "Value": "v"}}
    assert wrong(s3, pair, rule(Filter=both))[0] == "MalformedXML"
    tagged = rule(Filter={"Tag": {"Key": "k", "Value": "v"}})
    assert wrong(s3, pair, tagged)[1].startswith("Delete marker replication is not supported if any Tag filter")
    twice = {"And": {"Tags": [{"Key": "k", "Value": "v"}, {"Key": "k", "Value": "w"}]}}
    assert "Duplicate Tag" in wrong(s3, pair, rule(Filter=twice))[1]


def test_rules_against_each_other(s3: Any, pair: str) -> None:
    assert "duplicate priority 1" in wrong(s3, pair, rule(ID="a"), rule(ID="b"))[1]
    assert "unique" in wrong(s3, pair, rule(), rule(Priority=2))[1]
    old = without(rule(Prefix="a"), "Filter", "Priority", "DeleteMarkerReplication")
    assert "overlapping prefixes" in wrong(s3, pair, old, old | {"ID": "b", "Prefix": "ab"})[1]
    assert "same version" in wrong(s3, pair, old, rule(ID="b"))[1]
    assert wrong(s3, pair)[0] == "MalformedXML"
    assert "1000" in wrong(s3, pair, *[rule(ID=str(n), Priority=n) for n in range(1001)])[1]


def test_destinations(s3: Any, pair: str) -> None:
    def refused(**destination: Any) -> str:
        return wrong(s3, pair, rule(Destination=destination))[1]

    timed = {"Status": "Enabled", "Time": {"Minutes": 15}}
    assert refused(Bucket="copy") == "Invalid bucket ARN."
    assert refused(AccessControlTranslation={"Owner": "Destination"}).startswith("Account must be specified")
    assert refused(EncryptionConfiguration={"ReplicaKmsKeyID": "k"}).startswith("SseKmsEncryptedObjects must be")
    assert "neither" in refused(ReplicationTime=timed)
    metrics = {"Status": "Enabled", "EventThreshold": {"Minutes": 14}}
    assert "15 minutes" in refused(ReplicationTime=timed, Metrics=metrics)
    criteria = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    assert "EncryptionConfiguration must be" in wrong(s3, pair, rule(SourceSelectionCriteria=criteria))[1]
    existing = {"Status": "Enabled"}
    assert wrong(s3, pair, rule(ExistingObjectReplication=existing))[0] == "NotImplemented"
    replicate(s3, pair, rule(ExistingObjectReplication={"Status": "Disabled"}))


def test_hostile_configurations(s3: Any, pair: str) -> None:
    assert wrong(s3, pair, rule(ID="i" * 256))[0] == "InvalidArgument"
    assert wrong(s3, pair, rule(Priority=-1))[0] == "InvalidArgument"
    assert wrong(s3, pair, rule(Status="Perhaps"))[0] == "MalformedXML"
    assert wrong(s3, pair, rule(Destination={"Bucket": "arn:aws:s3:::copy/key"}))[0] == "InvalidArgument"
    assert wrong(s3, pair, rule(Destination={"Account": "me"}))[0] == "InvalidArgument"
    assert wrong(s3, pair, rule(), role="arn:aws:iam::123456789012:role/" + "r" * 3000)[0] == "InvalidArgument"
