"""Buckets: CreateBucket, HeadBucket, GetBucketLocation, ListBuckets, DeleteBucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from services.helpers import (
    allow,
    anonymous,
    code,
    dev,
    error_of,
    headers,
    kept,
    parts_kept,
    permit,
    refusal,
    signed,
    status,
    user_client,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

OTHER = "111122223333"

# S3 User Guide, "General purpose bucket naming rules"
GOOD_NAMES = [
    "abc",
    "123",
    "a-b",
    "a.b",
    "1-2",
    "docexamplebucket-1a1b2c3d4-5678-90ab-cdef-example",
    "example.com",
    "www.example.com",
    "my.example.s3.bucket",
    "a--b",
    "a" * 63,
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.four",
    "xn-a",
    "sthree",
    "s3alias",
    "mrap",
    "a-s3",
    "999999999999999999999999999999999999999999999999999999999999999",
]
BAD_NAMES = [
    "a" * 64,
    "Abc",
    "doc_example_bucket",
    "-abc",
    "abc-",
    ".abc",
    "abc.",
    "a..b",
    "192.168.5.4",
    "999.999.999.999",
    "xn--abc",
    "sthree-abc",
    "sthree-configurator-x",
    "amzn-s3-demo-abc",
    "abc-s3alias",
    "abc--ol-s3",
    "abc.mrap",
    "abc--x-s3",
    "abc--table-s3",
    "a b",
    "a+b",
    "ab%",
    "über",
    "ab",
    "a",
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_create_bucket_takes_a_good_name(s3: Any, name: str) -> None:
    made = s3.create_bucket(Bucket=name)
    assert (made["Location"], status(made)) == (f"/{name}", 200)
    assert status(s3.head_bucket(Bucket=name)) == 200


@pytest.mark.parametrize("name", BAD_NAMES)
def test_create_bucket_refuses_a_bad_name(region: LocalRegion, s3: Any, name: str) -> None:
    assert error_of(signed(region, "PUT", f"/{quote(name)}")) == (400, "InvalidBucketName")
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("signed_for", "constraint", "made_in"),
    [
        ("us-east-1", None, "us-east-1"),
        ("us-east-1", "eu-central-1", "eu-central-1"),
        ("us-east-1", "", "us-east-1"),
        ("us-east-1", "EU", "eu-west-1"),
        ("eu-west-1", "eu-west-1", "eu-west-1"),
        ("eu-west-1", "EU", "eu-west-1"),
        ("ap-southeast-2", "ap-southeast-2", "ap-southeast-2"),
    ],
)
def test_create_bucket_in_a_region(region: LocalRegion, signed_for: str, constraint: str | None, made_in: str) -> None:
    client = region.client("s3", region=signed_for)
    client.create_bucket(Bucket="here", **configuration(constraint))
    there = region.client("s3", region=made_in)
    assert there.head_bucket(Bucket="here")["BucketRegion"] == made_in
    assert headers(there.head_bucket(Bucket="here"))["x-amz-bucket-region"] == made_in


@pytest.mark.parametrize(
    ("signed_for", "constraint", "error"),
    [
        ("eu-west-1", None, "IllegalLocationConstraintException"),
        ("eu-west-1", "eu-central-1", "IllegalLocationConstraintException"),
        ("eu-west-1", "us-east-1", "IllegalLocationConstraintException"),
        ("eu-central-1", "EU", "IllegalLocationConstraintException"),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("us-east-1", "mars-north-1", "InvalidLocationConstraint"),
    ],
)
def test_create_bucket_refuses_a_wrong_location(
    region: LocalRegion, signed_for: str, constraint: str | None, error: str
) -> None:
    client = region.client("s3", region=signed_for)
    assert code(client.create_bucket, Bucket="here", **configuration(constraint)) == error
    assert client.list_buckets()["Buckets"] == []


@pytest.mark.parametrize("name", ["US", "auto", "mars"])
def test_a_signature_for_no_region_is_told_which_one_to_sign_for(region: LocalRegion, name: str) -> None:
    """s3cmd signs for its bucket_location, "US", and signs anew for the Region of this error."""
    answer = signed(region, "PUT", "/here", name=name)
    assert answer.status == 400
    assert b"<Code>AuthorizationHeaderMalformed</Code>" in answer.body
    assert f"the region &apos;{name}&apos; is wrong; expecting &apos;us-east-1&apos;".encode() in quoted(answer.body)
    assert b"<Region>us-east-1</Region>" in answer.body


def quoted(body: bytes) -> bytes:
    """XML whose apostrophes are all entities."""
    return body.replace(b"'", b"&apos;")


def test_a_signature_for_no_region_is_refused_by_other_services(region: LocalRegion) -> None:
    error = refusal(region.client("sts", region="US").get_caller_identity)
    assert error["Code"] == "SignatureDoesNotMatch"
    assert error["Message"] == "Credential should be scoped to a valid region, not 'US'."


@pytest.mark.parametrize(
    "make",
    [anonymous, lambda region: user_client(region, "s3"), lambda region: dev(region, "111122223333")],
    ids=["anybody", "a user without permissions", "another account"],
)
def test_that_there_is_no_bucket_is_told_to_everybody(region: LocalRegion, make: Callable[[LocalRegion], Any]) -> None:
    client = make(region)
    for ask in (client.list_objects_v2, client.get_bucket_policy, client.delete_bucket):
        assert code(ask, Bucket="nowhere") == "NoSuchBucket"
    assert code(client.get_object, Bucket="nowhere", Key="k") == "NoSuchBucket"
    assert code(client.put_object, Bucket="nowhere", Key="k", Body=b"") == "NoSuchBucket"
    assert code(client.head_bucket, Bucket="nowhere") == "404"


def configuration(constraint: str | None) -> dict[str, Any]:
    """CreateBucket's argument."""
    return {} if constraint is None else {"CreateBucketConfiguration": {"LocationConstraint": constraint}}


