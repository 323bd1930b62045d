"""Versioning: what is kept of what is overwritten or deleted, and how it is told."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.clock import Clock
from services.helpers import (
    FILE,
    allow,
    code,
    error_of,
    headers,
    kept,
    pattern,
    permit,
    refusal,
    signed,
    status,
    user_client,
)
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion


def versioning(s3: Any, bucket: str, state: str = "Enabled") -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": state})


def put(s3: Any, bucket: str, body: str, key: str = "k") -> str | None:
    """Put an object; the version that is made."""
    made: str | None = s3.put_object(Bucket=bucket, Key=key, Body=body.encode()).get("VersionId")
    return made


def text(s3: Any, bucket: str, version: str | None = None, key: str = "k") -> str:
    which = {"VersionId": version} if version else {}
    return str(s3.get_object(Bucket=bucket, Key=key, **which)["Body"].read().decode())


def history(s3: Any, bucket: str, key: str = "k") -> list[str]:
    """A key's versions, newest first: their bodies, or `-` for a delete marker; with `0` for the null one, `!` for the latest."""
    page = s3.list_object_versions(Bucket=bucket, Prefix=key)
    found = []
    for one in page.get("Versions", []) + page.get("DeleteMarkers", []):
        body = "-" if "Size" not in one else text(s3, bucket, one["VersionId"], key)
        place = (not one["IsLatest"], -one["LastModified"].timestamp())
        found.append((place, body + "0" * (one["VersionId"] == "null") + "!" * one["IsLatest"]))
    return [what for _, what in sorted(found)]


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    versioning(s3, bucket)
    return bucket


