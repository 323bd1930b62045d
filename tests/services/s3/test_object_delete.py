"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pytest

from services.helpers import ALGORITHMS, FILE, checksum, code, error_of, kept, pattern, refusal, signed, status

if TYPE_CHECKING:
    from support.region import LocalRegion


def keys_of(s3: Any, bucket: str) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("size", [0, 5, FILE])
def test_delete_object(region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(size))
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert (status(gone), gone.get("DeleteMarker"), gone.get("VersionId")) == (204, None, None)
    assert code(s3.get_object, Bucket=bucket, Key="k") == "NoSuchKey"
    assert kept(region) == (0, [])


def test_delete_object_that_is_not_there_succeeds(s3: Any, bucket: str) -> None:
    assert status(s3.delete_object(Bucket=bucket, Key="nothing")) == 204
    assert status(s3.delete_object(Bucket=bucket, Key="nothing", VersionId="null")) == 204


def test_delete_object_in_no_bucket(s3: Any) -> None:
    assert code(s3.delete_object, Bucket="nowhere", Key="k") == "NoSuchBucket"


def test_delete_object_leaves_its_neighbours(s3: Any, bucket: str) -> None:
    for key in ("a", "a/", "a/b", "ab"):
        s3.put_object(Bucket=bucket, Key=key)
    s3.delete_object(Bucket=bucket, Key="a")
    assert keys_of(s3, bucket) == ["a/", "a/b", "ab"]


