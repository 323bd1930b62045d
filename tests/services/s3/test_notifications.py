"""Notifications: what configurations may say, what events say, and that they are delivered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import destinations
from fogbank.services import registry
from services.helpers import code, dev, refusal

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.core.destinations import Sender
    from fogbank.store.api import Tx
    from support.region import LocalRegion

QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"
TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


class Inbox:
    """A destination that keeps what it is sent. `broken` makes it refuse, `closed` lets nobody send."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Sender, dict[str, Any]]] = []
        self.there = {QUEUE, TOPIC, FUNCTION}
        self.broken = False
        self.closed = False

    def exists(self, _tx: Tx, arn: str) -> bool:
        return arn in self.there

    def may(self, _call: Call, _arn: str, sender: Sender) -> bool:
        return not self.closed and sender.service == "s3.amazonaws.com"

    async def deliver(self, _ctx: Background, arn: str, sender: Sender, message: bytes) -> None:
        if self.broken:
            raise RuntimeError("out of order")
        self.received.append((arn, sender, json.loads(message)))

    def take(self) -> list[dict[str, Any]]:
        """The events that came, but for test events; they are gone afterwards."""
        found = [event for _, _, message in self.received for event in message.get("Records", [])]
        self.received.clear()
        return found


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """A destination behind all ARNs of queues, topics and functions."""
    registry.services()  # those that can be sent to have said so
    made = Inbox()
    monkeypatch.setattr(destinations, "_known", destinations._known | dict.fromkeys(("sqs", "sns", "lambda"), made))
    return made


def queue(*events: str, arn: str = QUEUE, **filters: str) -> dict[str, Any]:
    """A queue's configuration."""
    made: dict[str, Any] = {"QueueArn": arn, "Events": list(events)}
    if filters:
        rules = [{"Name": name, "Value": value} for name, value in filters.items()]
        made["Filter"] = {"Key": {"FilterRules": rules}}
    return made


def configure(s3: Any, bucket: str, *queues: dict[str, Any], **more: Any) -> None:
    """Set a bucket's notifications."""
    value = {"QueueConfigurations": list(queues)} if queues else {}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=value | more)


def wrong(s3: Any, bucket: str, *queues: dict[str, Any], **more: Any) -> str:
    """The message of the refusal of a configuration."""
    error = refusal(
        s3.put_bucket_notification_configuration,
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": list(queues)} | more,
    )
    assert error["Code"] == "InvalidArgument"
    return str(error["Message"])


def test_a_destination_that_does_not_exist(s3: Any, bucket: str) -> None:
    assert wrong(s3, bucket, queue("s3:ObjectCreated:*")) == (
        "Unable to validate the following destination configurations"
    )
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_what_is_wrong_with_each_destination(s3: Any, bucket: str, inbox: Inbox) -> None:
    inbox.there.remove(QUEUE)
    inbox.closed = True
    error = refusal(
        s3.put_bucket_notification_configuration,
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [queue("s3:ObjectRemoved:*")],
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}],
        },
    )
    assert error["ArgumentName1"] == f"{QUEUE}, null"
    assert error["ArgumentValue1"] == "The destination queue does not exist"
    assert error["ArgumentValue2"] == f"Not authorized to invoke function [{FUNCTION}]"


def test_validation_of_destinations_can_be_skipped(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [queue("s3:ObjectCreated:*")]},
        SkipDestinationValidation=True,
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    region.settle()  # the event is dropped: nobody is there to be told
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]["QueueArn"] == QUEUE


