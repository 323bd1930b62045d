"""SSE-C: encryption with a key that the customer sends along, and that is kept nowhere."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.wire import HttpRequest
from services.helpers import FILE, code, error_of, pattern, refusal, signed
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.region import LocalRegion

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
RULE = {
    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
    "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
}
SIZES = [0, 1, 5000, FILE, 300_000]


def customer(key: bytes = KEY, prefix: str = "") -> dict[str, Any]:
    """A customer's key as boto3's arguments."""
    return {f"{prefix}SSECustomerAlgorithm": "AES256", f"{prefix}SSECustomerKey": key}


def headers(secret: bytes = KEY, /, **changed: str | None) -> dict[str, str]:
    """A customer's key as headers; `changed` replaces or (None) omits some."""
    md5 = hashlib.md5(secret, usedforsecurity=False).digest()
    made: dict[str, str | None] = {
        "algorithm": "AES256",
        "key": b64encode(secret).decode(),
        "key-MD5": b64encode(md5).decode(),
    }
    made |= {name.replace("_", "-"): value for name, value in changed.items()}
    start = "x-amz-server-side-encryption-customer-"
    return {start + name: value for name, value in made.items() if value is not None}


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket that takes customers' keys."""
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [RULE]})
    return "bucket"


@pytest.mark.parametrize("size", SIZES)
def test_what_was_put_comes_back_with_its_key(s3: Any, bucket: str, size: int) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=pattern(size), **customer())
    got = s3.get_object(Bucket=bucket, Key="k", **customer())
    assert got["Body"].read() == pattern(size)
    head = s3.head_object(Bucket=bucket, Key="k", **customer())
    md5 = b64encode(hashlib.md5(KEY, usedforsecurity=False).digest()).decode()
    for answer in (put, got, head):
        assert (answer["SSECustomerAlgorithm"], answer["SSECustomerKeyMD5"]) == ("AES256", md5)
        assert "ServerSideEncryption" not in answer


@pytest.mark.parametrize("size", [5000, 300_000])
def test_nothing_comes_back_without_it(region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(size), **customer())
    assert error_of(signed(region, "GET", f"/{bucket}/k")) == (400, "InvalidRequest")
    assert error_of(signed(region, "GET", f"/{bucket}/k", headers(OTHER))) == (403, "AccessDenied")
    assert signed(region, "HEAD", f"/{bucket}/k").status == 400
    assert signed(region, "HEAD", f"/{bucket}/k", headers(OTHER)).status == 403
    assert signed(region, "GET", f"/{bucket}/k", headers()).body == pattern(size)


def test_a_key_for_what_has_none(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert error_of(signed(region, "GET", f"/{bucket}/k", headers())) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"algorithm": None}, "InvalidArgument"),
        ({"algorithm": "AES128"}, "InvalidEncryptionAlgorithmError"),
        ({"algorithm": "aws:kms"}, "InvalidEncryptionAlgorithmError"),
        ({"key": None}, "InvalidArgument"),
        ({"key_MD5": None}, "InvalidArgument"),
        ({"key": "short"}, "InvalidArgument"),
        ({"key": b64encode(bytes(16)).decode()}, "InvalidArgument"),
        ({"key": b64encode(bytes(33)).decode()}, "InvalidArgument"),
        ({"key": "%" * 44}, "InvalidArgument"),
        ({"key": "A" * 100_00}, "InvalidArgument"),
        ({"key_MD5": b64encode(bytes(16)).decode()}, "InvalidArgument"),
        ({"key_MD5": "%%"}, "InvalidArgument"),
        ({"key": None, "key_MD5": None}, "InvalidArgument"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_keys_that_cannot_be(
    region: LocalRegion, s3: Any, bucket: str, method: str, changed: Mapping[str, str | None], error: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **customer())
    answer = signed(region, method, f"/{bucket}/k", headers(**changed), b"y" if method == "PUT" else b"")
    assert error_of(answer) == (400, error)
    assert s3.get_object(Bucket=bucket, Key="k", **customer())["Body"].read() == b"x"


def test_a_key_of_the_customer_and_one_of_the_region(s3: Any, bucket: str) -> None:
    for given in ({"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}):
        error = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **customer(), **given)
        assert (error["Status"], error["Code"]) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("client", "scheme", "status"), [("127.0.0.1", "http", 200), ("10.0.0.7", "http", 400), ("10.0.0.7", "https", 200)]
)
def test_keys_travel_encrypted(
    region: LocalRegion, bucket: str, monkeypatch: pytest.MonkeyPatch, client: str, scheme: str, status: int
) -> None:
    monkeypatch.setattr("support.region.HttpRequest", lambda *given: HttpRequest(*given[:5], client, scheme))
    assert signed(region, "PUT", f"/{bucket}/k", headers(), b"x").status == status


def test_a_key_is_kept_nowhere(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(300_000), **customer())
    s3.get_object(Bucket=bucket, Key="k", **customer())
    s3.copy_object(
        Bucket=bucket, Key="to", CopySource=f"{bucket}/k", **customer(prefix="CopySource"), **customer(OTHER)
    )
    where = start(s3, bucket, "parts", **customer())
    upload(s3, where, {1: b"x"}, **customer())
    lines = b"".join(region.lines)
    kept = lines + b"".join(path.read_bytes() for path in region.directory.rglob("*") if path.is_file())
    for key in (KEY, OTHER):
        assert key not in kept
        assert b64encode(key) not in kept


def test_etags_are_no_md5s(s3: Any, bucket: str) -> None:
    etags = {s3.put_object(Bucket=bucket, Key=f"k{index}", Body=b"x", **customer())["ETag"] for index in range(2)}
    assert len(etags) == 2
    assert '"9dd4e461268c8034f5c8564e155c67a6"' not in etags


def test_checksums_are_of_what_was_sent(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumAlgorithm="SHA256", **customer())
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", **customer())
    assert put["ChecksumSHA256"] == got["ChecksumSHA256"] == b64encode(hashlib.sha256(b"x").digest()).decode()
    given = {"ContentMD5": b64encode(hashlib.md5(b"y", usedforsecurity=False).digest()).decode()}
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **given, **customer()) == "BadDigest"


