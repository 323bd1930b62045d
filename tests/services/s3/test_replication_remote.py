"""Replication to another S3 endpoint: a second `fogbank up`, on another port."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.services.s3 import remotes, replication_remote, replication_transfer
from fogbank.services.s3.remote_client import Client
from fogbank.services.s3.remotes import Remote
from gateway.live import Live
from services.helpers import FILE, code, dev, pattern
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
    from collections.abc import Iterator

    from support.region import LocalRegion

assert inbox  # a fixture
pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("remote")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The other region."""
    made = Live(tmp_path_factory.mktemp("other") / "data")
    yield made
    made.end()


@pytest.fixture
def there(live: Live) -> Iterator[Any]:
    """A client of the other region, in which there is an empty bucket `target`."""
    client = live.client("s3")
    versioned(client, "target")
    yield client
    for kind in ("Versions", "DeleteMarkers"):
        for one in client.list_object_versions(Bucket="target").get(kind, []):
            client.delete_object(Bucket="target", Key=one["Key"], VersionId=one["VersionId"])
    client.delete_bucket_replication(Bucket="target")
    client.delete_bucket(Bucket="target")


def add_remote(region: LocalRegion, live: Live, **changes: Any) -> None:
    """Name the other region's bucket `elsewhere`."""
    made = Remote(
        name="elsewhere",
        account="123456789012",
        endpoint=live.endpoint,
        bucket="target",
        region="us-east-1",
        access_key_id=live.key,
        secret=remotes.sealed(region.region.vault, "elsewhere", live.secret),
        ca=Path(live.ca).read_text() if live.ca else "",
    )
    changed = msgspec.structs.replace(made, **changes)
    remotes.check(changed)
    region.run(region.region.store.write(lambda tx: remotes.add(tx, changed)))


@pytest.fixture
def original(region: LocalRegion, s3: Any, live: Live, there: Any) -> str:
    """A bucket that is replicated to the other region."""
    make_role(region)
    add_remote(region, live)
    versioned(s3, "original")
    replicate(s3, "original", rule("elsewhere"))
    return "original"


