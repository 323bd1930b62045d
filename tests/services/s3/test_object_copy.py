"""CopyObject."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.services.s3.records import objects
from services.helpers import ALGORITHMS, FILE, checksum, code, dev, error_of, kept, member, pattern, refusal, signed

if TYPE_CHECKING:
    from support.region import LocalRegion

HEADERS = {"ContentType": "text/plain", "CacheControl": "no-store", "ContentLanguage": "de"}
COPY = {"CopySource": {"Bucket": "bucket", "Key": "from"}, "Bucket": "bucket", "Key": "to"}


@pytest.fixture
def source(s3: Any, bucket: str) -> str:
    """The key of an object to copy."""
    s3.put_object(Bucket=bucket, Key="from", Body=b"content", Metadata={"a": "b"}, **HEADERS)
    return "from"


@pytest.mark.parametrize("size", [0, 7, FILE, 300_000])
def test_copy_object(region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
    put = s3.put_object(Bucket=bucket, Key="from", Body=pattern(size), Metadata={"a": "b"}, **HEADERS)
    region.advance(minutes=1)
    made = s3.copy_object(**COPY)["CopyObjectResult"]
    assert made["ETag"] == put["ETag"]
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == pattern(size)
    assert got["LastModified"] == made["LastModified"] > s3.head_object(Bucket=bucket, Key="from")["LastModified"]
    assert got["Metadata"] == {"a": "b"}
    assert {name: got[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(("size", "after_put", "after_copy"), [(7, (1, []), (2, [])), (FILE, (0, [1]), (0, [2]))])
def test_bytes_are_shared_and_freed_in_the_end(
    region: LocalRegion, s3: Any, bucket: str, size: int, after_put: Any, after_copy: Any
) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(size))
    assert kept(region) == after_put
    s3.copy_object(**COPY)
    assert kept(region) == after_copy
    s3.delete_object(Bucket=bucket, Key="from")
    assert kept(region) == after_put
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == pattern(size)
    s3.copy_object(**COPY | {"CopySource": f"{bucket}/to", "Key": "third"})
    s3.delete_object(Bucket=bucket, Key="to")
    assert s3.get_object(Bucket=bucket, Key="third")["Body"].read() == pattern(size)
    s3.delete_object(Bucket=bucket, Key="third")
    assert kept(region) == (0, [])


def test_a_copy_of_a_copy_of_a_file_in_many_buckets(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(FILE))
    for index in range(5):
        s3.create_bucket(Bucket=f"other-{index}")
        s3.copy_object(Bucket=f"other-{index}", Key="k", CopySource=f"{bucket}/k")
    assert kept(region) == (0, [6])
    s3.put_object(Bucket="other-0", Key="k", Body=b"small")
    assert kept(region) == (1, [5])


@pytest.mark.parametrize(
    ("options", "content_type", "metadata"),
    [
        ({}, "text/plain", {"a": "b"}),
        ({"MetadataDirective": "COPY"}, "text/plain", {"a": "b"}),
        ({"Metadata": {"c": "d"}, "ContentType": "x/y"}, "text/plain", {"a": "b"}),
        ({"MetadataDirective": "REPLACE"}, "binary/octet-stream", {}),
        ({"MetadataDirective": "REPLACE", "Metadata": {"c": "d"}}, "binary/octet-stream", {"c": "d"}),
        ({"MetadataDirective": "REPLACE", "ContentType": "x/y"}, "x/y", {}),
    ],
)
def test_metadata_directives(
    s3: Any, bucket: str, source: str, options: dict[str, Any], content_type: str, metadata: dict[str, str]
) -> None:
    s3.copy_object(**COPY, **options)
    got = s3.head_object(Bucket=bucket, Key="to")
    assert (got["ContentType"], got["Metadata"]) == (content_type, metadata)
    assert ("CacheControl" in got) == (options.get("MetadataDirective") != "REPLACE")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"MetadataDirective": "MERGE"}, "InvalidArgument"),
        ({"MetadataDirective": "REPLACE", "Metadata": {"k": "v" * 3000}}, "MetadataTooLarge"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"StorageClass": "COLD"}, "InvalidStorageClass"),
        ({"TaggingDirective": "MERGE"}, "InvalidArgument"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "NotImplemented"),
        ({"Key": "k" * 1025}, "KeyTooLongError"),
        ({"ExpectedBucketOwner": "111122223333"}, "AccessDenied"),
        ({"ExpectedSourceBucketOwner": "111122223333"}, "AccessDenied"),
        ({"Bucket": "nowhere"}, "NoSuchBucket"),
        ({"CopySource": "nowhere/from"}, "NoSuchBucket"),
        ({"CopySource": "bucket/nothing"}, "NoSuchKey"),
        ({"CopySource": "bucket/from?versionId=other"}, "InvalidArgument"),
        ({"CopySource": "bucket"}, "InvalidArgument"),
        ({"CopySource": "bucket/"}, "InvalidArgument"),
        ({"CopySource": "/"}, "InvalidArgument"),
        ({"CopySource": "//from"}, "InvalidArgument"),
        ({"CopySource": "arn:aws:s3:us-east-1:123456789012:accesspoint/a/object/from"}, "NotImplemented"),
    ],
)
def test_what_is_refused(s3: Any, source: str, options: dict[str, Any], error: str) -> None:
    assert code(s3.copy_object, **COPY | options) == error


@pytest.mark.parametrize("source_header", ["bucket/%00", "bucket/a%00b", "bucket/%FF", "bucket/" + "k" * 2000])
def test_a_source_that_cannot_be(region: LocalRegion, bucket: str, source_header: str) -> None:
    answer = signed(region, "PUT", f"/{bucket}/to", {"x-amz-copy-source": source_header})
    assert error_of(answer)[0] in (400, 404)


@pytest.mark.parametrize(
    "key",
    [
        "ü/日本",
        "a b",
        "a+b",
        "a%20b",
        "%2F",
        "a?b",
        "a?versionId=c",
        "a&b=c",
        "//",
        "..",
        "😀",
        "a#b",
        "k" * 1024,
        "n\nl",
    ],
)
def test_keys_of_sources(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.copy_object(**COPY | {"CopySource": {"Bucket": bucket, "Key": key}})
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == key.encode()


@pytest.mark.parametrize(
    "header", ["/bucket/a b", "bucket/a%20b", "%2Fbucket%2Fa%20b", "bucket%2Fa%20b", "/bucket/a%20b?versionId=null"]
)
def test_forms_of_the_source_header(region: LocalRegion, s3: Any, bucket: str, header: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=b"content")
    assert signed(region, "PUT", f"/{bucket}/to", {"x-amz-copy-source": header}).status == 200
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"content"


def test_a_copy_to_itself_must_change_something(s3: Any, bucket: str, source: str) -> None:
    same = COPY | {"Key": "from"}
    error = refusal(s3.copy_object, **same)
    assert (error["Code"], error["Status"]) == ("InvalidRequest", 400)
    assert code(s3.copy_object, **same, Metadata={"new": "1"}) == "InvalidRequest"


@pytest.mark.parametrize("size", [0, 7, FILE])
@pytest.mark.parametrize(
    "options", [{"MetadataDirective": "REPLACE", "Metadata": {"new": "1"}}, {"StorageClass": "STANDARD_IA"}]
)
def test_a_copy_to_itself_changes_its_description(
    region: LocalRegion, s3: Any, bucket: str, size: int, options: dict[str, Any]
) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(size))
    before = kept(region)
    s3.copy_object(**COPY | {"Key": "from"}, **options)
    got = s3.get_object(Bucket=bucket, Key="from")
    assert got["Body"].read() == pattern(size)
    assert got["Metadata"] == options.get("Metadata", {})
    assert got.get("StorageClass") == options.get("StorageClass")
    assert kept(region) == before


def test_a_copy_has_the_standard_class_unless_another_is_named(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", StorageClass="STANDARD_IA")
    s3.copy_object(**COPY)
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="to")


# "Both conditions": API Reference, CopyObject, x-amz-copy-source-if-*
@pytest.mark.parametrize(
    ("conditions", "good"),
    [
        ({"IfMatch": "="}, True),
        ({"IfMatch": "!"}, False),
        ({"IfNoneMatch": "!"}, True),
        ({"IfNoneMatch": "="}, False),
        ({"IfModifiedSince": "before"}, True),
        ({"IfModifiedSince": "at"}, False),
        ({"IfUnmodifiedSince": "at"}, True),
        ({"IfUnmodifiedSince": "before"}, False),
        ({"IfMatch": "=", "IfUnmodifiedSince": "before"}, True),
        ({"IfNoneMatch": "=", "IfModifiedSince": "before"}, False),
    ],
)
def test_conditions_on_the_source(s3: Any, bucket: str, source: str, conditions: dict[str, str], good: bool) -> None:
    head = s3.head_object(Bucket=bucket, Key=source)
    values = {
        "=": head["ETag"],
        "!": '"0123"',
        "at": head["LastModified"],
        "before": head["LastModified"] - timedelta(hours=1),
    }
    sent = {f"CopySource{name}": values[value] for name, value in conditions.items()}
    if good:
        s3.copy_object(**COPY, **sent)
    else:
        error = refusal(s3.copy_object, **COPY, **sent)
        assert (error["Code"], error["Status"]) == ("PreconditionFailed", 412)
        assert code(s3.head_object, Bucket=bucket, Key="to") == "404"


def test_conditions_on_the_destination(s3: Any, bucket: str, source: str) -> None:
    s3.copy_object(**COPY, IfNoneMatch="*")
    assert code(s3.copy_object, **COPY, IfNoneMatch="*") == "PreconditionFailed"
    etag = s3.put_object(Bucket=bucket, Key="to", Body=b"other")["ETag"]
    assert code(s3.copy_object, **COPY, IfMatch='"0123"') == "PreconditionFailed"
    s3.copy_object(**COPY, IfMatch=etag)
    assert code(s3.copy_object, **COPY | {"Key": "new"}, IfMatch=etag) == "NoSuchKey"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_copy_keeps_the_checksum(s3: Any, bucket: str, algorithm: str) -> None:
    value = checksum(algorithm, b"content")
    s3.put_object(Bucket=bucket, Key="from", Body=b"content", **{member(algorithm): value})
    made = s3.copy_object(**COPY)["CopyObjectResult"]
    assert (made[member(algorithm)], made["ChecksumType"]) == (value, "FULL_OBJECT")
    assert s3.head_object(Bucket=bucket, Key="to", ChecksumMode="ENABLED")[member(algorithm)] == value


@pytest.mark.parametrize(("size", "good"), [(5 * 1024**3, True), (5 * 1024**3 + 1, False)])
def test_5_gib_can_be_copied_at_once(region: LocalRegion, s3: Any, bucket: str, size: int, good: bool) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(FILE))

    def grow(tx: Any) -> None:
        found = objects.get(tx, bucket, "from")
        assert found is not None
        objects.put(tx, msgspec.structs.replace(found, size=size), bucket, "from")

    region.run(region.region.store.write(grow))
    if good:
        s3.copy_object(**COPY)
    else:
        assert code(s3.copy_object, **COPY) == "InvalidRequest"


def test_a_copy_into_another_region_s_bucket_comes_from_there(region: LocalRegion, s3: Any, source: str) -> None:
    europe = region.client("s3", region="eu-west-1")
    europe.create_bucket(Bucket="europe", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    europe.copy_object(Bucket="europe", Key="to", CopySource=f"bucket/{source}")
    assert europe.get_object(Bucket="europe", Key="to")["Body"].read() == b"content"


def test_a_copy_needs_permission_on_its_source(region: LocalRegion, s3: Any, bucket: str, source: str) -> None:
    other = dev(region, "111122223333")
    other.create_bucket(Bucket="theirs")
    other.put_object(Bucket="theirs", Key="k", Body=b"theirs")
    assert code(other.copy_object, Bucket="theirs", Key="stolen", CopySource=f"{bucket}/{source}") == "AccessDenied"
    assert code(other.copy_object, Bucket=bucket, Key="planted", CopySource="theirs/k") == "AccessDenied"
    assert code(s3.copy_object, Bucket=bucket, Key="stolen", CopySource="theirs/k") == "AccessDenied"
    assert code(s3.copy_object, Bucket=bucket, Key="stolen", CopySource="theirs/nothing") == "AccessDenied"
