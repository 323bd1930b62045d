"""ListObjects and ListObjectsV2."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.helpers import code, dev, error_of, refusal, signed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.region import LocalRegion

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
TREE = ["a", "a/1", "a/2", "a/b/1", "a/b/2", "b", "b/1", "c", "d/", "d//", "d//1", "z", "é"]


def fill(s3: Any, bucket: str, keys: Iterable[str]) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key)


def keys_in(page: Any) -> list[str]:
    return [one["Key"] for one in page.get("Contents", [])]


def prefixes_in(page: Any) -> list[str]:
    return [one["Prefix"] for one in page.get("CommonPrefixes", [])]


def test_list_objects_v2_tells_each_object(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"12345")["ETag"]
    page = s3.list_objects_v2(Bucket=bucket)
    [one] = page["Contents"]
    assert (one["Key"], one["Size"], one["ETag"], one["StorageClass"]) == ("k", 5, etag, "STANDARD")
    assert (one["ChecksumAlgorithm"], one["ChecksumType"]) == (["CRC32"], "FULL_OBJECT")
    assert one["LastModified"] == s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert "Owner" not in one
    assert (page["Name"], page["Prefix"], page["MaxKeys"], page["KeyCount"]) == (bucket, "", 1000, 1)
    assert page["IsTruncated"] is False
    assert "NextContinuationToken" not in page


def test_owners_are_told_when_asked_for(s3: Any, bucket: str) -> None:
    fill(s3, bucket, ["k"])
    owner = s3.list_buckets()["Owner"]["ID"]
    assert s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"] == {"ID": owner}
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket, FetchOwner=False)["Contents"][0]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"] == {"ID": owner}


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_an_empty_bucket(s3: Any, bucket: str, operation: str) -> None:
    page = getattr(s3, operation)(Bucket=bucket)
    assert (keys_in(page), prefixes_in(page), page["IsTruncated"]) == ([], [], False)


LISTINGS = [
    ({}, TREE, []),
    ({"Prefix": "a"}, ["a", "a/1", "a/2", "a/b/1", "a/b/2"], []),
    ({"Prefix": "a/"}, ["a/1", "a/2", "a/b/1", "a/b/2"], []),
    ({"Prefix": "x"}, [], []),
    ({"Prefix": "a/b/2"}, ["a/b/2"], []),
    ({"Delimiter": "/"}, ["a", "b", "c", "z", "é"], ["a/", "b/", "d/"]),
    ({"Delimiter": "/", "Prefix": "a"}, ["a"], ["a/"]),
    ({"Delimiter": "/", "Prefix": "a/"}, ["a/1", "a/2"], ["a/b/"]),
    ({"Delimiter": "/", "Prefix": "a/b"}, [], ["a/b/"]),
    ({"Delimiter": "/", "Prefix": "d/"}, ["d/"], ["d//"]),
    ({"Delimiter": "//"}, [key for key in TREE if not key.startswith("d//")], ["d//"]),
    ({"Delimiter": "/b/"}, [key for key in TREE if not key.startswith("a/b/")], ["a/b/"]),
    ({"Delimiter": "1"}, ["a", "a/2", "a/b/2", "b", "c", "d/", "d//", "z", "é"], ["a/1", "a/b/1", "b/1", "d//1"]),
    ({"Delimiter": "é"}, [key for key in TREE if key != "é"], ["é"]),
    ({"Delimiter": "nowhere"}, TREE, []),
    ({"Delimiter": ""}, TREE, []),
]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_prefixes_and_delimiters(s3: Any, bucket: str, operation: str) -> None:
    fill(s3, bucket, TREE)
    for arguments, keys, prefixes in LISTINGS:
        page = getattr(s3, operation)(Bucket=bucket, **arguments)
        assert (keys_in(page), prefixes_in(page)) == (keys, prefixes), arguments
        assert page["Prefix"] == arguments.get("Prefix", "")
        assert page.get("Delimiter", "") == arguments.get("Delimiter", "")


@pytest.mark.parametrize(
    ("after", "keys"),
    [
        ("", TREE),
        ("a", TREE[1:]),
        ("a/", TREE[1:]),
        ("a/b/1", TREE[4:]),
        ("a/b/11", TREE[4:]),
        ("d", TREE[8:]),
        ("z", TREE[12:]),
        ("é", []),
        ("\U0010ffff", []),
        ("0", TREE),
    ],
)
def test_where_a_listing_starts(s3: Any, bucket: str, after: str, keys: list[str]) -> None:
    fill(s3, bucket, TREE)
    second = s3.list_objects_v2(Bucket=bucket, StartAfter=after)
    assert keys_in(second) == keys
    assert second.get("StartAfter", "") == after
    first = s3.list_objects(Bucket=bucket, Marker=after)
    assert keys_in(first) == keys_in(second)
    assert first["Marker"] == after


def test_a_start_within_a_common_prefix_skips_what_came_before(s3: Any, bucket: str) -> None:
    fill(s3, bucket, ["a/1", "a/2", "b/1", "c"])
    # A marker that is a key below a prefix: the prefix was told with the page that ended there.
    page = s3.list_objects(Bucket=bucket, Delimiter="/", Marker="a/")
    assert (keys_in(page), prefixes_in(page)) == (["c"], ["b/"])
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", StartAfter="a/9")
    assert (keys_in(page), prefixes_in(page)) == (["c"], ["b/"])


ORDER = [
    "",
    " ",
    "!",
    "-",
    "/",
    "0",
    "9",
    "A",
    "Z",
    "_",
    "a",
    "z",
    "~",
    "\x7f",
    "é",
    "\u0301",
    "日",
    "\ue000",
    "\uffff",
    "😀",
]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_the_order_is_that_of_utf_8(s3: Any, bucket: str, operation: str) -> None:
    keys = ["k" + one for one in ORDER]
    fill(s3, bucket, reversed(keys))
    assert keys_in(getattr(s3, operation)(Bucket=bucket)) == sorted(keys, key=str.encode)


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize(("most", "count", "truncated"), [(0, 0, False), (1, 1, True), (4, 4, True), (5, 5, False)])
def test_max_keys(s3: Any, bucket: str, operation: str, most: int, count: int, truncated: bool) -> None:
    fill(s3, bucket, "abcde")
    page = getattr(s3, operation)(Bucket=bucket, MaxKeys=most)
    assert (len(keys_in(page)), page["IsTruncated"], page["MaxKeys"]) == (count, truncated, most)
    assert ("NextContinuationToken" in page) == (truncated and operation == "list_objects_v2")


def test_a_page_has_1000_keys_at_most(s3: Any, bucket: str, region: LocalRegion) -> None:
    from fogbank.services.s3.records import objects

    s3.put_object(Bucket=bucket, Key="k", Body=b"")

    def multiply(tx: Any) -> None:
        found = objects.get(tx, bucket, "k")
        assert found is not None
        for index in range(1001):
            objects.put(tx, found, bucket, f"k{index:04}")

    region.run(region.region.store.write(multiply))
    for most in (1000, 1001, 2**31 - 1):
        page = s3.list_objects_v2(Bucket=bucket, MaxKeys=most)
        assert (page["KeyCount"], page["MaxKeys"], page["IsTruncated"]) == (1000, 1000, True)
    last = s3.list_objects_v2(Bucket=bucket, ContinuationToken=page["NextContinuationToken"])
    assert (keys_in(last), last["IsTruncated"]) == (["k0999", "k1000"], False)


@pytest.mark.parametrize("value", ["-1", "-1000", "2147483648", "9" * 30, "x", "1.5", "", "1e3", "%20"])
@pytest.mark.parametrize("query", ["list-type=2&max-keys=", "max-keys="])
def test_a_bad_max_keys(region: LocalRegion, bucket: str, query: str, value: str) -> None:
    answer = signed(region, "GET", f"/{bucket}?{query}{value}")
    if value == "":
        assert answer.status in (200, 400)
    else:
        assert error_of(answer) == (400, "InvalidArgument")


@pytest.mark.parametrize("token", ["nonsense", "MQ", "é", "MQ==MQ==", "\u0000", "x" * 5000, "//79"])
def test_a_bad_token(s3: Any, bucket: str, token: str) -> None:
    error = refusal(s3.list_objects_v2, Bucket=bucket, ContinuationToken=token)
    assert (error["Code"], error["Status"]) == ("InvalidArgument", 400)


def test_an_empty_token_is_none_of_ours(region: LocalRegion, bucket: str) -> None:
    assert signed(region, "GET", f"/{bucket}?list-type=2&continuation-token=").status == 400


def test_a_token_outweighs_start_after(s3: Any, bucket: str) -> None:
    fill(s3, bucket, "abcd")
    token = s3.list_objects_v2(Bucket=bucket, MaxKeys=2)["NextContinuationToken"]
    page = s3.list_objects_v2(Bucket=bucket, ContinuationToken=token, StartAfter="c")
    assert keys_in(page) == ["c", "d"]
    assert page["ContinuationToken"] == token


def test_next_marker_is_told_with_a_delimiter_only(s3: Any, bucket: str) -> None:
    fill(s3, bucket, ["a/1", "a/2", "b", "c"])
    assert "NextMarker" not in s3.list_objects(Bucket=bucket, MaxKeys=1)
    page = s3.list_objects(Bucket=bucket, MaxKeys=1, Delimiter="/")
    assert (prefixes_in(page), page["NextMarker"]) == (["a/"], "a/")
    page = s3.list_objects(Bucket=bucket, MaxKeys=1, Delimiter="/", Marker="a/")
    assert (keys_in(page), page["NextMarker"]) == (["b"], "b")


def test_a_page_that_ends_with_a_common_prefix(s3: Any, bucket: str) -> None:
    fill(s3, bucket, ["a", "b/1", "b/2", "c"])
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert (keys_in(page), prefixes_in(page), page["IsTruncated"], page["KeyCount"]) == (["a"], ["b/"], True, 2)
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", ContinuationToken=page["NextContinuationToken"])
    assert (keys_in(page), prefixes_in(page)) == (["c"], [])
    s3.delete_object(Bucket=bucket, Key="c")
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert page["IsTruncated"] is False


AWKWARD = [
    "a&b<c>\"d'",
    "a b+c%20d",
    "ü/日本",
    "tab\tand\nline\rend",
    "\x01\x1f",
    "]]>",
    "😀",
    "\x80\x9f",
    "\ufffe\uffff",
    " x ",
]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_boto3_reads_every_key_back(s3: Any, bucket: str, operation: str) -> None:
    """It asks for encoding-type=url by itself, and decodes the answer."""
    fill(s3, bucket, AWKWARD)
    assert keys_in(getattr(s3, operation)(Bucket=bucket)) == sorted(AWKWARD, key=str.encode)
    for key in AWKWARD:
        page = getattr(s3, operation)(Bucket=bucket, Prefix=key, Delimiter=key[-1])
        prefix = page["Prefix"] if operation == "list_objects_v2" else unquote(page["Prefix"])  # boto3 forgets that one
        assert prefix == key
        assert page["Delimiter"] == key[-1]


@pytest.mark.parametrize("query", ["list-type=2&", ""])
def test_encoding_type_url(region: LocalRegion, s3: Any, bucket: str, query: str) -> None:
    fill(s3, bucket, AWKWARD)
    answer = signed(region, "GET", f"/{bucket}?{query}encoding-type=url&delimiter=%2B&prefix=a")
    root = ET.fromstring(answer.body)
    assert root.findtext(f"{S3}EncodingType") == "url"
    assert root.findtext(f"{S3}Delimiter") == "%2B"
    assert [one.text for one in root.iter(f"{S3}Key")] == ["a%26b%3Cc%3E%22d%27"]
    prefixes = [one.findtext(f"{S3}Prefix", "") for one in root.iter(f"{S3}CommonPrefixes")]
    assert [unquote(one) for one in prefixes] == ["a b+"]


@pytest.mark.parametrize("query", ["?list-type=2", ""])
def test_without_an_encoding_keys_are_xml_text(region: LocalRegion, s3: Any, bucket: str, query: str) -> None:
    keys = [key for key in AWKWARD if "\x01" not in key and "\ufffe" not in key]
    fill(s3, bucket, keys)
    root = ET.fromstring(signed(region, "GET", f"/{bucket}{query}").body)
    assert [one.text for one in root.iter(f"{S3}Key")] == sorted(keys, key=str.encode)


@pytest.mark.parametrize("query", ["?list-type=2", ""])
def test_without_an_encoding_what_xml_lacks_is_a_reference(
    region: LocalRegion, s3: Any, bucket: str, query: str
) -> None:
    fill(s3, bucket, ["\x01"])  # as AWS does it, which is why encoding-type exists
    assert b"<Key>&#x1;</Key>" in signed(region, "GET", f"/{bucket}{query}").body


@pytest.mark.parametrize("value", ["base64", "URL", "x"])
@pytest.mark.parametrize("query", ["list-type=2&", ""])
def test_a_bad_encoding_type(region: LocalRegion, bucket: str, query: str, value: str) -> None:
    answer = signed(region, "GET", f"/{bucket}?{query}encoding-type={value}")
    assert error_of(answer) == (400, "InvalidArgument")


@pytest.mark.parametrize("query", ["list-type=1", "list-type=3", "list-type=x"])
def test_an_unknown_list_type(region: LocalRegion, s3: Any, bucket: str, query: str) -> None:
    assert signed(region, "GET", f"/{bucket}?{query}").status in (200, 400)


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_listings_of_other_buckets(region: LocalRegion, s3: Any, bucket: str, operation: str) -> None:
    s3.create_bucket(Bucket="bucket2")
    fill(s3, "bucket2", ["other"])
    assert keys_in(getattr(s3, operation)(Bucket=bucket)) == []
    assert code(getattr(s3, operation), Bucket="nowhere") == "NoSuchBucket"
    assert code(getattr(s3, operation), Bucket=bucket, ExpectedBucketOwner="1" * 12) == "AccessDenied"
    assert code(getattr(dev(region, "111122223333"), operation), Bucket=bucket) == "AccessDenied"


ALPHABET = st.sampled_from([*string.ascii_lowercase[:3], "/", "-", "é", "😀", "\U0010ffff"])
TEXT = st.text(ALPHABET, max_size=3)


def model(keys: set[str], prefix: str, delimiter: str, after: str) -> tuple[list[str], list[str]]:
    """What all pages together should list."""
    found: list[str] = []
    rolled: list[str] = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            found.append(key)
        elif (common := key[: cut + len(delimiter)]) not in rolled:
            rolled.append(common)
    if delimiter and after.startswith(prefix) and (cut := after.find(delimiter, len(prefix))) >= 0:
        rolled = [one for one in rolled if one != after[: cut + len(delimiter)]]  # the caller has seen it
    return found, rolled


def walk_v2(s3: Any, most: int, after: str, **where: str) -> list[Any]:
    """All pages of ListObjectsV2."""
    pages = [s3.list_objects_v2(MaxKeys=most, **where, **({"StartAfter": after} if after else {}))]
    while pages[-1]["IsTruncated"]:
        token = pages[-1]["NextContinuationToken"]
        pages.append(s3.list_objects_v2(MaxKeys=most, ContinuationToken=token, **where))
    return pages


def walk_v1(s3: Any, most: int, after: str, **where: str) -> list[Any]:
    """All pages of ListObjects."""
    pages = [s3.list_objects(MaxKeys=most, Marker=after, **where)]
    while pages[-1]["IsTruncated"]:
        marker = pages[-1].get("NextMarker") or pages[-1]["Contents"][-1]["Key"]
        pages.append(s3.list_objects(MaxKeys=most, Marker=marker, **where))
    return pages


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(st.text(ALPHABET, min_size=1, max_size=5), max_size=12),
    prefix=TEXT,
    delimiter=st.text(ALPHABET, max_size=2),
    after=TEXT,
    most=st.integers(1, 5),
)
def test_walking_all_pages_equals_a_model(
    s3: Any, bucket: str, keys: set[str], prefix: str, delimiter: str, after: str, most: int
) -> None:
    there = set(keys_in(s3.list_objects_v2(Bucket=bucket)))
    fill(s3, bucket, keys - there)
    for key in there - keys:
        s3.delete_object(Bucket=bucket, Key=key)
    expected = model(keys, prefix, delimiter, after)
    for walk in (walk_v1, walk_v2):
        pages = walk(s3, most, after, Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
        assert (
            [key for page in pages for key in keys_in(page)],
            [one for page in pages for one in prefixes_in(page)],
        ) == (expected)
        sizes = [len(keys_in(page)) + len(prefixes_in(page)) for page in pages]
        assert all(size == most for size in sizes[:-1])
        assert sizes[-1] <= most
