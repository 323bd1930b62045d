"""ListObjectVersions."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.object_versions import first, page_of
from fogbank.services.s3.pages import Wanted
from fogbank.services.s3.records import LAST_STAMP, Bucket, Object, objects, versions
from fogbank.store import keys
from services.helpers import allow, code, dev, permit, refusal, user_client
from store.memory import MemoryStore, MemoryTx
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Tx
    from support.region import LocalRegion


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def put(s3: Any, bucket: str, *names: str) -> list[str]:
    """Make a version, or (for a name with `!`) a delete marker, of each key in turn; their ids."""
    made = []
    for name in names:
        if name.endswith("!"):
            made.append(s3.delete_object(Bucket=bucket, Key=name[:-1])["VersionId"])
        else:
            made.append(s3.put_object(Bucket=bucket, Key=name, Body=b"x")["VersionId"])
    return made


def listing(s3: Any, bucket: str, **arguments: Any) -> list[tuple[str, str]]:
    """A page's versions and markers, as (key, id), and its common prefixes, as (prefix, "")."""
    page = s3.list_object_versions(Bucket=bucket, **arguments)
    found = [(one["Key"], one["VersionId"]) for one in page.get("Versions", []) + page.get("DeleteMarkers", [])]
    return found + [(one["Prefix"], "") for one in page.get("CommonPrefixes", [])]


def pages(s3: Any, bucket: str, **arguments: Any) -> list[dict[str, Any]]:
    """All pages, by their markers."""
    found = [s3.list_object_versions(Bucket=bucket, **arguments)]
    while found[-1]["IsTruncated"]:
        marks = {"KeyMarker": found[-1]["NextKeyMarker"]}
        if "NextVersionIdMarker" in found[-1]:
            marks["VersionIdMarker"] = found[-1]["NextVersionIdMarker"]
        found.append(s3.list_object_versions(Bucket=bucket, **arguments, **marks))
    return found


def walked(s3: Any, bucket: str, **arguments: Any) -> list[tuple[str, str]]:
    """All versions, markers and prefixes over pages."""
    found = []
    for page in pages(s3, bucket, **arguments):
        part = [(one["Key"], one["VersionId"]) for one in page.get("Versions", []) + page.get("DeleteMarkers", [])]
        found += part + [(one["Prefix"], "") for one in page.get("CommonPrefixes", [])]
    return found


def test_an_empty_bucket(s3: Any, bucket: str) -> None:
    page = s3.list_object_versions(Bucket=bucket)
    assert page.keys() & {"Versions", "DeleteMarkers", "CommonPrefixes", "NextKeyMarker"} == set()
    told = (page["Name"], page["Prefix"], page["KeyMarker"], page["VersionIdMarker"], page["MaxKeys"])
    assert told == (bucket, "", "", "", 1000)
    assert page["IsTruncated"] is False


def test_an_unversioned_bucket_lists_null_versions(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"abc", StorageClass="STANDARD_IA")
    [one] = s3.list_object_versions(Bucket=bucket)["Versions"]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert one == {
        "Key": "k",
        "VersionId": "null",
        "IsLatest": True,
        "LastModified": head["LastModified"],
        "ETag": head["ETag"],
        "Size": 3,
        "StorageClass": "STANDARD_IA",
        "Owner": {"ID": canonical_user(ACCOUNT)},
        "ChecksumAlgorithm": one["ChecksumAlgorithm"],
        "ChecksumType": "FULL_OBJECT",
    }


def test_versions_are_listed_by_key_and_newest_first(s3: Any, versioned: str) -> None:
    b1, a1, b2, a2 = put(s3, versioned, "b", "a", "b", "a")
    page = s3.list_object_versions(Bucket=versioned)
    told = [(one["Key"], one["VersionId"], one["IsLatest"]) for one in page["Versions"]]
    assert told == [("a", a2, True), ("a", a1, False), ("b", b2, True), ("b", b1, False)]


