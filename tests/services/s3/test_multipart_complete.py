"""CompleteMultipartUpload."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.digests import digest
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
)
from services.s3.uploads import MIB, complete, start, upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.region import LocalRegion

WHOLE = ("CRC32", "CRC32C", "CRC64NVME")
COMPOSITE = tuple(name for name in ALGORITHMS if name != "CRC64NVME")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of any size, so that tests need not send megabytes."""
    monkeypatch.setattr("fogbank.services.s3.multipart_complete.SMALLEST_PART", 1)


def etag_of(bodies: Sequence[bytes]) -> str:
    """The ETag of a multipart object: the MD5 of its parts' MD5s, and their number."""
    digests = b"".join(hashlib.md5(body, usedforsecurity=False).digest() for body in bodies)
    return f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(bodies)}"'


def test_a_whole_life(region: LocalRegion, s3: Any, bucket: str) -> None:
    options = {"ContentType": "text/plain", "Metadata": {"a": "b"}, "StorageClass": "STANDARD_IA"}
    where = start(s3, bucket, "a/ü +", **options)
    bodies = {1: pattern(5 * MIB, 1), 2: pattern(5 * MIB + 1, 2), 3: b"end"}
    made = complete(s3, where, upload(s3, where, bodies))
    whole = b"".join(bodies.values())
    assert made["ETag"] == etag_of(list(bodies.values()))
    assert (made["Bucket"], made["Key"]) == (bucket, "a/ü +")
    assert made["Location"] == "http://localhost:4566/bucket/a/%C3%BC%20%2B"
    got = s3.get_object(Bucket=bucket, Key="a/ü +")
    assert got["Body"].read() == whole
    assert (got["ETag"], got["ContentLength"]) == (made["ETag"], len(whole))
    assert {name: got[name] for name in options} == options
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Size"] == len(whole)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a/ü +")
    assert kept(region) == (0, [])


@pytest.mark.parametrize(("size", "good"), [(5 * MIB, True), (5 * MIB - 1, False), (0, False)])
def test_all_parts_but_the_last_have_5_mib(s3: Any, bucket: str, size: int, good: bool) -> None:
    where = start(s3, bucket)
    parts = upload(s3, where, {1: bytes(size), 2: b""})
    if good:
        complete(s3, where, parts)
        return
    error = refusal(complete, s3=s3, where=where, parts=parts)
    assert (error["Code"], error["Status"]) == ("EntityTooSmall", 400)
    assert (error["ProposedSize"], error["MinSizeAllowed"], error["PartNumber"]) == (str(size), str(5 * MIB), "1")
    assert len(s3.list_parts(**where)["Parts"]) == 2


