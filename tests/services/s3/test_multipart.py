"""CreateMultipartUpload, UploadPart and AbortMultipartUpload."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import (
    ALGORITHMS,
    FILE,
    checksum,
    code,
    error_of,
    kept,
    member,
    over_tls,
    pattern,
    refusal,
    signed,
    status,
)
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

WHOLE = ("CRC32", "CRC32C", "CRC64NVME")
COMPOSITE = tuple(name for name in ALGORITHMS if name != "CRC64NVME")


def test_create_multipart_upload(s3: Any, bucket: str) -> None:
    made = s3.create_multipart_upload(Bucket=bucket, Key="a/ü", ChecksumAlgorithm="SHA256")
    assert (made["Bucket"], made["Key"], made["ChecksumAlgorithm"]) == (bucket, "a/ü", "SHA256")
    assert made["ChecksumType"] == "COMPOSITE"
    assert code(s3.head_object, Bucket=bucket, Key="a/ü") == "404"
    other = s3.create_multipart_upload(Bucket=bucket, Key="a/ü")
    assert other["UploadId"] != made["UploadId"]
    assert made["UploadId"].isascii()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"StorageClass": "COLD"}, "InvalidStorageClass"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "NotImplemented"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "InvalidRequest"),
        ({"Metadata": {"k": "v" * 3000}}, "MetadataTooLarge"),
        ({"Key": "k" * 1025}, "KeyTooLongError"),
        ({"Bucket": "nowhere"}, "NoSuchBucket"),
        ({"ExpectedBucketOwner": "1" * 12}, "AccessDenied"),
    ],
)
def test_uploads_that_are_refused(
    region: LocalRegion, s3: Any, bucket: str, options: dict[str, Any], error: str
) -> None:
    client = over_tls(region)
    assert code(client.create_multipart_upload, **{"Bucket": bucket, "Key": "k"} | options) == error
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


# S3 User Guide, "Checking object integrity for data uploads": which algorithm can have which type
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", [None, "COMPOSITE", "FULL_OBJECT"])
def test_checksum_types(s3: Any, bucket: str, algorithm: str, kind: str | None) -> None:
    options = {"ChecksumAlgorithm": algorithm} | ({"ChecksumType": kind} if kind else {})
    good = kind is None or algorithm in (WHOLE if kind == "FULL_OBJECT" else COMPOSITE)
    if not good:
        assert code(s3.create_multipart_upload, Bucket=bucket, Key="k", **options) == "InvalidRequest"
        return
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", **options)
    assert made["ChecksumAlgorithm"] == algorithm
    assert made["ChecksumType"] == (kind or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"))


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({"x-amz-checksum-type": "COMPOSITE"}, "InvalidRequest"),
        ({"x-amz-checksum-algorithm": "SHA3"}, "InvalidRequest"),
        ({"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "HALF"}, "InvalidArgument"),
    ],
)
def test_checksums_that_cannot_be(region: LocalRegion, bucket: str, extra: dict[str, str], error: str) -> None:
    assert error_of(signed(region, "POST", f"/{bucket}/k?uploads", extra)) == (400, error)


@pytest.mark.parametrize("size", [0, 1, 65536, FILE, 1 << 20])
def test_upload_part(s3: Any, bucket: str, size: int) -> None:
    where, body = start(s3, bucket), pattern(size)
    made = s3.upload_part(**where, PartNumber=1, Body=body)
    assert made["ETag"] == f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    complete(s3, where, [{"PartNumber": 1, "ETag": made["ETag"]}])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [9, FILE])
def test_a_part_with_a_checksum(region: LocalRegion, s3: Any, bucket: str, algorithm: str, size: int) -> None:
    where, body = start(s3, bucket, ChecksumAlgorithm=algorithm), pattern(size)
    made = s3.upload_part(**where, PartNumber=1, Body=body, **{member(algorithm): checksum(algorithm, body)})
    assert made[member(algorithm)] == checksum(algorithm, body)
    assert "ChecksumType" not in made
    before = kept(region)
    wrong = {member(algorithm): checksum(algorithm, b"other")}
    assert code(s3.upload_part, **where, PartNumber=2, Body=body, **wrong) == "BadDigest"
    assert [part["PartNumber"] for part in s3.list_parts(**where)["Parts"]] == [1]
    assert kept(region) == before


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
@pytest.mark.parametrize("tls", [False, True])
def test_boto3s_checksums_of_parts(region: LocalRegion, bucket: str, algorithm: str, tls: bool) -> None:
    client = over_tls(region) if tls else region.client("s3")
    where = start(client, bucket, ChecksumAlgorithm=algorithm)
    made = client.upload_part(**where, PartNumber=1, Body=b"part", ChecksumAlgorithm=algorithm)
    assert made[member(algorithm)] == checksum(algorithm, b"part")


def test_a_part_of_another_algorithm(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, ChecksumAlgorithm="SHA256")
    error = refusal(s3.upload_part, **where, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")
    assert (error["Code"], error["Status"]) == ("InvalidRequest", 400)


def test_a_part_with_a_content_md5(s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    s3.upload_part(**where, PartNumber=1, Body=b"x", ContentMD5=checksum("MD5", b"x"))
    assert code(s3.upload_part, **where, PartNumber=2, Body=b"x", ContentMD5=checksum("MD5", b"y")) == "BadDigest"
    assert code(s3.upload_part, **where, PartNumber=2, Body=b"x", ContentMD5="no") == "InvalidDigest"


@pytest.mark.parametrize("number", ["0", "-1", "10001", "x", "1.5", "9" * 30])
def test_part_numbers_that_cannot_be(region: LocalRegion, s3: Any, bucket: str, number: str) -> None:
    where = start(s3, bucket)
    path = f"/{bucket}/k?partNumber={number}&uploadId={where['UploadId']}"
    assert error_of(signed(region, "PUT", path, body=b"x")) == (400, "InvalidArgument")


@pytest.mark.parametrize("number", [1, 2, 9999, 10_000])
def test_part_numbers_that_can_be(s3: Any, bucket: str, number: int) -> None:
    where = start(s3, bucket)
    parts = upload(s3, where, {number: b"only"})
    complete(s3, where, parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"only"


@pytest.mark.parametrize("size", [5, FILE])
def test_a_part_that_is_uploaded_again_replaces_the_first(region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
    where = start(s3, bucket)
    first = upload(s3, where, {1: pattern(size, 1)})
    second = upload(s3, where, {1: pattern(size, 2)})
    assert kept(region) == ((1, []) if size == 5 else (0, [1]))
    assert code(complete, s3=s3, where=where, parts=first) == "InvalidPart"
    complete(s3, where, second)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == pattern(size, 2)


@pytest.mark.parametrize("upload_id", ["nonsense", "x" * 3000, "ü", "..", "a b"])
def test_an_upload_that_is_not_there(s3: Any, bucket: str, upload_id: str) -> None:
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload_id}
    for error in (
        refusal(s3.upload_part, **where, PartNumber=1, Body=b"x"),
        refusal(s3.abort_multipart_upload, **where),
        refusal(s3.list_parts, **where),
        refusal(complete, s3=s3, where=where, parts=[{"PartNumber": 1, "ETag": "x"}]),
    ):
        assert (error["Code"], error["Status"]) == ("NoSuchUpload", 404)


def test_an_upload_belongs_to_its_key_and_bucket(s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    s3.create_bucket(Bucket="other")
    for wrong in ({"Key": "j"}, {"Bucket": "other"}, {"Key": "k/"}):
        assert code(s3.upload_part, **where | wrong, PartNumber=1, Body=b"x") == "NoSuchUpload"
        assert code(s3.abort_multipart_upload, **where | wrong) == "NoSuchUpload"


def test_abort_multipart_upload_frees_its_parts(region: LocalRegion, s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    upload(s3, where, {1: pattern(FILE), 2: b"small", 10_000: pattern(FILE)})
    assert kept(region) == (1, [1, 1])
    assert status(s3.abort_multipart_upload(**where)) == 204
    assert kept(region) == (0, [])
    assert code(s3.abort_multipart_upload, **where) == "NoSuchUpload"
    assert code(s3.upload_part, **where, PartNumber=1, Body=b"x") == "NoSuchUpload"


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (1, False), (-1, False)])
def test_abort_multipart_upload_if_it_is_the_one(s3: Any, bucket: str, seconds: int, good: bool) -> None:
    where = start(s3, bucket)
    initiated = s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["Initiated"] + timedelta(seconds=seconds)
    if good:
        s3.abort_multipart_upload(**where, IfMatchInitiatedTime=initiated)
    else:
        assert code(s3.abort_multipart_upload, **where, IfMatchInitiatedTime=initiated) == "PreconditionFailed"
        s3.list_parts(**where)


def test_two_uploads_of_one_key_know_nothing_of_each_other(region: LocalRegion, s3: Any, bucket: str) -> None:
    one, two = start(s3, bucket), start(s3, bucket)
    first, second = upload(s3, one, {1: b"first"}), upload(s3, two, {1: b"second"})
    complete(s3, two, second)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"
    complete(s3, one, first)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    assert kept(region) == (1, [])


def test_parts_go_beside_the_object_until_they_are_completed(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    where = start(s3, bucket)
    parts = upload(s3, where, {1: b"after"})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"before"
    complete(s3, where, parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"after"


def test_a_part_that_would_be_too_large(region: LocalRegion, s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    path = f"/{bucket}/k?partNumber=1&uploadId={where['UploadId']}"
    assert error_of(signed(region, "PUT", path, {"content-length": str(5 * 1024**3 + 1)})) == (400, "EntityTooLarge")
