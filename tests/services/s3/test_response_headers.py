"""Overridden response headers: what a signed reader of an object has the answer say instead of what is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from services.helpers import error_of, headers, make_public, signed

if TYPE_CHECKING:
    from support.region import LocalRegion

KEPT = {
    "CacheControl": "max-age=1",
    "ContentDisposition": "inline",
    "ContentEncoding": "identity",
    "ContentLanguage": "en",
    "ContentType": "text/plain",
    "Expires": "Thu, 01 Dec 2033 16:00:00 GMT",
}
GIVEN = {
    "response-cache-control": "no-cache",
    "response-content-disposition": 'attachment; filename="a b.txt"',
    "response-content-encoding": "x-own",
    "response-content-language": "de",
    "response-content-type": "text/html; charset=utf-8",
    "response-expires": "Fri, 02 Dec 2033 16:00:00 GMT",
}
ARGUMENTS = {"".join(word.capitalize() for word in name.split("-")): value for name, value in GIVEN.items()}


@pytest.fixture
def kept(s3: Any, bucket: str) -> str:
    """A bucket with an object that says everything of itself."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", **KEPT)
    return bucket


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_each_header(s3: Any, kept: str, operation: str, name: str) -> None:
    argument = "".join(word.capitalize() for word in name.split("-"))
    value: Any = GIVEN[name]
    given = datetime(2033, 12, 2, 16, tzinfo=UTC) if name == "response-expires" else value
    before = headers(getattr(s3, operation)(Bucket=kept, Key="key"))
    after = headers(getattr(s3, operation)(Bucket=kept, Key="key", **{argument: given}))
    header = name.removeprefix("response-")
    assert after.pop(header) == value != before.pop(header)
    for other in ("cache-control", "content-disposition", "content-language", "content-type", "expires", "etag"):
        assert after.get(other) == before.get(other)


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_all_of_them_presigned(region: LocalRegion, kept: str, version: str, operation: str) -> None:
    client = region.client("s3", signature_version=version)
    url = urlsplit(client.generate_presigned_url(operation, {"Bucket": kept, "Key": "key", **ARGUMENTS}))
    method = operation.partition("_")[0].upper()
    answer = region.raw(method, f"{url.path}?{url.query}")
    assert answer.status == 200
    assert {name: answer.headers[name.removeprefix("response-")] for name in GIVEN} == GIVEN
    changed = url.query.replace("no-cache", "no-store")
    assert region.raw(method, f"{url.path}?{changed}").status == 403


def test_ranges_and_unchanged_objects(region: LocalRegion, kept: str) -> None:
    query = "response-content-type=text%2Fhtml"
    part = signed(region, "GET", f"/bucket/key?{query}", {"range": "bytes=0-1"})
    assert (part.status, part.headers["content-type"], part.body) == (206, "text/html", b"da")
    fresh = signed(region, "GET", f"/bucket/key?{query}", {"if-none-match": part.headers["etag"]})
    assert (fresh.status, fresh.headers.get("content-type")) == (304, None)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_anonymous_readers_may_not(region: LocalRegion, s3: Any, kept: str, method: str) -> None:
    make_public(s3, kept)
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    s3.put_bucket_policy(Bucket=kept, Policy=policy)
    assert region.raw(method, "/bucket/key").status == 200
    for name, value in GIVEN.items():
        answer = region.raw(method, f"/bucket/key?{name}={quote(value)}")
        assert answer.status == 400
        if method == "GET":
            assert error_of(answer) == (400, "InvalidRequest")


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "\0", "\x7f", "a\n", "\x1b"])
@pytest.mark.parametrize("name", [name for name in GIVEN if name != "response-expires"])
def test_hostile_values(region: LocalRegion, kept: str, name: str, value: str) -> None:
    answer = signed(region, "GET", f"/bucket/key?{name}={quote(value)}")
    assert error_of(answer) == (400, "InvalidArgument")
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("value", ["ä", "\u2028", "😀"])
def test_values_beyond_ascii(region: LocalRegion, kept: str, value: str) -> None:
    answer = signed(region, "GET", f"/bucket/key?response-content-disposition={quote(value)}")
    assert answer.status == 200
    assert answer.headers["content-disposition"].isascii()