def test_an_object_arrives(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    s3.put_object(
        Bucket=original,
        Key="a b/ü+~",
        Body=pattern(FILE),
        Metadata={"a": "b  c"},
        ContentType="text/plain",
        CacheControl="no-cache",
        StorageClass="STANDARD_IA",
        Tagging="t=1&u=%C3%BC",
    )
    assert status_of(s3, original, "a b/ü+~") == "PENDING"
    region.settle()
    assert status_of(s3, original, "a b/ü+~") == "COMPLETED"
    found = there.get_object(Bucket="target", Key="a b/ü+~")
    assert found["Body"].read() == pattern(FILE)
    assert found["ContentType"] == "text/plain"
    assert found["CacheControl"] == "no-cache"
    assert found["StorageClass"] == "STANDARD_IA"
    assert found["Metadata"].keys() == {"a"}
    tags = there.get_object_tagging(Bucket="target", Key="a b/ü+~")["TagSet"]
    assert tags == [{"Key": "t", "Value": "1"}, {"Key": "u", "Value": "ü"}]


def test_an_empty_object_and_a_small_one(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    s3.put_object(Bucket=original, Key="empty", Body=b"")
    s3.put_object(Bucket=original, Key="small", Body=b"1")
    region.settle()
    assert there.get_object(Bucket="target", Key="empty")["Body"].read() == b""
    assert there.get_object(Bucket="target", Key="small")["Body"].read() == b"1"


def test_an_object_in_parts_keeps_its_etag(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    upload = s3.create_multipart_upload(Bucket=original, Key="k", Metadata={"a": "b"})["UploadId"]
    bodies = pattern(5 << 20), b"end"
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(Bucket=original, Key="k", UploadId=upload, PartNumber=number, Body=body)["ETag"],
        }
        for number, body in enumerate(bodies, 1)
    ]
    made = s3.complete_multipart_upload(Bucket=original, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    region.settle()
    found = there.get_object(Bucket="target", Key="k")
    assert found["Body"].read() == b"".join(bodies)
    assert found["ETag"] == made["ETag"]
    assert found["Metadata"] == {"a": "b"}


def test_a_large_object_goes_in_parts(
    region: LocalRegion, s3: Any, original: str, there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication_transfer, "ONE_PUT", 6 << 20)
    monkeypatch.setattr(replication_transfer, "PART", 5 << 20)
    body = pattern(7 << 20)
    s3.put_object(Bucket=original, Key="k", Body=body)
    region.settle()
    found = there.get_object(Bucket="target", Key="k")
    assert found["Body"].read() == body
    assert found["ETag"].endswith('-2"')


def test_versions_and_markers_come_in_their_order(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    for body in (b"1", b"2", b"3"):
        s3.put_object(Bucket=original, Key="k", Body=body)
    s3.delete_object(Bucket=original, Key="k")
    region.settle()
    assert code(there.head_object, Bucket="target", Key="k") == "404"
    listed = there.list_object_versions(Bucket="target")["Versions"]
    bodies = [there.get_object(Bucket="target", Key="k", VersionId=one["VersionId"])["Body"].read() for one in listed]
    assert bodies == [b"3", b"2", b"1"]


def test_changes_of_tags_are_sent(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    first = s3.put_object(Bucket=original, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=original, Key="k", Body=b"2")
    region.settle()
    tags = {"TagSet": [{"Key": "a", "Value": "b c"}]}
    s3.put_object_tagging(Bucket=original, Key="k", VersionId=first, Tagging=tags)
    region.settle()
    assert status_of(s3, original, "k", VersionId=first) == "COMPLETED"
    older = there.list_object_versions(Bucket="target")["Versions"][1]["VersionId"]
    assert there.get_object_tagging(Bucket="target", Key="k", VersionId=older)["TagSet"] == tags["TagSet"]


def test_a_replica_does_not_come_back(region: LocalRegion, s3: Any, original: str, there: Any, live: Live) -> None:
    """The other region replicates, too: what it is sent as a replica stays where it is."""
    nobody = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}'
    live.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=nobody)
    versioned(there, "third")
    replicate(there, "target", rule("third"), role=f"arn:aws:iam::{live.account}:role/r")
    s3.put_object(Bucket=original, Key="k", Body=b"")
    region.settle()
    assert there.head_object(Bucket="target", Key="k")["ReplicationStatus"] == "REPLICA"
    there.put_object(Bucket="target", Key="own", Body=b"")
    assert there.head_object(Bucket="target", Key="own")["ReplicationStatus"] in ("PENDING", "FAILED")


def test_the_role_needs_its_permissions(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    permit_role(region, *[action for action in (*SOURCE, *DESTINATION) if action != "s3:ReplicateObject"])
    s3.put_object(Bucket=original, Key="k", Body=b"")
    region.settle()
    assert status_of(s3, original, "k") == "FAILED"
    assert "Contents" not in there.list_objects_v2(Bucket="target")


def test_a_refusal_is_final(region: LocalRegion, s3: Any, live: Live, original: str) -> None:
    wrong = remotes.sealed(region.region.vault, "elsewhere", "wrong")
    add_remote(region, live, secret=wrong)
    s3.put_object(Bucket=original, Key="k", Body=b"")
    region.settle()
    assert status_of(s3, original, "k") == "FAILED"


def test_an_endpoint_that_is_away_is_tried_again(
    region: LocalRegion, s3: Any, live: Live, original: str, there: Any
) -> None:
    add_remote(region, live, endpoint="http://127.0.0.1:1")
    s3.put_object(Bucket=original, Key="k", Body=b"1")
    s3.put_object(Bucket=original, Key="k", Body=b"2")
    region.settle()
    assert status_of(s3, original, "k") == "PENDING"
    add_remote(region, live)
    region.advance(seconds=3)
    region.settle()
    assert status_of(s3, original, "k") == "COMPLETED"
    assert len(there.list_object_versions(Bucket="target")["Versions"]) == 2


def test_an_endpoint_that_stays_away_for_a_day(
    region: LocalRegion, s3: Any, live: Live, original: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication_remote, "TRIED", replication_remote.TRIED / 86_400)
    add_remote(region, live, endpoint="http://127.0.0.1:1")
    s3.put_object(Bucket=original, Key="k", Body=b"1")
    region.settle()
    region.advance(seconds=5)
    region.settle()
    assert status_of(s3, original, "k") == "FAILED"


def test_a_remote_is_one_accounts(region: LocalRegion, s3: Any, original: str) -> None:
    other = dev(region, "111122223333")
    versioned(other, "theirs")
    value = {"Role": "arn:aws:iam::111122223333:role/r", "Rules": [rule("elsewhere")]}
    assert code(other.put_bucket_replication, Bucket="theirs", ReplicationConfiguration=value) == "InvalidRequest"


def test_a_bucket_is_not_made_under_a_remotes_name(s3: Any, original: str) -> None:
    assert code(s3.create_bucket, Bucket="elsewhere") == "BucketAlreadyExists"


def test_a_remote_that_is_forgotten(region: LocalRegion, s3: Any, original: str) -> None:
    region.run(region.region.store.write(lambda tx: remotes.remove(tx, "elsewhere")))
    s3.put_object(Bucket=original, Key="k", Body=b"")
    region.settle()
    assert status_of(s3, original, "k") == "FAILED"


def test_a_version_that_is_gone_before_it_is_sent(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    made = s3.put_object(Bucket=original, Key="k", Body=b"")["VersionId"]
    s3.delete_object(Bucket=original, Key="k", VersionId=made)
    region.settle()
    assert "Versions" not in there.list_object_versions(Bucket="target")
    with region.region.store.snapshot() as tx:
        assert not list(replication_remote.outgoing.scan(tx))


def test_what_a_version_is_called_there_is_forgotten_with_it(region: LocalRegion, s3: Any, original: str) -> None:
    made = s3.put_object(Bucket=original, Key="k", Body=b"")["VersionId"]
    region.settle()
    s3.delete_object(Bucket=original, Key="k", VersionId=made)
    with region.region.store.snapshot() as tx:
        assert not list(replication_remote.sent.scan(tx))


def test_several_keys_are_sent_at_the_same_time(region: LocalRegion, s3: Any, original: str, there: Any) -> None:
    from fogbank.control import process

    for number in range(20):
        s3.put_object(Bucket=original, Key=f"k{number}", Body=b"1")

    async def carry() -> None:
        for _ in range(3):
            await asyncio.gather(*[carrier() for carrier in process.carriers(region.background)])

    region.run(carry())
    assert len(there.list_objects_v2(Bucket="target")["Contents"]) == 20
    assert {status_of(s3, original, f"k{number}") for number in range(20)} == {"COMPLETED"}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "A"},
        {"name": "1.2.3.4"},
        {"bucket": "a/b"},
        {"endpoint": "ftp://example.com"},
        {"endpoint": "https://"},
        {"endpoint": "https://a b"},
        {"endpoint": "https://u:p@example.com"},
        {"endpoint": "https://example.com/?a=b"},
        {"access_key_id": ""},
        {"region": "us east"},
        {"ca": "no PEM"},
    ],
)
def test_remotes_that_cannot_be(changes: dict[str, str]) -> None:
    fine = Remote(
        name="name",
        account="1" * 12,
        endpoint="https://example.com",
        bucket="bucket",
        region="r",
        access_key_id="k",
        secret=b"",
    )
    remotes.check(fine)
    with pytest.raises(remotes.BadRemote):
        remotes.check(msgspec.structs.replace(fine, **changes))


def test_replication_time_control_tells_what_is_late(
    region: LocalRegion,
    s3: Any,
    live: Live,
    original: str,
    there: Any,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    minutes = {"Status": "Enabled", "Time": {"Minutes": 15}}
    timed = {"ReplicationTime": minutes, "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}}
    replicate(s3, original, rule("elsewhere", Destination=timed))
    configure(s3, original, queue("s3:Replication:*"))
    add_remote(region, live, endpoint="http://127.0.0.1:1")
    s3.put_object(Bucket=original, Key="k", Body=b"1")
    region.settle()
    region.advance(minutes=14)
    region.settle()
    assert inbox.take() == []
    region.advance(minutes=2)
    region.settle()
    (event,) = inbox.take()
    assert event["eventName"] == "Replication:OperationMissedThreshold"
    add_remote(region, live)
    # The other region's clock is not ahead.
    monkeypatch.setattr(replication_remote, "Client", lambda *given: Client(*given[:2], lambda: datetime.now(UTC)))
    region.advance(hours=1)
    region.settle()
    (event,) = inbox.take()
    assert event["eventName"] == "Replication:OperationReplicatedAfterThreshold"
    assert int(event["replicationEventData"]["replicationTime"]) > 900