def test_a_configuration_comes_back(s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(
        s3,
        bucket,
        queue("s3:ObjectCreated:*", prefix="a/", SUFFIX=".jpg") | {"Id": "mine"},
        TopicConfigurations=[{"TopicArn": TOPIC, "Events": ["s3:ObjectRemoved:Delete"]}],
    )
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert found["QueueConfigurations"] == [queue("s3:ObjectCreated:*", Prefix="a/", Suffix=".jpg") | {"Id": "mine"}]
    assert len(found["TopicConfigurations"][0]["Id"]) == 36
    assert "LambdaFunctionConfigurations" not in found
    configure(s3, bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_what_no_configuration_may_say(s3: Any, bucket: str, inbox: Inbox) -> None:
    put, removed = queue("s3:ObjectCreated:Put"), queue("s3:ObjectRemoved:*")
    assert wrong(s3, bucket, put | {"QueueArn": "q"}) == "The ARN is not well formed"
    assert wrong(s3, bucket, put | {"QueueArn": TOPIC}) == "The ARN is not well formed"
    assert wrong(s3, bucket, put | {"QueueArn": QUEUE + "a" * 3000}) == "The ARN is not well formed"
    assert "location constraint" in wrong(s3, bucket, put | {"QueueArn": QUEUE.replace("us-east-1", "eu-west-1")})
    for event in ("s3:Nothing", "ObjectCreated:Put", "s3:*", "", "s3:ObjectCreated:*\n"):
        assert wrong(s3, bucket, queue(event)) == "A specified event is not supported for notifications."
    assert wrong(s3, bucket, queue("s3:ObjectCreated:*", infix="a")) == (
        "filter rule name must be either prefix or suffix"
    )
    assert wrong(s3, bucket, queue("s3:ObjectCreated:*", prefix="a", Prefix="b")) == (
        "Cannot specify more than one prefix rule in a filter."
    )
    assert "1024 bytes" in wrong(s3, bucket, queue("s3:ObjectCreated:*", prefix="é" * 513))
    assert "unique" in wrong(s3, bucket, put | {"Id": "one"}, removed | {"Id": "one"})
    assert "255" in wrong(s3, bucket, put | {"Id": "i" * 256})
    assert "limit" in wrong(s3, bucket, *[queue("s3:ObjectCreated:*", prefix=f"{n}/") for n in range(101)])
    assert code(
        s3.put_bucket_notification_configuration,
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [queue()]},
    ) == ("MalformedXML")


def test_rules_may_not_overlap(s3: Any, bucket: str, inbox: Inbox) -> None:
    everything = queue("s3:ObjectCreated:*")
    assert "common event type" in wrong(s3, bucket, everything, queue("s3:ObjectCreated:Put"))
    ambiguous = "Configuration is ambiguously defined. Cannot have overlapping suffixes"
    assert wrong(s3, bucket, everything, queue("s3:ObjectCreated:Put", prefix="a")).startswith(ambiguous)
    pairs = queue("s3:ObjectCreated:Put", prefix="a", suffix="x"), queue("s3:ObjectCreated:*", prefix="ab", suffix="yx")
    assert wrong(s3, bucket, *pairs).startswith(ambiguous)
    configure(s3, bucket, queue("s3:ObjectCreated:*", prefix="a"), queue("s3:ObjectCreated:*", prefix="b"))
    configure(s3, bucket, queue("s3:ObjectCreated:*", suffix="a"), queue("s3:ObjectCreated:*", suffix="b"))
    configure(s3, bucket, queue("s3:ObjectCreated:Put"), queue("s3:ObjectCreated:Copy"), queue("s3:ObjectRemoved:*"))


def test_a_destination_is_sent_a_test_event(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    function = {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectRemoved:*"]}
    configure(s3, bucket, queue("s3:ObjectCreated:*"), LambdaFunctionConfigurations=[function])
    region.settle()
    ((arn, sender, message),) = inbox.received
    assert arn == QUEUE
    assert (sender.source, sender.account) == ("arn:aws:s3:::bucket", "123456789012")
    assert message["Event"] == "s3:TestEvent"
    assert message["Service"] == "Amazon S3"
    assert message["Bucket"] == bucket
    assert set(message) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}


def test_what_an_event_says(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(s3, bucket, queue("s3:ObjectCreated:*") | {"Id": "mine"})
    answer = s3.put_object(Bucket=bucket, Key="a b/ü+", Body=b"12345")
    region.settle()
    (event,) = inbox.take()
    assert event["eventVersion"] == "2.1"
    assert event["eventSource"] == "aws:s3"
    assert event["awsRegion"] == "us-east-1"
    assert event["eventName"] == "ObjectCreated:Put"
    assert event["eventTime"].endswith("Z")
    assert event["userIdentity"] == {"principalId": "AWS:123456789012"}
    assert event["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    assert event["responseElements"]["x-amz-request-id"] == answer["ResponseMetadata"]["RequestId"]
    assert event["responseElements"]["x-amz-id-2"] == answer["ResponseMetadata"]["HostId"]
    told = event["s3"]
    assert told["s3SchemaVersion"] == "1.0"
    assert told["configurationId"] == "mine"
    assert told["bucket"]["arn"] == "arn:aws:s3:::bucket"
    assert told["object"].pop("sequencer") > "0" * 18
    assert told["object"] == {"key": "a+b/%C3%BC%2B", "size": 5, "eTag": answer["ETag"].strip('"')}


def test_an_event_of_a_version_names_it(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    configure(s3, bucket, queue("s3:ObjectCreated:*", "s3:ObjectRemoved:*"))
    made = s3.put_object(Bucket=bucket, Key="k", Body=b"")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=made)
    region.settle()
    events = inbox.take()
    assert [(event["eventName"], event["s3"]["object"]["versionId"]) for event in events] == [
        ("ObjectCreated:Put", made),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", made),
    ]
    assert "size" not in events[-1]["s3"]["object"]


def test_events_of_all_ways_to_make_an_object(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(s3, bucket, queue("s3:ObjectCreated:*"))
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="c")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="c", UploadId=upload, PartNumber=1, Body=b"1")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="c", UploadId=upload, MultipartUpload=parts)
    region.settle()
    assert [event["eventName"] for event in inbox.take()] == [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
    ]


def test_filters(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(s3, bucket, queue("s3:ObjectCreated:*", prefix="my+photos/", suffix=".JPG"))
    for key in ("my photos/a.JPG", "my photos/a.jpg", "my/a.JPG", "a.JPG"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    region.settle()
    assert [event["s3"]["object"]["key"] for event in inbox.take()] == ["my+photos/a.JPG"]


def test_a_refused_write_has_no_event(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(s3, bucket, queue("s3:ObjectCreated:*"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*") == "PreconditionFailed"
    region.settle()
    assert len(inbox.take()) == 1


def test_events_of_a_key_stay_in_order_when_the_destination_fails(
    region: LocalRegion, s3: Any, bucket: str, inbox: Inbox
) -> None:
    configure(s3, bucket, queue("s3:ObjectCreated:*", "s3:ObjectRemoved:*"))
    region.settle()
    inbox.broken = True
    for size in (1, 2):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)
        region.settle()
    inbox.broken = False
    s3.delete_object(Bucket=bucket, Key="k")
    region.settle()
    events = inbox.take()
    assert [event["s3"]["object"].get("size") for event in events] == [1, 2, None]
    sequencers = [event["s3"]["object"]["sequencer"] for event in events]
    assert sequencers == sorted(sequencers)
    region.advance(hours=1)
    region.settle()
    assert inbox.take() == []


def test_a_failed_delivery_is_tried_again(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(s3, bucket, queue("s3:ObjectCreated:*"))
    region.settle()
    inbox.broken = True
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    region.settle()
    inbox.broken = False
    region.settle()
    assert inbox.take() == []  # it is not time yet
    region.advance(seconds=2)
    region.settle()
    assert len(inbox.take()) == 1


def test_an_event_is_dropped_when_its_destination_fails_for_a_day(
    region: LocalRegion, s3: Any, bucket: str, inbox: Inbox
) -> None:
    configure(s3, bucket, queue("s3:ObjectCreated:*"))
    region.settle()
    inbox.broken = True
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    for hours in (1, 24):
        region.settle()
        region.advance(hours=hours)
    region.settle()
    inbox.broken = False
    region.advance(hours=24)
    region.settle()
    assert inbox.take() == []


def test_an_event_of_another_account_says_who(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    other = dev(region, "111122223333")
    other.create_bucket(Bucket="theirs")
    configure(other, "theirs", queue("s3:ObjectCreated:*"))
    other.put_object(Bucket="theirs", Key="k", Body=b"")
    region.settle()
    (event,) = inbox.take()
    assert event["userIdentity"] == {"principalId": "AWS:111122223333"}


def test_events_of_tags_and_acls(region: LocalRegion, s3: Any, inbox: Inbox) -> None:
    s3.create_bucket(Bucket="bucket", ObjectOwnership="ObjectWriter")
    configure(s3, "bucket", queue("s3:ObjectTagging:*", "s3:ObjectAcl:Put"))
    s3.put_object(Bucket="bucket", Key="k", Body=b"1")
    s3.put_object_tagging(Bucket="bucket", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(Bucket="bucket", Key="k")
    s3.put_object_acl(Bucket="bucket", Key="k", ACL="private")
    region.settle()
    events = inbox.take()
    assert [event["eventName"] for event in events] == ["ObjectTagging:Put", "ObjectTagging:Delete", "ObjectAcl:Put"]
    assert {event["eventVersion"] for event in events} == {"2.3"}
    assert events[0]["s3"]["object"]["size"] == 1


def test_events_of_a_restore(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(s3, bucket, queue("s3:ObjectRestore:*"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", StorageClass="GLACIER")
    s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1})
    for hours in (0, 12, 72):
        region.advance(hours=hours)
        region.settle()
    begun, completed, ended = inbox.take()
    assert begun["eventName"] == "ObjectRestore:Post"
    assert completed["eventName"] == "ObjectRestore:Completed"
    assert completed["glacierEventData"]["restoreEventData"]["lifecycleRestoreStorageClass"] == "GLACIER"
    assert ended["eventName"] == "ObjectRestore:Delete"


def test_events_of_the_lifecycle(region: LocalRegion, s3: Any, bucket: str, inbox: Inbox) -> None:
    configure(s3, bucket, queue("s3:LifecycleExpiration:*", "s3:LifecycleTransition"))
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x" * 200_000)
    rules = [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "a"}, "Expiration": {"Days": 1}},
        {
            "ID": "b",
            "Status": "Enabled",
            "Filter": {"Prefix": "b"},
            "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
        },
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    region.advance(days=3)
    region.settle()
    region.settle()
    events = {event["eventName"]: event for event in inbox.take()}
    expired = events["LifecycleExpiration:Delete"]
    assert expired["userIdentity"] == {"principalId": "s3.amazonaws.com"}
    assert expired["requestParameters"] == {"sourceIPAddress": "s3.amazonaws.com"}
    assert expired["s3"]["object"]["key"] == "a"
    moved = events["LifecycleTransition"]
    assert moved["lifecycleEventData"] == {"transitionEventData": {"destinationStorageClass": "GLACIER"}}
