"""Encryption with the region's own keys: SSE-S3 for everything, SSE-KMS, and what is on disk."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.principal import root_of
from fogbank.services.s3.bucket_keys import kept_keys
from fogbank.services.s3.records import objects
from services.helpers import (
    FILE,
    allow,
    anonymous,
    code,
    error_of,
    make_public,
    permit,
    put_policy,
    refusal,
    signed,
    user_client,
)
from services.s3.uploads import complete, start, upload
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

KMS = {"ServerSideEncryption": "aws:kms"}
SECRET = b"a secret that is easy to recognise " * 10_000
SIZES = [0, 1, 17, 65536, FILE, 200_000, 1_200_000]


@pytest.fixture
def kms(region: LocalRegion) -> Any:
    return region.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    """The ARN of a KMS key."""
    return str(kms.create_key()["KeyMetadata"]["Arn"])


def on_disk(region: LocalRegion) -> bytes:
    """All bytes that the region keeps in files."""
    return b"".join(path.read_bytes() for path in region.directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("given", [{}, {"ServerSideEncryption": "AES256"}, KMS])
def test_what_was_put_comes_back(s3: Any, bucket: str, size: int, given: dict[str, str]) -> None:
    body = SECRET[:size] if size < len(SECRET) else SECRET * (size // len(SECRET)) + SECRET[: size % len(SECRET)]
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, **given)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    wanted = given.get("ServerSideEncryption", "AES256")
    assert put["ServerSideEncryption"] == got["ServerSideEncryption"] == wanted
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == wanted


@pytest.mark.parametrize("size", [1000, len(SECRET)])
@pytest.mark.parametrize("given", [{}, KMS])
def test_bytes_on_disk_are_not_readable(
    region: LocalRegion, s3: Any, bucket: str, size: int, given: dict[str, str]
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=SECRET[:size], **given)
    where = start(s3, bucket, "parts", **given)
    complete(s3, where, upload(s3, where, {1: SECRET[:size]}))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", MetadataDirective="REPLACE", **given)
    assert b"easy to recognise" not in on_disk(region)


@pytest.mark.parametrize("first", [0, 1, 65535, 65536, 65537, 131_072, 199_999])
@pytest.mark.parametrize("length", [1, 100, 65536, 140_000])
def test_ranges(s3: Any, bucket: str, first: int, length: int) -> None:
    body = bytes(index % 251 for index in range(200_000))
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{first + length - 1}")
    assert got["Body"].read() == body[first : first + length]


def test_objects_have_keys_of_their_own(region: LocalRegion, s3: Any, bucket: str) -> None:
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"the same")
    with region.region.store.snapshot() as tx:
        small = {tx.get_bytes(number) for number in tx.list_bytes(0, 100)}
    assert len(small) == 2
    assert b"the same" not in small


@pytest.mark.usefixtures("damaged")
def test_the_key_of_one_object_does_not_open_another(region: LocalRegion, s3: Any, bucket: str) -> None:
    """Who can change the state cannot make one object's readers read another's bytes."""
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode() * 100)

    def move(tx: Any) -> None:
        other = objects.get(tx, bucket, "a")
        assert other is not None
        objects.put(tx, other, bucket, "b")

    region.run(region.region.store.write(move))
    assert refusal(s3.get_object, Bucket=bucket, Key="b")["Status"] == 500


def flip_small(tx: Any, key: str) -> None:
    """Flip a bit of an object that is kept in the state."""
    found = objects.get(tx, "bucket", key)
    assert found is not None
    data = bytearray(tx.get_bytes(found.segments[0].inline))
    data[5] ^= 1
    segment = msgspec.structs.replace(found.segments[0], inline=tx.put_bytes(bytes(data)))
    objects.put(tx, msgspec.structs.replace(found, segments=(segment,)), "bucket", key)


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize("size", [100, FILE, len(SECRET)])
def test_a_flipped_byte_is_an_error_and_never_wrong_bytes(region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=SECRET[:size])
    if size < FILE:
        region.run(region.region.store.write(lambda tx: flip_small(tx, "k")))
    else:
        file = next((region.directory / "blobs").rglob("?" * 32))
        data = bytearray(file.read_bytes())
        data[5] ^= 1
        file.write_bytes(data)
    answer = signed(region, "GET", f"/{bucket}/k")
    assert error_of(answer) == (500, "InternalError")
    assert b"secret" not in answer.body


# --- SSE-KMS


def test_an_object_says_its_key(s3: Any, bucket: str, key: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=key, **KMS)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert put["SSEKMSKeyId"] == head["SSEKMSKeyId"] == key
    assert "BucketKeyEnabled" not in head


@pytest.mark.parametrize("way", ["arn", "id", "alias", "none"])
def test_ways_to_name_a_key(s3: Any, kms: Any, bucket: str, key: str, way: str) -> None:
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key)
    name = {"arn": key, "id": key.rpartition("/")[2], "alias": "alias/mine", "none": None}[way]
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", **KMS, **({"SSEKMSKeyId": name} if name else {}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    if name:
        assert put["SSEKMSKeyId"] == key
    else:
        assert put["SSEKMSKeyId"].startswith("arn:aws:kms:us-east-1:")
        assert put["SSEKMSKeyId"] != key


def test_a_disabled_key_opens_and_makes_nothing(s3: Any, kms: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=key, **KMS)
    kms.disable_key(KeyId=key)
    assert code(s3.get_object, Bucket=bucket, Key="k") == "KMS.DisabledException"
    assert code(s3.put_object, Bucket=bucket, Key="other", Body=b"x", SSEKMSKeyId=key, **KMS) == "KMS.DisabledException"
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_key_that_is_to_be_deleted(s3: Any, kms: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=key, **KMS)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    error = refusal(s3.get_object, Bucket=bucket, Key="k")
    assert (error["Code"], error["Status"]) == ("KMS.KMSInvalidStateException", 400)


@pytest.mark.parametrize("name", ["alias/nothing", "11111111-2222-3333-4444-555555555555"])
def test_a_key_that_is_not_there(s3: Any, bucket: str, name: str) -> None:
    error = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=name, **KMS)
    assert (error["Code"], error["Status"]) == ("KMS.NotFoundException", 400)


@pytest.mark.parametrize(
    ("allowed", "put", "get"),
    [
        (["s3:*"], "AccessDenied", "AccessDenied"),
        (["s3:*", "kms:GenerateDataKey"], None, "AccessDenied"),
        (["s3:*", "kms:Decrypt"], "AccessDenied", None),
        (["s3:*", "kms:GenerateDataKey", "kms:Decrypt"], None, None),
    ],
)
def test_a_caller_needs_the_key_too(
    region: LocalRegion, s3: Any, bucket: str, key: str, allowed: list[str], put: str | None, get: str | None
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=key, **KMS)
    ann = user_client(region, "s3")
    permit(region, allow(allowed))
    given = {"Bucket": bucket, "Key": "new", "Body": b"y", "SSEKMSKeyId": key, **KMS}
    for wanted, call in (
        (put, lambda: code(ann.put_object, **given)),
        (get, lambda: code(ann.get_object, Bucket=bucket, Key="k")),
    ):
        if wanted:
            assert call() == wanted
    if put is None:
        ann.put_object(**given)
    if get is None:
        ann.get_object(Bucket=bucket, Key="k")


def test_the_permission_may_be_for_this_service_and_this_object_only(
    region: LocalRegion, s3: Any, bucket: str, key: str
) -> None:
    ann = user_client(region, "s3")
    arn = f"arn:aws:s3:::{bucket}/mine"
    conditions = {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": arn}
    permit(region, allow("s3:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"], key, StringEquals=conditions))
    ann.put_object(Bucket=bucket, Key="mine", Body=b"x", SSEKMSKeyId=key, **KMS)
    assert ann.get_object(Bucket=bucket, Key="mine")["Body"].read() == b"x"
    assert code(ann.put_object, Bucket=bucket, Key="other", Body=b"x", SSEKMSKeyId=key, **KMS) == "AccessDenied"


def test_a_key_policy_that_denies(s3: Any, kms: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=key, **KMS)
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    assert code(s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"


def test_anonymous_callers_do_not_read_what_kms_protects(region: LocalRegion, s3: Any, bucket: str) -> None:
    make_public(s3, bucket)
    put_policy(s3, bucket, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*") | {"Principal": "*"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **KMS)
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    assert code(anonymous(region).get_object, Bucket=bucket, Key="k") == "InvalidArgument"
    assert anonymous(region).get_object(Bucket=bucket, Key="plain")["Body"].read() == b"x"


def encoded(context: Any) -> str:
    return b64encode(json.dumps(context).encode()).decode()


def test_an_encryption_context(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    given = encoded({"team": "a"})
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=key, SSEKMSEncryptionContext=given, **KMS)
    assert put["SSEKMSEncryptionContext"] == given
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    ann = user_client(region, "s3")
    permit(region, allow("s3:*"), allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:team": "b"}))
    assert code(ann.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    permit(region, allow("s3:*"), allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:team": "a"}))
    assert ann.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize(
    "context",
    [
        "x",
        "e30",
        "bnVsbA==",
        encoded([]),
        encoded({"a": 1}),
        encoded({"a": {}}),
        encoded("x"),
        "e" * 9000,
        encoded({"a": "b"}) + "%",
    ],
)
def test_contexts_that_cannot_be(s3: Any, bucket: str, context: str) -> None:
    given = {"SSEKMSEncryptionContext": context, **KMS}
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **given) == "InvalidArgument"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"ServerSideEncryption": "AES256", "SSEKMSKeyId": "k"}, "InvalidArgument"),
        ({"SSEKMSKeyId": "k"}, "InvalidArgument"),
        ({"ServerSideEncryption": "DES"}, "InvalidEncryptionAlgorithmError"),
        ({"ServerSideEncryption": "aws:fsx"}, "InvalidArgument"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "NotImplemented"),
    ],
)
def test_what_cannot_be_wanted(s3: Any, bucket: str, given: dict[str, str], error: str) -> None:
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **given) == error
    assert code(s3.create_multipart_upload, Bucket=bucket, Key="k", **given) == error
    s3.put_object(Bucket=bucket, Key="from", Body=b"x")
    assert code(s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/from", **given) == error


def test_an_etag_is_an_md5_only_where_s3_keeps_the_key(s3: Any, bucket: str) -> None:
    plain = s3.put_object(Bucket=bucket, Key="plain", Body=b"x")["ETag"]
    etags = {s3.put_object(Bucket=bucket, Key=f"k{index}", Body=b"x", **KMS)["ETag"] for index in range(3)}
    assert plain == '"9dd4e461268c8034f5c8564e155c67a6"'
    assert plain not in etags
    assert len(etags) == 3
    assert s3.get_object(Bucket=bucket, Key="k0", IfMatch=s3.head_object(Bucket=bucket, Key="k0")["ETag"])


# --- bucket keys


def test_a_bucket_key_is_used_again_for_a_while(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    given = {"SSEKMSKeyId": key, "BucketKeyEnabled": True, **KMS}
    for name in ("a", "b"):
        assert s3.put_object(Bucket=bucket, Key=name, Body=b"x", **given)["BucketKeyEnabled"] is True
    region.advance(minutes=6)
    s3.put_object(Bucket=bucket, Key="c", Body=b"x", **given)
    with region.region.store.snapshot() as tx:
        blobs = [objects.get(tx, bucket, name).encryption.kms for name in "abc"]  # type: ignore[union-attr]
    assert blobs[0] == blobs[1] != blobs[2]
    for name in "abc":
        got = s3.get_object(Bucket=bucket, Key=name)
        assert (got["Body"].read(), got["BucketKeyEnabled"]) == (b"x", True)


def test_a_bucket_key_is_for_one_caller(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    given = {"SSEKMSKeyId": key, "BucketKeyEnabled": True, **KMS}
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", **given)
    ann = user_client(region, "s3")
    permit(region, allow("s3:*"))
    assert code(ann.put_object, Bucket=bucket, Key="b", Body=b"x", **given) == "AccessDenied"


def test_the_context_of_a_bucket_key_is_the_buckets(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    ann = user_client(region, "s3")
    conditions = {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}"}
    permit(region, allow("s3:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"], key, StringEquals=conditions))
    ann.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=key, BucketKeyEnabled=True, **KMS)
    assert ann.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert code(ann.put_object, Bucket=bucket, Key="other", Body=b"x", SSEKMSKeyId=key, **KMS) == "AccessDenied"


def test_bucket_keys_are_forgotten(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", SSEKMSKeyId=key, BucketKeyEnabled=True, **KMS)

    def count() -> int:
        with region.region.store.snapshot() as tx:
            return sum(1 for _ in kept_keys.scan(tx))

    region.settle()
    assert count() == 1
    region.advance(minutes=6)
    region.settle()
    assert count() == 0


# --- uploads in parts


@pytest.mark.parametrize("given", [{}, KMS, {"BucketKeyEnabled": True, **KMS}])
def test_uploads_in_parts(s3: Any, bucket: str, given: dict[str, Any]) -> None:
    where = start(s3, bucket, "k", **given)
    made = s3.upload_part(**where, PartNumber=1, Body=SECRET * 20)
    parts = [{"PartNumber": 1, "ETag": made["ETag"]}, *upload(s3, where, {2: b"end"})]
    done = complete(s3, where, parts)
    wanted = given.get("ServerSideEncryption", "AES256")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == SECRET * 20 + b"end"
    for answer in (made, done, got):
        assert answer["ServerSideEncryption"] == wanted
        assert answer.get("BucketKeyEnabled") == given.get("BucketKeyEnabled")
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=2)["Body"].read() == b"end"
    middle = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={len(SECRET) * 20 - 3}-{len(SECRET) * 20}")
    assert middle["Body"].read() == SECRET[-3:] + b"e"


def test_uploading_parts_under_kms_needs_its_key(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    where = start(s3, bucket, "k", SSEKMSKeyId=key, **KMS)
    ann = user_client(region, "s3")
    permit(region, allow(["s3:*", "kms:GenerateDataKey"]))
    assert code(ann.upload_part, **where, PartNumber=1, Body=b"x") == "AccessDenied"
    permit(region, allow(["s3:*", "kms:Decrypt"]))
    complete(ann, where, upload(ann, where, {1: b"x"}))
    assert ann.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_completing_parts_under_kms_needs_its_key(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    where = start(s3, bucket, "k", SSEKMSKeyId=key, **KMS)
    parts = upload(s3, where, {1: b"x"})
    ann = user_client(region, "s3")
    permit(region, allow("s3:*"))
    assert code(complete, s3=ann, where=where, parts=parts) == "AccessDenied"
    permit(region, allow(["s3:*", "kms:Decrypt"]))
    complete(ann, where, parts)


# --- changing it


def test_update_object_encryption(s3: Any, kms: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=SECRET)
    before = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    s3.update_object_encryption(
        Bucket=bucket, Key="k", ObjectEncryption={"SSEKMS": {"KMSKeyArn": key, "BucketKeyEnabled": True}}
    )
    after = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (after["ServerSideEncryption"], after["SSEKMSKeyId"], after["BucketKeyEnabled"]) == ("aws:kms", key, True)
    for name in ("ETag", "LastModified", "ChecksumCRC32"):
        assert after[name] == before[name]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == SECRET
    kms.disable_key(KeyId=key)
    assert code(s3.get_object, Bucket=bucket, Key="k") == "KMS.DisabledException"


@pytest.mark.parametrize("arn", ["", "alias/aws/s3", "not-an-arn", "arn:aws:kms:us-east-1:123456789012:alias/aws/s3"])
def test_updates_name_the_arn_of_a_key(region: LocalRegion, s3: Any, bucket: str, arn: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    document = f"<ObjectEncryption><SSE-KMS><KMSKeyArn>{arn}</KMSKeyArn></SSE-KMS></ObjectEncryption>"
    answer = signed(region, "PUT", f"/{bucket}/k?encryption", {}, document.encode())
    assert error_of(answer)[0] == 400
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


def test_what_the_region_does_by_itself_may_use_kms(region: LocalRegion, s3: Any, bucket: str, key: str) -> None:
    given = {"Bucket": bucket, "Key": "k", "SSEKMSKeyId": key, **KMS}
    region.run(region.background.invoke(root_of(ACCOUNT), "s3", "PutObject", given, data=SECRET))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == SECRET


def test_signature_version_2_does_not_reach_what_kms_protects(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **KMS)
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    old = region.client("s3", signature_version="s3")
    assert old.get_object(Bucket=bucket, Key="plain")["Body"].read() == b"x"
    assert code(old.get_object, Bucket=bucket, Key="k") == "InvalidArgument"