def test_delete_object_of_a_version(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    assert code(s3.delete_object, Bucket=bucket, Key="k", VersionId="other") == "InvalidArgument"
    assert keys_of(s3, bucket) == ["k"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert keys_of(s3, bucket) == []


@pytest.mark.parametrize("options", [{"MFA": "20899872 301749"}])
def test_delete_object_with_what_is_not_implemented(s3: Any, bucket: str, options: dict[str, Any]) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    assert code(s3.delete_object, Bucket=bucket, Key="k", **options) == "NotImplemented"
    assert keys_of(s3, bucket) == ["k"]


# S3 User Guide, "How to perform conditional deletes"
@pytest.mark.parametrize(
    ("there", "condition", "outcome"),
    [
        (True, {"IfMatch": "="}, None),
        (True, {"IfMatch": "*"}, None),
        (True, {"IfMatch": "!"}, ("PreconditionFailed", 412)),
        (False, {"IfMatch": "="}, ("NoSuchKey", 404)),
        (False, {"IfMatch": "*"}, ("NoSuchKey", 404)),
        (True, {"IfMatchSize": 3}, None),
        (True, {"IfMatchSize": 4}, ("PreconditionFailed", 412)),
        (True, {"IfMatchLastModifiedTime": 0}, None),
        (True, {"IfMatchLastModifiedTime": 5}, ("PreconditionFailed", 412)),
    ],
)
def test_conditional_deletes(
    s3: Any, bucket: str, there: bool, condition: dict[str, Any], outcome: tuple[str, int] | None
) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"abc")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    if not there:
        s3.delete_object(Bucket=bucket, Key="k")
    sent = dict(condition)
    if "IfMatch" in sent:
        sent["IfMatch"] = {"=": etag, "!": '"0123"'}.get(sent["IfMatch"], sent["IfMatch"])
    if "IfMatchLastModifiedTime" in sent:
        sent["IfMatchLastModifiedTime"] = modified + timedelta(seconds=sent["IfMatchLastModifiedTime"])
    if outcome is None:
        s3.delete_object(Bucket=bucket, Key="k", **sent)
        assert keys_of(s3, bucket) == []
        return
    error = refusal(s3.delete_object, Bucket=bucket, Key="k", **sent)
    assert (error["Code"], error["Status"]) == outcome
    assert keys_of(s3, bucket) == (["k"] if there else [])


def listed(*keys: str) -> dict[str, Any]:
    return {"Objects": [{"Key": key} for key in keys]}


def test_delete_objects(region: LocalRegion, s3: Any, bucket: str) -> None:
    for index in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{index}", Body=pattern(FILE if index == 2 else 10))
    answer = s3.delete_objects(Bucket=bucket, Delete=listed("k0", "k2", "nothing", "k4"))
    assert answer["Deleted"] == [{"Key": key} for key in ("k0", "k2", "nothing", "k4")]
    assert "Errors" not in answer
    assert keys_of(s3, bucket) == ["k1", "k3"]
    assert kept(region) == (2, [])


def test_delete_objects_quietly(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    answer = s3.delete_objects(Bucket=bucket, Delete={**listed("k", "nothing"), "Quiet": True})
    assert answer.keys() & {"Deleted", "Errors"} == set()
    assert keys_of(s3, bucket) == []


def test_delete_objects_quietly_tells_errors(s3: Any, bucket: str) -> None:
    objects = [{"Key": "a", "VersionId": "other"}, {"Key": "b"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert [(one["Key"], one["VersionId"]) for one in answer["Errors"]] == [("a", "other")]
    assert "Deleted" not in answer


def test_delete_objects_answers_each_for_itself(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"a")["ETag"]
    for key in "bcd":
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    objects = [
        {"Key": "a", "ETag": etag},
        {"Key": "b", "ETag": etag},
        {"Key": "c", "VersionId": "null"},
        {"Key": "d", "VersionId": "x"},
        {"Key": "e", "ETag": etag},
        {"Key": "f"},
    ]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert answer["Deleted"] == [{"Key": "a"}, {"Key": "c", "VersionId": "null"}, {"Key": "f"}]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [
        ("b", "PreconditionFailed"),
        ("d", "InvalidArgument"),
        ("e", "NoSuchKey"),
    ]
    assert keys_of(s3, bucket) == ["b", "d"]


def test_delete_objects_of_the_same_key_twice(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    assert len(s3.delete_objects(Bucket=bucket, Delete=listed("k", "k"))["Deleted"]) == 2


def test_delete_objects_takes_1000(s3: Any, bucket: str) -> None:
    keys = [f"k{index:04}" for index in range(1000)]
    for key in keys[::100]:
        s3.put_object(Bucket=bucket, Key=key)
    assert [one["Key"] for one in s3.delete_objects(Bucket=bucket, Delete=listed(*keys))["Deleted"]] == keys
    assert keys_of(s3, bucket) == []


@pytest.mark.parametrize("count", [0, 1001, 2000])
def test_delete_objects_takes_no_other_number(s3: Any, bucket: str, count: int) -> None:
    s3.put_object(Bucket=bucket, Key="k0")
    error = refusal(s3.delete_objects, Bucket=bucket, Delete=listed(*(f"k{index}" for index in range(count))))
    assert (error["Code"], error["Status"]) == ("MalformedXML", 400)
    assert keys_of(s3, bucket) == ["k0"]


KEYS = ["ü/日本", "a&b<c>", "a b+c%20", "/x", "..", "new\nline", "\x01", "😀", "]]>", "\r\n", " a ", "\ufffe"]


def test_delete_objects_of_any_key(s3: Any, bucket: str) -> None:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key)
    plain = [key for key in KEYS if key.isprintable()]
    answer = s3.delete_objects(Bucket=bucket, Delete=listed(*plain))
    assert [one["Key"] for one in answer["Deleted"]] == plain
    assert sorted(keys_of(s3, bucket)) == sorted(set(KEYS) - set(plain))


def body_of(*keys: str, inside: str = "") -> bytes:
    """A multi-delete's body, as it is sent."""
    objects = "".join(f"<Object><Key>{escape(key)}</Key>{inside}</Object>" for key in keys)
    return f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{objects}</Delete>'.encode()


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({}, "InvalidRequest"),
        ({"content-md5": "="}, None),
        ({"content-md5": "!"}, "BadDigest"),
        ({"content-md5": "nonsense"}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "!"}, "BadDigest"),
        ({"x-amz-checksum-crc32": "nonsense"}, "InvalidRequest"),
        ({"x-amz-checksum-sha256": "=", "content-md5": "!"}, "BadDigest"),
        *(({f"x-amz-checksum-{name.lower()}": "="}, None) for name in ALGORITHMS),
    ],
)
def test_delete_objects_must_come_with_a_digest(
    region: LocalRegion, s3: Any, bucket: str, extra: dict[str, str], error: str | None
) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    body = body_of("k")
    names = {name: name.rpartition("-")[2].upper() for name in extra}
    sent = {
        name: {"=": checksum(names[name], body), "!": checksum(names[name], b"other")}.get(value, value)
        for name, value in extra.items()
    }
    answer = signed(region, "POST", f"/{bucket}?delete", sent, body)
    if error is None:
        assert answer.status == 200
        assert keys_of(s3, bucket) == []
    else:
        assert error_of(answer) == (400, error)
        assert keys_of(s3, bucket) == ["k"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"<Delete>",
        b"<Delete/>",
        b"<Delete></Delete>",
        b"<Other><Object><Key>k</Key></Object></Other>",
        b"<Delete><Object></Object></Delete>",
        b"<Delete><Object><Key></Key></Object></Delete>",
        b"<Delete><Object><Key>k</Object></Key></Delete>",
        b'<!DOCTYPE d [<!ENTITY e "k">]><Delete><Object><Key>&e;</Key></Object></Delete>',
        b"<Delete><Object><Key>\xff</Key></Object></Delete>",
        b"<Delete><Quiet>perhaps</Quiet><Object><Key>k</Key></Object></Delete>",
    ],
)
def test_delete_objects_refuses_malformed_xml(region: LocalRegion, s3: Any, bucket: str, body: bytes) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    answer = signed(region, "POST", f"/{bucket}?delete", {"content-md5": checksum("MD5", body)}, body)
    status_, name = error_of(answer)
    assert status_ == 400
    assert name in ("MalformedXML", "MissingRequestBodyError", "InvalidRequest")
    assert keys_of(s3, bucket) == ["k"]


def test_delete_objects_without_a_namespace(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    body = b"<?xml version='1.0'?>\n<Delete> <Object> <Key>k</Key> </Object> <Quiet>true</Quiet> </Delete>"
    assert signed(region, "POST", f"/{bucket}?delete", {"content-md5": checksum("MD5", body)}, body).status == 200
    assert keys_of(s3, bucket) == []


def test_delete_objects_in_no_bucket(s3: Any) -> None:
    assert code(s3.delete_objects, Bucket="nowhere", Delete=listed("k")) == "NoSuchBucket"


def test_delete_objects_for_another_owner(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    assert code(s3.delete_objects, Bucket=bucket, Delete=listed("k"), ExpectedBucketOwner="1" * 12) == "AccessDenied"
    assert keys_of(s3, bucket) == ["k"]


def test_delete_objects_of_another_account_denies_each_key(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    other = region.client("s3", key="111122223333", secret="test")
    answer = other.delete_objects(Bucket=bucket, Delete=listed("k", "nothing"))
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [
        ("k", "AccessDenied"),
        ("nothing", "AccessDenied"),
    ]
    assert "Deleted" not in answer
    assert keys_of(s3, bucket) == ["k"]