@pytest.mark.usefixtures("small_parts")
class TestParts:
    """What the list of parts may be."""

    def test_parts_in_any_order_of_upload_with_gaps(self, s3: Any, bucket: str) -> None:
        where = start(s3, bucket)
        parts = upload(s3, where, {9000: b"three", 7: b"two", 3: b"one"})
        complete(s3, where, sorted(parts, key=lambda part: part["PartNumber"]))
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"onetwothree"

    def test_parts_that_are_not_listed_go(self, region: LocalRegion, s3: Any, bucket: str) -> None:
        where = start(s3, bucket)
        bodies = {1: pattern(FILE, 1), 2: pattern(FILE, 2), 3: b"small", 4: b"tiny"}
        parts = upload(s3, where, bodies)
        complete(s3, where, [parts[1], parts[3]])
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bodies[2] + bodies[4]
        assert kept(region) == (1, [1])

    @pytest.mark.parametrize(
        ("order", "error"),
        [
            ([2, 1], "InvalidPartOrder"),
            ([1, 1], "InvalidPartOrder"),
            ([1, 2, 2], "InvalidPartOrder"),
            ([1, 3], "InvalidPart"),
            ([], "MalformedXML"),
        ],
    )
    def test_lists_that_are_refused(self, s3: Any, bucket: str, order: list[int], error: str) -> None:
        where = start(s3, bucket)
        parts = {part["PartNumber"]: part for part in upload(s3, where, {1: b"one", 2: b"two"})}
        listed = [parts.get(number) or {"PartNumber": number, "ETag": parts[1]["ETag"]} for number in order]
        told = refusal(complete, s3=s3, where=where, parts=listed)
        assert (told["Code"], told["Status"]) == (error, 400)
        assert code(s3.head_object, Bucket=bucket, Key="k") == "404"
        complete(s3, where, list(parts.values()))

    def test_a_wrong_etag(self, s3: Any, bucket: str) -> None:
        where = start(s3, bucket)
        parts = upload(s3, where, {1: b"one", 2: b"two"})
        wrong = [parts[0], {"PartNumber": 2, "ETag": parts[0]["ETag"]}]
        told = refusal(complete, s3=s3, where=where, parts=wrong)
        assert (told["Code"], told["PartNumber"]) == ("InvalidPart", "2")

    def test_etags_with_and_without_quotes(self, s3: Any, bucket: str) -> None:
        where = start(s3, bucket)
        parts = upload(s3, where, {1: b"one", 2: b"two"})
        parts[0]["ETag"] = parts[0]["ETag"].strip('"')
        complete(s3, where, parts)

    @pytest.mark.parametrize("missing", ["PartNumber", "ETag"])
    def test_a_part_without_number_or_etag(self, s3: Any, bucket: str, missing: str) -> None:
        where = start(s3, bucket)
        parts = upload(s3, where, {1: b"one"})
        del parts[0][missing]
        assert code(complete, s3=s3, where=where, parts=parts) in ("MalformedXML", "InvalidPart", "InvalidRequest")
        assert code(s3.head_object, Bucket=bucket, Key="k") == "404"

    def test_completing_twice(self, region: LocalRegion, s3: Any, bucket: str) -> None:
        where = start(s3, bucket)
        parts = upload(s3, where, {1: b"one"})
        complete(s3, where, parts)
        assert code(complete, s3=s3, where=where, parts=parts) == "NoSuchUpload"
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
        assert kept(region) == (1, [])

    def test_a_completed_upload_cannot_be_aborted(self, s3: Any, bucket: str) -> None:
        where = start(s3, bucket)
        complete(s3, where, upload(s3, where, {1: b"one"}))
        assert code(s3.abort_multipart_upload, **where) == "NoSuchUpload"
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"

    @pytest.mark.parametrize("size", [5, FILE])
    def test_the_object_that_was_there_is_freed(self, region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
        s3.put_object(Bucket=bucket, Key="k", Body=pattern(size))
        where = start(s3, bucket)
        complete(s3, where, upload(s3, where, {1: b"one", 2: pattern(FILE)}))
        assert kept(region) == (1, [1])

    @pytest.mark.parametrize(
        ("there", "condition", "error"),
        [
            (False, {"IfNoneMatch": "*"}, None),
            (True, {"IfNoneMatch": "*"}, "PreconditionFailed"),
            (True, {"IfMatch": "="}, None),
            (True, {"IfMatch": '"0123"'}, "PreconditionFailed"),
            (False, {"IfMatch": "="}, "NoSuchKey"),
        ],
    )
    def test_conditional_completion(
        self, s3: Any, bucket: str, there: bool, condition: dict[str, str], error: str | None
    ) -> None:
        etag = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"]
        if not there:
            s3.delete_object(Bucket=bucket, Key="k")
        sent = {name: etag if value == "=" else value for name, value in condition.items()}
        where = start(s3, bucket)
        parts = upload(s3, where, {1: b"new"})
        if error is None:
            complete(s3, where, parts, **sent)
        else:
            assert code(complete, s3=s3, where=where, parts=parts, **sent) == error
            complete(s3, where, parts)  # the upload is as it was
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"

    @pytest.mark.parametrize(
        ("size", "error"), [(6, None), (5, "InvalidRequest"), (7, "InvalidRequest"), (0, "InvalidRequest")]
    )
    def test_the_announced_size(self, s3: Any, bucket: str, size: int, error: str | None) -> None:
        where = start(s3, bucket)
        parts = upload(s3, where, {1: b"one", 2: b"two"})
        if error is None:
            complete(s3, where, parts, MpuObjectSize=size)
        else:
            assert code(complete, s3=s3, where=where, parts=parts, MpuObjectSize=size) == error


BODIES = {1: b"first", 2: pattern(FILE), 5: b"third"}


def check_object(s3: Any, bucket: str, algorithm: str, value: str, kind: str) -> None:
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[member(algorithm)], head["ChecksumType"]) == (value, kind)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(BODIES.values())
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ([algorithm], kind)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("algorithm", COMPOSITE)
def test_composite_checksums(s3: Any, bucket: str, algorithm: str, told: bool) -> None:
    where = start(s3, bucket, ChecksumAlgorithm=algorithm)
    parts = []
    for number, body in BODIES.items():
        given = {member(algorithm): checksum(algorithm, body)}
        parts += [part | given for part in upload(s3, where, {number: body}, **given)]
    raw = digest(algorithm, b"".join(digest(algorithm, body) for body in BODIES.values()))
    value = f"{b64encode(raw).decode()}-3"
    made = complete(s3, where, parts, **({member(algorithm): value} if told else {}))
    assert (made[member(algorithm)], made["ChecksumType"]) == (value, "COMPOSITE")
    check_object(s3, bucket, algorithm, value, "COMPOSITE")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("algorithm", WHOLE)
