"""Configurations that are kept and given back: analytics, metrics, Intelligent-Tiering's archive tiers, acceleration.

Source: S3 API Reference, PutBucketAnalyticsConfiguration, PutBucketMetricsConfiguration, PutBucketIntelligentTieringConfiguration,
PutBucketAccelerateConfiguration, and the operations that get, list and delete them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from botocore.config import Config

from services.helpers import allow, code, error_of, permit, refusal, signed, status, user_client
from support.region import KEY_ID, SECRET

if TYPE_CHECKING:
    from support.region import LocalRegion

TAG = {"Key": "a", "Value": "1"}
TIERS = [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}, {"Days": 180, "AccessTier": "DEEP_ARCHIVE_ACCESS"}]
DESTINATION = {"Format": "CSV", "Bucket": "arn:aws:s3:::reports", "Prefix": "out/", "BucketAccountId": "123456789012"}
EXPORT = {"DataExport": {"OutputSchemaVersion": "V_1", "Destination": {"S3BucketDestination": DESTINATION}}}


class Kind(NamedTuple):
    """A kind of configuration: how its operations, its member and its actions are called, and the least of one."""

    operations: tuple[str, str, str, str]  # to put, get, delete and list
    member: str
    query: str
    least: dict[str, Any]

    def put(self, s3: Any, name: str = "c", **more: Any) -> Any:
        value = {"Id": name, **self.least, **more}
        return getattr(s3, self.operations[0])(Bucket="bucket", Id=name, **{self.member: value})

    def get(self, s3: Any, name: str = "c") -> Any:
        return getattr(s3, self.operations[1])(Bucket="bucket", Id=name)[self.member]

    def delete(self, s3: Any, name: str = "c") -> Any:
        return getattr(s3, self.operations[2])(Bucket="bucket", Id=name)

    def page(self, s3: Any, **more: Any) -> Any:
        return getattr(s3, self.operations[3])(Bucket="bucket", **more)


ANALYTICS = Kind(
    (
        "put_bucket_analytics_configuration",
        "get_bucket_analytics_configuration",
        "delete_bucket_analytics_configuration",
        "list_bucket_analytics_configurations",
    ),
    "AnalyticsConfiguration",
    "analytics",
    {"StorageClassAnalysis": {}},
)
METRICS = Kind(
    (
        "put_bucket_metrics_configuration",
        "get_bucket_metrics_configuration",
        "delete_bucket_metrics_configuration",
        "list_bucket_metrics_configurations",
    ),
    "MetricsConfiguration",
    "metrics",
    {},
)
TIERING = Kind(
    (
        "put_bucket_intelligent_tiering_configuration",
        "get_bucket_intelligent_tiering_configuration",
        "delete_bucket_intelligent_tiering_configuration",
        "list_bucket_intelligent_tiering_configurations",
    ),
    "IntelligentTieringConfiguration",
    "intelligent-tiering",
    {"Status": "Enabled", "Tierings": TIERS},
)
KINDS = pytest.mark.parametrize("kind", [ANALYTICS, METRICS, TIERING], ids=["analytics", "metrics", "tiering"])
pytestmark = pytest.mark.usefixtures("bucket")


@KINDS
def test_a_configuration_is_kept_and_replaced(s3: Any, kind: Kind) -> None:
    assert status(kind.put(s3)) == 204
    terms = {"And": {"Prefix": "p/", "Tags": [TAG, {"Key": "b", "Value": ""}]}}
    kind.put(s3, Filter=terms)
    assert kind.get(s3) == {"Id": "c", **kind.least, "Filter": terms}
    assert len(kind.page(s3)[f"{kind.member}List"]) == 1


@KINDS
def test_a_configuration_that_is_not_there(s3: Any, kind: Kind) -> None:
    for call in (kind.get, kind.delete):
        error = refusal(call, s3=s3)
        assert (error["Code"], error["Status"]) == ("NoSuchConfiguration", 404)
        assert error["Message"] == "The specified configuration does not exist."
    kind.put(s3)
    assert status(kind.delete(s3)) == 204
    assert code(kind.get, s3=s3) == "NoSuchConfiguration"


@KINDS
def test_configurations_are_listed_by_id_a_hundred_at_a_time(s3: Any, kind: Kind) -> None:
    assert kind.page(s3)["IsTruncated"] is False
    names = [f"c{number:03}" for number in range(130)]
    for name in reversed(names):
        kind.put(s3, name)
    first = kind.page(s3)
    second = kind.page(s3, ContinuationToken=first["NextContinuationToken"])
    found = [value["Id"] for answer in (first, second) for value in answer[f"{kind.member}List"]]
    assert found == names
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
    assert second["ContinuationToken"] == first["NextContinuationToken"]
    assert code(kind.page, s3=s3, ContinuationToken="other") == "InvalidArgument"


def test_a_bucket_has_at_most_a_thousand_of_a_kind(s3: Any) -> None:
    for number in range(1000):
        METRICS.put(s3, f"c{number}")
    error = refusal(METRICS.put, s3=s3, name="one-more")
    assert (error["Code"], error["Status"]) == ("TooManyConfigurations", 400)
    METRICS.put(s3, "c7", Filter={"Prefix": "again"})
    ANALYTICS.put(s3)


@KINDS
@pytest.mark.parametrize("name", ["", " ", "a/b", "a" * 65, "ä"])
def test_ids_that_cannot_be(region: LocalRegion, s3: Any, kind: Kind, name: str) -> None:
    if name:
        assert code(kind.put, s3=s3, name=name) == "InvalidConfigurationId"
    assert "List" not in "".join(kind.page(s3))


@KINDS
def test_the_ids_of_the_address_and_the_document_are_one(s3: Any, kind: Kind) -> None:
    put = getattr(s3, kind.operations[0])
    assert code(put, Bucket="bucket", Id="a", **{kind.member: {"Id": "b", **kind.least}}) == "MalformedXML"


@KINDS
@pytest.mark.parametrize(
    "terms",
    [
        {"Prefix": "p"},
        {"Tag": TAG},
        {"And": {"Prefix": "p", "Tags": [TAG]}},
        {"And": {"Tags": [TAG, {"Key": "b", "Value": "1"}]}},
    ],
    ids=["prefix", "tag", "both", "tags"],
)
def test_a_filter_has_a_term_or_several(s3: Any, kind: Kind, terms: dict[str, Any]) -> None:
    kind.put(s3, Filter=terms)
    assert kind.get(s3)["Filter"] == terms


@KINDS
@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, "MalformedXML"),
        ({"Prefix": "p", "Tag": TAG}, "MalformedXML"),
        ({"And": {}}, "MalformedXML"),
        ({"And": {"Prefix": "p"}}, "MalformedXML"),
        ({"And": {"Prefix": "p", "Tags": [TAG]}, "Prefix": "q"}, "MalformedXML"),
        ({"And": {"Tags": [TAG, TAG]}}, "InvalidTag"),
        ({"Tag": {"Key": "a;", "Value": ""}}, "InvalidTag"),
        ({"Prefix": "p" * 1025}, "InvalidRequest"),
    ],
)
def test_a_filter_that_cannot_be(s3: Any, kind: Kind, terms: dict[str, Any], expected: str) -> None:
    assert code(kind.put, s3=s3, Filter=terms) == expected


@KINDS
@pytest.mark.parametrize(
    "body",
    [b"", b"<{0}>", b"<{0}/>", b"<Other/>", b"<{0}><Id>c</Id><Filter><Tag/></Filter></{0}>", b"<{0}><Id>\xff</Id></{0}>",
     b'<!DOCTYPE x [<!ENTITY e "c">]><{0}><Id>&e;</Id></{0}>'],
    ids=["empty", "open", "no id", "another", "tag", "bytes", "entity"],
)  # fmt: skip
def test_a_hostile_document(region: LocalRegion, s3: Any, kind: Kind, body: bytes) -> None:
    document = body.replace(b"{0}", kind.member.encode())
    assert error_of(signed(region, "PUT", f"/bucket?{kind.query}&id=c", {}, document))[0] == 400
    assert code(kind.get, s3=s3) == "NoSuchConfiguration"


@KINDS
def test_configurations_go_with_their_bucket(s3: Any, kind: Kind) -> None:
    kind.put(s3)
    s3.delete_bucket(Bucket="bucket")
    s3.create_bucket(Bucket="bucket")
    assert code(kind.get, s3=s3) == "NoSuchConfiguration"


@KINDS
def test_configurations_need_their_permissions(region: LocalRegion, s3: Any, kind: Kind) -> None:
    ann = user_client(region, "s3")
    permit(region, allow(f"s3:Put{kind.member}"))
    kind.put(ann)
    assert code(kind.get, s3=ann) == "AccessDenied"
    assert code(kind.page, s3=ann) == "AccessDenied"
    permit(region, allow(f"s3:Get{kind.member}"))
    assert kind.get(ann) == kind.page(ann)[f"{kind.member}List"][0]
    assert code(kind.put, s3=ann) == "AccessDenied"
    assert code(kind.delete, s3=ann) == "AccessDenied"


def test_put_bucket_analytics_configuration_with_an_export(s3: Any) -> None:
    ANALYTICS.put(s3, StorageClassAnalysis=EXPORT)
    assert ANALYTICS.get(s3)["StorageClassAnalysis"] == EXPORT
    wrong = {
        "DataExport": {
            "OutputSchemaVersion": "V_1",
            "Destination": {"S3BucketDestination": {**DESTINATION, "Bucket": "reports"}},
        }
    }
    assert code(ANALYTICS.put, s3=s3, StorageClassAnalysis=wrong) == "InvalidS3DestinationBucket"


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ([{"Days": 89, "AccessTier": "ARCHIVE_ACCESS"}], "InvalidArgument"),
        ([{"Days": 179, "AccessTier": "DEEP_ARCHIVE_ACCESS"}], "InvalidArgument"),
        ([{"Days": 731, "AccessTier": "ARCHIVE_ACCESS"}], "InvalidArgument"),
        ([{"Days": -1, "AccessTier": "ARCHIVE_ACCESS"}], "InvalidArgument"),
        ([{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}] * 2, "MalformedXML"),
        ([{"Days": 90, "AccessTier": "GLACIER"}], "MalformedXML"),
        ([], "MalformedXML"),
    ],
)
def test_put_bucket_intelligent_tiering_configuration_with_tiers_that_cannot_be(
    s3: Any, tiers: list[Any], expected: str
) -> None:
    assert code(TIERING.put, s3=s3, Tierings=tiers) == expected


def test_put_bucket_accelerate_configuration(s3: Any) -> None:
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket="bucket")
    for state in ("Enabled", "Suspended"):
        s3.put_bucket_accelerate_configuration(Bucket="bucket", AccelerateConfiguration={"Status": state})
        assert s3.get_bucket_accelerate_configuration(Bucket="bucket")["Status"] == state


@pytest.mark.parametrize("state", [{}, {"Status": "Disabled"}, {"Status": "enabled"}])
def test_acceleration_that_cannot_be(s3: Any, state: dict[str, str]) -> None:
    put = s3.put_bucket_accelerate_configuration
    assert code(put, Bucket="bucket", AccelerateConfiguration=state) == "MalformedXML"


def test_a_bucket_with_a_dot_is_not_accelerated(s3: Any) -> None:
    s3.create_bucket(Bucket="with.dot")
    put = s3.put_bucket_accelerate_configuration
    error = refusal(put, Bucket="with.dot", AccelerateConfiguration={"Status": "Enabled"})
    assert error["Code"] == "InvalidRequest"
    assert error["Message"] == "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"


def test_the_accelerated_host_is_of_accelerated_buckets(region: LocalRegion, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"fast")
    host = {"host": "bucket.s3-accelerate.amazonaws.com"}
    assert error_of(region.raw("GET", presigned(region), host)) == (400, "InvalidRequest")
    put = s3.put_bucket_accelerate_configuration
    put(Bucket="bucket", AccelerateConfiguration={"Status": "Enabled"})
    assert region.raw("GET", presigned(region), host).body == b"fast"
    put(Bucket="bucket", AccelerateConfiguration={"Status": "Suspended"})
    assert error_of(region.raw("GET", presigned(region), host)) == (400, "InvalidRequest")


def presigned(region: LocalRegion) -> str:
    """The target of a GET of the accelerated host, signed by the root."""
    client = boto3.client(
        "s3",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(s3={"use_accelerate_endpoint": True}, signature_version="s3v4"),
    )
    url: str = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    return url.removeprefix("https://bucket.s3-accelerate.amazonaws.com")
