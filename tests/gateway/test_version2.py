"""Signature Version 2 end to end: what unmodified boto3 presigns by default, and clients that sign headers with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from services.helpers import dev

if TYPE_CHECKING:
    from support.region import Answer, LocalRegion

KEYS = [
    "k",
    "a b+c/é~",
    "x//y",
    "100%",
    "q?a=b&c",
    "#;=,@$!*'()[]",
    "../up",
    "\u2028\U0001f600",
    "trailing/",
    'a\\b"c<d>',
]


def fetch(region: LocalRegion, method: str, url: str, body: bytes = b"", **headers: str) -> Answer:
    """What a browser or curl gets for a URL: no credentials of its own."""
    parts = urlsplit(url)
    given = {"host": parts.netloc} | {name.replace("_", "-"): value for name, value in headers.items()}
    return region.raw(method, f"{parts.path}?{parts.query}", given, body)


def presign(s3: Any, operation: str, expires: int = 60, **parameters: Any) -> str:
    """A URL by boto3's default, which is Version 2."""
    url = str(s3.generate_presigned_url(operation, Params=parameters, ExpiresIn=expires))
    assert "AWSAccessKeyId=" in url
    return url


def error_of(answer: Answer) -> tuple[int, str]:
    found = re.search(rb"<Code>(\w+)</Code>", answer.body)
    return answer.status, found[1].decode() if found else ""


@pytest.fixture(params=["path", "virtual"])
def client(request: pytest.FixtureRequest, region: LocalRegion, bucket: str) -> Any:
    return region.client("s3", style=request.param)


@pytest.mark.parametrize("key", KEYS)
def test_an_object_goes_and_comes(region: LocalRegion, client: Any, bucket: str, key: str) -> None:
    put = presign(client, "put_object", Bucket=bucket, Key=key)
    assert fetch(region, "PUT", put, b"content").status == 200
    assert fetch(region, "GET", presign(client, "get_object", Bucket=bucket, Key=key)).body == b"content"
    head = fetch(region, "HEAD", presign(client, "head_object", Bucket=bucket, Key=key))
    assert (head.status, head.headers["content-length"]) == (200, "7")
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert fetch(region, "DELETE", presign(client, "delete_object", Bucket=bucket, Key=key)).status == 204


def test_a_multipart_upload(region: LocalRegion, client: Any, bucket: str) -> None:
    begun = fetch(region, "POST", presign(client, "create_multipart_upload", Bucket=bucket, Key="k"))
    found = re.search(rb"<UploadId>(.*)</UploadId>", begun.body)
    assert found
    upload = {"Bucket": bucket, "Key": "k", "UploadId": found[1].decode()}
    part = fetch(region, "PUT", presign(client, "upload_part", **upload, PartNumber=1), b"part")
    assert part.status == 200
    assert fetch(region, "GET", presign(client, "list_parts", **upload)).status == 200
    parts = {"Parts": [{"PartNumber": 1, "ETag": part.headers["etag"]}]}
    client.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert fetch(region, "GET", presign(client, "get_object", Bucket=bucket, Key="k")).body == b"part"
    assert error_of(fetch(region, "PUT", presign(client, "upload_part", **upload, PartNumber=1), b"x")) == (
        404,
        "NoSuchUpload",
    )


def test_lists(region: LocalRegion, client: Any, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="k")
    for operation in ("list_objects", "list_objects_v2"):
        assert b"<Key>k</Key>" in fetch(region, "GET", presign(client, operation, Bucket=bucket)).body
    assert b"<Name>bucket</Name>" in fetch(region, "GET", presign(client, "list_buckets")).body
    assert fetch(region, "HEAD", presign(client, "head_bucket", Bucket=bucket)).status == 200
    assert fetch(region, "GET", presign(client, "get_bucket_location", Bucket=bucket)).status == 200


def test_headers_in_the_url(region: LocalRegion, s3: Any, bucket: str) -> None:
    """They count whether or not the caller sends them again, and only as they are signed."""
    url = presign(s3, "put_object", Bucket=bucket, Key="k", ContentType="image/png", Metadata={"a": "b c"})
    again = {"content_type": "image/png", "x_amz_meta_a": "b c"}
    for sent in ({}, again):
        assert fetch(region, "PUT", url, b"content", **sent).status == 200
        head = s3.head_object(Bucket=bucket, Key="k")
        assert (head["ContentType"], head["Metadata"]) == ("image/png", {"a": "b c"})
        s3.delete_object(Bucket=bucket, Key="k")
    for sent in ({"content_type": "text/html"}, {"x_amz_meta_a": "c"}, {"x_amz_copy_source": "/bucket/other"}):
        assert error_of(fetch(region, "PUT", url, b"content", **sent)) == (403, "SignatureDoesNotMatch")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_the_digest_in_the_url_is_checked(region: LocalRegion, s3: Any, bucket: str) -> None:
    url = presign(s3, "put_object", Bucket=bucket, Key="k", ContentMD5="mgNkuembtIDdJeHwKEyFVQ==")
    assert error_of(fetch(region, "PUT", url, b"other")) == (400, "BadDigest")
    assert fetch(region, "PUT", url, b"content").status == 200