def test_delete_markers_are_listed(s3: Any, versioned: str) -> None:
    _, mark, two = put(s3, versioned, "k", "k!", "k")
    page = s3.list_object_versions(Bucket=versioned)
    [marker] = page["DeleteMarkers"]
    assert marker == {
        "Key": "k",
        "VersionId": mark,
        "IsLatest": False,
        "LastModified": marker["LastModified"],
        "Owner": {"ID": canonical_user(ACCOUNT)},
    }
    assert [one["VersionId"] for one in page["Versions"] if one["IsLatest"]] == [two]
    [last] = put(s3, versioned, "k!")
    page = s3.list_object_versions(Bucket=versioned)
    assert [(one["VersionId"], one["IsLatest"]) for one in page["DeleteMarkers"]] == [(last, True), (mark, False)]
    assert not any(one["IsLatest"] for one in page["Versions"])


@pytest.mark.parametrize("size", range(1, 8))
def test_pages_of_any_size_are_the_whole(s3: Any, versioned: str, size: int) -> None:
    put(s3, versioned, "a", "a", "a!", "b", "a/b", "a/b!", "c!", "c", "c")
    whole = set(listing(s3, versioned))
    found = walked(s3, versioned, MaxKeys=size)
    assert len(whole) == len(found) == 9
    assert set(found) == whole
    for page in pages(s3, versioned, MaxKeys=size)[:-1]:
        assert len(page.get("Versions", [])) + len(page.get("DeleteMarkers", [])) == size


def test_boto3s_paginator_walks_it(s3: Any, versioned: str) -> None:
    put(s3, versioned, *"aabbcc", "c!")
    found = s3.get_paginator("list_object_versions").paginate(Bucket=versioned, PaginationConfig={"PageSize": 2})
    assert sum(len(page.get("Versions", [])) + len(page.get("DeleteMarkers", [])) for page in found) == 7


def test_prefix_and_delimiter(s3: Any, versioned: str) -> None:
    _, ab, _, b = put(s3, versioned, "a/x", "ab", "a/y!", "b")
    assert listing(s3, versioned, Delimiter="/") == [("ab", ab), ("b", b), ("a/", "")]
    assert listing(s3, versioned, Delimiter="/", Prefix="a") == [("ab", ab), ("a/", "")]
    assert [key for key, _ in listing(s3, versioned, Delimiter="/", Prefix="a/")] == ["a/x", "a/y"]
    assert listing(s3, versioned, Prefix="c") == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_common_prefixes_over_pages(s3: Any, versioned: str, size: int) -> None:
    put(s3, versioned, "a/x", "a/y", "a/y", "b!", "c/x!", "d", "d", "e/", "e/z")
    found = walked(s3, versioned, Delimiter="/", MaxKeys=size)
    assert [key for key, _ in sorted(found)] == ["a/", "b", "c/", "d", "d", "e/"]


def test_a_page_that_ends_with_a_prefix_names_it(s3: Any, versioned: str) -> None:
    put(s3, versioned, "a/x", "b")
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/", MaxKeys=1)
    assert (page["NextKeyMarker"], "NextVersionIdMarker" in page, page["Delimiter"]) == ("a/", False, "/")


def test_a_key_marker_alone_starts_behind_all_versions_of_it(s3: Any, versioned: str) -> None:
    put(s3, versioned, "a", "a", "b")
    assert [key for key, _ in listing(s3, versioned, KeyMarker="a")] == ["b"]
    assert [key for key, _ in listing(s3, versioned, KeyMarker="A")] == ["a", "a", "b"]


