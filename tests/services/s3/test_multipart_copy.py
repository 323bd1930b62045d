"""UploadPartCopy."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.services.s3.records import objects
from services.helpers import ALGORITHMS, FILE, checksum, code, dev, kept, member, pattern, refusal
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

SOURCE = "bucket/from"


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fogbank.services.s3.multipart_complete.SMALLEST_PART", 1)


def copy(s3: Any, where: dict[str, str], number: int, **options: Any) -> dict[str, Any]:
    """A part that is copied, as completing the upload wants it."""
    made = s3.upload_part_copy(**where, PartNumber=number, **{"CopySource": SOURCE} | options)["CopyPartResult"]
    assert made["LastModified"].tzinfo is not None
    told = {name: value for name, value in made.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": made["ETag"], **told}


@pytest.mark.parametrize("size", [0, 1, 65536, FILE, 200_000])
def test_upload_part_copy(s3: Any, bucket: str, size: int) -> None:
    body = pattern(size)
    s3.put_object(Bucket=bucket, Key="from", Body=body)
    where = start(s3, bucket)
    part = copy(s3, where, 1)
    assert part["ETag"] == f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    complete(s3, where, [part])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


@pytest.mark.parametrize("size", [100, 200_000])
def test_ranges_make_a_whole(s3: Any, bucket: str, size: int) -> None:
    body = pattern(size)
    s3.put_object(Bucket=bucket, Key="from", Body=body)
    where = start(s3, bucket)
    middle = size // 3
    parts = [
        copy(s3, where, 1, CopySourceRange=f"bytes={middle}-{size - 1}"),
        copy(s3, where, 2, CopySourceRange=f"bytes=0-{middle - 1}"),
        copy(s3, where, 3, CopySourceRange="bytes=0-0"),
    ]
    complete(s3, where, parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body[middle:] + body[:middle] + body[:1]


def test_a_copy_of_a_multipart_object_across_its_parts(s3: Any, bucket: str) -> None:
    whole = pattern(FILE, 1) + pattern(50, 2) + pattern(FILE, 3)
    where = start(s3, bucket, "from")
    complete(s3, where, upload(s3, where, {1: whole[:FILE], 2: whole[FILE : FILE + 50], 3: whole[FILE + 50 :]}))
    where = start(s3, bucket)
    complete(s3, where, [copy(s3, where, 1, CopySourceRange=f"bytes=10-{FILE + 59}"), copy(s3, where, 2)])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == whole[10 : FILE + 60] + whole


@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-10",
        "bytes=10-10",
        "bytes=5-4",
        "bytes=0-",
        "bytes=-5",
        "bytes=",
        "0-5",
        "bytes=0-1,3-4",
        "bytes=a-b",
        "bytes=0-" + "9" * 50,
        "bytes= 0-5",
    ],
)
def test_ranges_that_are_refused(region: LocalRegion, s3: Any, bucket: str, header: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"0123456789")
    where = start(s3, bucket)
    error = refusal(s3.upload_part_copy, **where, PartNumber=1, CopySource=SOURCE, CopySourceRange=header)
    assert (error["Code"], error["Status"]) == ("InvalidArgument", 400)
    assert kept(region) == (1, [])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_copied_part_has_the_checksum_of_its_upload(s3: Any, bucket: str, algorithm: str) -> None:
    body = pattern(1000)
    s3.put_object(Bucket=bucket, Key="from", Body=body)
    where = start(s3, bucket, ChecksumAlgorithm=algorithm)
    made = s3.upload_part_copy(**where, PartNumber=1, CopySource=SOURCE)["CopyPartResult"]
    assert made[member(algorithm)] == checksum(algorithm, body)
    part = {"PartNumber": 1, "ETag": made["ETag"], member(algorithm): made[member(algorithm)]}
    assert member(algorithm) in complete(s3, where, [part])


def test_copies_and_uploads_mix(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"copied")
    where = start(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = upload(s3, where, {1: b"sent-"}, ChecksumAlgorithm="SHA256")
    complete(s3, where, [*parts, copy(s3, where, 2)])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"sent-copied"
    for key in ("from", "k"):
        s3.delete_object(Bucket=bucket, Key=key)
    assert kept(region) == (0, [])


def test_a_copy_replaces_the_part_of_its_number(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"copied")
    where = start(s3, bucket)
    upload(s3, where, {1: pattern(FILE)})
    part = copy(s3, where, 1)
    assert kept(region) == (2, [])
    complete(s3, where, [part])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"CopySource": "bucket/nothing"}, "NoSuchKey"),
        ({"CopySource": "nowhere/k"}, "NoSuchBucket"),
        ({"CopySource": "bucket"}, "InvalidArgument"),
        ({"CopySource": "bucket/from?versionId=x"}, "InvalidArgument"),
        ({"UploadId": "nonsense"}, "NoSuchUpload"),
        ({"PartNumber": 0}, "InvalidArgument"),
        ({"PartNumber": 10_001}, "InvalidArgument"),
        ({"CopySourceIfMatch": '"0123"'}, "PreconditionFailed"),
        ({"ExpectedBucketOwner": "1" * 12}, "AccessDenied"),
        ({"ExpectedSourceBucketOwner": "1" * 12}, "AccessDenied"),
    ],
)
def test_copies_that_are_refused(s3: Any, bucket: str, options: dict[str, Any], error: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"content")
    where = start(s3, bucket)
    assert code(s3.upload_part_copy, **{**where, "PartNumber": 1, "CopySource": SOURCE} | options) == error
    assert "Parts" not in s3.list_parts(**where)


@pytest.mark.parametrize(
    ("options", "good"), [({"IfNoneMatch": "="}, False), ({"IfMatch": "="}, True), ({"IfModifiedSince": 0}, False)]
)
def test_conditions_on_the_source(s3: Any, bucket: str, options: dict[str, Any], good: bool) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"content")
    head = s3.head_object(Bucket=bucket, Key="from")
    sent = {
        f"CopySource{name}": head["ETag"] if value == "=" else head["LastModified"] + timedelta(seconds=value)
        for name, value in options.items()
    }
    where = start(s3, bucket)
    if good:
        copy(s3, where, 1, **sent)
    else:
        error = code(s3.upload_part_copy, **where, PartNumber=1, CopySource=SOURCE, **sent)
        assert error == "PreconditionFailed"


def test_a_part_copy_needs_permission_on_its_source(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"content")
    other = dev(region, "111122223333")
    other.create_bucket(Bucket="theirs")
    where = start(other, "theirs")
    assert code(other.upload_part_copy, **where, PartNumber=1, CopySource=SOURCE) == "AccessDenied"


def test_more_than_5_gib_is_too_much_for_a_part(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(FILE))

    def grow(tx: Any) -> None:
        found = objects.get(tx, bucket, "from")
        assert found is not None
        objects.put(tx, msgspec.structs.replace(found, size=6 * 1024**3), bucket, "from")

    region.run(region.region.store.write(grow))
    where = start(s3, bucket)
    assert code(s3.upload_part_copy, **where, PartNumber=1, CopySource=SOURCE) == "InvalidRequest"
    copy(s3, where, 1, CopySourceRange="bytes=0-9")


def test_boto3_copies_in_parts_by_itself(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from boto3.s3.transfer import TransferConfig

    body = pattern(300_000)
    s3.put_object(Bucket=bucket, Key="from", Body=body)
    config = TransferConfig(multipart_threshold=100_000, multipart_chunksize=100_000, use_threads=False)
    monkeypatch.setattr("s3transfer.copies.ChunksizeAdjuster", Unadjusted)
    s3.copy({"Bucket": bucket, "Key": "from"}, bucket, "to", Config=config)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key="to")["ETag"].endswith('-3"')


class Unadjusted:
    """Leaves the size of chunks as small as the test wants it."""

    def adjust_chunksize(self, size: int, *_: Any, **__: Any) -> int:
        return size


def test_the_version_that_is_copied_is_told(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="from", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="from", Body=b"second")["VersionId"]
    where = start(s3, bucket)
    made = s3.upload_part_copy(**where, PartNumber=1, CopySource=f"{bucket}/from")
    assert made["CopySourceVersionId"] == second
    made = s3.upload_part_copy(**where, PartNumber=1, CopySource=f"{bucket}/from?versionId={first}")
    assert made["CopySourceVersionId"] == first
    complete(s3, where, [{"PartNumber": 1, "ETag": made["CopyPartResult"]["ETag"]}])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
