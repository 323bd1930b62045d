"""A disk that is full, fails, forgets or changes bytes, under a bucket with versions: errors, never wrong bytes, nothing lost."""

from __future__ import annotations

import os
import random
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest
from botocore.exceptions import ClientError

from fogbank.control import process
from fogbank.core import stored
from fogbank.services import registry
from fogbank.store import disk, upkeep
from fogbank.store.blobs import Blobs
from fogbank.store.check import check_records, check_unlinks
from fogbank.store.sqlite import SqliteStore
from fogbank.store.upkeep import Corrupt
from store.saboteur import Mode, Saboteur, SaboteurDisk, SaboteurVFS
from support.region import LocalRegion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

LARGE = 300_000
SMALL = 20_000
PART = 5 << 20
FULL = {(507, "InsufficientStorage")}
Versions = dict[str, bytes]


def failure(call: Callable[..., Any], **given: Any) -> tuple[int, str] | None:
    """Status and code of a refusal."""
    try:
        call(**given)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    return None


def versioned(region: LocalRegion) -> Any:
    """A client, and its bucket with versions."""
    s3 = region.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return s3


def read(s3: Any, key: str, version: str) -> bytes:
    body: bytes = s3.get_object(Bucket="bucket", Key=key, VersionId=version)["Body"].read()
    return body


def listed(s3: Any) -> tuple[set[str], set[str]]:
    """The ids of all versions, and of all delete markers."""
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket="bucket"))
    return tuple(
        {one["VersionId"] for page in pages for one in page.get(kind, [])} for kind in ("Versions", "DeleteMarkers")
    )  # type: ignore[return-value]


def problems(region: LocalRegion) -> list[str]:
    """What fsck would tell of the records."""
    with region.region.store.snapshot() as tx:
        found = [*check_records(tx), *registry.invariants(tx), *check_unlinks(tx)]
    return [each.what for each in found]


# --- a full disk


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of its own in a file, of 48 MiB, of which bodies may take all but four."""
    monkeypatch.setattr(disk, "LOW_WATER", 4 << 20)
    image, folder = tmp_path / "image", tmp_path / "mounted"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(48 << 20)
    for command in (["mkfs.ext4", "-q", "-m", "0", str(image)], ["mount", "-o", "loop", str(image), str(folder)]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip(f"there is no {command[0]}")
        if done.returncode != 0:
            pytest.skip(f"a loop file system needs root and a loop device: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(s3: Any, size: int, kept: dict[tuple[str, str], bytes]) -> None:
    """Put versions of ten keys until there is no space; `kept` are those that were acknowledged."""
    for number in range(10_000):
        key, data = f"key-{number % 10}", b"%06d" % number * (size // 6)
        made: dict[str, Any] = {}
        refused = failure(
            lambda made=made, **given: made.update(s3.put_object(**given)), Bucket="bucket", Key=key, Body=data
        )
        if refused:
            assert refused in FULL
            return
        kept[key, made["VersionId"]] = data
    raise AssertionError("it never filled")


def test_a_full_disk_keeps_every_version_and_can_be_emptied(loop: Path) -> None:
    region = LocalRegion(loop)
    s3 = versioned(region)
    for _ in range(2):
        kept: dict[tuple[str, str], bytes] = {}
        fill(s3, LARGE, kept)
        fill(s3, SMALL, kept)
        assert len(kept) > 50
        upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
        part = {"Bucket": "bucket", "Key": "parts", "UploadId": upload}
        assert failure(s3.upload_part, **part, PartNumber=1, Body=b"p" * PART) in FULL
        s3.abort_multipart_upload(**part)
        marker = s3.delete_object(Bucket="bucket", Key="key-0")["VersionId"]  # a record, for which space is kept
        assert listed(s3) == ({version for _, version in kept}, {marker})
        assert all(read(s3, *where) == data for where, data in kept.items())
        for key, version in [*kept, ("key-0", marker)]:
            s3.delete_object(Bucket="bucket", Key=key, VersionId=version)
        assert listed(s3) == (set(), set())
        assert not problems(region)
        region.advance(minutes=2)
        region.run(process.carry_out(region.background))
    region.close()


# --- a disk that fails


class Shaken:
    """A region over a saboteur, with a versioned key; `shake` makes a step of what a call does fail."""

    def __init__(self, directory: Path, mode: Mode) -> None:
        self.saboteur = Saboteur(mode, 0)
        name = f"shaken-{directory.name}"
        self.vfs = SaboteurVFS(name, self.saboteur)
        self.region = LocalRegion(directory)
        self.region.region.store.close()
        store = SqliteStore(directory / "state.db", vfs=name)
        blobs = Blobs(directory / "blobs", disk=SaboteurDisk(self.saboteur))
        self.region.region = msgspec.structs.replace(self.region.region, store=store, blobs=blobs)
        self.region.gateway.region = self.region.region
        self.s3 = versioned(self.region)

    def shake(self, at: int, call: Callable[[Shaken], None]) -> tuple[tuple[int, str] | None, bool]:
        """Make step number `at` fail; what the call is answered, and whether it came so far."""
        self.saboteur.steps, self.saboteur.at = 0, at
        refused = failure(lambda: call(self))
        struck = self.saboteur.struck
        self.saboteur.relent()
        return refused, struck

    def state(self) -> dict[str, bytes | None]:
        """All versions' bytes, newest first."""
        answer = self.s3.list_object_versions(Bucket="bucket")
        rows = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        markers = {row["VersionId"] for row in answer.get("DeleteMarkers", [])}
        ids = sorted((row["Key"], row["VersionId"]) for row in rows)
        return {f"{key} {one}": None if one in markers else read(self.s3, key, one) for key, one in ids}


