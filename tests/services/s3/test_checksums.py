"""Checksums: of every algorithm, in headers and in trailers, of objects and of their parts; and Content-MD5."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import (
    ALGORITHMS,
    FILE,
    allow,
    checksum,
    code,
    error_of,
    member,
    over_tls,
    pattern,
    permit,
    signed,
    user_client,
)
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

PART = 5 << 20
COMPOSITE = tuple(name for name in ALGORITHMS if name != "CRC64NVME")
COMPUTED = tuple(name for name in COMPOSITE if name != "MD5")  # by boto3
WHOLE = ("CRC32", "CRC32C", "CRC64NVME")


def md5(data: bytes) -> str:
    return b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


# --- Content-MD5


@pytest.mark.parametrize("size", [0, 5, FILE])
def test_content_md5(region: LocalRegion, bucket: str, size: int) -> None:
    body = pattern(size)
    assert signed(region, "PUT", f"/{bucket}/k", {"content-md5": md5(body)}, body).status == 200
    assert error_of(signed(region, "PUT", f"/{bucket}/k", {"content-md5": md5(b"y")}, body)) == (400, "BadDigest")


@pytest.mark.parametrize(
    "value", ["", " ", "x", "%%", b64encode(bytes(15)).decode(), b64encode(bytes(17)).decode(), "A" * 5000]
)
def test_a_content_md5_that_is_none(region: LocalRegion, s3: Any, bucket: str, value: str) -> None:
    answer = signed(region, "PUT", f"/{bucket}/k", {"content-md5": value}, b"x")
    assert error_of(answer) == (400, "InvalidDigest")
    assert code(s3.head_object, Bucket=bucket, Key="k") == "404"


def test_content_md5_of_a_part(region: LocalRegion, s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    path = f"/{bucket}/k?partNumber=1&uploadId={where['UploadId']}"
    assert error_of(signed(region, "PUT", path, {"content-md5": md5(b"y")}, b"x")) == (400, "BadDigest")
    assert error_of(signed(region, "PUT", path, {"content-md5": ""}, b"x")) == (400, "InvalidDigest")
    assert signed(region, "PUT", path, {"content-md5": md5(b"x")}, b"x").status == 200


# --- of parts


@pytest.mark.parametrize("algorithm", COMPUTED)
@pytest.mark.parametrize("trailer", [False, True])
def test_parts_of_a_composite(region: LocalRegion, bucket: str, algorithm: str, trailer: bool) -> None:
    s3 = over_tls(region) if trailer else region.client("s3")
    where = start(s3, bucket, ChecksumAlgorithm=algorithm)
    parts = upload(s3, where, {1: pattern(PART), 2: b"end"}, ChecksumAlgorithm=algorithm)
    assert [part[member(algorithm)] for part in parts] == [
        checksum(algorithm, pattern(PART)),
        checksum(algorithm, b"end"),
    ]
    done = complete(s3, where, parts)
    assert done["ChecksumType"] == "COMPOSITE"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[member(algorithm)] == done[member(algorithm)]
    assert head[member(algorithm)].endswith("-2")


@pytest.mark.parametrize("algorithm", COMPOSITE)
def test_a_part_of_a_composite_comes_with_its_checksum(
    region: LocalRegion, s3: Any, bucket: str, algorithm: str
) -> None:
    where = start(s3, bucket, ChecksumAlgorithm=algorithm)
    path = f"/{bucket}/k?partNumber=1&uploadId={where['UploadId']}"
    answer = signed(region, "PUT", path, {}, b"x")
    assert error_of(answer) == (400, "InvalidRequest")
    assert f"expected checksum Type: {algorithm.lower()}, actual checksum Type: null".encode() in answer.body
    other = "SHA256" if algorithm == "CRC32" else "CRC32"
    given = {f"x-amz-checksum-{other.lower()}": checksum(other, b"x")}
    assert error_of(signed(region, "PUT", path, given, b"x")) == (400, "InvalidRequest")


def test_a_composite_is_completed_with_its_parts_checksums(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = upload(s3, where, {1: pattern(PART), 2: b"end"}, ChecksumAlgorithm="SHA256")
    without = [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts]
    assert code(complete, s3=s3, where=where, parts=[parts[0], without[1]]) == "InvalidRequest"
    complete(s3, where, parts)


@pytest.mark.parametrize("algorithm", WHOLE)
def test_the_checksum_of_a_whole_needs_none_of_its_parts(
    region: LocalRegion, s3: Any, bucket: str, algorithm: str
) -> None:
    where = start(s3, bucket, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    etags = []
    for number, body in ((1, pattern(PART)), (2, b"end")):
        path = f"/{bucket}/k?partNumber={number}&uploadId={where['UploadId']}"
        etags.append(signed(region, "PUT", path, {}, body).headers["etag"])
    done = complete(s3, where, [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)])
    assert done[member(algorithm)] == checksum(algorithm, pattern(PART) + b"end")
    assert done["ChecksumType"] == "FULL_OBJECT"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_copied_parts_have_checksums(s3: Any, bucket: str, algorithm: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(FILE))
    where = start(s3, bucket, ChecksumAlgorithm=algorithm)
    copy = {**where, "PartNumber": 1, "CopySource": f"{bucket}/from", "CopySourceRange": "bytes=5-65536"}
    result = s3.upload_part_copy(**copy)["CopyPartResult"]
    assert result[member(algorithm)] == checksum(algorithm, pattern(FILE)[5:])
    complete(s3, where, [{"PartNumber": 1, "ETag": result["ETag"], member(algorithm): result[member(algorithm)]}])


# --- told when they are read


def test_reading_a_part_tells_its_checksum(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, ChecksumAlgorithm="SHA256")
    complete(s3, where, upload(s3, where, {1: pattern(PART), 2: b"end"}, ChecksumAlgorithm="SHA256"))
    read = {"Bucket": bucket, "Key": "k", "PartNumber": 2, "ChecksumMode": "ENABLED"}
    for answer in (s3.get_object(**read), s3.head_object(**read)):
        assert (answer["ChecksumSHA256"], answer["ChecksumType"]) == (checksum("SHA256", b"end"), "COMPOSITE")
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="k", PartNumber=2)


def test_reading_a_part_of_a_whole_tells_none(s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    complete(s3, where, upload(s3, where, {1: pattern(PART), 2: b"end"}))
    answer = s3.head_object(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert not [name for name in answer if name.startswith("Checksum")]


def test_reading_the_only_part_of_a_whole_tells_the_objects(s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    complete(s3, where, upload(s3, where, {1: b"all"}))
    answer = s3.head_object(Bucket=bucket, Key="k", PartNumber=1, ChecksumMode="ENABLED")
    assert answer["ChecksumCRC64NVME"] == checksum("CRC64NVME", b"all")


@pytest.mark.parametrize(
    ("range_", "told"), [("bytes=0-2", False), ("bytes=1-", False), ("bytes=0-6", True), ("bytes=-7", True)]
)
def test_reading_a_range_tells_none_but_of_the_whole(s3: Any, bucket: str, range_: str, told: bool) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", ChecksumAlgorithm="SHA1")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=range_, ChecksumMode="ENABLED")
    assert ("ChecksumSHA1" in answer) == told


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [0, 5, FILE])
def test_checksums_are_of_what_was_sent_however_it_is_kept(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    given = {member(algorithm): checksum(algorithm, pattern(size))}
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(size), ServerSideEncryption="aws:kms", **given)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[member(algorithm)] == given[member(algorithm)]


def test_the_checksum_of_what_kms_protects_takes_its_key(region: LocalRegion, s3: Any, bucket: str) -> None:
    key = region.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    ann = user_client(region, "s3")
    permit(region, allow("s3:*"))
    assert ann.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1
    assert code(ann.head_object, Bucket=bucket, Key="k", ChecksumMode="ENABLED") == "403"
    permit(region, allow(["s3:*", "kms:Decrypt"]))
    assert "ChecksumCRC32" in ann.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
