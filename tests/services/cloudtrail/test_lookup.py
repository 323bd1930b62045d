"""LookupEvents: by each attribute, by time, in pages; nobody else's.

Source: AWS CloudTrail API Reference, "LookupEvents"; CloudTrail User Guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.cloudtrail import lookup
from fogbank.services.cloudtrail.records import resource_of
from services.helpers import allow, code, dev, permit, refusal, user_client
from support.region import ACCOUNT, KEY_ID

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def trail(region: LocalRegion) -> Any:
    return region.client("cloudtrail")


@pytest.fixture
def done(region: LocalRegion) -> Any:
    """A user is made, gets a key, and is refused something."""
    ann = user_client(region, "iam")
    assert code(ann.create_group, GroupName="owners") == "AccessDenied"
    region.client("s3").create_bucket(Bucket="bucket")
    region.client("iam").get_user(UserName="ann")
    region.events()
    return ann


def names(answer: Any) -> list[str]:
    """But for the lookups themselves, which are there after a moment."""
    return [event["EventName"] for event in answer["Events"] if event["EventName"] != "LookupEvents"]


def by(trail: Any, key: str, value: str) -> list[str]:
    answer = trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])
    return names(answer)


def test_an_event(trail: Any, done: Any) -> None:
    event = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}])[
        "Events"
    ][0]
    record = json.loads(event["CloudTrailEvent"])
    assert event["EventTime"] > datetime.now(UTC) - timedelta(minutes=5)
    assert event["Resources"] == [{"ResourceType": "AWS::IAM::User", "ResourceName": "ann"}]
    assert (event["EventId"], event["EventSource"], event["Username"], event["AccessKeyId"], event["ReadOnly"]) == (
        record["eventID"], "iam.amazonaws.com", "root", KEY_ID, "false",
    )  # fmt: skip
    assert record["requestParameters"] == {"userName": "ann"}
    assert record["responseElements"]["user"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
    assert record["recipientAccountId"] == ACCOUNT


def test_newest_first(trail: Any, done: Any) -> None:
    assert names(trail.lookup_events()) == ["GetUser", "CreateBucket", "CreateGroup", "CreateAccessKey", "CreateUser"]


def test_by_each_attribute(trail: Any, done: Any) -> None:
    events = {event["EventName"]: event for event in trail.lookup_events()["Events"]}
    refused = json.loads(events["CreateGroup"]["CloudTrailEvent"])
    assert refused["errorCode"] == "AccessDenied"
    assert by(trail, "EventId", events["CreateBucket"]["EventId"]) == ["CreateBucket"]
    assert by(trail, "EventName", "CreateAccessKey") == ["CreateAccessKey"]
    assert by(trail, "ReadOnly", "true") == ["GetUser"]
    assert by(trail, "ReadOnly", "false") == ["CreateBucket", "CreateGroup", "CreateAccessKey", "CreateUser"]
    assert by(trail, "Username", "ann") == ["CreateGroup"]
    assert by(trail, "Username", "root") == ["GetUser", "CreateBucket", "CreateAccessKey", "CreateUser"]
    assert by(trail, "ResourceType", "AWS::IAM::Group") == ["CreateGroup"]
    assert by(trail, "ResourceName", "ann") == ["GetUser", "CreateAccessKey", "CreateUser"]
    assert by(trail, "ResourceName", "bucket") == ["CreateBucket"]
    assert by(trail, "EventSource", "s3.amazonaws.com") == ["CreateBucket"]
    assert by(trail, "AccessKeyId", refused["userIdentity"]["accessKeyId"]) == ["CreateGroup"]
    assert by(trail, "ResourceName", refused["userIdentity"]["accessKeyId"]) == ["CreateAccessKey"]
    assert by(trail, "EventName", "createuser") == []


def test_pages(trail: Any, done: Any) -> None:
    pages = [names(trail.lookup_events(MaxResults=2))]
    token = trail.lookup_events(MaxResults=2)["NextToken"]
    while token:
        answer = trail.lookup_events(MaxResults=2, NextToken=token)
        pages.append(names(answer))
        token = answer.get("NextToken")
    assert [name for page in pages for name in page] == [
        "GetUser", "CreateBucket", "CreateGroup", "CreateAccessKey", "CreateUser",
    ]  # fmt: skip


def test_a_page_ends_when_much_was_read(trail: Any, done: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little it found; boto3's paginator goes on."""
    monkeypatch.setattr(lookup, "MOST_READ", 1)
    pages = trail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}]
    )
    found = [names(page) for page in pages]
    assert len(found) > 4
    assert [name for page in found for name in page] == ["CreateUser"]


