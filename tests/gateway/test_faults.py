"""Disks that are full or fail under the gateway, and files that vanish: errors with a body, never wrong bytes, nothing lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from fogbank.core.call import FileRange
from fogbank.core.stored import Missing
from fogbank.gateway import respond
from fogbank.gateway.pieces import HELD
from fogbank.store import disk
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore
from fogbank.wire import HttpResponse
from gateway.live import kept
from store.saboteur import Mode, Saboteur, SaboteurDisk, SaboteurVFS
from support.region import LocalRegion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.live import Live

LARGE = 300_000
PART = 5 << 20


# --- a full disk


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """16 MiB, of which bodies may take all but four."""
    monkeypatch.setattr(disk, "LOW_WATER", 4 << 20)
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def full(small_disk: Path) -> Iterator[LocalRegion]:
    made = LocalRegion(small_disk)
    made.client("s3").create_bucket(Bucket="bucket")
    yield made
    made.close()


def fill(s3: Any, size: int, name: str) -> dict[str, bytes]:
    """Put objects until there is no space; those that were acknowledged."""
    done: dict[str, bytes] = {}
    for number in range(10_000):
        key, data = f"{name}/{number}", b"%06d" % number * (size // 6)
        failure = put_fails(s3, key, data)
        if failure:
            assert failure == (507, "InsufficientStorage")
            return done
        done[key] = data
    raise AssertionError("it never filled")


def check(s3: Any, done: dict[str, bytes]) -> None:
    listed = {
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bucket")
        for entry in page.get("Contents", [])
    }
    assert listed == set(done)
    for key, data in done.items():
        assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == data


@pytest.mark.parametrize("sizes", [(LARGE, 24_000), (24_000, LARGE)], ids=["large first", "small first"])
def test_full_emptied_and_filled_again(full: LocalRegion, sizes: tuple[int, int]) -> None:
    s3 = full.client("s3")
    counts = []
    for _ in range(2):
        done: dict[str, bytes] = {}
        for size in sizes:
            done |= fill(s3, size, str(size))
        counts.append(len(done))
        check(s3, done)
        for key in done:
            s3.delete_object(Bucket="bucket", Key=key)
        check(s3, {})
        let_go(full)
    assert counts[0] > 20
    assert counts[1] > counts[0] / 2


def let_go(region: LocalRegion) -> None:
    """Unlink the files of what was deleted, as the control process does after a minute."""
    from fogbank.control import process

    region.advance(minutes=2)
    region.run(process.carry_out(region.background))


def test_to_the_last_byte(full: LocalRegion, small_disk: Path) -> None:
    """Something else takes all that is left: what is there can be read, writes are refused; with space again all goes on."""
    s3 = full.client("s3")
    s3.put_object(Bucket="bucket", Key="small", Body=b"small")
    s3.put_object(Bucket="bucket", Key="large", Body=b"l" * LARGE)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    for size in (10, LARGE):
        with pytest.raises(ClientError, match="InsufficientStorage"):
            s3.put_object(Bucket="bucket", Key="more", Body=b"m" * size)
    assert s3.get_object(Bucket="bucket", Key="small")["Body"].read() == b"small"
    assert s3.get_object(Bucket="bucket", Key="large")["Body"].read() == b"l" * LARGE
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 2
    ballast.unlink()
    s3.put_object(Bucket="bucket", Key="more", Body=b"m" * LARGE)
    s3.delete_object(Bucket="bucket", Key="large")
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 2
    assert not list((small_disk / "blobs" / "tmp").glob("*"))


def test_an_upload_that_cannot_fit_is_refused_before_it_is_read(full: LocalRegion) -> None:
    s3 = full.client("s3")
    with pytest.raises(ClientError, match="InsufficientStorage"):
        s3.put_object(Bucket="bucket", Key="huge", Body=bytes(15 << 20))
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    with pytest.raises(ClientError, match="InsufficientStorage"):
        s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=bytes(15 << 20))
    s3.abort_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload)


# --- a failing disk


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.FULL])
@pytest.mark.parametrize("size", [1000, LARGE])
def test_each_step_of_a_put_fails(tmp_path: Path, mode: Mode, size: int) -> None:
    """An I/O error, or a full disk, at the first step, the second, … until there is none left to fail."""
    for at in range(1, 60):
        directory = tmp_path / str(at)
        directory.mkdir()
        saboteur = Saboteur(mode, 0)
        vfs = SaboteurVFS(f"gateway-{at}", saboteur)
        region = LocalRegion(directory)
        region.region.store.close()
        store = SqliteStore(directory / "state.db", vfs=f"gateway-{at}")
        region.region = msgspec.structs.replace(
            region.region, store=store, blobs=Blobs(directory / "blobs", disk=SaboteurDisk(saboteur))
        )
        region.gateway.region = region.region
        s3 = region.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="key", Body=b"old")
        saboteur.steps, saboteur.at = 0, at
        failure = put_fails(s3, "key", b"n" * size)
        assert failure in (None, (500, "InternalError"), (507, "InsufficientStorage"))
        struck = saboteur.struck
        saboteur.relent()
        found = s3.get_object(Bucket="bucket", Key="key")["Body"].read()
        assert found == (b"old" if failure else b"n" * size)
        s3.put_object(Bucket="bucket", Key="key", Body=b"next")
        assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"next"
        region.close()
        vfs.unregister()
        if not struck:
            assert at > 3
            return
    raise AssertionError("it never ended")


def put_fails(s3: Any, key: str, data: bytes) -> tuple[int, str] | None:
    """Status and code of what a put is answered, if that is an error."""
    try:
        s3.put_object(Bucket="bucket", Key=key, Body=data)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    return None


# --- files that are not what their records say


def multipart(s3: Any, bucket: str, key: str, numbers: tuple[int, ...] = (1, 2, 3)) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    parts = []
    for number in numbers:
        made = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=bytes([number]) * PART)
        parts.append({"PartNumber": number, "ETag": made["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


@pytest.fixture(scope="module")
def bucket(live: Live) -> str:
    return live.bucket("faults")


def new_files(live: Live, before: set[object]) -> list[Path]:
    return sorted(live.data / "blobs" / name for name in live.kept() - before if isinstance(name, str))


@pytest.mark.parametrize("damage", ["deleted", "truncated", "emptied"])
@pytest.mark.parametrize("kind", ["one piece", "several pieces"])
@pytest.mark.parametrize("ranged", [False, True])
def test_damaged_files(live: Live, bucket: str, damage: str, kind: str, ranged: bool) -> None:
    s3, key, before = live.client("s3"), f"{damage}-{kind}-{ranged}", live.kept()
    if kind == "one piece":
        s3.put_object(Bucket=bucket, Key=key, Body=b"x" * LARGE)
    else:
        multipart(s3, bucket, key)
    file = new_files(live, before)[0]
    if damage == "deleted":
        file.unlink()
    else:
        os.truncate(file, 0 if damage == "emptied" else file.stat().st_size - 1)
    last = file.stat().st_size if damage == "truncated" else LARGE - 1
    extra = {"range": f"bytes=0-{20_000_000 if kind != 'one piece' else last}"} if ranged else {}
    answer = live.ask(live.signer.sign("GET", f"/{bucket}/{key.replace(' ', '%20')}", extra))
    assert (answer.status, answer.code) == (500, "InternalError")
    assert answer.headers["x-amz-request-id"].encode() in answer.body
    assert live.ask(live.signer.sign("HEAD", f"/{bucket}/{key.replace(' ', '%20')}")).status == 200
    assert not list((live.data / "blobs" / "tmp").glob("*"))


def test_what_is_left_of_a_damaged_object_can_be_read(live: Live, bucket: str) -> None:
    s3, before = live.client("s3"), live.kept()
    s3.put_object(Bucket=bucket, Key="half", Body=b"x" * LARGE)
    os.truncate(new_files(live, before)[0], LARGE // 2)
    assert s3.get_object(Bucket=bucket, Key="half", Range="bytes=0-99")["Body"].read() == b"x" * 100


class Server:
    """What takes responses; a file's is read by its path, as granian does."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.most = 0
        self._reader: threading.Thread | None = None

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.body = status, body

    def response_file(self, status: int, headers: list[tuple[str, str]], path: str) -> None:
        self.status = status
        self._reader = threading.Thread(target=self._read, args=(path,))
        self._reader.start()

    def _read(self, path: str) -> None:
        with open(path, "rb", buffering=0) as file:
            while part := file.read(65536):
                self.body += part
                self.most = max(self.most, len(os.listdir("/proc/self/fd")))

    def ended(self) -> bytes:
        if self._reader:
            self._reader.join(20)
        return self.body


