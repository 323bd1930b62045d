"""GetObject and HeadObject."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import FILE, code, error_of, headers, pattern, refusal, signed, status

if TYPE_CHECKING:
    from support.region import LocalRegion

READS = ["get_object", "head_object"]
BODY = b"0123456789"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("read", READS)
def test_an_object_that_is_not_there(s3: Any, bucket: str, read: str) -> None:
    error = refusal(getattr(s3, read), Bucket=bucket, Key="nothing")
    assert (error["Code"], error["Status"]) == ("404" if read == "head_object" else "NoSuchKey", 404)
    if read == "get_object":
        assert error["Key"] == "nothing"


@pytest.mark.parametrize("read", READS)
def test_a_bucket_that_is_not_there(s3: Any, read: str) -> None:
    assert code(getattr(s3, read), Bucket="nowhere", Key="k") in ("NoSuchBucket", "404")


@pytest.mark.parametrize("size", [0, 10, FILE])
def test_head_object_says_what_get_object_says_without_a_body(
    region: LocalRegion, s3: Any, bucket: str, size: int
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(size), Metadata={"a": "b"}, CacheControl="no-store")
    head, get = signed(region, "HEAD", f"/{bucket}/k"), signed(region, "GET", f"/{bucket}/k")
    assert (head.status, head.body, get.status, get.body) == (200, b"", 200, pattern(size))
    different = {"x-amz-request-id", "x-amz-id-2", "date"}
    assert {name: head.headers[name] for name in head.headers.keys() - different} == {
        name: get.headers[name] for name in get.headers.keys() - different
    }
    assert head.headers["content-length"] == str(size)
    assert head.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("query", ["", "?partNumber=9", "?versionId=x"])
def test_head_object_has_no_body_when_it_fails(region: LocalRegion, bucket: str, query: str) -> None:
    answer = signed(region, "HEAD", f"/{bucket}/nothing{query}")
    assert answer.status in (400, 404)
    assert answer.body == b""


# Preconditions: RFC 9110, section 13.2.2, and GetObject's notes on combinations. `=` is the object's ETag, `!` another one;
# before and after are an hour from its last modification, at is that very second.
CONDITIONS = [
    ({"IfMatch": "="}, 200),
    ({"IfMatch": "!"}, 412),
    ({"IfMatch": "*"}, 200),
    ({"IfMatch": "!, ="}, 200),
    ({"IfMatch": "!, !"}, 412),
    ({"IfNoneMatch": "="}, 304),
    ({"IfNoneMatch": "!"}, 200),
    ({"IfNoneMatch": "*"}, 304),
    ({"IfNoneMatch": "!, ="}, 304),
    ({"IfNoneMatch": "W/="}, 304),
    ({"IfModifiedSince": "before"}, 200),
    ({"IfModifiedSince": "at"}, 304),
    ({"IfUnmodifiedSince": "before"}, 412),
    ({"IfUnmodifiedSince": "at"}, 200),
    ({"IfUnmodifiedSince": "after"}, 200),
    ({"IfMatch": "=", "IfUnmodifiedSince": "before"}, 200),
    ({"IfMatch": "=", "IfUnmodifiedSince": "after"}, 200),
    ({"IfMatch": "!", "IfUnmodifiedSince": "after"}, 412),
    ({"IfMatch": "!", "IfUnmodifiedSince": "before"}, 412),
    ({"IfNoneMatch": "=", "IfModifiedSince": "before"}, 304),
    ({"IfNoneMatch": "=", "IfModifiedSince": "at"}, 304),
    ({"IfNoneMatch": "!", "IfModifiedSince": "at"}, 200),
    ({"IfNoneMatch": "!", "IfModifiedSince": "before"}, 200),
    ({"IfMatch": "=", "IfNoneMatch": "="}, 304),
    ({"IfMatch": "!", "IfNoneMatch": "="}, 412),
    ({"IfMatch": "=", "IfNoneMatch": "!"}, 200),
    ({"IfMatch": "=", "IfModifiedSince": "at"}, 304),
    ({"IfUnmodifiedSince": "before", "IfModifiedSince": "at"}, 412),
    ({"IfUnmodifiedSince": "before", "IfNoneMatch": "="}, 412),
    ({"IfUnmodifiedSince": "after", "IfNoneMatch": "="}, 304),
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(("conditions", "expected"), CONDITIONS)
def test_conditional_reads(s3: Any, bucket: str, read: str, conditions: dict[str, str], expected: int) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=BODY, CacheControl="max-age=5", Metadata={"a": "b"})["ETag"]
    at = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    times = {"before": at - HOUR, "at": at, "after": at + HOUR}
    sent = {
        name: times[value] if name.endswith("Since") else value.replace("=", etag).replace("!", '"0123"')
        for name, value in conditions.items()
    }
    if expected == 200:
        assert status(getattr(s3, read)(Bucket=bucket, Key="k", **sent)) == 200
        return
    error = refusal(getattr(s3, read), Bucket=bucket, Key="k", **sent)
    assert error["Status"] == expected
    if expected == 412 and read == "get_object":
        assert error["Code"] == "PreconditionFailed"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified_has_headers_and_no_body(region: LocalRegion, s3: Any, bucket: str, method: str) -> None:
    expires = datetime(2031, 1, 1, tzinfo=UTC)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=BODY, CacheControl="max-age=5", Expires=expires)["ETag"]
    whole = signed(region, method, f"/{bucket}/k").headers
    answer = signed(region, method, f"/{bucket}/k", {"if-none-match": etag})
    assert (answer.status, answer.body) == (304, b"")
    for name in ("etag", "last-modified", "cache-control", "expires"):
        assert answer.headers[name] == whole[name]
    assert "content-length" not in answer.headers
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("etag", ["0123", "", '"', "W/", ",", "*" * 1000])
def test_strange_entity_tags_match_nothing(region: LocalRegion, s3: Any, bucket: str, etag: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert signed(region, "GET", f"/{bucket}/k", {"if-none-match": etag}).status == 200


@pytest.mark.parametrize("value", ["yesterday", "0", "Thu, 99 Foo 2020 00:00:00 GMT"])
def test_a_date_that_is_none(region: LocalRegion, s3: Any, bucket: str, value: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert signed(region, "GET", f"/{bucket}/k", {"if-modified-since": value}).status in (200, 400)


# RFC 9110, section 14; "Amazon S3 doesn't support retrieving multiple ranges of data per GET request."
RANGES = [
    ("bytes=0-0", (0, 1)),
    ("bytes=0-4", (0, 5)),
    ("bytes=3-6", (3, 7)),
    ("bytes=9-9", (9, 10)),
    ("bytes=0-9", (0, 10)),
    ("bytes=0-10", (0, 10)),
    ("bytes=5-999999", (5, 10)),
    ("bytes=5-", (5, 10)),
    ("bytes=0-", (0, 10)),
    ("bytes=9-", (9, 10)),
    ("bytes=-1", (9, 10)),
    ("bytes=-10", (0, 10)),
    ("bytes=-11", (0, 10)),
    ("bytes=-999999", (0, 10)),
    ("bytes=000-001", (0, 2)),
    ("bytes=10-", 416),
    ("bytes=10-10", 416),
    ("bytes=999-1000", 416),
    ("bytes=-0", 416),
    ("bytes=5-4", None),
    ("bytes=0-1,3-4", None),
    ("bytes=", None),
    ("bytes=-", None),
    ("bytes=a-b", None),
    ("bytes=--1", None),
    ("bytes=1", None),
    ("bytes 0-1", None),
    ("items=0-1", None),
    ("0-1", None),
    ("bytes=0-" + "9" * 5000, None),
    ("bytes=\u0661-", None),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("header", "expected"), RANGES)
def test_ranges(
    region: LocalRegion, s3: Any, bucket: str, method: str, header: str, expected: tuple[int, int] | int | None
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    extra = {"range": header} if header.isascii() else {}
    answer = signed(region, method, f"/{bucket}/k", extra)
    if expected == 416:
        assert answer.status == 416
        if method == "GET":
            assert b"<Code>InvalidRange</Code>" in answer.body
            assert b"<ActualObjectSize>10</ActualObjectSize>" in answer.body
        return
    start, end = expected if isinstance(expected, tuple) else (0, 10)
    assert answer.status == (200 if expected is None else 206)
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers.get("content-range") == (None if expected is None else f"bytes {start}-{end - 1}/10")
    assert answer.body == (BODY[start:end] if method == "GET" else b"")


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-9"])
def test_no_range_of_an_empty_object_can_be_satisfied(s3: Any, bucket: str, header: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    error = refusal(s3.get_object, Bucket=bucket, Key="k", Range=header)
    assert (error["Code"], error["Status"]) == ("InvalidRange", 416)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (1, 65535), (65535, 65536), (65536, 65536), (99_999, 99_999), (5, 99_998)]
)
def test_ranges_of_a_file(s3: Any, bucket: str, start: int, end: int) -> None:
    body = pattern(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{end}")
    assert got["Body"].read() == body[start : end + 1]
    assert got["ContentRange"] == f"bytes {start}-{end}/100000"


def test_a_range_of_an_object_that_did_not_change_is_not_sent(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=BODY)["ETag"]
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=0-1", IfNoneMatch=etag)["Status"] == 304
    assert status(s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-1", IfMatch=etag)) == 206


@pytest.mark.parametrize("read", READS)
def test_a_whole_object_has_one_part(s3: Any, bucket: str, read: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    got = getattr(s3, read)(Bucket=bucket, Key="k", PartNumber=1)
    assert (status(got), got["ContentLength"], got["ContentRange"]) == (206, 10, "bytes 0-9/10")
    assert "PartsCount" not in got
    error = refusal(getattr(s3, read), Bucket=bucket, Key="k", PartNumber=2)
    assert error["Status"] == 416
    assert error["Code"] == ("InvalidPartNumber" if read == "get_object" else "416")


@pytest.mark.parametrize("number", ["0", "-1", "10001", "x", "", "1.5", "9" * 400])
def test_a_bad_part_number(region: LocalRegion, s3: Any, bucket: str, number: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert error_of(signed(region, "GET", f"/{bucket}/k?partNumber={number}")) == (400, "InvalidArgument")


def test_part_number_and_range_exclude_each_other(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert code(s3.get_object, Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-1") == "InvalidRequest"


def test_parts_of_a_multipart_object(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fogbank.services.s3.multipart_complete.SMALLEST_PART", 1)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    bodies = {2: pattern(10, 2), 5: pattern(FILE, 5), 9: pattern(3, 9)}
    parts = []
    for number, body in bodies.items():
        made = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": made["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    for position, body in enumerate(bodies.values(), start=1):
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=position)
        assert got["Body"].read() == body
        assert (status(got), got["PartsCount"], got["ContentLength"]) == (206, 3, len(body))
    assert code(s3.get_object, Bucket=bucket, Key="k", PartNumber=4) == "InvalidPartNumber"
    whole = b"".join(bodies.values())
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == whole
    for start, end in [(0, 9), (5, 15), (9, 10), (10, FILE + 9), (FILE + 8, FILE + 12), (3, FILE + 11)]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{end}")
        assert got["Body"].read() == whole[start : end + 1]


OVERRIDES = {
    "CacheControl": "no-cache",
    "ContentDisposition": 'attachment; filename="x.txt"',
    "ContentEncoding": "br",
    "ContentLanguage": "fr",
    "ContentType": "application/json",
}


@pytest.mark.parametrize("read", READS)
def test_response_headers_can_be_overridden(s3: Any, bucket: str, read: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ContentType="text/plain", CacheControl="public")
    sent = {f"Response{name}": value for name, value in OVERRIDES.items()}
    got = getattr(s3, read)(Bucket=bucket, Key="k", ResponseExpires=datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC), **sent)
    assert {name: got[name] for name in OVERRIDES} == OVERRIDES
    assert got["ExpiresString"] == "Mon, 03 Feb 2031 04:05:06 GMT"
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "text/plain"


@pytest.mark.parametrize("value", ["a%0D%0Ax-evil:%201", "a%0Ab", "%00"])
def test_an_override_cannot_make_headers(region: LocalRegion, s3: Any, bucket: str, value: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    answer = signed(region, "GET", f"/{bucket}/k?response-content-type={value}")
    assert "x-evil" not in answer.headers
    assert not any(character in answer.headers.get("content-type", "") for character in "\r\n\0")


@pytest.mark.parametrize("read", READS)
def test_the_version_of_an_unversioned_object_is_null(s3: Any, bucket: str, read: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    got = getattr(s3, read)(Bucket=bucket, Key="k", VersionId="null")
    assert (status(got), got.get("VersionId")) == (200, None)
    error = refusal(
        getattr(s3, read),
        Bucket=bucket,
        Key="k",
        VersionId="3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo",
    )
    assert error["Status"] == 400
    assert error["Code"] == ("InvalidArgument" if read == "get_object" else "400")


@pytest.mark.parametrize("query", ["torrent"])
def test_other_views_of_an_object_are_not_implemented(region: LocalRegion, s3: Any, bucket: str, query: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert error_of(signed(region, "GET", f"/{bucket}/k?{query}")) == (501, "NotImplemented")


def test_reading_for_another_owner(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert code(s3.get_object, Bucket=bucket, Key="k", ExpectedBucketOwner="111122223333") == "AccessDenied"


def test_an_anonymous_caller_is_told_nothing(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    for path in (f"/{bucket}/k", f"/{bucket}/nothing"):
        assert error_of(region.raw("GET", path)) == (403, "AccessDenied")
    assert region.raw("HEAD", f"/{bucket}/k").body == b""


@pytest.mark.parametrize("version", [None, "s3v4", "s3"])  # None: what boto3 does by itself
def test_a_presigned_url_reads(region: LocalRegion, s3: Any, bucket: str, version: str | None) -> None:
    s3.put_object(Bucket=bucket, Key="a b+c", Body=BODY)
    url = region.client("s3", signature_version=version).generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "a b+c", "ResponseContentType": "text/x"}, ExpiresIn=60
    )
    path = url.removeprefix("http://localhost:4566")
    answer = region.raw("GET", path)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, BODY, "text/x")
    region.advance(seconds=120)
    assert error_of(region.raw("GET", path)) == (403, "AccessDenied")


def test_headers_of_get_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    got = headers(s3.get_object(Bucket=bucket, Key="k"))
    assert got["content-length"] == "10"
    assert got["last-modified"].endswith(" GMT")
    assert got["etag"].startswith('"')
    assert got["x-amz-checksum-type"] == "FULL_OBJECT"