def test_a_new_bucket_has_no_versioning(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for state in ("Suspended", "Enabled", "Enabled", "Suspended"):
        versioning(s3, bucket, state)
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == state


@pytest.mark.parametrize(
    ("configuration", "error"),
    [
        ({}, ("IllegalVersioningConfigurationException", 400)),
        ({"Status": "Disabled"}, ("MalformedXML", 400)),
        ({"Status": ""}, ("MalformedXML", 400)),
        ({"Status": "enabled"}, ("MalformedXML", 400)),
        ({"Status": "Enabled", "MFADelete": "Enabled"}, ("NotImplemented", 501)),
        ({"Status": "Enabled", "MFADelete": "Perhaps"}, ("MalformedXML", 400)),
    ],
)
def test_put_bucket_versioning_refuses(
    s3: Any, bucket: str, configuration: dict[str, str], error: tuple[str, int]
) -> None:
    refused = refusal(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=configuration)
    assert (refused["Code"], refused["Status"]) == error
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_mfa_delete_can_be_said_to_be_disabled(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Disabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


@pytest.mark.parametrize("body", [b"", b"nonsense", b"<VersioningConfiguration>", b"<Other/>", b"\xff"])
def test_put_bucket_versioning_refuses_malformed_xml(region: LocalRegion, s3: Any, bucket: str, body: bytes) -> None:
    answer = signed(region, "PUT", f"/{bucket}?versioning", {}, body)
    assert answer.status == 400
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_versioning_of_no_bucket(s3: Any) -> None:
    assert code(s3.get_bucket_versioning, Bucket="nowhere") == "NoSuchBucket"
    assert code(versioning, s3=s3, bucket="nowhere") == "NoSuchBucket"


def test_an_unversioned_bucket_tells_no_versions(s3: Any, bucket: str) -> None:
    assert put(s3, bucket, "a") is None
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k")
    assert "VersionId" not in s3.head_object(Bucket=bucket, Key="k")
    assert text(s3, bucket, "null") == "a"
    assert code(s3.get_object, Bucket=bucket, Key="k", VersionId="f" * 32) == "NoSuchVersion"


def test_what_is_overwritten_is_kept(region: LocalRegion, s3: Any, versioned: str) -> None:
    ids = [put(s3, versioned, body) for body in "abc"]
    assert len({one for one in ids if one}) == 3
    assert [text(s3, versioned, one) for one in ids] == ["a", "b", "c"]
    got = s3.get_object(Bucket=versioned, Key="k")
    assert (got["VersionId"], got["Body"].read()) == (ids[2], b"c")
    assert s3.head_object(Bucket=versioned, Key="k", VersionId=ids[0])["VersionId"] == ids[0]
    assert kept(region) == (3, [])


def test_a_versioned_read_can_be_conditional_and_ranged(s3: Any, versioned: str) -> None:
    first = put(s3, versioned, "first")
    put(s3, versioned, "second")
    got = s3.get_object(Bucket=versioned, Key="k", VersionId=first, Range="bytes=1-2")
    assert (got["Body"].read(), got["VersionId"]) == (b"ir", first)
    etag = s3.head_object(Bucket=versioned, Key="k")["ETag"]
    assert code(s3.get_object, Bucket=versioned, Key="k", VersionId=first, IfMatch=etag) == "PreconditionFailed"


def test_objects_from_before_are_the_null_version(s3: Any, bucket: str) -> None:
    put(s3, bucket, "old")
    versioning(s3, bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    put(s3, bucket, "new")
    assert text(s3, bucket, "null") == "old"
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert code(s3.get_object, Bucket=bucket, Key="k", VersionId="null") == "NoSuchVersion"
    assert text(s3, bucket) == "new"


@pytest.mark.parametrize(
    ("version", "error"),
    [
        ("0" * 32, ("NoSuchVersion", 404)),
        ("f" * 32, ("NoSuchVersion", 404)),
        ("null", ("NoSuchVersion", 404)),
        ("NULL", ("InvalidArgument", 400)),
        ("", ("InvalidArgument", 400)),
        ("x", ("InvalidArgument", 400)),
        ("g" * 32, ("InvalidArgument", 400)),
        ("0" * 31, ("InvalidArgument", 400)),
        ("0" * 33, ("InvalidArgument", 400)),
        ("-" + "0" * 31, ("InvalidArgument", 400)),
        ("\u0660" * 32, ("InvalidArgument", 400)),
        ("0_" * 16, ("InvalidArgument", 400)),
        ("a" * 5000, ("InvalidArgument", 400)),
    ],
)
@pytest.mark.parametrize("operation", ["get_object", "delete_object", "copy_object"])
def test_versions_that_are_not_there(
    s3: Any, versioned: str, operation: str, version: str, error: tuple[str, int]
) -> None:
    put(s3, versioned, "a")
    if operation == "copy_object":
        if not version:
            return
        source = {"Bucket": versioned, "Key": "k", "VersionId": version}
        refused = refusal(s3.copy_object, Bucket=versioned, Key="to", CopySource=source)
    elif operation == "delete_object" and error[0] == "NoSuchVersion":
        assert status(s3.delete_object(Bucket=versioned, Key="k", VersionId=version)) == 204
        assert text(s3, versioned) == "a"
        return
    else:
        refused = refusal(getattr(s3, operation), Bucket=versioned, Key="k", VersionId=version)
    assert (refused["Code"], refused["Status"]) == error
    assert text(s3, versioned) == "a"


def test_another_keys_version_is_not_found(s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    put(s3, versioned, "b", "other")
    assert code(s3.get_object, Bucket=versioned, Key="other", VersionId=one) == "NoSuchVersion"
    s3.delete_object(Bucket=versioned, Key="other", VersionId=one)
    assert (text(s3, versioned), text(s3, versioned, key="other")) == ("a", "b")


def test_delete_puts_a_marker(region: LocalRegion, s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    gone = s3.delete_object(Bucket=versioned, Key="k")
    assert (gone["DeleteMarker"], len(gone["VersionId"]), status(gone)) == (True, 32, 204)
    assert code(s3.get_object, Bucket=versioned, Key="k") == "NoSuchKey"
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert "Contents" not in s3.list_objects(Bucket=versioned)
    assert text(s3, versioned, one) == "a"
    assert kept(region) == (1, [])


def test_delete_of_nothing_puts_a_marker(s3: Any, versioned: str) -> None:
    gone = s3.delete_object(Bucket=versioned, Key="k")
    assert gone["DeleteMarker"] is True
    assert history(s3, versioned) == ["-!"]


def test_reading_behind_a_marker_tells_of_it(s3: Any, region: LocalRegion, versioned: str) -> None:
    put(s3, versioned, "a")
    mark = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for method in ("GET", "HEAD"):
        answer = signed(region, method, f"/{versioned}/k")
        assert answer.status == 404
        assert (answer.headers["x-amz-delete-marker"], answer.headers["x-amz-version-id"]) == ("true", mark)


def test_a_marker_cannot_be_read(s3: Any, region: LocalRegion, versioned: str) -> None:
    put(s3, versioned, "a")
    mark = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for method in ("GET", "HEAD"):
        answer = signed(region, method, f"/{versioned}/k?versionId={mark}")
        assert answer.status == 405
        assert (answer.headers["x-amz-delete-marker"], answer.headers["allow"]) == ("true", "DELETE")
        assert "last-modified" in answer.headers
    assert error_of(signed(region, "GET", f"/{versioned}/k?versionId={mark}")) == (405, "MethodNotAllowed")
    source = {"Bucket": versioned, "Key": "k", "VersionId": mark}
    assert code(s3.copy_object, Bucket=versioned, Key="to", CopySource=source) in ("InvalidRequest", "MethodNotAllowed")


def test_deleting_the_marker_brings_the_object_back(s3: Any, versioned: str) -> None:
    put(s3, versioned, "a")
    mark = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    gone = s3.delete_object(Bucket=versioned, Key="k", VersionId=mark)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, mark)
    assert text(s3, versioned) == "a"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=versioned)["Contents"]] == ["k"]


def test_deleting_the_newest_version_makes_the_one_before_current(region: LocalRegion, s3: Any, versioned: str) -> None:
    ids = [put(s3, versioned, body) for body in "abc"]
    gone = s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[2])
    assert (gone["VersionId"], gone.get("DeleteMarker")) == (ids[2], None)
    assert history(s3, versioned) == ["b!", "a"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[0])
    assert history(s3, versioned) == ["b!"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[1])
    assert history(s3, versioned) == []
    assert kept(region) == (0, [])


def test_a_marker_under_a_marker_becomes_the_latest_again(s3: Any, versioned: str) -> None:
    put(s3, versioned, "a")
    marks = [s3.delete_object(Bucket=versioned, Key="k")["VersionId"] for _ in range(2)]
    assert len(set(marks)) == 2
    s3.delete_object(Bucket=versioned, Key="k", VersionId=marks[1])
    page = s3.list_object_versions(Bucket=versioned)
    assert [(one["VersionId"], one["IsLatest"]) for one in page["DeleteMarkers"]] == [(marks[0], True)]
    assert code(s3.get_object, Bucket=versioned, Key="k") == "NoSuchKey"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=marks[0])
    assert text(s3, versioned) == "a"