def test_full_object_checksums(s3: Any, bucket: str, algorithm: str, told: bool) -> None:
    where = start(s3, bucket, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    parts = upload(s3, where, BODIES, ChecksumAlgorithm=algorithm)
    value = checksum(algorithm, b"".join(BODIES.values()))
    options = {member(algorithm): value, "ChecksumType": "FULL_OBJECT"} if told else {}
    made = complete(s3, where, parts, **options)
    assert (made[member(algorithm)], made["ChecksumType"]) == (value, "FULL_OBJECT")
    check_object(s3, bucket, algorithm, value, "FULL_OBJECT")


@pytest.mark.usefixtures("small_parts")
def test_an_upload_without_an_algorithm_gets_crc64nvme(region: LocalRegion, bucket: str) -> None:
    client = region.client("s3", request_checksum_calculation="when_required")
    where = start(client, bucket)
    complete(client, where, upload(client, where, BODIES))
    check_object(client, bucket, "CRC64NVME", checksum("CRC64NVME", b"".join(BODIES.values())), "FULL_OBJECT")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("tls", [False, True])
def test_what_boto3_does_by_itself(region: LocalRegion, bucket: str, tls: bool) -> None:
    client = over_tls(region) if tls else region.client("s3")
    where = start(client, bucket)
    complete(client, where, upload(client, where, BODIES))
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(BODIES.values())


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    "options",
    [
        {"ChecksumCRC32": checksum("CRC32", b"wrong")},
        {"ChecksumSHA256": checksum("SHA256", b"".join(BODIES.values()))},
    ],
)
def test_a_wrong_checksum_of_the_whole(s3: Any, bucket: str, options: dict[str, str]) -> None:
    where = start(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = upload(s3, where, BODIES, ChecksumAlgorithm="CRC32")
    assert code(complete, s3=s3, where=where, parts=parts, **options) in ("BadDigest", "InvalidRequest")
    assert code(complete, s3=s3, where=where, parts=parts, ChecksumType="COMPOSITE") == "InvalidRequest"
    complete(s3, where, parts)


@pytest.mark.usefixtures("small_parts")
def test_a_wrong_checksum_of_a_part(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = upload(s3, where, BODIES, ChecksumAlgorithm="SHA256")
    wrong = [parts[0] | {"ChecksumSHA256": parts[1]["ChecksumSHA256"]}, *parts[1:]]
    assert code(complete, s3=s3, where=where, parts=wrong) == "InvalidPart"
    complete(s3, where, parts)


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"<CompleteMultipartUpload/>", b"<CompleteMultipartUpload><Part></CompleteMultipartUpload>"],
)
def test_a_body_that_is_no_list(region: LocalRegion, s3: Any, bucket: str, body: bytes) -> None:
    where = start(s3, bucket)
    upload(s3, where, {1: b"x"})
    status, name = error_of(signed(region, "POST", f"/{bucket}/k?uploadId={where['UploadId']}", {}, body))
    assert (status, name) in ((400, "MalformedXML"), (400, "InvalidRequest"))
    assert len(s3.list_parts(**where)["Parts"]) == 1


@pytest.mark.parametrize(("number", "error"), [(10_001, "InvalidArgument"), (0, "InvalidArgument")])
def test_numbers_beyond_the_limit(s3: Any, bucket: str, number: int, error: str) -> None:
    where = start(s3, bucket)
    parts = [{"PartNumber": number, "ETag": "0" * 32}]
    assert code(complete, s3=s3, where=where, parts=parts) in (error, "InvalidPart", "MalformedXML")


def test_10_000_parts(region: LocalRegion, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fogbank.services.s3.records import parts as table

    monkeypatch.setattr("fogbank.services.s3.multipart_complete.SMALLEST_PART", 0)
    where = start(s3, bucket)
    [first] = upload(s3, where, {1: b""})

    def multiply(tx: Any) -> None:
        part = table.get(tx, bucket, where["UploadId"], 1)
        assert part is not None
        for number in range(2, 10_001):
            table.put(tx, part, bucket, where["UploadId"], number)

    region.run(region.region.store.write(multiply))
    parts = [{"PartNumber": number, "ETag": first["ETag"]} for number in range(1, 10_002)]
    assert code(complete, s3=s3, where=where, parts=parts) in ("MalformedXML", "InvalidArgument")
    assert complete(s3, where, parts[:-1])["ETag"] == etag_of([b""] * 10_000)
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=10_000)["PartsCount"] == 10_000
