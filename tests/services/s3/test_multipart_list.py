"""ListMultipartUploads and ListParts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import ALGORITHMS, checksum, code, error_of, member, pattern, signed
from services.s3.uploads import start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion


def keys_in(page: Any) -> list[str]:
    return [one["Key"] for one in page.get("Uploads", [])]


def prefixes_in(page: Any) -> list[str]:
    return [one["Prefix"] for one in page.get("CommonPrefixes", [])]


def test_list_multipart_uploads_tells_each(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA1")
    page = s3.list_multipart_uploads(Bucket=bucket)
    [one] = page["Uploads"]
    owner = s3.list_buckets()["Owner"]["ID"]
    assert (one["Key"], one["UploadId"], one["StorageClass"]) == ("k", where["UploadId"], "STANDARD_IA")
    assert (one["ChecksumAlgorithm"], one["ChecksumType"]) == ("SHA1", "COMPOSITE")
    assert one["Owner"] == {"ID": owner}
    assert one["Initiator"] == {"ID": owner}  # "If the principal is an AWS account, it provides the Canonical User ID."
    assert (page["Bucket"], page["MaxUploads"], page["IsTruncated"]) == (bucket, 1000, False)


def test_a_bucket_without_uploads(s3: Any, bucket: str) -> None:
    page = s3.list_multipart_uploads(Bucket=bucket)
    assert (keys_in(page), prefixes_in(page), page["IsTruncated"]) == ([], [], False)


def test_uploads_of_one_key_are_in_the_order_in_which_they_were_started(
    region: LocalRegion, s3: Any, bucket: str
) -> None:
    started = []
    for seconds in range(8):
        region.advance(seconds=seconds)
        started.append(start(s3, bucket)["UploadId"])
    assert [one["UploadId"] for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == started


TREE = ["a", "a/1", "a/2", "b/1", "b/2/3", "c", "é"]


@pytest.mark.parametrize(
    ("arguments", "keys", "prefixes"),
    [
        ({}, TREE, []),
        ({"Prefix": "a/"}, ["a/1", "a/2"], []),
        ({"Prefix": "x"}, [], []),
        ({"Delimiter": "/"}, ["a", "c", "é"], ["a/", "b/"]),
        ({"Delimiter": "/", "Prefix": "b/"}, ["b/1"], ["b/2/"]),
        ({"KeyMarker": "a/1"}, TREE[2:], []),
        ({"KeyMarker": "b"}, TREE[3:], []),
        ({"KeyMarker": "é"}, [], []),
        ({"KeyMarker": "a/", "Delimiter": "/"}, ["c", "é"], ["b/"]),
        ({"KeyMarker": "a/1", "Prefix": "a/"}, ["a/2"], []),
    ],
)
def test_prefixes_delimiters_and_markers(
    s3: Any, bucket: str, arguments: dict[str, str], keys: list[str], prefixes: list[str]
) -> None:
    for key in TREE:
        start(s3, bucket, key)
    page = s3.list_multipart_uploads(Bucket=bucket, **arguments)
    assert (keys_in(page), prefixes_in(page)) == (keys, prefixes)


@pytest.mark.parametrize("most", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_uploads_in_pages(s3: Any, bucket: str, most: int, delimiter: str) -> None:
    for key in [*TREE, "c", "c", "a/1"]:
        start(s3, bucket, key)
    markers: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    prefixes: list[str] = []
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=most, Delimiter=delimiter, **markers)
        found += [(one["Key"], one["UploadId"]) for one in page.get("Uploads", [])]
        prefixes += prefixes_in(page)
        if not page["IsTruncated"]:
            break
        assert len(keys_in(page)) + len(prefixes_in(page)) == most
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker", "")}
    whole = s3.list_multipart_uploads(Bucket=bucket, Delimiter=delimiter)
    assert found == [(one["Key"], one["UploadId"]) for one in whole["Uploads"]]
    assert prefixes == prefixes_in(whole)


def test_an_upload_id_marker_counts_with_a_key_marker_only(s3: Any, bucket: str) -> None:
    first, second = start(s3, bucket), start(s3, bucket)
    page = s3.list_multipart_uploads(Bucket=bucket, KeyMarker="k", UploadIdMarker=first["UploadId"])
    assert [one["UploadId"] for one in page["Uploads"]] == [second["UploadId"]]
    page = s3.list_multipart_uploads(Bucket=bucket, UploadIdMarker=second["UploadId"])
    assert len(page["Uploads"]) == 2
    assert keys_in(s3.list_multipart_uploads(Bucket=bucket, KeyMarker="k")) == []


@pytest.mark.parametrize("key", ["a&b<c>", "ü", "a b+c%20", "new\nline"])
def test_keys_of_uploads(s3: Any, bucket: str, key: str) -> None:
    start(s3, bucket, key)
    page = s3.list_multipart_uploads(Bucket=bucket, EncodingType="url")
    assert page["EncodingType"] == "url"
    from urllib.parse import unquote

    assert [unquote(one) for one in keys_in(page)] == [key]


@pytest.mark.parametrize("query", ["max-uploads=-1", "max-uploads=x", "max-uploads=2147483648", "encoding-type=x"])
def test_bad_arguments_of_list_multipart_uploads(region: LocalRegion, bucket: str, query: str) -> None:
    assert error_of(signed(region, "GET", f"/{bucket}?uploads&{query}")) == (400, "InvalidArgument")


def test_uploads_of_no_bucket(s3: Any, bucket: str) -> None:
    assert code(s3.list_multipart_uploads, Bucket="nowhere") == "NoSuchBucket"
    assert code(s3.list_multipart_uploads, Bucket=bucket, ExpectedBucketOwner="1" * 12) == "AccessDenied"


def test_list_parts_tells_each(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, StorageClass="STANDARD_IA")
    parts = upload(s3, where, {7: pattern(10), 2: b""})
    page = s3.list_parts(**where)
    assert [(one["PartNumber"], one["Size"], one["ETag"]) for one in page["Parts"]] == [
        (2, 0, parts[1]["ETag"]),
        (7, 10, parts[0]["ETag"]),
    ]
    owner = s3.list_buckets()["Owner"]["ID"]
    assert (page["Owner"], page["Initiator"], page["StorageClass"]) == ({"ID": owner}, {"ID": owner}, "STANDARD_IA")
    assert (page["Bucket"], page["Key"], page["UploadId"]) == tuple(where.values())
    assert (page["MaxParts"], page["IsTruncated"]) == (1000, False)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_list_parts_tells_checksums(s3: Any, bucket: str, algorithm: str) -> None:
    where = start(s3, bucket, ChecksumAlgorithm=algorithm)
    upload(s3, where, {1: b"part"}, **{member(algorithm): checksum(algorithm, b"part")})
    page = s3.list_parts(**where)
    assert page["Parts"][0][member(algorithm)] == checksum(algorithm, b"part")
    assert page["ChecksumAlgorithm"] == algorithm


@pytest.mark.parametrize("most", [1, 2, 3, 5, 1000])
def test_parts_in_pages(s3: Any, bucket: str, most: int) -> None:
    where = start(s3, bucket)
    numbers = [1, 2, 30, 400, 9999]
    upload(s3, where, dict.fromkeys(numbers, b"x"))
    pages = list(s3.get_paginator("list_parts").paginate(**where, PaginationConfig={"PageSize": most}))
    assert [one["PartNumber"] for page in pages for one in page["Parts"]] == numbers
    assert len(pages) == -(-5 // most)


@pytest.mark.parametrize(
    ("marker", "numbers"), [(0, [1, 2, 5]), (1, [2, 5]), (3, [5]), (5, []), (10_000, []), (2**31 - 1, [])]
)
def test_a_part_number_marker(s3: Any, bucket: str, marker: int, numbers: list[int]) -> None:
    where = start(s3, bucket)
    upload(s3, where, dict.fromkeys([1, 2, 5], b"x"))
    page = s3.list_parts(**where, PartNumberMarker=marker)
    assert [one["PartNumber"] for one in page.get("Parts", [])] == numbers


def test_no_parts_on_a_page_of_none(s3: Any, bucket: str) -> None:
    where = start(s3, bucket)
    assert "Parts" not in s3.list_parts(**where)
    upload(s3, where, {1: b"x"})
    page = s3.list_parts(**where, MaxParts=0)
    assert ("Parts" in page, page["IsTruncated"]) == (False, True)


@pytest.mark.parametrize(
    "query",
    [
        "max-parts=-1",
        "max-parts=x",
        "part-number-marker=x",
        "part-number-marker=-1",
        "part-number-marker=" + "9" * 5000,
    ],
)
def test_bad_arguments_of_list_parts(region: LocalRegion, s3: Any, bucket: str, query: str) -> None:
    where = start(s3, bucket)
    answer = signed(region, "GET", f"/{bucket}/k?uploadId={where['UploadId']}&{query}")
    assert error_of(answer) == (400, "InvalidArgument")
