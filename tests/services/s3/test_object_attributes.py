"""GetObjectAttributes."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import ALGORITHMS, allow, checksum, code, error_of, member, pattern, permit, signed, user_client
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
PART = 5 << 20


def ask(s3: Any, bucket: str, *attributes: str, **options: Any) -> dict[str, Any]:
    """The attributes of the object `k`, without the answer's metadata."""
    found: dict[str, Any] = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=list(attributes) or ALL, **options
    )
    del found["ResponseMetadata"]
    return found


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_object(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"content", **{member(algorithm): checksum(algorithm, b"content")})
    found = ask(s3, bucket)
    assert found.pop("LastModified") == s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert found == {
        "ETag": put["ETag"].strip('"'),
        "Checksum": {member(algorithm): checksum(algorithm, b"content"), "ChecksumType": "FULL_OBJECT"},
        "StorageClass": "STANDARD",
        "ObjectSize": 7,
    }


@pytest.mark.parametrize("name", ALL[:2] + ALL[3:])
def test_only_what_is_asked_for_is_told(s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert ask(s3, bucket, name).keys() == {"LastModified", name}


def test_several_in_one_header(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = signed(region, "GET", f"/{bucket}/k?attributes", {"x-amz-object-attributes": "ETag, ObjectSize"})
    assert b"<ETag>" in answer.body
    assert b"<ObjectSize>1</ObjectSize>" in answer.body
    assert b"<GetObjectAttributesResponse" in answer.body
    assert b"StorageClass" not in answer.body


def parts(s3: Any, bucket: str, count: int, **options: Any) -> dict[str, Any]:
    """An object in parts, the numbers of which are odd; the answer to its completion."""
    where = start(s3, bucket, **options)
    named = {"ChecksumAlgorithm": options["ChecksumAlgorithm"]} if options else {}
    bodies = {2 * number + 1: pattern(PART, number) for number in range(count - 1)} | {2 * count: b"end"}
    done: dict[str, Any] = complete(s3, where, upload(s3, where, bodies, **named))
    return done


def test_parts_of_a_composite(s3: Any, bucket: str) -> None:
    done = parts(s3, bucket, 3, ChecksumAlgorithm="SHA256")
    found = ask(s3, bucket)
    assert found["Checksum"] == {
        "ChecksumSHA256": done["ChecksumSHA256"].partition("-")[0],
        "ChecksumType": "COMPOSITE",
    }
    assert found["ETag"] == done["ETag"].strip('"')
    listed = found["ObjectParts"]
    assert (listed["TotalPartsCount"], listed["IsTruncated"]) == (3, False)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, PART), (3, PART), (6, 3)]
    assert listed["Parts"][2]["ChecksumSHA256"] == checksum("SHA256", b"end")


def test_parts_without_checksums_of_their_own_are_counted(s3: Any, bucket: str) -> None:
    parts(s3, bucket, 2)
    assert ask(s3, bucket)["ObjectParts"] == {"TotalPartsCount": 2}


def test_pages_of_parts(s3: Any, bucket: str) -> None:
    parts(s3, bucket, 3, ChecksumAlgorithm="CRC32")
    first = ask(s3, bucket, MaxParts=2)["ObjectParts"]
    assert [part["PartNumber"] for part in first["Parts"]] == [1, 3]
    assert (first["MaxParts"], first["PartNumberMarker"], first["IsTruncated"]) == (2, 0, True)
    rest = ask(s3, bucket, MaxParts=2, PartNumberMarker=first["NextPartNumberMarker"])["ObjectParts"]
    assert [part["PartNumber"] for part in rest["Parts"]] == [6]
    assert (rest["PartNumberMarker"], rest["NextPartNumberMarker"], rest["IsTruncated"]) == (3, 6, False)
    assert "Parts" not in ask(s3, bucket, MaxParts=0)["ObjectParts"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"x-amz-object-attributes": ""}, 400),
        ({"x-amz-object-attributes": "Size"}, 400),
        ({"x-amz-object-attributes": "etag"}, 400),
        ({"x-amz-object-attributes": "ETag,"}, 400),
        ({"x-amz-object-attributes": "ETag", "x-amz-max-parts": "x"}, 400),
        ({"x-amz-object-attributes": "ObjectParts", "x-amz-max-parts": "-1"}, 400),
        ({"x-amz-object-attributes": "ObjectParts", "x-amz-part-number-marker": "x"}, 400),
        ({"x-amz-object-attributes": "ObjectParts", "x-amz-part-number-marker": "-1"}, 400),
        ({"x-amz-object-attributes": "ObjectParts", "x-amz-max-parts": "9" * 30}, 400),
    ],
)
def test_requests_that_cannot_be(
    region: LocalRegion, s3: Any, bucket: str, headers: dict[str, str], status: int
) -> None:
    where = start(s3, bucket, ChecksumAlgorithm="SHA1")
    complete(s3, where, upload(s3, where, {1: b"x"}, ChecksumAlgorithm="SHA1"))
    assert error_of(signed(region, "GET", f"/{bucket}/k?attributes", headers))[0] == status


def test_versions(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"one")
    s3.put_object(Bucket=bucket, Key="k", Body=b"three")
    found = ask(s3, bucket, "ObjectSize", VersionId=first["VersionId"])
    assert (found["ObjectSize"], found["VersionId"]) == (3, first["VersionId"])
    assert ask(s3, bucket, "ObjectSize")["ObjectSize"] == 5


def test_what_is_not_there(s3: Any, bucket: str) -> None:
    assert code(ask, s3=s3, bucket=bucket) == "NoSuchKey"
    assert code(ask, s3=s3, bucket="nowhere") == "NoSuchBucket"


def test_permissions(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    ann = user_client(region, "s3")
    for action in ("s3:GetObject", "s3:GetObjectAttributes"):
        permit(region, allow(action))
        assert code(ask, s3=ann, bucket=bucket) == "AccessDenied"
    permit(region, allow(["s3:GetObject", "s3:GetObjectAttributes"]))
    assert ask(ann, bucket, "ObjectSize")["ObjectSize"] == 1


def test_a_customers_key(s3: Any, bucket: str) -> None:
    rule = {"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    md5 = b64encode(hashlib.md5(bytes(32), usedforsecurity=False).digest()).decode()
    given = {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": b64encode(bytes(32)).decode(),
        "SSECustomerKeyMD5": md5,
    }
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=bytes(32))
    assert code(ask, s3=s3, bucket=bucket) == "InvalidRequest"
    assert ask(s3, bucket, "ObjectSize", **given)["ObjectSize"] == 1
