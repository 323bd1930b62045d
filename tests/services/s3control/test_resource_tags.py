"""Tags of buckets through S3 Control, and access that depends on them.

Source: S3 User Guide, "Using tags with S3 general purpose buckets", "Enabling ABAC in general purpose buckets".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, status, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"
ARN = "arn:aws:s3:::bucket"
WHERE = {"AccountId": ACCOUNT, "ResourceArn": ARN}


@pytest.fixture
def control(region: LocalRegion, bucket: str) -> Any:
    """boto3's client of the root; there is a bucket."""
    return region.client("s3control")


def tags_of(client: Any) -> dict[str, str]:
    """The bucket's tags as S3 Control tells them."""
    return {tag["Key"]: tag["Value"] for tag in client.list_tags_for_resource(**WHERE)["Tags"]}


def tag(key: str, value: str = "v") -> list[dict[str, str]]:
    return [{"Key": key, "Value": value}]


def test_tags_are_given_and_taken_one_by_one(s3: Any, control: Any) -> None:
    assert tags_of(control) == {}
    assert status(control.tag_resource(**WHERE, Tags=tag("a", "1") + tag("b", "2"))) == 204
    control.tag_resource(**WHERE, Tags=tag("b", "3"))
    assert tags_of(control) == {"a": "1", "b": "3"}
    assert s3.get_bucket_tagging(Bucket="bucket")["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "3"}]
    assert status(control.untag_resource(**WHERE, TagKeys=["a", "none"])) == 204
    assert tags_of(control) == {"b": "3"}
    control.untag_resource(**WHERE, TagKeys=["b"])
    assert code(s3.get_bucket_tagging, Bucket="bucket") == "NoSuchTagSet"


@pytest.mark.parametrize(
    ("arn", "error"),
    [
        ("arn:aws:s3:::nowhere", "NoSuchBucket"),
        ("arn:aws:s3:::bucket/k", "NotImplemented"),
        (f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/a", "NotImplemented"),
    ],
)
def test_what_has_no_tags(control: Any, arn: str, error: str) -> None:
    assert code(control.list_tags_for_resource, AccountId=ACCOUNT, ResourceArn=arn) == error
    assert code(control.tag_resource, AccountId=ACCOUNT, ResourceArn=arn, Tags=tag("a")) == error


@pytest.mark.parametrize("tags", [tag("a" * 129), tag("a", "b" * 257), tag("aws:a"), tag("a") + tag("a"), tag("a\0")])
def test_what_is_no_tag(control: Any, tags: list[Any]) -> None:
    assert code(control.tag_resource, **WHERE, Tags=tags) in ("InvalidTag", "InvalidArgument", "MalformedXML")
    assert tags_of(control) == {}


def test_a_bucket_has_fifty_tags(control: Any) -> None:
    control.tag_resource(**WHERE, Tags=[{"Key": f"k{index}", "Value": ""} for index in range(50)])
    control.tag_resource(**WHERE, Tags=tag("k1"))
    assert code(control.tag_resource, **WHERE, Tags=tag("another")) == "BadRequest"


def test_tags_are_the_owners_affair(region: LocalRegion, control: Any) -> None:
    other = dev(region, OTHER, "s3control")
    assert code(other.tag_resource, **WHERE, Tags=tag("a")) == "AccessDenied"
    assert code(other.tag_resource, AccountId=OTHER, ResourceArn=ARN, Tags=tag("a")) == "AccessDenied"
    assert code(control.list_tags_for_resource, AccountId=OTHER, ResourceArn=ARN) == "AccessDenied"


def test_access_depends_on_tags_only_once_that_is_enabled(region: LocalRegion, s3: Any, control: Any) -> None:
    ann = user_client(region, "s3")
    s3.put_object(Bucket="bucket", Key="k")
    control.tag_resource(**WHERE, Tags=tag("team", "blue"))
    for key in ("aws:ResourceTag/team", "s3:BucketTag/team"):
        permit(region, allow("s3:GetObject", StringEquals={key: "blue"}))
        assert s3.get_bucket_abac(Bucket="bucket")["AbacStatus"] == {"Status": "Disabled"}
        assert code(ann.get_object, Bucket="bucket", Key="k") == "AccessDenied"
        s3.put_bucket_abac(Bucket="bucket", AbacStatus={"Status": "Enabled"})
        assert s3.get_bucket_abac(Bucket="bucket")["AbacStatus"] == {"Status": "Enabled"}
        ann.get_object(Bucket="bucket", Key="k")
        control.tag_resource(**WHERE, Tags=tag("team", "red"))
        assert code(ann.get_object, Bucket="bucket", Key="k") == "AccessDenied"
        control.tag_resource(**WHERE, Tags=tag("team", "blue"))
        s3.put_bucket_abac(Bucket="bucket", AbacStatus={"Status": "Disabled"})


def test_then_tags_are_not_set_in_the_old_way(s3: Any, control: Any) -> None:
    s3.put_bucket_abac(Bucket="bucket", AbacStatus={"Status": "Enabled"})
    assert code(s3.put_bucket_tagging, Bucket="bucket", Tagging={"TagSet": tag("a")}) == "InvalidRequest"
    assert code(s3.delete_bucket_tagging, Bucket="bucket") == "InvalidRequest"
    control.tag_resource(**WHERE, Tags=tag("a"))
    assert s3.get_bucket_tagging(Bucket="bucket")["TagSet"] == tag("a")
    assert code(s3.put_bucket_abac, Bucket="bucket", AbacStatus={"Status": "Perhaps"}) == "MalformedXML"


def test_a_user_may_tag_with_what_its_policy_names(region: LocalRegion, control: Any) -> None:
    ann = user_client(region, "s3control")
    permit(region, allow("s3:TagResource", ARN, StringEquals={"aws:RequestTag/team": "blue"}))
    assert code(ann.tag_resource, **WHERE, Tags=tag("team", "red")) == "AccessDenied"
    ann.tag_resource(**WHERE, Tags=tag("team", "blue"))
    assert code(ann.untag_resource, **WHERE, TagKeys=["team"]) == "AccessDenied"