def test_a_version_marker_starts_behind_that_version(s3: Any, versioned: str) -> None:
    ids = put(s3, versioned, "a", "a", "a")
    assert listing(s3, versioned, KeyMarker="a", VersionIdMarker=ids[2]) == [("a", ids[1]), ("a", ids[0])]
    assert listing(s3, versioned, KeyMarker="a", VersionIdMarker=ids[0]) == []
    page = s3.list_object_versions(Bucket=versioned, KeyMarker="a", VersionIdMarker=ids[1])
    assert (page["KeyMarker"], page["VersionIdMarker"]) == ("a", ids[1])


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_version_marker_holds_its_place_when_the_version_goes(s3: Any, versioned: str, gone: int) -> None:
    ids = put(s3, versioned, "a", "a", "a", "a")[::-1]
    for version in ids[: gone + 1]:
        s3.delete_object(Bucket=versioned, Key="a", VersionId=version)
    assert listing(s3, versioned, KeyMarker="a", VersionIdMarker=ids[gone]) == [("a", one) for one in ids[gone + 1 :]]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_bucket_can_be_emptied_page_by_page(s3: Any, bucket: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, "k", "k!", "k", "l", "l!")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="l")
    marks: dict[str, str] = {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, MaxKeys=size, **marks)
        for one in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        if not page["IsTruncated"]:
            break
        marks = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert listing(s3, bucket) == []
    s3.delete_bucket(Bucket=bucket)


def test_null_is_a_marker_too(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    new = put(s3, bucket, "a", "b")
    assert listing(s3, bucket, KeyMarker="a", VersionIdMarker="null") == [("b", new[1])]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="a")
    assert listing(s3, bucket, KeyMarker="a", VersionIdMarker="null") == [("a", new[0]), ("b", new[1])]
    assert listing(s3, bucket, KeyMarker="b", VersionIdMarker="null") == [("b", new[1])]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"VersionIdMarker": "null"}, "InvalidArgument"),
        ({"KeyMarker": "k", "VersionIdMarker": ""}, "InvalidArgument"),
        ({"KeyMarker": "k", "VersionIdMarker": "x"}, "InvalidArgument"),
        ({"KeyMarker": "k", "VersionIdMarker": "g" * 32}, "InvalidArgument"),
        ({"KeyMarker": "k", "VersionIdMarker": "0" * 3000}, "InvalidArgument"),
        ({"KeyMarker": "", "VersionIdMarker": "0" * 32}, "InvalidArgument"),
        ({"MaxKeys": -1}, "InvalidArgument"),
        ({"MaxKeys": 2**31}, "InvalidArgument"),
        ({"EncodingType": "base64"}, "InvalidArgument"),
    ],
)
def test_bad_arguments(s3: Any, bucket: str, arguments: dict[str, Any], error: str) -> None:
    assert refusal(s3.list_object_versions, Bucket=bucket, **arguments)["Code"] == error


def test_max_keys(s3: Any, versioned: str) -> None:
    put(s3, versioned, "a", "b")
    page = s3.list_object_versions(Bucket=versioned, MaxKeys=0)
    assert (page["IsTruncated"], page["MaxKeys"], "Versions" in page) == (False, 0, False)
    assert s3.list_object_versions(Bucket=versioned, MaxKeys=5000)["MaxKeys"] == 1000
    assert s3.list_object_versions(Bucket=versioned, MaxKeys=2)["IsTruncated"] is False


ODD = ["a b", "a+b", "a%20b", "\n", "\x01", "é", "😀", "<&>", "a\x01", "a\x01\x02"]


def test_keys_of_all_kinds(s3: Any, versioned: str) -> None:
    """boto3 asks for URL encoding, and decodes."""
    put(s3, versioned, *ODD, *ODD)
    found = [key for key, _ in walked(s3, versioned, MaxKeys=3)]
    assert found == [key for key in sorted(ODD, key=str.encode) for _ in range(2)]


def test_listings_of_objects_do_not_show_versions_or_markers(s3: Any, versioned: str) -> None:
    put(s3, versioned, "a", "a", "b", "b!", "c!", "c/d!", "e/f")
    for operation in (s3.list_objects, s3.list_objects_v2):
        page = operation(Bucket=versioned, Delimiter="/")
        assert [one["Key"] for one in page["Contents"]] == ["a"]
        assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["e/"]