def test_overridden_headers(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    named = 'attachment; filename="a & b+c=d.txt"'
    url = presign(s3, "get_object", Bucket=bucket, Key="k", ResponseContentDisposition=named, ResponseContentType="a/b")
    answer = fetch(region, "GET", url, range="bytes=0-2")
    assert (answer.status, answer.body) == (206, b"con")
    assert (answer.headers["content-disposition"], answer.headers["content-type"]) == (named, "a/b")


def test_it_ends(region: LocalRegion, s3: Any, bucket: str) -> None:
    url = presign(s3, "put_object", Bucket=bucket, Key="k")
    region.advance(seconds=62)
    answer = fetch(region, "PUT", url, b"content")
    assert error_of(answer) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message>" in answer.body
    assert b"<Expires>" in answer.body
    assert b"<ServerTime>" in answer.body
    malformed = re.sub("Expires=[0-9]+", "Expires=soon", url)
    assert b"Invalid date (should be seconds since epoch): soon" in fetch(region, "PUT", malformed).body


def test_forged(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="other", Body=b"secret")
    url = presign(s3, "get_object", Bucket=bucket, Key="k")
    mismatch = (403, "SignatureDoesNotMatch")
    other = fetch(region, "GET", url.replace("/k?", "/other?"))
    assert error_of(other) == mismatch
    assert b"<StringToSign>GET\n\n\n" in other.body
    assert error_of(fetch(region, "PUT", url, b"x")) == mismatch
    assert error_of(fetch(region, "GET", f"{url}&tagging")) == mismatch
    assert error_of(fetch(region, "GET", url.replace("//localhost", "//other.s3.localhost"))) == mismatch
    assert error_of(fetch(region, "GET", url.replace("KeyId=AKIA", "KeyId=AKIB"))) == (403, "InvalidAccessKeyId")
    assert error_of(fetch(region, "GET", f"{url}&x-amz-security-token=t")) == (400, "InvalidToken")
    assert error_of(fetch(region, "GET", url, authorization="AWS a:b")) == (400, "InvalidArgument")
    assert error_of(fetch(region, "GET", f"{url}&X-Amz-Signature=x")) == (400, "InvalidArgument")
    control = fetch(region, "GET", url, x_amz_account_id="123456789012")
    assert control.status in (400, 403, 404)


def test_a_url_of_one_bucket_is_none_of_its_settings(region: LocalRegion, s3: Any, bucket: str) -> None:
    made = presign(s3, "create_bucket", Bucket=bucket)
    for name in ("policy", "publicAccessBlock", "ownershipControls", "encryption", "tagging"):
        assert error_of(fetch(region, "PUT", f"{made}&{name}", b"<a/>")) == (403, "SignatureDoesNotMatch")


def test_it_has_no_region(region: LocalRegion, s3: Any) -> None:
    west = region.client("s3", region="eu-west-1")
    west.create_bucket(Bucket="west", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    west.put_object(Bucket="west", Key="k", Body=b"content")
    for client in (s3, west):
        assert fetch(region, "GET", presign(client, "get_object", Bucket="west", Key="k")).body == b"content"


def test_permissions_are_the_signers(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    stranger = dev(region, "999999999999")
    assert error_of(fetch(region, "GET", presign(stranger, "get_object", Bucket=bucket, Key="k"))) == (
        403,
        "AccessDenied",
    )


def test_a_client_that_signs_headers(region: LocalRegion, s3: Any, bucket: str) -> None:
    old = region.client("s3", signature_version="s3")
    old.create_bucket(Bucket="old")
    for key in KEYS:
        old.put_object(Bucket="old", Key=key, Body=b"content", ContentType="image/png", Metadata={"a": "b"})
        assert old.get_object(Bucket="old", Key=key)["Body"].read() == b"content"
    assert sorted(entry["Key"] for entry in old.list_objects_v2(Bucket="old")["Contents"]) == sorted(KEYS)
    old.copy_object(Bucket="old", Key="copy", CopySource={"Bucket": "old", "Key": KEYS[0]})
    old.delete_objects(Bucket="old", Delete={"Objects": [{"Key": key} for key in [*KEYS, "copy"]]})
    old.delete_bucket(Bucket="old")
    wrong = region.client("s3", secret="wrong", signature_version="s3")
    with pytest.raises(wrong.exceptions.ClientError, match="SignatureDoesNotMatch"):
        wrong.list_buckets()
    region.advance(minutes=16)
    with pytest.raises(old.exceptions.ClientError, match="RequestTimeTooSkewed"):
        old.list_buckets()


def test_other_services_refuse_it(region: LocalRegion) -> None:
    headers = {"date": "Sat, 14 Mar 2026 15:09:26 GMT", "authorization": "AWS AKIAIOSFODNN7EXAMPLE:abc="}
    form = {**headers, "content-type": "application/x-www-form-urlencoded"}
    answer = region.raw("POST", "/", form, b"Action=ListUsers&Version=2010-05-08")
    assert error_of(answer) == (403, "MissingAuthenticationToken")
    target = {**headers, "x-amz-target": "DynamoDB_20120810.ListTables"}
    assert b"MissingAuthenticationToken" in region.raw("POST", "/", target, b"{}").body


def test_anonymous_callers_are_asked_for_all_of_it(region: LocalRegion, bucket: str) -> None:
    answer = region.raw("GET", f"/{bucket}/k?Signature=x")
    assert error_of(answer) == (403, "AccessDenied")
    assert b"Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters" in answer.body
