"""Replication to buckets of the region: what arrives, as whom, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.clock import Clock
from services.helpers import FILE, code, dev, kept, pattern
from services.s3.replicating import (
    DESTINATION,
    SOURCE,
    make_role,
    permit_role,
    replicate,
    rule,
    status_of,
    versioned,
)
from services.s3.test_notifications import Inbox, configure, inbox, queue

if TYPE_CHECKING:
    from support.region import LocalRegion

assert inbox  # a fixture


@pytest.fixture
def pair(region: LocalRegion, s3: Any) -> str:
    """A bucket that is replicated to `copy`."""
    make_role(region)
    versioned(s3, "copy")
    versioned(s3, "original")
    replicate(s3, "original", rule())
    return "original"


def test_an_object_is_replicated(region: LocalRegion, s3: Any, pair: str) -> None:
    made = s3.put_object(Bucket=pair, Key="k", Body=b"12", Metadata={"a": "b"}, ContentType="text/plain", Tagging="t=1")
    assert status_of(s3, pair, "k") == "PENDING"
    region.settle()
    assert status_of(s3, pair, "k") == "COMPLETED"
    found = s3.get_object(Bucket="copy", Key="k")
    assert found["Body"].read() == b"12"
    assert found["ReplicationStatus"] == "REPLICA"
    assert found["VersionId"] == made["VersionId"]
    assert found["ETag"] == made["ETag"]
    assert found["Metadata"] == {"a": "b"}
    assert found["ContentType"] == "text/plain"
    assert s3.get_object_tagging(Bucket="copy", Key="k")["TagSet"] == [{"Key": "t", "Value": "1"}]


def test_the_bytes_of_files_are_shared(region: LocalRegion, s3: Any, pair: str) -> None:
    body = pattern(FILE)
    s3.put_object(Bucket=pair, Key="k", Body=body)
    region.settle()
    assert kept(region) == (0, [2])
    assert s3.get_object(Bucket="copy", Key="k")["Body"].read() == body
    assert s3.get_object(Bucket="copy", Key="k", Range="bytes=65530-")["Body"].read() == body[65530:]


def test_an_object_in_parts_is_replicated(region: LocalRegion, s3: Any, pair: str) -> None:
    upload = s3.create_multipart_upload(Bucket=pair, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=pair, Key="k", UploadId=upload, PartNumber=1, Body=b"1")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=pair, Key="k", UploadId=upload, MultipartUpload=parts)
    region.settle()
    assert s3.head_object(Bucket="copy", Key="k", PartNumber=1)["PartsCount"] == 1


def test_a_replica_takes_no_other_versions_place(
    region: LocalRegion, s3: Any, pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written to both buckets in the same microsecond, both versions stay where they are."""
    now = region.clock.now()
    monkeypatch.setattr(Clock, "now", lambda _self: now)
    s3.put_object(Bucket="copy", Key="k", Body=b"there")
    s3.put_object(Bucket=pair, Key="k", Body=b"here")
    region.settle()
    assert status_of(s3, pair, "k") == "FAILED"
    assert s3.get_object(Bucket="copy", Key="k")["Body"].read() == b"there"
    assert len(s3.list_object_versions(Bucket="copy")["Versions"]) == 1
    assert kept(region) == (2, [])


def test_versions_keep_their_order_however_they_come(region: LocalRegion, s3: Any, pair: str) -> None:
    permit_role(region, "s3:ListBucket")
    first = s3.put_object(Bucket=pair, Key="k", Body=b"1")["VersionId"]
    region.settle()
    assert status_of(s3, pair, "k") == "FAILED"
    permit_role(region, *SOURCE, *DESTINATION)
    second = s3.put_object(Bucket=pair, Key="k", Body=b"2")["VersionId"]
    region.settle()
    s3.put_object_tagging(Bucket=pair, Key="k", VersionId=first, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    region.settle()
    listed = s3.list_object_versions(Bucket="copy")["Versions"]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed] == [(second, True), (first, False)]
    assert status_of(s3, pair, "k", VersionId=first) == "COMPLETED"


def test_delete_markers_are_replicated_if_the_rule_says_so(region: LocalRegion, s3: Any, pair: str) -> None:
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    s3.delete_object(Bucket=pair, Key="k")
    region.settle()
    assert code(s3.head_object, Bucket="copy", Key="k") == "404"
    assert len(s3.list_object_versions(Bucket="copy")["DeleteMarkers"]) == 1
    replicate(s3, pair, rule(DeleteMarkerReplication={"Status": "Disabled"}))
    s3.put_object(Bucket=pair, Key="j", Body=b"")
    s3.delete_object(Bucket=pair, Key="j")
    region.settle()
    assert s3.head_object(Bucket="copy", Key="j")["ReplicationStatus"] == "REPLICA"