# --- uploads in parts


def test_uploads_in_parts(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, "k", **customer())
    parts = upload(s3, where, {1: pattern(5 << 20), 2: b"end"}, **customer())
    complete(s3, where, parts, **customer())
    assert s3.get_object(Bucket=bucket, Key="k", **customer())["Body"].read() == pattern(5 << 20) + b"end"
    got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=5242879-5242881", **customer())
    assert got["Body"].read() == pattern(5 << 20)[-1:] + b"en"


def test_a_customers_upload_is_completed_without_the_key(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, "k", **customer())
    complete(s3, where, upload(s3, where, {1: b"x"}, **customer()))
    assert s3.get_object(Bucket=bucket, Key="k", **customer())["Body"].read() == b"x"


def test_every_part_comes_with_the_uploads_key(s3: Any, bucket: str) -> None:
    where = start(s3, bucket, "k", **customer())
    assert code(s3.upload_part, **where, PartNumber=1, Body=b"x") == "InvalidRequest"
    assert code(s3.upload_part, **where, PartNumber=1, Body=b"x", **customer(OTHER)) == "InvalidRequest"
    parts = upload(s3, where, {1: b"x"}, **customer())
    assert code(complete, s3=s3, where=where, parts=parts, **customer(OTHER)) == "InvalidRequest"
    plain = start(s3, bucket, "plain")
    assert code(s3.upload_part, **plain, PartNumber=1, Body=b"x", **customer()) == "InvalidRequest"


# --- copies


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("to", [None, KEY, OTHER])
@pytest.mark.parametrize("from_", [None, KEY])
def test_copies(s3: Any, bucket: str, size: int, from_: bytes | None, to: bytes | None) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(size), **(customer(from_) if from_ else {}))
    given = (customer(from_, "CopySource") if from_ else {}) | (customer(to) if to else {})
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", **given)
    s3.delete_object(Bucket=bucket, Key="from")
    got = s3.get_object(Bucket=bucket, Key="to", **(customer(to) if to else {}))
    assert got["Body"].read() == pattern(size)
    if to is None:
        assert got["ETag"] == f'"{hashlib.md5(pattern(size), usedforsecurity=False).hexdigest()}"'


def test_a_copy_needs_the_key_of_its_source(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", **customer())
    copy = {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from"}
    assert code(s3.copy_object, **copy) == "InvalidRequest"
    assert code(s3.copy_object, **copy, **customer(OTHER, "CopySource")) == "AccessDenied"
    where = start(s3, bucket, "parts")
    part = {**where, "PartNumber": 1, "CopySource": f"{bucket}/from"}
    assert code(s3.upload_part_copy, **part) == "InvalidRequest"
    assert code(s3.upload_part_copy, **part, **customer(OTHER, "CopySource")) == "AccessDenied"
    s3.upload_part_copy(**part, **customer(prefix="CopySource"))


def test_parts_are_copied_between_keys(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=pattern(200_000), **customer())
    where = start(s3, bucket, "k", **customer(OTHER))
    given = customer(prefix="CopySource") | customer(OTHER)
    made = s3.upload_part_copy(
        **where, PartNumber=1, CopySource=f"{bucket}/from", CopySourceRange="bytes=65530-131080", **given
    )
    assert made["SSECustomerAlgorithm"] == "AES256"
    complete(s3, where, [{"PartNumber": 1, "ETag": made["CopyPartResult"]["ETag"]}])
    got = s3.get_object(Bucket=bucket, Key="k", **customer(OTHER))
    assert got["Body"].read() == pattern(200_000)[65530:131081]


def test_listing_an_uploads_parts(region: LocalRegion, s3: Any, bucket: str) -> None:
    where = start(s3, bucket, "k", **customer())
    upload(s3, where, {1: b"x"}, **customer())
    path = f"/{bucket}/k?uploadId={where['UploadId']}"
    for given in ({}, headers()):
        assert signed(region, "GET", path, given).body.count(b"<Part>") == 1
    assert error_of(signed(region, "GET", path, headers(OTHER))) == (400, "InvalidRequest")