def test_listing_no_bucket_and_another_accounts(region: LocalRegion, s3: Any, bucket: str) -> None:
    assert code(s3.list_object_versions, Bucket="nowhere") == "NoSuchBucket"
    assert code(s3.list_object_versions, Bucket=bucket, ExpectedBucketOwner="1" * 12) == "AccessDenied"
    assert code(dev(region, "111122223333").list_object_versions, Bucket=bucket) == "AccessDenied"


def test_listing_versions_takes_a_permission_of_its_own(region: LocalRegion, s3: Any, versioned: str) -> None:
    put(s3, versioned, "a", "b")
    ann = user_client(region, "s3")
    permit(region, allow("s3:ListBucket"))
    assert code(ann.list_object_versions, Bucket=versioned) == "AccessDenied"
    permit(region, allow("s3:ListBucketVersions", StringEquals={"s3:prefix": "a"}))
    assert [key for key, _ in listing(ann, versioned, Prefix="a")] == ["a"]
    assert code(ann.list_object_versions, Bucket=versioned, Prefix="b") == "AccessDenied"
    assert code(ann.list_object_versions, Bucket=versioned) == "AccessDenied"
    permit(region, allow("s3:ListBucketVersions", StringEquals={"s3:prefix": ""}))
    assert len(listing(ann, versioned)) == 2


