"""Conditional writes and deletes: in versioned buckets, by who may, and many at once over two workers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from gateway.live import Live
from services.helpers import allow, code, permit, refusal, user_client
from services.s3.locks import bypassing
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.region import LocalRegion

CLIENTS = 32


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def writers(s3: Any, bucket: str) -> dict[str, Callable[..., Any]]:
    """The three ways to write `k`, with conditions as arguments."""
    s3.put_object(Bucket=bucket, Key="from", Body=b"new")

    def finish(**conditions: Any) -> Any:
        where = start(s3, bucket, "k")
        return complete(s3, where, upload(s3, where, {1: b"new"}), **conditions)

    return {
        "put": lambda **conditions: s3.put_object(Bucket=bucket, Key="k", Body=b"new", **conditions),
        "copy": lambda **conditions: s3.copy_object(
            Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "from"}, **conditions
        ),
        "complete": finish,
    }


WRITERS = ["put", "copy", "complete"]


@pytest.mark.parametrize("writer", WRITERS)
def test_writes_are_compared_with_the_current_version(s3: Any, versioned: str, writer: str) -> None:
    write = writers(s3, versioned)[writer]
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["ETag"]
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"newer")["ETag"]
    for conditions in ({"IfNoneMatch": "*"}, {"IfMatch": old}):
        refused = refusal(write, **conditions)
        assert (refused["Code"], refused["Status"]) == ("PreconditionFailed", 412)
    write(IfMatch=new)
    assert s3.get_object(Bucket=versioned, Key="k")["Body"].read() == b"new"
    assert len(s3.list_object_versions(Bucket=versioned, Prefix="k")["Versions"]) == 3


@pytest.mark.parametrize("writer", WRITERS)
def test_a_delete_marker_is_no_object(s3: Any, versioned: str, writer: str) -> None:
    """S3 User Guide, "How to prevent object overwrites with conditional writes": If-None-Match holds, If-Match answers 404."""
    write = writers(s3, versioned)[writer]
    etag = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["ETag"]
    s3.delete_object(Bucket=versioned, Key="k")
    refused = refusal(write, IfMatch=etag)
    assert (refused["Code"], refused["Status"]) == ("NoSuchKey", 404)
    write(IfNoneMatch="*")
    assert refusal(write, IfNoneMatch="*")["Status"] == 412


def test_deletes_are_compared_with_the_current_version(s3: Any, versioned: str) -> None:
    """S3 User Guide: conditional delete evaluations only apply to the current version of the object."""
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"new")
    for more in ({}, {"VersionId": old["VersionId"]}, {"VersionId": new["VersionId"]}):
        assert code(s3.delete_object, Bucket=versioned, Key="k", IfMatch=old["ETag"], **more) == "PreconditionFailed"
    s3.delete_object(Bucket=versioned, Key="k", IfMatch=new["ETag"], VersionId=old["VersionId"])
    gone = s3.delete_object(Bucket=versioned, Key="k", IfMatch=new["ETag"])
    assert gone["DeleteMarker"] is True
    assert code(s3.delete_object, Bucket=versioned, Key="k", IfMatch=new["ETag"]) == "NoSuchKey"
    assert code(s3.delete_object, Bucket=versioned, Key="k", IfMatch="*") == "NoSuchKey"


def test_conditions_of_delete_objects_in_a_versioned_bucket(s3: Any, versioned: str) -> None:
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"new")
    listed = [{"Key": "k", "ETag": old["ETag"]}, {"Key": "k", "ETag": new["ETag"]}, {"Key": "k", "ETag": new["ETag"]}]
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": listed})
    assert [error["Code"] for error in answer["Errors"]] == ["PreconditionFailed", "NoSuchKey"]
    assert [one["DeleteMarker"] for one in answer["Deleted"]] == [True]


def test_a_condition_that_fails_leaves_a_locked_version(s3: Any) -> None:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    made = s3.put_object(Bucket="locked", Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON")
    where = {"Bucket": "locked", "Key": "k", "VersionId": made["VersionId"]}
    assert code(s3.delete_object, **where, IfMatch='"0"') == "PreconditionFailed"
    assert code(s3.delete_object, **where, IfMatch=made["ETag"], **bypassing()) == "AccessDenied"


def test_naming_an_etag_in_a_delete_takes_the_permission_to_read(region: LocalRegion, s3: Any, bucket: str) -> None:
    """S3 User Guide, "Enforce conditional deletes"; otherwise who may not read could guess what is there."""
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    ann = user_client(region, "s3")
    permit(region, allow("s3:DeleteObject"))
    for guess in (etag, '"0"'):
        assert code(ann.delete_object, Bucket=bucket, Key="k", IfMatch=guess) == "AccessDenied"
    answer = ann.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": etag}]})
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    ann.delete_object(Bucket=bucket, Key="k", IfMatch="*")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    permit(region, allow(["s3:DeleteObject", "s3:GetObject"]))
    ann.delete_object(Bucket=bucket, Key="k", IfMatch=etag)


def test_a_policy_can_ask_for_conditions(region: LocalRegion, s3: Any, bucket: str) -> None:
    """As S3 User Guide, "Enforce conditional deletes on Amazon S3 buckets", has it."""
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    ann = user_client(region, "s3")
    permit(region, allow(["s3:DeleteObject", "s3:PutObject"], Null={"s3:if-match": "false"}), allow("s3:GetObject"))
    assert code(ann.put_object, Bucket=bucket, Key="k", Body=b"x") == "AccessDenied"
    ann.put_object(Bucket=bucket, Key="k", Body=b"x", IfMatch=etag)
    assert code(ann.delete_object, Bucket=bucket, Key="k") == "AccessDenied"
    listed = [{"Key": "k"}, {"Key": "k", "ETag": etag}]
    answer = ann.delete_objects(Bucket=bucket, Delete={"Objects": listed})
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    assert answer["Deleted"] == [{"Key": "k"}]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two workers."""
    region = Live(tmp_path_factory.mktemp("conditional") / "data", "--dev", "--workers", "2")
    yield region
    region.end()