def test_suspended_versioning_replaces_the_null_version(region: LocalRegion, s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    versioning(s3, versioned, "Suspended")
    assert put(s3, versioned, "b") is None
    assert put(s3, versioned, "c") is None
    assert s3.get_object(Bucket=versioned, Key="k")["VersionId"] == "null"
    assert (text(s3, versioned), text(s3, versioned, "null"), text(s3, versioned, one)) == ("c", "c", "a")
    assert kept(region) == (2, [])


def test_suspended_versioning_deletes_behind_a_null_marker(region: LocalRegion, s3: Any, versioned: str) -> None:
    put(s3, versioned, "a")
    versioning(s3, versioned, "Suspended")
    put(s3, versioned, "b")
    for _ in range(2):
        gone = s3.delete_object(Bucket=versioned, Key="k")
        assert (gone["DeleteMarker"], gone["VersionId"]) == (True, "null")
    assert history(s3, versioned) == ["-0!", "a"]
    assert kept(region) == (1, [])
    put(s3, versioned, "c")
    assert history(s3, versioned) == ["c0!", "a"]


def test_a_null_marker_that_is_noncurrent_is_replaced(s3: Any, versioned: str, region: LocalRegion) -> None:
    versioning(s3, versioned, "Suspended")
    s3.delete_object(Bucket=versioned, Key="k")
    versioning(s3, versioned)
    region.advance(seconds=1)
    put(s3, versioned, "a")
    assert history(s3, versioned) == ["a!", "-0"]
    versioning(s3, versioned, "Suspended")
    region.advance(seconds=1)
    put(s3, versioned, "b")
    assert history(s3, versioned) == ["b0!", "a"]


PUT, PUT_NULL, DELETE, DELETE_NULL, DROP_NULL = range(
    5
)  # the first and the third with versioning enabled, the others suspended
ORDERS = [
    steps for steps in product(range(5), repeat=3) if steps[0] != DROP_NULL and {PUT_NULL, DELETE_NULL} & {*steps[:2]}
]


def test_null_versions_in_all_orders(s3: Any, bucket: str, region: LocalRegion) -> None:
    """At most one null version or marker, the newest of them; all others stay, in order."""
    for number in range(3):
        region.advance(seconds=1)
        for steps in sorted(ORDERS, key=lambda steps: steps[number] not in (PUT, DELETE)):
            do_step(s3, bucket, steps, number)
    bodies = 0
    for steps in ORDERS:
        expected = [one.removesuffix("!") for one in history(s3, bucket, key_of(steps))]
        assert expected == model(steps), steps
        bodies += sum(not one.startswith("-") for one in expected)
    assert kept(region)[0] == bodies


def key_of(steps: tuple[int, ...]) -> str:
    return "".join(map(str, steps))


def do_step(s3: Any, bucket: str, steps: tuple[int, ...], number: int) -> None:
    step, key = steps[number], key_of(steps)
    state = "Enabled" if step in (PUT, DELETE) else "Suspended"
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != state:
        versioning(s3, bucket, state)
    if step in (PUT, PUT_NULL):
        put(s3, bucket, f"{number}b", key)
    else:
        s3.delete_object(Bucket=bucket, Key=key, **({"VersionId": "null"} if step == DROP_NULL else {}))


def model(steps: tuple[int, ...]) -> list[str]:
    found: list[str] = []
    for number, step in enumerate(steps):
        if step in (PUT_NULL, DELETE_NULL, DROP_NULL):
            found = [one for one in found if not one.endswith("0")]
        if step in (PUT, PUT_NULL):
            found.insert(0, f"{number}b" + "0" * (step == PUT_NULL))
        elif step in (DELETE, DELETE_NULL):
            found.insert(0, "-" + "0" * (step == DELETE_NULL))
    return found


def test_a_copy_makes_a_version_and_names_its_source(s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    two = put(s3, versioned, "b")
    latest = s3.copy_object(Bucket=versioned, Key="to", CopySource={"Bucket": versioned, "Key": "k"})
    assert (latest["CopySourceVersionId"], len(latest["VersionId"])) == (two, 32)
    source = {"Bucket": versioned, "Key": "k", "VersionId": one}
    restored = s3.copy_object(Bucket=versioned, Key="k", CopySource=source)
    assert restored["CopySourceVersionId"] == one
    assert (text(s3, versioned), text(s3, versioned, two)) == ("a", "b")
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == restored["VersionId"]


def test_a_copy_from_behind_a_marker_fails(s3: Any, versioned: str) -> None:
    put(s3, versioned, "a")
    s3.delete_object(Bucket=versioned, Key="k")
    assert code(s3.copy_object, Bucket=versioned, Key="to", CopySource={"Bucket": versioned, "Key": "k"}) == "NoSuchKey"


def test_an_upload_in_parts_makes_a_version(region: LocalRegion, s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    where = start(s3, versioned, "k")
    made = complete(s3, where, upload(s3, where, {1: pattern(FILE)}))
    assert made["VersionId"] == s3.head_object(Bucket=versioned, Key="k")["VersionId"] != one
    assert text(s3, versioned, one) == "a"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=made["VersionId"])
    assert kept(region) == (1, [])


def test_delete_objects_tells_versions_and_markers(s3: Any, versioned: str) -> None:
    one, two = put(s3, versioned, "a"), put(s3, versioned, "b", "other")
    mark = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    listed = [{"Key": "k", "VersionId": mark}, {"Key": "other"}, {"Key": "k", "VersionId": one}, {"Key": "nothing"}]
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": listed})
    told = answer["Deleted"]
    assert told[0] == {"Key": "k", "VersionId": mark, "DeleteMarker": True, "DeleteMarkerVersionId": mark}
    assert (told[1]["Key"], told[1]["DeleteMarker"], "VersionId" in told[1]) == ("other", True, False)
    assert told[2] == {"Key": "k", "VersionId": one}
    assert told[3]["DeleteMarker"] is True
    assert text(s3, versioned, two, "other") == "b"
    assert history(s3, versioned) == []


def test_a_bucket_with_versions_is_not_empty(s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    mark = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for version in (one, mark):
        refused = refusal(s3.delete_bucket, Bucket=versioned)
        assert (refused["Code"], refused["Status"]) == ("BucketNotEmpty", 409)
        s3.delete_object(Bucket=versioned, Key="k", VersionId=version)
    s3.delete_bucket(Bucket=versioned)


@pytest.mark.parametrize("step", [-100, 0])
def test_versions_are_in_order_whatever_the_clock_does(
    region: LocalRegion, s3: Any, versioned: str, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    times = [region.clock.now() + timedelta(seconds=step * index) for index in range(4)]
    ids = []
    for body, time in zip("abcd", times, strict=True):
        monkeypatch.setattr(Clock, "now", lambda _self, time=time: time)
        ids.append(put(s3, versioned, body))
    page = s3.list_object_versions(Bucket=versioned)
    assert [one["VersionId"] for one in page["Versions"]] == ids[::-1]
    assert [one["IsLatest"] for one in page["Versions"]] == [True, False, False, False]


PAIRS = [
    ("get_object", "s3:GetObject", "s3:GetObjectVersion"),
    ("head_object", "s3:GetObject", "s3:GetObjectVersion"),
    ("delete_object", "s3:DeleteObject", "s3:DeleteObjectVersion"),
]


@pytest.mark.parametrize(("operation", "plain", "versions"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_versions_take_a_permission_of_their_own(
    region: LocalRegion, s3: Any, versioned: str, operation: str, plain: str, versions: str
) -> None:
    one = put(s3, versioned, "a")
    put(s3, versioned, "b")
    ann = user_client(region, "s3")
    resource = f"arn:aws:s3:::{versioned}/k"
    permit(region, allow(plain, resource))
    assert code(getattr(ann, operation), Bucket=versioned, Key="k", VersionId=one) in ("AccessDenied", "403")
    getattr(ann, operation)(Bucket=versioned, Key="k")
    permit(region, allow(versions, resource))
    assert code(getattr(ann, operation), Bucket=versioned, Key="k") in ("AccessDenied", "403")
    getattr(ann, operation)(Bucket=versioned, Key="k", VersionId=one)


def test_delete_objects_takes_the_permission_of_each(region: LocalRegion, s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    ann = user_client(region, "s3")
    permit(region, allow("s3:DeleteObject", f"arn:aws:s3:::{versioned}/*"))
    listed = [{"Key": "k", "VersionId": one}, {"Key": "k"}]
    answer = ann.delete_objects(Bucket=versioned, Delete={"Objects": listed})
    assert [(error["Code"], error["VersionId"]) for error in answer["Errors"]] == [("AccessDenied", one)]
    assert [entry["DeleteMarker"] for entry in answer["Deleted"]] == [True]


def test_a_copy_of_a_version_takes_the_permission_to_read_it(region: LocalRegion, s3: Any, versioned: str) -> None:
    one = put(s3, versioned, "a")
    ann = user_client(region, "s3")
    source = {"Bucket": versioned, "Key": "k", "VersionId": one}
    permit(region, allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{versioned}/*"))
    assert code(ann.copy_object, Bucket=versioned, Key="to", CopySource=source) == "AccessDenied"
    permit(region, allow(["s3:GetObjectVersion", "s3:PutObject"], f"arn:aws:s3:::{versioned}/*"))
    ann.copy_object(Bucket=versioned, Key="to", CopySource=source)


def test_the_version_is_a_condition_key(region: LocalRegion, s3: Any, versioned: str) -> None:
    one, two = put(s3, versioned, "a"), put(s3, versioned, "b")
    ann = user_client(region, "s3")
    permit(region, allow("s3:GetObjectVersion", StringEquals={"s3:VersionId": one}))
    assert text(ann, versioned, one) == "a"
    assert code(ann.get_object, Bucket=versioned, Key="k", VersionId=two) == "AccessDenied"


def test_a_missing_version_is_told_only_to_who_may_list(region: LocalRegion, s3: Any, versioned: str) -> None:
    put(s3, versioned, "a")
    ann = user_client(region, "s3")
    permit(region, allow("s3:GetObjectVersion"))
    assert code(ann.get_object, Bucket=versioned, Key="k", VersionId="0" * 32) == "AccessDenied"
    permit(region, allow(["s3:GetObjectVersion", "s3:ListBucket"]))
    assert code(ann.get_object, Bucket=versioned, Key="k", VersionId="0" * 32) == "NoSuchVersion"


def test_answers_have_the_headers(region: LocalRegion, s3: Any, versioned: str) -> None:
    made = s3.put_object(Bucket=versioned, Key="k", Body=b"a")
    assert headers(made)["x-amz-version-id"] == made["VersionId"]
    got = s3.get_object(Bucket=versioned, Key="k")
    assert headers(got)["x-amz-version-id"] == made["VersionId"]
    gone = headers(s3.delete_object(Bucket=versioned, Key="k"))
    assert gone["x-amz-delete-marker"] == "true"
    erased = headers(s3.delete_object(Bucket=versioned, Key="k", VersionId=gone["x-amz-version-id"]))
    assert (erased["x-amz-delete-marker"], erased["x-amz-version-id"]) == ("true", gone["x-amz-version-id"])
