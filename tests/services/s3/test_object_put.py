"""PutObject."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import (
    ALGORITHMS,
    FILE,
    allow,
    checksum,
    code,
    error_of,
    headers,
    kept,
    member,
    over_tls,
    pattern,
    permit,
    refusal,
    signed,
    target,
    user_client,
)
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

EXPIRES = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SYSTEM = {
    "CacheControl": "max-age=60, public",
    "ContentDisposition": 'attachment; filename="a b.txt"',
    "ContentEncoding": "gzip",
    "ContentLanguage": "de-DE, en",
    "ContentType": "text/plain; charset=utf-8",
}


def test_put_object_is_read_back(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="a/b", Body=b"hello", ContentType="text/plain", Metadata={"owner": "me"})
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    got = s3.get_object(Bucket=bucket, Key="a/b")
    assert got["Body"].read() == b"hello"
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/plain", {"owner": "me"}, put["ETag"])


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3 << 20])
def test_put_object_of_any_size(s3: Any, bucket: str, size: int) -> None:
    body = pattern(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert got["ContentLength"] == size
    assert put["ETag"] == got["ETag"] == f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def test_system_headers_come_back(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=EXPIRES, **SYSTEM)
    for read in (s3.get_object, s3.head_object):
        got = read(Bucket=bucket, Key="k")
        assert {name: got[name] for name in SYSTEM} == SYSTEM
        assert got["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"


@pytest.mark.parametrize(
    ("sent", "kept_as"),
    [
        ("aws-chunked", None),
        ("gzip", "gzip"),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("aws-chunked, gzip, br", "gzip,br"),
    ],
)
def test_aws_chunked_is_no_encoding_of_the_object(s3: Any, bucket: str, sent: str, kept_as: str | None) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentEncoding=sent)
    assert s3.head_object(Bucket=bucket, Key="k").get("ContentEncoding") == kept_as


def test_the_default_content_type(region: LocalRegion, bucket: str, s3: Any) -> None:
    assert signed(region, "PUT", f"/{bucket}/k", body=b"x").status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "binary/octet-stream"


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": "1"},
        {"a": ""},
        {"with-dash": "with spaces inside", "under_score": "a=b;c"},
        {"utf": "=?UTF-8?B?w7w=?="},
        {"n" * 100: "v" * 1900},
    ],
)
def test_user_metadata_comes_back(s3: Any, bucket: str, metadata: dict[str, str]) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata)
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == metadata
    assert s3.get_object(Bucket=bucket, Key="k")["Metadata"] == metadata


def test_names_of_metadata_are_in_lower_case(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Metadata={"CamelCase": "Value"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"camelcase": "Value"}


@pytest.mark.parametrize(("size", "good"), [(2047, True), (2048, True), (2049, False), (7000, False)])
def test_metadata_over_2_kb(s3: Any, bucket: str, size: int, good: bool) -> None:
    metadata = {"k": "v" * (size - 1)}
    if good:
        s3.put_object(Bucket=bucket, Key="k", Metadata=metadata)
    else:
        error = refusal(s3.put_object, Bucket=bucket, Key="k", Metadata=metadata)
        assert (error["Code"], error["Status"]) == ("MetadataTooLarge", 400)
        assert (error["Size"], error["MaxSizeAllowed"]) == (str(size), "2048")


@pytest.mark.parametrize("size", [5, FILE])
def test_put_object_checks_content_md5(region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
    body = pattern(size)
    s3.put_object(Bucket=bucket, Key="good", Body=body, ContentMD5=checksum("MD5", body))
    before = kept(region)
    error = refusal(s3.put_object, Bucket=bucket, Key="bad", Body=body, ContentMD5=checksum("MD5", b"other"))
    assert (error["Code"], error["Status"]) == ("BadDigest", 400)
    assert code(s3.head_object, Bucket=bucket, Key="bad") == "404"
    assert kept(region) == before


@pytest.mark.parametrize("value", ["nonsense", "YWJj", "!!!!", b64encode(bytes(17)).decode(), "d41d8cd98f00b204"])
def test_put_object_refuses_an_invalid_content_md5(s3: Any, bucket: str, value: str) -> None:
    error = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5=value)
    assert (error["Code"], error["Status"]) == ("InvalidDigest", 400)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [0, 9, FILE])
def test_put_object_with_a_checksum(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    body = pattern(size)
    value = checksum(algorithm, body)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, **{member(algorithm): value})
    assert (put[member(algorithm)], put["ChecksumType"]) == (value, "FULL_OBJECT")
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[member(algorithm)], got["ChecksumType"]) == (value, "FULL_OBJECT")
    assert member(algorithm) not in s3.head_object(Bucket=bucket, Key="k")
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [9, FILE])
def test_a_wrong_checksum_stores_nothing(region: LocalRegion, s3: Any, bucket: str, algorithm: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    wrong = {member(algorithm): checksum(algorithm, b"other")}
    error = refusal(s3.put_object, Bucket=bucket, Key="k", Body=pattern(size), **wrong)
    assert (error["Code"], error["Status"]) == ("BadDigest", 400)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"before"
    assert kept(region) == (1, [])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("value", ["nonsense", "AAA", "=", b64encode(bytes(3)).decode()])
def test_an_invalid_checksum(s3: Any, bucket: str, algorithm: str, value: str) -> None:
    error = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **{member(algorithm): value})
    assert (error["Code"], error["Status"]) == ("InvalidRequest", 400)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size", [0, 9, FILE])
def test_boto3_computes_checksums_itself(
    region: LocalRegion, bucket: str, algorithm: str, tls: bool, size: int
) -> None:
    client = over_tls(region) if tls else region.client("s3")
    body = pattern(size)
    put = client.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    assert put[member(algorithm)] == checksum(algorithm, body)
    got = client.get_object(Bucket=bucket, Key="k")  # boto3 asks for the checksum, and checks it
    assert got["Body"].read() == body
    assert got[member(algorithm)] == checksum(algorithm, body)
    assert got.get("ContentEncoding") is None


@pytest.mark.parametrize("tls", [False, True])
def test_boto3s_default_is_crc32(region: LocalRegion, bucket: str, tls: bool) -> None:
    client = over_tls(region) if tls else region.client("s3")
    assert client.put_object(Bucket=bucket, Key="k", Body=b"abc")["ChecksumCRC32"] == checksum("CRC32", b"abc")


def test_an_upload_without_a_checksum_gets_crc64nvme(region: LocalRegion, bucket: str) -> None:
    client = region.client("s3", request_checksum_calculation="when_required")
    put = client.put_object(Bucket=bucket, Key="k", Body=b"abc")
    assert (put["ChecksumCRC64NVME"], put["ChecksumType"]) == (checksum("CRC64NVME", b"abc"), "FULL_OBJECT")


def chunked(body: bytes, trailer: str = "") -> bytes:
    """A body in the frames of aws-chunked, unsigned, with a trailer."""
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n" + trailer.encode() + b"\r\n"


def put_with_trailer(region: LocalRegion, bucket: str, name: str, value: str, body: bytes) -> tuple[int, str]:
    """PUT with a trailer, as SDKs do over TLS; its status and error code."""
    sent = chunked(body, f"{name}:{value}\r\n")
    extra = {"x-amz-trailer": name, "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body))}
    answer = signed(region, "PUT", f"/{bucket}/k", extra, sent, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    return (answer.status, "") if answer.status == 200 else error_of(answer)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_in_a_trailer(region: LocalRegion, s3: Any, bucket: str, algorithm: str) -> None:
    name, body = f"x-amz-checksum-{algorithm.lower()}", pattern(100)
    good = put_with_trailer(region, bucket, name, checksum(algorithm, body), body)
    assert good == (200, "")
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[member(algorithm)], got["ContentLength"]) == (checksum(algorithm, body), 100)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_in_a_trailer(region: LocalRegion, s3: Any, bucket: str, algorithm: str) -> None:
    name, body = f"x-amz-checksum-{algorithm.lower()}", pattern(100)
    assert put_with_trailer(region, bucket, name, checksum(algorithm, b"no"), body) == (400, "BadDigest")
    assert code(s3.head_object, Bucket=bucket, Key="k") == "404"
    assert kept(region) == (0, [])


def test_two_checksums_are_one_too_many(s3: Any, bucket: str) -> None:
    both = {member(name): checksum(name, b"x") for name in ("SHA1", "SHA256")}
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **both) == "InvalidRequest"


def test_a_named_algorithm_without_a_value(region: LocalRegion, bucket: str) -> None:
    extra = {"x-amz-sdk-checksum-algorithm": "SHA256"}
    assert error_of(signed(region, "PUT", f"/{bucket}/k", extra, b"x")) == (400, "InvalidRequest")


@pytest.mark.parametrize("name", ["SHA3", "crc99", "sha-256"])
def test_an_unknown_algorithm(region: LocalRegion, bucket: str, name: str) -> None:
    extra = {"x-amz-sdk-checksum-algorithm": name}
    assert error_of(signed(region, "PUT", f"/{bucket}/k", extra, b"x")) == (400, "InvalidRequest")


# Conditional writes: S3 User Guide, "How to prevent object overwrites with conditional writes"
@pytest.mark.parametrize(
    ("there", "condition", "outcome"),
    [
        (False, {"IfNoneMatch": "*"}, None),
        (True, {"IfNoneMatch": "*"}, ("PreconditionFailed", 412)),
        (True, {"IfMatch": "etag"}, None),
        (True, {"IfMatch": '"etag"'}, None),
        (True, {"IfMatch": "*"}, None),
        (True, {"IfMatch": '"0000"'}, ("PreconditionFailed", 412)),
        (False, {"IfMatch": '"etag"'}, ("NoSuchKey", 404)),
        (True, {"IfNoneMatch": '"etag"'}, ("NotImplemented", 501)),
    ],
)
@pytest.mark.parametrize("size", [5, FILE])
def test_conditional_writes(
    region: LocalRegion,
    s3: Any,
    bucket: str,
    there: bool,
    condition: dict[str, str],
    outcome: tuple[str, int] | None,
    size: int,
) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"].strip('"') if there else ""
    sent = {name: value.replace("etag", etag) for name, value in condition.items()}
    if outcome is None:
        s3.put_object(Bucket=bucket, Key="k", Body=pattern(size), **sent)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == pattern(size)
        return
    error = refusal(s3.put_object, Bucket=bucket, Key="k", Body=pattern(size), **sent)
    assert (error["Code"], error["Status"]) == outcome
    assert kept(region) == (int(there), [])


KEYS = [
    "plain",
    "with space",
    "a+b",
    "100%",
    "%41",
    "%2F",
    "a%2Fb",
    "a//b",
    "/leading",
    "//",
    "/",
    "trailing/",
    "..",
    ".",
    "../x",
    "a/../b",
    "./a",
    "a/./b",
    "a/..",
    "?query",
    "a&b=c",
    "#fragment",
    "a;b",
    "a:b",
    "a,b",
    "a'b\"c",
    "<xml>&amp;",
    "a\\b",
    "~tilde",
    "*star*",
    "(paren)",
    "!@$^=`{}[]|",
    "ünïcödé",
    "日本語/キー",
    "😀/🎉",
    "e\u0301",
    "\u00e9",
    "\u200bzero width",
    "\u202ebidi",
    "new\nline",
    "tab\tand\rreturn",
    "\x01\x1f\x7f",
    "\u0080\u009f",
    "\uffff",
    "\ufffe",
    " leading and trailing ",
    "a" * 1024,
    "ü" * 512,
    "😀" * 256,
    "x/" * 512,
    "uploads",
    "soap",
]


@pytest.mark.parametrize("key", KEYS)
def test_any_key(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(key.encode())
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_keys_that_look_alike_are_different(s3: Any, bucket: str) -> None:
    keys = ["a", "A", "a/", "/a", "a//", "./a", "e\u0301", "\u00e9", "a+b", "a b", "a%20b", "a%2Bb"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys} == {
        key: key.encode() for key in keys
    }


@pytest.mark.parametrize("key", ["a" * 1025, "ü" * 513, "😀" * 257, "a" * 5000])
def test_a_key_that_is_too_long(s3: Any, bucket: str, key: str) -> None:
    error = refusal(s3.put_object, Bucket=bucket, Key=key, Body=b"x")
    assert (error["Code"], error["Status"], error["MaxSizeAllowed"]) == ("KeyTooLongError", 400, "1024")


@pytest.mark.parametrize("path", ["a%00b", "%00", "a%EF%BF%BDb"])
def test_a_key_that_no_client_can_mean(region: LocalRegion, bucket: str, path: str) -> None:
    assert error_of(signed(region, "PUT", f"/{bucket}/{path}", body=b"x")) == (400, "InvalidURI")


@pytest.mark.parametrize("path", ["%FF", "%C3", "%ED%A0%80", "a%C0%AFb"])
def test_a_key_that_is_not_utf_8(region: LocalRegion, s3: Any, bucket: str, path: str) -> None:
    # The server decodes paths before we see them, so that such a one is not what was signed, either.
    assert error_of(signed(region, "PUT", f"/{bucket}/{path}", body=b"x"))[0] in (400, 403)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("name", ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY"])
def test_storage_classes(s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=name)
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == name
    # "Amazon S3 returns this header for all objects except for S3 Standard storage class objects."
    assert s3.head_object(Bucket=bucket, Key="k").get("StorageClass") == (None if name == "STANDARD" else name)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("COLD", "InvalidStorageClass"),
        ("standard", "InvalidStorageClass"),
    ],
)
def test_storage_classes_that_are_refused(s3: Any, bucket: str, name: str, error: str) -> None:
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", StorageClass=name) == error


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"ACL": "private"}, "AccessControlListNotSupported"),
        ({"ACL": "bucket-owner-full-control"}, None),
        ({"ACL": "authenticated-read"}, "AccessControlListNotSupported"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "NotImplemented"),
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}, "AccessDenied"),
        ({"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": EXPIRES}, "InvalidRequest"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "InvalidRequest"),
        ({"WriteOffsetBytes": 0}, "NotImplemented"),
        ({"RequestPayer": "requester"}, None),
    ],
)
def test_options(region: LocalRegion, bucket: str, options: dict[str, Any], error: str | None) -> None:
    client = over_tls(region)
    if error is None:
        client.put_object(Bucket=bucket, Key="k", Body=b"x", **options)
    else:
        assert code(client.put_object, Bucket=bucket, Key="k", Body=b"x", **options) == error
        assert code(client.head_object, Bucket=bucket, Key="k") == "404"


def test_an_upload_that_would_be_too_large_is_refused_before_it_is_sent(region: LocalRegion, bucket: str) -> None:
    answer = signed(region, "PUT", f"/{bucket}/k", {"content-length": str(5 * 1024**3 + 1)})
    assert error_of(answer) == (400, "EntityTooLarge")
    assert b"<MaxSizeAllowed>5368709120</MaxSizeAllowed>" in answer.body


def test_a_body_that_ends_early_is_not_kept(region: LocalRegion, s3: Any, bucket: str) -> None:
    answer = signed(region, "PUT", f"/{bucket}/k", {"content-length": "10"}, b"short")
    assert error_of(answer) == (400, "IncompleteBody")
    assert code(s3.head_object, Bucket=bucket, Key="k") == "404"


@pytest.mark.parametrize("sizes", [(5, 6), (5, FILE), (FILE, 5), (FILE, FILE), (0, 5), (FILE, 0)])
def test_an_overwritten_object_frees_its_bytes(
    region: LocalRegion, s3: Any, bucket: str, sizes: tuple[int, int]
) -> None:
    for size in sizes:
        s3.put_object(Bucket=bucket, Key="k", Body=pattern(size))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == pattern(sizes[1])
    assert kept(region) == (int(0 < sizes[1] < FILE), [1] if sizes[1] == FILE else [])


def test_put_object_into_no_bucket(s3: Any) -> None:
    error = refusal(s3.put_object, Bucket="nowhere", Key="k", Body=b"x")
    assert (error["Code"], error["Status"], error["BucketName"]) == ("NoSuchBucket", 404, "nowhere")


def test_put_object_for_another_owner(s3: Any, bucket: str) -> None:
    assert code(s3.put_object, Bucket=bucket, Key="k", ExpectedBucketOwner="111122223333") == "AccessDenied"


def test_the_answer_has_ids_and_no_body(region: LocalRegion, s3: Any, bucket: str) -> None:
    got = headers(s3.put_object(Bucket=bucket, Key="k", Body=b"x"))
    assert got["x-amz-request-id"]
    assert got["x-amz-id-2"]
    assert signed(region, "PUT", target(bucket, "k"), body=b"x").body == b""


def test_last_modified_is_the_regions_time(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    first = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    region.advance(minutes=10)
    s3.put_object(Bucket=bucket, Key="k")
    assert 600 <= (s3.head_object(Bucket=bucket, Key="k")["LastModified"] - first).total_seconds() <= 660


def test_a_condition_on_the_etag_takes_the_right_to_read_it(region: LocalRegion, s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    ann = user_client(region, "s3")
    permit(region, allow("s3:PutObject"))
    where = start(ann, bucket)
    parts = upload(ann, where, {1: b"x"})
    assert code(ann.put_object, Bucket=bucket, Key="k", Body=b"y", IfMatch=etag) == "AccessDenied"
    assert code(complete, s3=ann, where=where, parts=parts, IfMatch=etag) == "AccessDenied"
    permit(region, allow(["s3:PutObject", "s3:GetObject"]))
    ann.put_object(Bucket=bucket, Key="k", Body=b"x", IfMatch=etag)
    complete(ann, where, parts, IfMatch=etag)
