"""Tags of buckets and of objects.

Source: S3 API Reference, PutObjectTagging, PutBucketTagging; S3 User Guide, "Categorizing your objects using tags".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, error_of, headers, permit, refusal, signed, status, user_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.region import LocalRegion

TWO = {"TagSet": [{"Key": "team", "Value": "a b"}, {"Key": "cost/centre", "Value": ""}]}


def tag_set(tags: Mapping[str, str]) -> dict[str, Any]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def tags_of(s3: Any, key: str = "k", **which: str) -> dict[str, str]:
    found = s3.get_object_tagging(Bucket="bucket", Key=key, **which)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


@pytest.fixture
def there(s3: Any, bucket: str) -> str:
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    return bucket


def test_put_bucket_tagging_replaces_the_tags(s3: Any, bucket: str) -> None:
    assert status(s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set({"old": "1"}))) == 204
    s3.put_bucket_tagging(Bucket=bucket, Tagging=TWO)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TWO["TagSet"]


def test_get_bucket_tagging_of_a_bucket_without_tags(s3: Any, bucket: str) -> None:
    error = refusal(s3.get_bucket_tagging, Bucket=bucket)
    assert (error["Code"], error["Status"], error["Message"]) == ("NoSuchTagSet", 404, "The TagSet does not exist")


def test_delete_bucket_tagging(s3: Any, bucket: str) -> None:
    s3.put_bucket_tagging(Bucket=bucket, Tagging=TWO)
    assert status(s3.delete_bucket_tagging(Bucket=bucket)) == 204
    assert code(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    assert status(s3.delete_bucket_tagging(Bucket=bucket)) == 204


def test_a_bucket_has_at_most_fifty_tags(s3: Any, bucket: str) -> None:
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set({f"k{number}": "v" for number in range(50)}))
    error = refusal(s3.put_bucket_tagging, Bucket=bucket, Tagging=tag_set({f"k{number}": "v" for number in range(51)}))
    assert (error["Code"], error["Message"]) == ("BadRequest", "Bucket tag count cannot be greater than 50")


def test_put_object_tagging_replaces_the_tags(s3: Any, there: str) -> None:
    s3.put_object_tagging(Bucket=there, Key="k", Tagging=tag_set({"old": "1"}))
    assert status(s3.put_object_tagging(Bucket=there, Key="k", Tagging=TWO)) == 200
    assert tags_of(s3) == {"team": "a b", "cost/centre": ""}
    assert headers(s3.head_object(Bucket=there, Key="k"))["x-amz-tagging-count"] == "2"
    assert s3.get_object(Bucket=there, Key="k")["TagCount"] == 2


def test_an_object_without_tags_has_an_empty_set_and_no_count(s3: Any, there: str) -> None:
    assert tags_of(s3) == {}
    assert "TagCount" not in s3.head_object(Bucket=there, Key="k")


def test_delete_object_tagging(s3: Any, there: str) -> None:
    s3.put_object_tagging(Bucket=there, Key="k", Tagging=TWO)
    assert status(s3.delete_object_tagging(Bucket=there, Key="k")) == 204
    assert tags_of(s3) == {}


def test_tags_of_an_object_that_is_not_there(s3: Any, bucket: str) -> None:
    assert code(s3.get_object_tagging, Bucket=bucket, Key="none") == "NoSuchKey"
    assert code(s3.put_object_tagging, Bucket=bucket, Key="none", Tagging=TWO) == "NoSuchKey"


@pytest.mark.usefixtures("signed_on_time")
def test_tags_do_not_change_the_object(s3: Any, there: str, region: LocalRegion) -> None:
    before = s3.head_object(Bucket=there, Key="k")
    region.advance(hours=1)
    s3.put_object_tagging(Bucket=there, Key="k", Tagging=TWO)
    after = s3.head_object(Bucket=there, Key="k")
    assert (before["LastModified"], before["ETag"]) == (after["LastModified"], after["ETag"])


def test_each_version_has_its_own_tags(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"2", Tagging="n=2")["VersionId"]
    assert s3.put_object_tagging(Bucket=bucket, Key="k", VersionId=old, Tagging=TWO)["VersionId"] == old
    assert len(tags_of(s3, VersionId=old)) == 2
    assert tags_of(s3) == tags_of(s3, VersionId=new) == {"n": "2"}
    assert s3.delete_object_tagging(Bucket=bucket, Key="k", VersionId=old)["VersionId"] == old
    assert tags_of(s3, VersionId=old) == {}


def test_a_delete_marker_has_no_tags(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    assert code(s3.get_object_tagging, Bucket=bucket, Key="k") == "NoSuchKey"
    assert code(s3.put_object_tagging, Bucket=bucket, Key="k", VersionId=marker, Tagging=TWO) == "MethodNotAllowed"


def test_put_object_with_tags(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"",
        Tagging="team=a+b&cost%2Fcentre=&gr%C3%BC%C3%9Fe=x",
    )
    assert tags_of(s3) == {"team": "a b", "cost/centre": "", "grüße": "x"}


def test_an_upload_in_parts_with_tags(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", Tagging="a=1&b=2")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts)
    assert tags_of(s3) == {"a": "1", "b": "2"}


def test_a_copy_takes_the_tags_along_or_has_its_own(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="other", CopySource=source, TaggingDirective="REPLACE", Tagging="b=2")
    s3.copy_object(Bucket=bucket, Key="none", CopySource=source, TaggingDirective="REPLACE")
    assert [tags_of(s3, key) for key in ("same", "other", "none")] == [{"a": "1"}, {"b": "2"}, {}]


def test_an_object_has_at_most_ten_tags(s3: Any, there: str) -> None:
    eleven = {f"k{number}": "v" for number in range(11)}
    error = refusal(s3.put_object_tagging, Bucket=there, Key="k", Tagging=tag_set(eleven))
    assert (error["Code"], error["Status"]) == ("BadRequest", 400)
    assert error["Message"] == "Object tags cannot be greater than 10"
    header = "&".join(f"{key}=v" for key in eleven)
    assert code(s3.put_object, Bucket=there, Key="k", Tagging=header) == "BadRequest"
    assert s3.get_object(Bucket=there, Key="k")["Body"].read() == b"kept"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("k" * 129, "v", "The TagKey you have provided is invalid"),
        ("a;b", "v", "The TagKey you have provided is invalid"),
        ("a\tb", "v", "The TagKey you have provided is invalid"),
        ("k", "v" * 257, "The TagValue you have provided is invalid"),
        ("k", "<v>", "The TagValue you have provided is invalid"),
        ("aws:x", "v", "Your TagKey cannot be prefixed with aws:"),
        ("AWS:x", "v", "Your TagKey cannot be prefixed with aws:"),
    ],
)
def test_what_cannot_be_a_tag(s3: Any, there: str, key: str, value: str, message: str) -> None:
    error = refusal(s3.put_object_tagging, Bucket=there, Key="k", Tagging=tag_set({key: value}))
    assert (error["Code"], error["Message"], error["Status"]) == ("InvalidTag", message, 400)


def test_the_longest_tag(s3: Any, there: str) -> None:
    s3.put_object_tagging(Bucket=there, Key="k", Tagging=tag_set({"ü" * 128: "ß" * 256}))
    assert tags_of(s3) == {"ü" * 128: "ß" * 256}


def test_a_key_cannot_be_there_twice(s3: Any, there: str) -> None:
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    for call, more in ((s3.put_bucket_tagging, {}), (s3.put_object_tagging, {"Key": "k"})):
        error = refusal(call, Bucket=there, Tagging=twice, **more)
        assert (error["Code"], error["Message"]) == ("InvalidTag", "Cannot provide multiple Tags with the same key")


def test_a_bucket_takes_no_system_tag(s3: Any, bucket: str) -> None:
    error = refusal(s3.put_bucket_tagging, Bucket=bucket, Tagging=tag_set({"aws:x": "1"}))
    assert (error["Code"], error["Message"]) == ("InvalidTag", "System tags cannot be added/updated by requester")


@pytest.mark.parametrize(
    "header", ["a=1&a=2", "a=%ff", "a=" + "x" * 9000, "%61=1&a=1"], ids=["twice", "utf8", "long", "encoded"]
)
def test_a_tagging_header_that_cannot_be_read(region: LocalRegion, bucket: str, header: str) -> None:
    assert error_of(signed(region, "PUT", "/bucket/k", {"x-amz-tagging": header}, b"x")) == (400, "InvalidArgument")


@pytest.mark.parametrize("header", ["=1", "a=<", "a=1&b=2=3&c;=1"], ids=["no key", "mark", "several"])
def test_a_tagging_header_with_what_cannot_be_a_tag(region: LocalRegion, bucket: str, header: str) -> None:
    assert error_of(signed(region, "PUT", "/bucket/k", {"x-amz-tagging": header}, b"x")) == (400, "InvalidTag")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Tagging>",
        b"<Tagging/>",
        b"<Other/>",
        b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        b"<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>",
        b'<!DOCTYPE x [<!ENTITY e "boom">]><Tagging><TagSet><Tag><Key>&e;</Key><Value/></Tag></TagSet></Tagging>',
        b"<Tagging><TagSet><Tag><Key>\xff</Key><Value>1</Value></Tag></TagSet></Tagging>",
    ],
    ids=["empty", "open", "no set", "another", "no value", "no key", "entity", "bytes"],
)
def test_a_hostile_document(region: LocalRegion, there: str, body: bytes) -> None:
    answer = signed(region, "PUT", "/bucket/k?tagging", {}, body)
    assert error_of(answer)[0] == 400


def test_tags_need_their_permission(region: LocalRegion, there: str) -> None:
    ann = user_client(region, "s3")
    permit(region, allow(["s3:PutObject", "s3:GetObject"]))
    ann.put_object(Bucket=there, Key="mine", Body=b"x")
    assert code(ann.put_object, Bucket=there, Key="mine", Body=b"x", Tagging="a=1") == "AccessDenied"
    assert code(ann.create_multipart_upload, Bucket=there, Key="mine", Tagging="a=1") == "AccessDenied"
    permit(region, allow(["s3:PutObject", "s3:GetObject", "s3:PutObjectTagging"]))
    ann.put_object(Bucket=there, Key="mine", Body=b"x", Tagging="a=1")
    assert "TagCount" not in ann.head_object(Bucket=there, Key="mine")
    permit(region, allow(["s3:GetObject", "s3:GetObjectTagging"]))
    assert ann.head_object(Bucket=there, Key="mine")["TagCount"] == 1


def test_tags_of_a_version_need_their_own_permission(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    ann = user_client(region, "s3")
    permit(region, allow(["s3:GetObjectTagging", "s3:PutObjectTagging", "s3:DeleteObjectTagging"]))
    which = {"Bucket": bucket, "Key": "k", "VersionId": version}
    assert code(ann.get_object_tagging, **which) == "AccessDenied"
    assert code(ann.put_object_tagging, **which, Tagging=TWO) == "AccessDenied"
    assert code(ann.delete_object_tagging, **which) == "AccessDenied"
    permit(region, allow("s3:*ObjectVersionTagging"))
    ann.put_object_tagging(**which, Tagging=TWO)
    assert len(ann.get_object_tagging(**which)["TagSet"]) == 2


def test_a_copy_needs_the_permissions_for_its_tags(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
    ann = user_client(region, "s3")
    copy = {"Bucket": bucket, "Key": "c", "CopySource": {"Bucket": bucket, "Key": "k"}}
    both = ["s3:GetObject", "s3:PutObject"]
    permit(region, allow(both))
    assert code(ann.copy_object, **copy) == "AccessDenied"
    assert code(ann.copy_object, **copy, TaggingDirective="REPLACE", Tagging="b=2") == "AccessDenied"
    ann.copy_object(**copy, TaggingDirective="REPLACE")
    permit(region, allow([*both, "s3:PutObjectTagging"]))
    assert code(ann.copy_object, **copy) == "AccessDenied"
    ann.copy_object(**copy, TaggingDirective="REPLACE", Tagging="b=2")
    permit(region, allow([*both, "s3:PutObjectTagging", "s3:GetObjectTagging"]))
    ann.copy_object(**copy)
    assert tags_of(s3, "c") == {"a": "1"}