def test_deletions_of_versions_are_not_replicated(region: LocalRegion, s3: Any, pair: str) -> None:
    made = s3.put_object(Bucket=pair, Key="k", Body=b"")["VersionId"]
    region.settle()
    s3.delete_object(Bucket=pair, Key="k", VersionId=made)
    region.settle()
    assert status_of(s3, "copy", "k") == "REPLICA"


def test_a_version_that_is_gone_before_it_is_replicated(region: LocalRegion, s3: Any, pair: str) -> None:
    made = s3.put_object(Bucket=pair, Key="k", Body=b"")["VersionId"]
    s3.delete_object(Bucket=pair, Key="k", VersionId=made)
    region.settle()
    assert code(s3.head_object, Bucket="copy", Key="k") == "404"


def test_filters(region: LocalRegion, s3: Any, pair: str) -> None:
    both = {"And": {"Prefix": "a/", "Tags": [{"Key": "t", "Value": "1"}]}}
    replicate(s3, pair, rule(Filter=both, DeleteMarkerReplication={"Status": "Disabled"}))
    for key, tags in (("a/1", "t=1"), ("a/2", "t=2"), ("b/1", "t=1")):
        s3.put_object(Bucket=pair, Key=key, Body=b"", Tagging=tags)
    region.settle()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="copy")["Contents"]] == ["a/1"]
    assert status_of(s3, pair, "b/1") is None


def test_a_disabled_rule(region: LocalRegion, s3: Any, pair: str) -> None:
    replicate(s3, pair, rule(Status="Disabled"))
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    region.settle()
    assert status_of(s3, pair, "k") is None


def test_the_rule_with_the_highest_priority_wins(region: LocalRegion, s3: Any, pair: str) -> None:
    better = rule(ID="b", Priority=2, Filter={"Prefix": "a"}, Destination={"StorageClass": "STANDARD_IA"})
    replicate(s3, pair, rule(), better)
    s3.put_object(Bucket=pair, Key="a", Body=b"")
    s3.put_object(Bucket=pair, Key="b", Body=b"")
    region.settle()
    assert s3.head_object(Bucket="copy", Key="a")["StorageClass"] == "STANDARD_IA"
    assert "StorageClass" not in s3.head_object(Bucket="copy", Key="b")


def test_several_destinations(region: LocalRegion, s3: Any, pair: str) -> None:
    versioned(s3, "second")
    replicate(s3, pair, rule(), rule("second", ID="b", Priority=2))
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    region.settle()
    assert status_of(s3, pair, "k") == "COMPLETED"
    assert status_of(s3, "second", "k") == status_of(s3, "copy", "k") == "REPLICA"


def test_one_destination_of_several_is_gone(region: LocalRegion, s3: Any, pair: str) -> None:
    versioned(s3, "second")
    replicate(s3, pair, rule(), rule("second", ID="b", Priority=2))
    s3.delete_bucket(Bucket="second")
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    region.settle()
    assert status_of(s3, pair, "k") == "FAILED"
    assert status_of(s3, "copy", "k") == "REPLICA"


def test_nothing_goes_in_circles(region: LocalRegion, s3: Any, pair: str) -> None:
    replicate(s3, "copy", rule(pair))
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    s3.put_object(Bucket="copy", Key="j", Body=b"")
    for _ in range(3):
        region.settle()
    for name in (pair, "copy"):
        assert len(s3.list_object_versions(Bucket=name)["Versions"]) == 2
    assert status_of(s3, "copy", "k") == status_of(s3, pair, "j") == "REPLICA"


def test_a_chain_ends_at_the_replica(region: LocalRegion, s3: Any, pair: str) -> None:
    versioned(s3, "third")
    replicate(s3, "copy", rule("third"))
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    for _ in range(2):
        region.settle()
    assert "Contents" not in s3.list_objects_v2(Bucket="third")