@pytest.mark.parametrize(
    ("made_in", "location"), [("us-east-1", None), ("eu-west-1", "eu-west-1"), ("us-west-2", "us-west-2")]
)
def test_get_bucket_location(region: LocalRegion, made_in: str, location: str | None) -> None:
    client = region.client("s3", region=made_in)
    client.create_bucket(Bucket="here", **configuration(None if made_in == "us-east-1" else made_in))
    assert client.get_bucket_location(Bucket="here")["LocationConstraint"] == location


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ("us-east-1", "us-east-1", None),
        ("eu-west-1", "eu-west-1", "BucketAlreadyOwnedByYou"),
        ("eu-west-1", "us-east-1", "BucketAlreadyOwnedByYou"),
        ("us-east-1", "eu-west-1", "BucketAlreadyOwnedByYou"),
    ],
)
def test_create_bucket_again(region: LocalRegion, first: str, second: str, error: str | None) -> None:
    def make(name: str) -> None:
        client = region.client("s3", region=name)
        client.create_bucket(Bucket="mine", **configuration(None if name == "us-east-1" else name))

    make(first)
    if error is None:
        make(second)
    else:
        assert code(make, name=second) == error


def test_create_bucket_again_keeps_its_objects_and_its_date(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    before = s3.list_buckets()["Buckets"]
    region.advance(minutes=5)
    s3.create_bucket(Bucket=bucket)
    assert s3.list_buckets()["Buckets"] == before
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"here"


def test_a_buckets_name_is_taken_for_all_accounts(region: LocalRegion, bucket: str) -> None:
    error = refusal(dev(region, OTHER).create_bucket, Bucket=bucket)
    assert (error["Code"], error["Status"], error["BucketName"]) == ("BucketAlreadyExists", 409, bucket)


def test_a_deleted_buckets_name_is_free_for_other_accounts(region: LocalRegion, s3: Any, bucket: str) -> None:
    assert status(s3.delete_bucket(Bucket=bucket)) == 204
    dev(region, OTHER).create_bucket(Bucket=bucket)
    assert code(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ACL": "private"}, None),
        ({"ObjectOwnership": "BucketOwnerEnforced"}, None),
        ({"ACL": "public-read"}, "InvalidBucketAclWithObjectOwnership"),
        ({"ObjectOwnership": "ObjectWriter"}, None),
        ({"ObjectOwnership": "Nobody"}, "InvalidArgument"),
        (
            {"ObjectOwnership": "ObjectWriter", "ACL": "authenticated-read"},
            "InvalidBucketAclWithBlockPublicAccessError",
        ),
        ({"ObjectOwnership": "ObjectWriter", "ACL": "log-delivery-write"}, None),
        ({"ObjectLockEnabledForBucket": True}, None),
        ({"GrantRead": "id=abc"}, "InvalidArgument"),
        ({"GrantRead": f"id={'a' * 64}"}, "InvalidBucketAclWithObjectOwnership"),
        (
            {
                "CreateBucketConfiguration": {
                    "Bucket": {"Type": "Directory", "DataRedundancy": "SingleAvailabilityZone"}
                }
            },
            "NotImplemented",
        ),
    ],
)
def test_create_bucket_with_options(s3: Any, options: dict[str, Any], error: str | None) -> None:
    if error is None:
        s3.create_bucket(Bucket="optional", **options)
    else:
        assert code(s3.create_bucket, Bucket="optional", **options) == error
        assert code(s3.head_bucket, Bucket="optional") == "404"