@pytest.fixture(scope="module")
def shared(live: Live) -> Any:
    """boto3's client of it, for all threads."""
    return live.client("s3", max_pool_connections=CLIENTS)


@pytest.fixture(params=["", "Enabled"], ids=["unversioned", "versioned"])
def place(request: pytest.FixtureRequest, shared: Any) -> str:
    """A bucket of the live region."""
    name = f"conditional-{threading.get_native_id()}-{request.node.name.encode().hex()[-40:]}"[:63]
    shared.create_bucket(Bucket=name)
    if request.param:
        shared.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": request.param})
    return name


def at_once(work: Callable[[int], Any], clients: int = CLIENTS) -> list[str]:
    """Do something in many threads that begin together; how each ended: an error's code, or nothing."""
    gate = threading.Barrier(clients)

    def begin(number: int) -> str:
        gate.wait(30)
        try:
            work(number)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(begin, range(clients)))


def versions(s3: Any, bucket: str, key: str) -> int:
    """How many versions of a key there are."""
    return sum(one["Key"] == key for one in s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", []))


@pytest.mark.parametrize("writer", WRITERS)
def test_one_of_many_makes_the_object(shared: Any, place: str, writer: str) -> None:
    for turn in range(4):
        key = f"{writer}-{turn}"
        works = [one_write(shared, place, writer, key, str(number)) for number in range(CLIENTS)]
        ended = at_once(lambda number, works=works: works[number](IfNoneMatch="*"))
        assert ended.count("") == 1
        assert set(ended) <= {"", "PreconditionFailed", "ConditionalRequestConflict"}
        assert shared.get_object(Bucket=place, Key=key)["Body"].read() == str(ended.index("")).encode()
        assert versions(shared, place, key) == 1


def one_write(s3: Any, bucket: str, writer: str, key: str, body: str) -> Callable[..., Any]:
    """A way to write a key, made ready: it takes conditions."""
    if writer == "put":
        return lambda **conditions: s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), **conditions)
    if writer == "copy":
        source = {"Bucket": bucket, "Key": f"from-{body}"}
        s3.put_object(**source, Body=body.encode())
        return lambda **conditions: s3.copy_object(Bucket=bucket, Key=key, CopySource=source, **conditions)
    where = start(s3, bucket, key)
    parts = upload(s3, where, {1: body.encode()})
    return lambda **conditions: complete(s3, where, parts, **conditions)


@pytest.mark.parametrize(("writer", "clients"), [("put", 16), ("copy", 8), ("complete", 8)], ids=WRITERS)
def test_compare_and_swap_loses_no_update(shared: Any, place: str, writer: str, clients: int) -> None:
    """A counter that all raise with If-Match."""
    shared.put_object(Bucket=place, Key="counter", Body=b"0")

    def raise_it(_number: int) -> None:
        for _ in range(1000):
            found = shared.get_object(Bucket=place, Key="counter")
            write = one_write(shared, place, writer, "counter", str(int(found["Body"].read()) + 1))
            try:
                write(IfMatch=found["ETag"])
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                    raise
            else:
                return
        raise AssertionError("never")

    assert at_once(raise_it, clients) == [""] * clients
    assert shared.get_object(Bucket=place, Key="counter")["Body"].read() == str(clients).encode()
    kept = clients if shared.get_bucket_versioning(Bucket=place).get("Status") else 0
    assert versions(shared, place, "counter") == kept + 1


def test_one_of_many_deletes_the_object(shared: Any, place: str) -> None:
    for turn in range(5):
        key = f"k-{turn}"
        etag = shared.put_object(Bucket=place, Key=key, Body=b"x")["ETag"]
        ended = at_once(lambda _number, key=key, etag=etag: shared.delete_object(Bucket=place, Key=key, IfMatch=etag))
        assert sorted(ended) == [""] + ["NoSuchKey"] * (CLIENTS - 1)


def test_every_unconditional_write_is_a_version(shared: Any) -> None:
    """Of many that write and delete one key at once, each makes one version or one marker, in one order."""
    bucket = "conditional-all"
    shared.create_bucket(Bucket=bucket)
    shared.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def write(number: int) -> None:
        for turn in range(4):
            if number % 4 == 0:
                shared.delete_object(Bucket=bucket, Key="k")
            else:
                shared.put_object(Bucket=bucket, Key="k", Body=f"{number}-{turn}".encode())

    assert at_once(write) == [""] * CLIENTS
    page = shared.list_object_versions(Bucket=bucket)
    bodies = [
        shared.get_object(Bucket=bucket, Key="k", VersionId=one["VersionId"])["Body"].read() for one in page["Versions"]
    ]
    assert len(set(bodies)) == len(bodies) == CLIENTS * 3
    assert len(page["DeleteMarkers"]) == CLIENTS
    everything = page["Versions"] + page["DeleteMarkers"]
    assert sum(one["IsLatest"] for one in everything) == 1
    assert len({one["VersionId"] for one in everything}) == CLIENTS * 4