def test_an_event_names_the_operation(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.list_object_versions(Bucket=bucket)
    assert "ListObjectVersions" in json.dumps(region.events("data")) + json.dumps(region.events())


def made(stamp: int, *, marker: bool = False, superseded: int = 0) -> Object:
    """A record of a version."""
    return Object(
        size=0, etag="", modified=0, headers={}, metadata={}, storage_class="STANDARD", checksum=None, segments=(), parts=(),
        version=f"{LAST_STAMP - stamp:016x}{'0' * 16}", stamp=stamp, marker=marker, superseded=superseded,
    )  # fmt: skip


class Counting:
    """A transaction that counts the rows that are read."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.rows = tx, 0

    def scan(self, lower: bytes, upper: bytes, **options: Any) -> Any:
        return self.counted(self.tx.scan(lower, upper, **options))

    def scan_groups(self, lower: bytes, upper: bytes, **options: Any) -> Any:
        return self.counted(self.tx.scan_groups(lower, upper, **options))

    def counted(self, rows: Any) -> Any:
        for row in rows:
            self.rows += 1
            yield row


def rows_read(region: LocalRegion, fill: Callable[[Tx], None], wanted: Wanted, *starts: tuple[Any, ...]) -> list[int]:
    """How many rows pages from these places read."""
    region.run(region.region.store.write(fill, bulk=True))
    read = []
    with region.region.store.snapshot() as tx:
        for start in starts:
            counting: Any = Counting(tx)
            page = page_of(counting, wanted, keys.encode(wanted.bucket, *start))
            assert len(page.entries) + len(page.prefixes) == wanted.most
            read.append(counting.rows)
    return read


def test_a_page_costs_the_same_at_any_depth_of_a_key(region: LocalRegion, bucket: str) -> None:
    def fill(tx: Tx) -> None:
        objects.put(tx, made(20_000), bucket, "k")
        for stamp in range(20_000):
            versions.put(tx, made(stamp, superseded=1), bucket, "k", LAST_STAMP - stamp)

    wanted = Wanted(bucket, "", "", (), 100)
    starts = [("k",), ("k", LAST_STAMP - 10_000), ("k", LAST_STAMP - 5000)]
    assert all(100 <= rows <= 110 for rows in rows_read(region, fill, wanted, *starts))


def test_a_common_prefix_costs_the_same_whatever_lies_under_it(region: LocalRegion, bucket: str) -> None:
    def fill(tx: Tx) -> None:
        for directory in range(20):
            for index in range(500):
                name = f"{directory:02}/{index}"
                objects.put(tx, made(1), bucket, name)
                versions.put(tx, made(0, superseded=1), bucket, name, LAST_STAMP)

    wanted = Wanted(bucket, "", "/", (), 19)
    assert rows_read(region, fill, wanted, ("",))[0] <= 20 * 4


NAMES = st.sampled_from(["a", "a/", "a/b", "a/c", "b", "b/b/b", "c", "é"])
PREFIXES = st.sampled_from(["", "a", "a/", "b", "x"])
DELIMITERS = st.sampled_from(["", "/", "b", "/b"])


def model(history: list[tuple[str, bool]], prefix: str, delimiter: str) -> list[tuple[str, str]]:
    """What all pages should list: the key and id of versions, and common prefixes."""
    found: list[tuple[str, str]] = []
    for key in sorted({key for key, _ in history if key.startswith(prefix)}, key=str.encode):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            stamps = [stamp for stamp, (name, _) in enumerate(history, 1) if name == key]
            found += [(key, made(stamp).version) for stamp in reversed(stamps)]
        elif (rolled := (key[: cut + len(delimiter)], "")) not in found:
            found.append(rolled)
    return found


def kept_as(history: list[tuple[str, bool]]) -> Any:
    """A transaction over the records of a history of versions and (True) markers."""
    tx: Any = MemoryTx(MemoryStore(), writes=True)
    last = {key: stamp for stamp, (key, _) in enumerate(history, 1)}
    for stamp, (key, marker) in enumerate(history, 1):
        if last[key] == stamp and not marker:
            objects.put(tx, made(stamp), "bucket", key)
        else:
            record = made(stamp, marker=marker, superseded=int(last[key] != stamp))
            versions.put(tx, record, "bucket", key, LAST_STAMP - stamp)
    return tx


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=25), PREFIXES, DELIMITERS, st.integers(1, 6))
def test_walking_all_pages_equals_a_model(
    history: list[tuple[str, bool]], prefix: str, delimiter: str, most: int
) -> None:
    call: Any = SimpleNamespace(tx=kept_as(history))
    where = Bucket(name="bucket", account=ACCOUNT, region="us-east-1", created=0, versioning="Enabled")
    wanted = Wanted("bucket", prefix, delimiter, (), most)
    found: list[tuple[str, str]] = []
    marks: dict[str, str] = {}
    while True:
        page = page_of(call.tx, wanted, first(call, where, marks, wanted))
        entries = [(key, one.version) for key, one in page.entries] + [(one, "") for one in page.prefixes]
        found += sorted(entries, key=lambda one: (one[0].encode(), one[1]))
        if not page.truncated:
            break
        assert len(entries) == most
        marks = {"KeyMarker": page.last[0]} | ({"VersionIdMarker": page.last[1]} if page.last[1] else {})
    assert found == model(history, prefix, delimiter)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(NAMES, st.booleans()), max_size=15),
    PREFIXES,
    st.sampled_from(["A", "a", "a/", "a/b", "b", "bb", "z", "\0", "é" * 500]),
    st.none() | st.integers(0, 17),
)
def test_any_markers_equal_a_model(history: list[tuple[str, bool]], prefix: str, key: str, stamp: int | None) -> None:
    """Behind a key, or behind a version of it, which need not be there."""
    call: Any = SimpleNamespace(tx=kept_as(history))
    where = Bucket(name="bucket", account=ACCOUNT, region="us-east-1", created=0, versioning="Enabled")
    wanted = Wanted("bucket", prefix, "", (), 1000)
    mark = None if stamp is None else made(stamp).version
    page = page_of(
        call.tx, wanted, first(call, where, {"KeyMarker": key} | ({"VersionIdMarker": mark} if mark else {}), wanted)
    )
    expected = [
        (name, version)
        for name, version in model(history, prefix, "")
        if name.encode() > key.encode() or (name == key and mark is not None and version > mark)
    ]
    assert [(name, one.version) for name, one in page.entries] == expected
    assert not page.truncated


def test_ids_sort_newest_first(s3: Any, versioned: str) -> None:
    ids = put(s3, versioned, *"aaaa")
    assert all(later < earlier for earlier, later in pairwise(ids))