def in_pieces(blobs: Blobs, count: int, size: int) -> HttpResponse:
    ranges = []
    for number in range(count):
        path = blobs.path(f"{number:04}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((b"%04d" % number) * (size // 4))
        ranges.append(FileRange(f"{number:04}", 0, size))
    return HttpResponse(200, [], [*ranges, b"end"])


@pytest.mark.parametrize("size", [1000, 700_000])
def test_pieces_arrive_in_order(tmp_path: Path, size: int) -> None:
    blobs, server = Blobs(tmp_path), Server()
    response = in_pieces(blobs, 5, size)
    asyncio.run(respond.send(server, "GET", response, blobs))
    want = b"".join((b"%04d" % number) * (size // 4) for number in range(5)) + b"end"
    assert (server.status, server.ended()) == (200, want)


def test_a_file_that_shrinks_while_it_is_sent(tmp_path: Path) -> None:
    """Its connection is broken: what comes after must not be taken for what is missing."""
    blobs, server = Blobs(tmp_path), Server()
    response = in_pieces(blobs, 3, 2_000_000)
    asyncio.run(respond.check_files(blobs, response))
    os.truncate(blobs.path("0001"), 300_000)
    with pytest.raises(Missing):
        asyncio.run(respond.check_files(blobs, response))
    asyncio.run(respond.send(server, "GET", response, blobs))
    assert server.ended() == b"0000" * 500_000 + b"0001" * 75_000
    blobs.path("0001").unlink()
    server = Server()
    with pytest.raises(Missing):
        asyncio.run(respond.send(server, "GET", response, blobs))
    assert server.status == 0


def test_thousands_of_pieces_need_few_open_files(tmp_path: Path) -> None:
    blobs, server = Blobs(tmp_path), Server()
    response = in_pieces(blobs, 2000, 1000)
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(respond.check_files(blobs, response))
    asyncio.run(respond.send(server, "GET", response, blobs))
    assert len(server.ended()) == 2_000_003
    assert server.most - before <= HELD + 16
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_caller_that_reads_no_more_ends_it(tmp_path: Path) -> None:
    class Hasty(Server):
        def _read(self, path: str) -> None:
            with open(path, "rb", buffering=0) as file:
                self.body += file.read(65536)

    blobs, server = Blobs(tmp_path), Hasty()
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(respond.send(server, "GET", in_pieces(blobs, 3, 2_000_000), blobs))
    server.ended()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_caller_that_does_not_read_fills_no_memory(live: Live, bucket: str) -> None:
    s3 = live.client("s3")
    multipart(s3, bucket, "large")
    pids = live.workers()
    before = sum(resident(pid) for pid in pids)
    wires = [live.wire() for _ in range(4)]
    for wire in wires:
        wire.send(bytes(live.signer.sign("GET", f"/{bucket}/large")))
    sleep(0.5)
    grown = sum(resident(pid) for pid in pids) - before
    for wire in wires:
        wire.close()
    assert grown < 16 << 20


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_copy_that_fails_leaves_no_file(tmp_path: Path, region: LocalRegion) -> None:
    s3 = region.client("s3")
    s3.create_bucket(Bucket="bucket")
    multipart(s3, "bucket", "parts")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="copy")["UploadId"]
    before = kept(region.directory / "state.db", region.directory / "blobs")
    sorted((region.directory / "blobs").rglob("?" * 32))[1].unlink()
    with pytest.raises(ClientError, match="InternalError"):
        s3.upload_part_copy(Bucket="bucket", Key="copy", UploadId=upload, PartNumber=1, CopySource="bucket/parts")
    assert kept(region.directory / "state.db", region.directory / "blobs") <= before
