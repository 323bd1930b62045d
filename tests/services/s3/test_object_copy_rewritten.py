"""CopyObject where the copy is not what its source is: encryption, parts, checksums, tags, versions."""

from __future__ import annotations

import hashlib
from itertools import cycle
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.services.s3 import object_copy
from fogbank.services.s3.records import objects
from services.helpers import (
    ALGORITHMS,
    FILE,
    allow,
    checksum,
    code,
    kept,
    member,
    pattern,
    permit,
    refusal,
    user_client,
)  # fmt: skip
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

KMS = {"ServerSideEncryption": "aws:kms"}
PART = 5 << 20


def md5(data: bytes) -> str:
    """The ETag of plain bytes."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


@pytest.fixture
def key(region: LocalRegion) -> str:
    """The ARN of a KMS key."""
    return str(region.client("kms").create_key()["KeyMetadata"]["Arn"])


# --- encryption


@pytest.mark.parametrize("size", [0, 5, FILE, 300_000])
@pytest.mark.parametrize("before", [{}, KMS])
@pytest.mark.parametrize("after", [{}, KMS])
def test_encryption_is_the_copys_own(s3: Any, bucket: str, size: int, before: Any, after: Any) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(size), **before)
    made = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", **after)
    assert made["ServerSideEncryption"] == after.get("ServerSideEncryption", "AES256")
    s3.delete_object(Bucket=bucket, Key="from")
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == pattern(size)
    assert got["ServerSideEncryption"] == made["ServerSideEncryption"]
    assert (got["ETag"] == md5(pattern(size))) == (not after)


@pytest.mark.parametrize(
    ("before", "after", "files"), [({}, {}, [2]), (KMS, KMS, [2]), ({}, KMS, [1, 1]), (KMS, {}, [1, 1])]
)
def test_bytes_are_shared_where_the_etag_can_stay(
    region: LocalRegion, s3: Any, bucket: str, before: Any, after: Any, files: list[int]
) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(FILE), **before)
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", **after)
    assert kept(region) == (0, files)


def test_who_reads_a_copy_needs_its_key_alone(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    kms = region.client("kms")
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", SSEKMSKeyId=key, **KMS)
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", **KMS)
    kms.disable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"x"
    assert code(s3.copy_object, Bucket=bucket, Key="again", CopySource=f"{bucket}/from") == "KMS.DisabledException"


@pytest.mark.parametrize(
    ("allowed", "error"), [("kms:Decrypt", "AccessDenied"), ("kms:GenerateDataKey", "AccessDenied"), ("kms:*", None)]
)
def test_a_copy_needs_both_keys(
    region: LocalRegion, s3: Any, bucket: str, key: str, allowed: str, error: str | None
) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", SSEKMSKeyId=key, **KMS)
    ann = user_client(region, "s3")
    permit(region, allow(["s3:*", allowed]))
    copy = {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from", "SSEKMSKeyId": key, **KMS}
    if error:
        assert code(ann.copy_object, **copy) == error
    else:
        ann.copy_object(**copy)


@pytest.mark.parametrize(
    "given", [{"ServerSideEncryption": "AES256"}, KMS, {"ChecksumAlgorithm": "SHA1"}, {"StorageClass": "STANDARD_IA"}]
)
def test_an_object_is_copied_to_itself_to_change_it(s3: Any, bucket: str, given: dict[str, str]) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(FILE), Metadata={"a": "b"})
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", **given)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["Metadata"]) == (pattern(FILE), {"a": "b"})
    assert got["ServerSideEncryption"] == given.get("ServerSideEncryption", "AES256")


@pytest.mark.usefixtures("damaged")
def test_what_an_earlier_release_kept_in_clear_is_encrypted_by_a_copy(
    region: LocalRegion, s3: Any, bucket: str
) -> None:
    """An object without encryption stays readable, and is copied like any other."""
    data = b"kept in clear " * 10

    def plain(tx: Any) -> None:
        found = objects.get(tx, bucket, "old")
        assert found is not None
        segment = msgspec.structs.replace(found.segments[0], inline=tx.put_bytes(data), nonce=b"")
        objects.put(tx, msgspec.structs.replace(found, segments=(segment,), encryption=None), bucket, "old")

    s3.put_object(Bucket=bucket, Key="old", Body=data)
    region.run(region.region.store.write(plain))
    got = s3.get_object(Bucket=bucket, Key="old")
    assert (got["Body"].read(), "ServerSideEncryption" in got) == (data, False)
    assert s3.get_object(Bucket=bucket, Key="old", Range="bytes=5-6")["Body"].read() == data[5:7]
    made = s3.copy_object(Bucket=bucket, Key="old", CopySource=f"{bucket}/old", MetadataDirective="REPLACE")
    assert made["ServerSideEncryption"] == "AES256"
    assert s3.get_object(Bucket=bucket, Key="old")["Body"].read() == data


# --- parts and checksums


@pytest.mark.parametrize("options", [{}, {"ChecksumAlgorithm": "SHA256"}, {"ChecksumAlgorithm": "CRC32"}])
def test_an_object_of_parts_becomes_one(s3: Any, bucket: str, options: dict[str, str]) -> None:
    where = start(s3, bucket, "from", **options)
    complete(s3, where, upload(s3, where, {1: pattern(PART), 2: b"end"}, **options))
    whole = pattern(PART) + b"end"
    result = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")["CopyObjectResult"]
    algorithm = options.get("ChecksumAlgorithm", "CRC64NVME")
    assert result["ETag"] == md5(whole)
    assert (result[member(algorithm)], result["ChecksumType"]) == (checksum(algorithm, whole), "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="to", PartNumber=1)
    assert (head["ContentLength"], "PartsCount" in head) == (len(whole), False)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [5, FILE])
def test_another_checksum(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(size), ChecksumAlgorithm="CRC32")
    made = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="to", ChecksumMode="ENABLED")
    assert made["CopyObjectResult"][member(algorithm)] == got[member(algorithm)] == checksum(algorithm, pattern(size))
    assert got["Body"].read() == pattern(size)


def test_the_sources_checksum_stays(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"content", ChecksumSHA1=checksum("SHA1", b"content"))
    result = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")["CopyObjectResult"]
    assert result["ChecksumSHA1"] == checksum("SHA1", b"content")


# --- versions and tags


def test_a_version_is_copied_and_told(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"second")["VersionId"]
    made = s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": first})
    assert made["CopySourceVersionId"] == first
    assert made["VersionId"] not in (first, second)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    assert s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/k")["CopySourceVersionId"] == made["VersionId"]


def test_a_delete_marker_is_no_source(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    assert code(s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/k") == "NoSuchKey"
    source = {"Bucket": bucket, "Key": "k", "VersionId": marker}
    assert refusal(s3.copy_object, Bucket=bucket, Key="to", CopySource=source)["Status"] in (400, 405)


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ({}, {"a": "1"}),
        ({"TaggingDirective": "COPY"}, {"a": "1"}),
        ({"TaggingDirective": "REPLACE", "Tagging": "b=2&c="}, {"b": "2", "c": ""}),
        ({"TaggingDirective": "REPLACE"}, {}),
    ],
)
@pytest.mark.parametrize("rewritten", [False, True])
def test_tags(s3: Any, bucket: str, given: dict[str, str], tags: dict[str, str], rewritten: bool) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Tagging="a=1")
    extra = {"ChecksumAlgorithm": "SHA256"} if rewritten else {}
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", **given, **extra)
    found = s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in found} == tags


@pytest.mark.parametrize(
    ("actions", "works"),
    [
        (["s3:GetObject", "s3:PutObject"], False),
        (["s3:GetObject", "s3:PutObject", "s3:GetObjectTagging"], False),
        (["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"], False),
        (["s3:GetObject", "s3:PutObject", "s3:GetObjectTagging", "s3:PutObjectTagging"], True),
    ],
)
def test_copying_tags_takes_the_right_to_them(
    region: LocalRegion, s3: Any, bucket: str, actions: list[str], works: bool
) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Tagging="a=1")
    ann = user_client(region, "s3")
    permit(region, allow(actions))
    copy = {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from"}
    if works:
        ann.copy_object(**copy)
    else:
        assert code(ann.copy_object, **copy) == "AccessDenied"


@pytest.mark.parametrize("rewritten", [False, True])
def test_conditions_on_both_ends(s3: Any, bucket: str, rewritten: bool) -> None:
    etag = s3.put_object(Bucket=bucket, Key="from", Body=b"x")["ETag"]
    s3.put_object(Bucket=bucket, Key="to", Body=b"there")
    copy = {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from"} | (KMS if rewritten else {})
    assert code(s3.copy_object, **copy, CopySourceIfNoneMatch=etag) == "PreconditionFailed"
    assert code(s3.copy_object, **copy, IfNoneMatch="*") == "PreconditionFailed"
    assert code(s3.copy_object, **copy, IfMatch=etag) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"there"
    s3.copy_object(**copy, CopySourceIfMatch=etag, IfMatch=md5(b"there"))
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"x"


def test_a_refused_copy_leaves_no_bytes(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(FILE))
    before = kept(region)
    assert (
        code(s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/from", IfMatch='"x"', **KMS) == "NoSuchKey"
    )
    assert kept(region) == before
    assert len([path for path in (region.directory / "blobs").rglob("*") if path.is_file()]) == 1


def test_a_source_that_changes_while_it_is_copied(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could be shared when it was looked at cannot be any more: clients try again."""
    s3.put_object(Bucket=bucket, Key="from", Body=b"x")
    answers = cycle([True, False])
    monkeypatch.setattr(object_copy, "is_shareable", lambda *_: next(answers))
    error = refusal(s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    assert (error["Status"], error["Code"]) == (503, "SlowDown")