def put(shaken: Shaken) -> None:
    shaken.s3.put_object(Bucket="bucket", Key="key", Body=b"n" * LARGE)


def delete(shaken: Shaken) -> None:
    shaken.s3.delete_object(Bucket="bucket", Key="key")


def delete_version(shaken: Shaken) -> None:
    oldest = shaken.s3.list_object_versions(Bucket="bucket", Prefix="key")["Versions"][-1]
    shaken.s3.delete_object(Bucket="bucket", Key="key", VersionId=oldest["VersionId"])


def copy(shaken: Shaken) -> None:
    shaken.s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/source")


def complete(shaken: Shaken) -> None:
    upload = shaken.s3.create_multipart_upload(Bucket="bucket", Key="key")["UploadId"]
    part = shaken.s3.upload_part(Bucket="bucket", Key="key", UploadId=upload, PartNumber=1, Body=b"m" * LARGE)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    shaken.s3.complete_multipart_upload(Bucket="bucket", Key="key", UploadId=upload, MultipartUpload=parts)


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.FULL], ids=lambda mode: mode.name)
@pytest.mark.parametrize("call", [put, delete, delete_version, copy, complete], ids=lambda call: call.__name__)
def test_each_step_of_a_change_fails(tmp_path: Path, mode: Mode, call: Callable[[Shaken], None]) -> None:
    """An I/O error, or a full disk, at the first step, the second, …: either all of the change is there or nothing."""
    shaken = Shaken(tmp_path, mode)
    shaken.s3.put_object(Bucket="bucket", Key="source", Body=b"s" * LARGE)
    for at in range(1, 100):
        for size in (10, LARGE):
            shaken.s3.put_object(Bucket="bucket", Key="key", Body=b"%d" % at * size)
        before = shaken.state()
        refused, struck = shaken.shake(at, call)
        after = shaken.state()
        assert refused in (None, (500, "InternalError"), (507, "InsufficientStorage"))
        if refused is None:
            assert len(set(before) ^ set(after)) == 1
        else:
            assert after == before
        assert all(after[one] == body for one, body in before.items() if one in after)
        if not struck:
            break
    else:
        raise AssertionError("it never ended")
    assert at > 3
    assert not problems(shaken.region)
    shaken.region.close()
    shaken.vfs.unregister()


# --- bytes that change, and files that go


def scrubbed(region: LocalRegion) -> list[str]:
    """The blobs that a scrub finds damaged."""
    steps = upkeep.scrub(region.region.blobs, region.region.store)
    return [step.blob for step in steps if isinstance(step, Corrupt)]


def test_no_flipped_byte_of_a_file_is_ever_served(region: LocalRegion) -> None:
    """In any place: a GET fails, or ends early; a range beside the damage is as it was; and the scrub finds it."""
    s3, chance = versioned(region), random.Random(1)
    body = chance.randbytes(LARGE)
    version = s3.put_object(Bucket="bucket", Key="key", Body=body)["VersionId"]
    [path] = [path for path in (region.directory / "blobs").rglob("*") if path.is_file()]
    whole = path.read_bytes()
    assert body[:64] not in whole  # it is encrypted
    for _ in range(40):
        at = chance.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1 << chance.randrange(8),)) + whole[at + 1 :])
        assert served(region, f"/bucket/key?versionId={version}") is None
        assert scrubbed(region) == [path.name]
        far = 0 if at > len(whole) // 2 else LARGE - 1000
        ranged = s3.get_object(Bucket="bucket", Key="key", Range=f"bytes={far}-{far + 999}")
        assert ranged["Body"].read() == body[far : far + 1000]
    path.write_bytes(whole)
    assert served(region, f"/bucket/key?versionId={version}") == body
    assert scrubbed(region) == []


def served(region: LocalRegion, target: str) -> bytes | None:
    """The body of an answer that is whole; None if it is an error, or breaks off."""
    url = region.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": "key", "VersionId": target.rpartition("=")[2]}
    )
    parts = urlsplit(url)
    try:
        answer = region.raw("GET", f"{parts.path}?{parts.query}", {"host": parts.netloc})
    except stored.UNREADABLE:
        return None
    return answer.body if answer.status == 200 else None


def test_a_deleted_file_is_an_error_that_the_scrub_finds(region: LocalRegion) -> None:
    s3 = versioned(region)
    s3.put_object(Bucket="bucket", Key="key", Body=b"x" * LARGE)
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/key")
    [path] = [path for path in (region.directory / "blobs").rglob("*") if path.is_file()]
    os.unlink(path)
    for key in ("key", "copy"):
        assert failure(s3.get_object, Bucket="bucket", Key=key) == (500, "InternalError")
        assert failure(s3.head_object, Bucket="bucket", Key=key) is None
    assert scrubbed(region) == [path.name]
    s3.put_object(Bucket="bucket", Key="key", Body=b"new")
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"new"
