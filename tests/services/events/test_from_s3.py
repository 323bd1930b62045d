"""Events of S3: what EventBridge is told of a bucket, and that rules see it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.events.made import FUNCTION

if TYPE_CHECKING:
    from services.events.conftest import Inbox
    from support.region import LocalRegion


@pytest.fixture
def told(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> Inbox:
    """What a function is sent of all events of a bucket."""
    configuration: dict[str, Any] = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    rule(region, "all", {"source": ["aws.s3"]})
    return inbox


def rule(region: LocalRegion, name: str, pattern: Any) -> None:
    """Have a function be sent the events that a pattern matches."""
    events = region.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": FUNCTION}])


def settle(region: LocalRegion) -> None:
    """Tell EventBridge, and have it tell the function."""
    region.settle()
    region.settle()


def test_the_configuration_comes_back(s3: Any, told: Inbox, bucket: str) -> None:
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["EventBridgeConfiguration"] == {}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_what_it_is_told_of_a_new_object(region: LocalRegion, s3: Any, told: Inbox, bucket: str) -> None:
    answer = s3.put_object(Bucket=bucket, Key="a b/é+", Body=b"12345")
    settle(region)
    (event,) = told.take()
    assert len(event.pop("id")) == 36
    assert event.pop("time")[:13] == f"{region.clock.now():%Y-%m-%dT%H}"
    assert len(event["detail"]["object"].pop("sequencer")) == 16
    assert event == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::bucket"],
        "detail": {
            "version": "0",
            "event-version": "1.0",
            "bucket": {"name": "bucket"},
            "object": {"key": "a b/é+", "size": 5, "etag": answer["ETag"].strip('"')},
            "request-id": answer["ResponseMetadata"]["RequestId"],
            "requester": "123456789012",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }


def test_what_it_is_told_of_versions(region: LocalRegion, s3: Any, told: Inbox, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=made)
    s3.put_object_tagging(Bucket=bucket, Key="copy", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="copy")
    settle(region)
    found = told.take()
    of_k = [each["detail"] for each in found if each["detail"]["object"]["key"] == "k"]
    assert [each["object"]["version-id"] for each in of_k] == [made, marker, made]
    assert [each.get("deletion-type") for each in of_k] == [None, "Delete Marker Created", "Permanently Deleted"]
    assert "size" not in of_k[1]["object"]
    others = [(each["detail-type"], each["detail"].get("reason")) for each in found if each["detail"] not in of_k]
    assert others == [("Object Created", "CopyObject"), ("Object Tags Added", None), ("Object Tags Deleted", None)]


def test_what_it_is_told_of_the_lifecycle(region: LocalRegion, s3: Any, told: Inbox, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="old", Body=b"1", StorageClass="GLACIER")
    s3.restore_object(Bucket=bucket, Key="old", RestoreRequest={"Days": 1})
    rules = [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 5}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    for days in (0, 1, 3, 3):
        region.advance(days=days)
        settle(region)
    found = {event["detail-type"]: event["detail"] for event in told.take()}
    assert found["Object Restore Initiated"]["source-storage-class"] == "GLACIER"
    assert found["Object Restore Completed"]["restore-expiry-time"].endswith("T00:00:00Z")
    assert "Object Restore Expired" in found
    gone = found["Object Deleted"]
    assert (gone["reason"], gone["requester"]) == ("Lifecycle Expiration", "s3.amazonaws.com")
    assert "source-ip-address" not in gone


def test_rules_choose_by_details(region: LocalRegion, s3: Any, told: Inbox, bucket: str) -> None:
    pattern = {
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [bucket]},
            "object": {"key": [{"suffix": ".csv"}], "size": [{"numeric": [">", 1]}]},
        },
    }
    region.client("events").disable_rule(Name="all")
    rule(region, "chosen", pattern)
    for key, body in (("a.csv", b"12"), ("b.csv", b"1"), ("c.txt", b"12")):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    settle(region)
    assert [event["detail"]["object"]["key"] for event in told.take()] == ["a.csv"]


def test_events_of_a_key_stay_in_order(region: LocalRegion, s3: Any, told: Inbox, bucket: str) -> None:
    for size in range(5):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)
    settle(region)
    found = [event["detail"]["object"] for event in told.take()]
    by_sequencer = sorted(found, key=lambda each: str(each["sequencer"]))
    assert [each["size"] for each in by_sequencer] == [0, 1, 2, 3, 4]