def test_head_bucket_of_none_is_not_found_without_a_body(region: LocalRegion, s3: Any) -> None:
    assert code(s3.head_bucket, Bucket="nowhere") == "404"
    answer = signed(region, "HEAD", "/nowhere")
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("operation", ["get_bucket_location", "list_objects_v2", "delete_bucket", "list_objects"])
def test_a_bucket_that_is_not_there(s3: Any, operation: str) -> None:
    error = refusal(getattr(s3, operation), Bucket="nowhere")
    assert (error["Code"], error["Status"], error["BucketName"]) == ("NoSuchBucket", 404, "nowhere")


@pytest.mark.parametrize("operation", ["head_bucket", "get_bucket_location", "list_objects_v2", "delete_bucket"])
def test_expected_bucket_owner(s3: Any, bucket: str, operation: str) -> None:
    error = refusal(getattr(s3, operation), Bucket=bucket, ExpectedBucketOwner=OTHER)
    assert (error["Code"], error["Status"]) == ("403" if operation == "head_bucket" else "AccessDenied", 403)
    getattr(s3, operation)(Bucket=bucket, ExpectedBucketOwner="123456789012")


def test_an_expected_owner_must_be_an_account(s3: Any, bucket: str) -> None:
    assert refusal(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="me")["Status"] in (400, 403)