def test_changes_of_tags_are_replicated(region: LocalRegion, s3: Any, pair: str) -> None:
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    region.settle()
    s3.put_object_tagging(Bucket=pair, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    region.settle()
    assert s3.get_object_tagging(Bucket="copy", Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert len(s3.list_object_versions(Bucket="copy")["Versions"]) == 1


def test_changes_of_replicas_go_back_if_a_rule_says_so(region: LocalRegion, s3: Any, pair: str) -> None:
    back = {"ReplicaModifications": {"Status": "Enabled"}}
    replicate(s3, "copy", rule(pair, SourceSelectionCriteria=back))
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    region.settle()
    s3.put_object_tagging(Bucket="copy", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    region.settle()
    assert s3.get_object_tagging(Bucket=pair, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    "missing",
    ["GetReplicationConfiguration", "GetObjectVersionForReplication", "GetObjectVersionTagging", "ReplicateObject",
     "ReplicateTags"],
)  # fmt: skip
def test_the_role_needs_every_permission(region: LocalRegion, s3: Any, pair: str, missing: str) -> None:
    permit_role(region, *[action for action in (*SOURCE, *DESTINATION) if action != f"s3:{missing}"])
    s3.put_object(Bucket=pair, Key="k", Body=b"", Tagging="a=b")
    region.settle()
    assert status_of(s3, pair, "k") == "FAILED"
    assert "Contents" not in s3.list_objects_v2(Bucket="copy")


def test_the_role_has_to_trust_s3(region: LocalRegion, s3: Any) -> None:
    make_role(region, trusted="lambda.amazonaws.com")
    versioned(s3, "copy")
    versioned(s3, "original")
    replicate(s3, "original", rule())
    s3.put_object(Bucket="original", Key="k", Body=b"")
    region.settle()
    assert status_of(s3, "original", "k") == "FAILED"


def test_another_account_is_replicated_to_if_its_bucket_lets_the_role(region: LocalRegion, s3: Any) -> None:
    make_role(region)
    theirs = dev(region, "111122223333")
    versioned(theirs, "theirs")
    versioned(s3, "original")
    owned = {"Account": "111122223333", "AccessControlTranslation": {"Owner": "Destination"}}
    replicate(s3, "original", rule("theirs", Destination=owned))
    s3.put_object(Bucket="original", Key="k", Body=b"1")
    region.settle()
    assert status_of(s3, "original", "k") == "FAILED"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:role/replicator"},
        "Action": ["s3:ReplicateObject", "s3:ObjectOwnerOverrideToBucketOwner"],
        "Resource": "arn:aws:s3:::theirs/*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    theirs.put_bucket_policy(Bucket="theirs", Policy=document)
    s3.put_object(Bucket="original", Key="k", Body=b"2")
    region.settle()
    assert status_of(s3, "original", "k") == "COMPLETED"
    assert theirs.get_object(Bucket="theirs", Key="k")["Body"].read() == b"2"


def test_locks_are_replicated(region: LocalRegion, s3: Any) -> None:
    make_role(region)
    for name in ("copy", "original"):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    replicate(s3, "original", rule())
    s3.put_object(Bucket="original", Key="k", Body=b"", ObjectLockLegalHoldStatus="ON")
    region.settle()
    assert s3.get_object_legal_hold(Bucket="copy", Key="k")["LegalHold"] == {"Status": "ON"}
    s3.put_object_legal_hold(Bucket="original", Key="k", LegalHold={"Status": "OFF"})
    region.settle()
    assert s3.get_object_legal_hold(Bucket="copy", Key="k")["LegalHold"] == {"Status": "OFF"}
    assert status_of(s3, "copy", "k") == "REPLICA"


def test_what_kms_encrypted_is_replicated_if_the_rule_says_so(region: LocalRegion, s3: Any, pair: str) -> None:
    key = region.client("kms").create_key()["KeyMetadata"]["Arn"]
    encrypted = {"Bucket": pair, "Key": "k", "Body": b"secret", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(**encrypted)
    region.settle()
    assert status_of(s3, pair, "k") is None
    criteria = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    to = {"EncryptionConfiguration": {"ReplicaKmsKeyID": key}}
    replicate(s3, pair, rule(SourceSelectionCriteria=criteria, Destination=to))
    s3.put_object(**encrypted)
    region.settle()
    assert status_of(s3, pair, "k") == "FAILED"  # the role may not decrypt
    permit_role(region, *SOURCE, *DESTINATION, "kms:Decrypt", "kms:Encrypt")
    s3.put_object(**encrypted)
    region.settle()
    assert status_of(s3, pair, "k") == "COMPLETED"
    found = s3.get_object(Bucket="copy", Key="k")
    assert found["Body"].read() == b"secret"
    assert found["SSEKMSKeyId"] == key


def test_notifications_of_replicas_and_of_failures(region: LocalRegion, s3: Any, pair: str, inbox: Inbox) -> None:
    configure(s3, "copy", queue("s3:ObjectCreated:*"))
    configure(s3, pair, queue("s3:Replication:*"))
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    region.settle()
    (event,) = inbox.take()
    assert event["s3"]["bucket"]["name"] == "copy"
    assert event["userIdentity"]["principalId"].endswith(":s3-replication")
    permit_role(region, "s3:ListBucket")
    s3.put_object(Bucket=pair, Key="k", Body=b"")
    region.settle()
    (event,) = inbox.take()
    assert event["eventName"] == "Replication:OperationFailedReplication"
    assert event["eventVersion"] == "2.2"
    data = event["replicationEventData"]
    assert data["failureReason"] == "InitiateReplicationNotPermitted"
    assert data["replicationRuleId"] == "r"
    assert data["destinationBucket"] == "arn:aws:s3:::copy"
    assert data["s3Operation"] == "OBJECT_PUT"


def test_what_is_archived_is_not_replicated(region: LocalRegion, s3: Any, pair: str) -> None:
    s3.put_object(Bucket=pair, Key="k", Body=b"", StorageClass="GLACIER")
    region.settle()
    assert status_of(s3, pair, "k") is None
    assert "Contents" not in s3.list_objects_v2(Bucket="copy")