def test_times(trail: Any, region: LocalRegion) -> None:
    iam = region.client("iam")
    begun = datetime.now(UTC).replace(microsecond=0)
    iam.create_group(GroupName="early")
    region.advance(minutes=5)
    iam.create_group(GroupName="late")
    between = begun + timedelta(minutes=3)
    assert names(trail.lookup_events(EndTime=between)) == ["CreateGroup"]
    late = trail.lookup_events(StartTime=between, EndTime=between + timedelta(minutes=10))["Events"]
    assert [
        json.loads(one["CloudTrailEvent"])["requestParameters"] for one in late if one["EventName"] == "CreateGroup"
    ] == [{"groupName": "late"}]
    assert names(trail.lookup_events(StartTime=between + timedelta(days=1))) == []
    assert code(trail.lookup_events, StartTime=between, EndTime=begun) == "InvalidTimeRangeException"


def test_only_the_callers_account_and_region(region: LocalRegion, done: Any) -> None:
    assert names(dev(region, "111122223333", "cloudtrail").lookup_events()) == []
    assert names(region.client("cloudtrail", region="eu-west-1").lookup_events()) == []


def test_needs_the_permission(region: LocalRegion) -> None:
    ann = user_client(region, "cloudtrail")
    assert code(ann.lookup_events) == "AccessDeniedException"
    permit(region, allow("cloudtrail:LookupEvents"))
    assert names(ann.lookup_events()) != []


def test_what_is_refused(trail: Any, done: Any) -> None:
    one = {"AttributeKey": "EventName", "AttributeValue": "CreateUser"}
    assert code(trail.lookup_events, LookupAttributes=[one, one]) == "InvalidLookupAttributesException"
    token = trail.lookup_events(MaxResults=1)["NextToken"]
    for other in ("", "x", "é", "AAAA", "W10=", token[:-4], token + token, "WzEsMl0=", "A" * 10_000):
        assert code(trail.lookup_events, NextToken=other) in ("InvalidNextTokenException", "ValidationException")
    assert code(trail.lookup_events, NextToken=token, LookupAttributes=[one]) == "InvalidNextTokenException"
    assert refusal(trail.lookup_events, LookupAttributes=[one | {"AttributeKey": "Colour"}])["Status"] == 400
    assert refusal(trail.lookup_events, EventCategory="insight")["Code"] == "NotImplemented"


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/a/b/ann", ("AWS::IAM::User", "ann")),
        (f"arn:aws:iam::{ACCOUNT}:policy/a/p", ("AWS::IAM::Policy", f"arn:aws:iam::{ACCOUNT}:policy/a/p")),
        ("arn:aws:s3:::bucket", ("AWS::S3::Bucket", "bucket")),
        ("arn:aws:s3:::bucket/a/b", ("AWS::S3::Object", "arn:aws:s3:::bucket/a/b")),
        (f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f", ("AWS::Lambda::Function", "f")),
        (f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders", ("AWS::SQS::Queue", "orders")),
        (f"arn:aws:iam::{ACCOUNT}:root", None),
        ("*", None),
        ("", None),
        ("arn:aws:iam::1", None),
    ],
)  # fmt: skip
def test_resources(arn: str, expected: tuple[str, str] | None) -> None:
    assert resource_of(arn) == expected


def test_the_history_is_of_ninety_days(trail: Any, done: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudTrail User Guide, "Working with CloudTrail event history": the past 90 days, whatever is asked for."""
    asked = {"StartTime": datetime(2020, 1, 1, tzinfo=UTC)}
    assert timedelta(days=90) == lookup.HISTORY
    assert "CreateUser" in names(trail.lookup_events(**asked))
    monkeypatch.setattr(lookup, "HISTORY", timedelta(minutes=-1))  # older than that, all is
    assert names(trail.lookup_events(**asked)) == []