def test_delete_bucket_that_is_not_empty(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    error = refusal(s3.delete_bucket, Bucket=bucket)
    assert (error["Code"], error["Status"], error["BucketName"]) == ("BucketNotEmpty", 409, bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert s3.list_buckets()["Buckets"] == []


def test_delete_bucket_takes_its_uploads_with_it(region: LocalRegion, s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"part")
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=2, Body=bytes(70_000))
    s3.delete_bucket(Bucket=bucket)
    assert (kept(region), parts_kept(region)) == ((0, []), 0)
    s3.create_bucket(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert code(s3.list_parts, Bucket=bucket, Key="k", UploadId=upload) == "NoSuchUpload"


def test_a_new_bucket_of_a_deleted_ones_name_is_empty_beside_one_of_a_similar_name(s3: Any) -> None:
    for name in ("one", "one-more"):
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="k", Body=name.encode())
    s3.delete_object(Bucket="one", Key="k")
    s3.delete_bucket(Bucket="one")
    assert s3.get_object(Bucket="one-more", Key="k")["Body"].read() == b"one-more"


def test_list_buckets_by_name(s3: Any) -> None:
    for name in ("zebra", "ant", "ant-2", "ant.1"):
        s3.create_bucket(Bucket=name)
    found = s3.list_buckets()
    assert [one["Name"] for one in found["Buckets"]] == ["ant", "ant-2", "ant.1", "zebra"]
    assert len(found["Owner"]["ID"]) == 64
    assert found["Buckets"][0]["BucketRegion"] == "us-east-1"
    assert found["Buckets"][0]["CreationDate"].tzinfo is not None
    assert "ContinuationToken" not in found


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"Prefix": "b"}, ["b1", "b2", "b3"]),
        ({"Prefix": "b2"}, ["b2"]),
        ({"Prefix": "x"}, []),
        ({"BucketRegion": "eu-west-1"}, ["c-eu"]),
        ({"BucketRegion": "us-east-1", "Prefix": "c"}, ["c-us"]),
        ({"BucketRegion": "us-west-2"}, []),
    ],
)
def test_list_buckets_of_a_prefix_or_a_region(region: LocalRegion, options: dict[str, Any], names: list[str]) -> None:
    s3 = region.client("s3")
    for index in range(1, 4):
        s3.create_bucket(Bucket=f"b{index}".ljust(3, "x"))
    s3.create_bucket(Bucket="c-us")
    s3.create_bucket(Bucket="c-eu", **configuration("eu-west-1"))
    found = [one["Name"].removesuffix("x") for one in s3.list_buckets(**options)["Buckets"]]
    assert found == names


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 10_000])
def test_list_buckets_in_pages(s3: Any, size: int) -> None:
    names = [f"bucket-{index}" for index in range(6)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": size}))
    assert [one["Name"] for page in pages for one in page["Buckets"]] == names
    assert len(pages) == -(-6 // size)


@pytest.mark.parametrize("size", [0, -1, 10_001])
def test_list_buckets_refuses_a_page_size(region: LocalRegion, size: int) -> None:
    assert signed(region, "GET", f"/?max-buckets={size}").status == 400


@pytest.mark.parametrize("token", ["nonsense", "", "MQ", "\u00e9", "MfY="])
def test_list_buckets_refuses_a_token_that_it_did_not_give(s3: Any, token: str) -> None:
    assert code(s3.list_buckets, ContinuationToken=token) == "InvalidArgument"


def test_list_buckets_has_only_the_callers(region: LocalRegion, s3: Any, bucket: str) -> None:
    other = dev(region, OTHER)
    assert other.list_buckets()["Buckets"] == []
    other.create_bucket(Bucket="theirs")
    assert [one["Name"] for one in other.list_buckets()["Buckets"]] == ["theirs"]
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [bucket]
    assert other.list_buckets()["Owner"]["ID"] != s3.list_buckets()["Owner"]["ID"]


def test_a_request_that_is_signed_for_the_wrong_region(region: LocalRegion) -> None:
    region.client("s3", region="eu-west-1").create_bucket(Bucket="europe", **configuration("eu-west-1"))
    answer = signed(region, "GET", "/europe?list-type=2")
    assert answer.status == 400
    assert b"<Code>AuthorizationHeaderMalformed</Code>" in answer.body
    assert b"<Region>eu-west-1</Region>" in answer.body
    assert signed(region, "HEAD", "/europe").headers["x-amz-bucket-region"] == "eu-west-1"


@pytest.mark.parametrize(
    "first", ["list_objects_v2", "head_bucket", "head_object", "put_object", "get_bucket_location"]
)
def test_boto3_finds_the_region_of_a_bucket(region: LocalRegion, first: str) -> None:
    home = region.client("s3", region="eu-west-1")
    home.create_bucket(Bucket="europe", **configuration("eu-west-1"))
    home.put_object(Bucket="europe", Key="k", Body=b"here")
    client = region.client("s3", region="us-west-2")
    key = {"Key": "k"} if first.endswith("_object") else {}
    assert status(getattr(client, first)(Bucket="europe", **key)) == 200


def test_a_bucket_can_be_the_host(region: LocalRegion, bucket: str) -> None:
    virtual = region.client("s3", style="virtual")
    virtual.put_object(Bucket=bucket, Key="a/b c", Body=b"virtual")
    assert virtual.get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"virtual"
    assert status(virtual.head_bucket(Bucket=bucket)) == 200
    assert region.client("s3").get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"virtual"


def test_a_bucket_is_made_with_tags(region: LocalRegion, s3: Any) -> None:
    made = {"CreateBucketConfiguration": {"Tags": [{"Key": "team", "Value": "red"}]}}
    s3.create_bucket(Bucket="tagged", **made)
    assert s3.get_bucket_tagging(Bucket="tagged")["TagSet"] == [{"Key": "team", "Value": "red"}]
    client = user_client(region, "s3")
    permit(region, allow("s3:CreateBucket"))
    assert code(client.create_bucket, Bucket="another", **made) == "AccessDenied"
    permit(region, allow(["s3:CreateBucket", "s3:TagResource"]))
    client.create_bucket(Bucket="another", **made)
