"""Request bodies: every way in which SDKs send them, and every way in which they break off."""

from __future__ import annotations

import asyncio
import hashlib
import random
import zlib
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from auth.sigv4_client import unsigned_body
from fogbank.core.spool import Spool
from fogbank.gateway import body as bodies
from gateway.live import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gateway.client import Sent
    from gateway.live import Live
    from support.region import LocalRegion

MORE = 300_000  # bytes: a blob file


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def files(live: Live) -> set[Path]:
    return {path for path in (live.data / "blobs").rglob("*") if path.is_file()}


def temporary(live: Live) -> list[Path]:
    return list((live.data / "blobs" / "tmp").glob("*"))


@pytest.fixture(scope="module")
def bucket(live: Live) -> str:
    return live.bucket("bodies")


# --- every way to send


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000])
@pytest.mark.parametrize("config", [{}, {"request_checksum_calculation": "when_required"}], ids=["default", "required"])
def test_botocore(live: Live, bucket: str, size: int, config: dict[str, str]) -> None:
    s3 = live.client("s3", **config)
    data = content(size)
    s3.put_object(Bucket=bucket, Key="boto", Body=data)
    assert s3.get_object(Bucket=bucket, Key="boto")["Body"].read() == data


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_botocore_checksums(live: Live, bucket: str, algorithm: str) -> None:
    s3 = live.client("s3")
    s3.put_object(Bucket=bucket, Key="sum", Body=content(MORE), ChecksumAlgorithm=algorithm)
    found = s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
    assert f"Checksum{algorithm}" in found


@pytest.mark.parametrize("sizes", [[0], [10], [65_536, 10], [65_536] * 5 + [1], [8192] * 40])
@pytest.mark.parametrize("trailer", [False, True])
def test_signed_chunks(live: Live, bucket: str, sizes: list[int], trailer: bool) -> None:
    """As the SDKs for Java 1 and Go 1 send."""
    data = content(sum(sizes))
    chunks, at = [], 0
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    crc = b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    trailers = [f"x-amz-checksum-crc32:{crc}"] if trailer else None
    sent = live.signer.chunked(f"/{bucket}/signed", *(chunk for chunk in chunks if chunk), trailers=trailers)
    answer = live.ask(sent)
    assert answer.status == 200
    assert answer.headers.get("x-amz-checksum-crc32", crc) == crc
    found = live.get(f"/{bucket}/signed")
    assert found.body == data
    assert found.headers.get("content-encoding", "") == ""


def test_a_trailer_is_the_checksum_that_is_kept(live: Live, bucket: str) -> None:
    """Without x-amz-sdk-checksum-algorithm, which not all clients send."""
    data = content(MORE)
    digest = b64encode(hashlib.sha256(data).digest()).decode()
    framed = unsigned_body(data, trailers=[f"x-amz-checksum-sha256:{digest}"])
    sent = live.signer.unsigned_chunks(f"/{bucket}/kept", framed, MORE, "x-amz-checksum-sha256")
    assert live.ask(sent).headers["x-amz-checksum-sha256"] == digest


@pytest.mark.parametrize("trailer", ["x-amz-checksum-crc32,x-amz-checksum-sha256", "x-amz-checksum-md4"])
def test_trailers_that_cannot_be_checked(live: Live, bucket: str, trailer: str) -> None:
    lines = [f"{name}:AAAA" for name in trailer.split(",")]
    sent = live.signer.unsigned_chunks(f"/{bucket}/kept", unsigned_body(b"x", trailers=lines), 1, trailer)
    assert live.ask(sent).code == "InvalidRequest"


def test_a_checksum_in_a_header_and_another_in_a_trailer(live: Live, bucket: str) -> None:
    header = {"x-amz-checksum-crc32": b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode()}
    framed = unsigned_body(b"x", trailers=["x-amz-checksum-sha256:AAAA"])
    sent = live.signer.unsigned_chunks(f"/{bucket}/kept", framed, 1, "x-amz-checksum-sha256", **header)
    assert live.ask(sent).code == "InvalidRequest"


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", ""])
@pytest.mark.parametrize("cuts", [1, 7, 1000])
def test_dribbled(live: Live, bucket: str, payload: str, cuts: int) -> None:
    data = content(100_000)
    sent = live.signer.sign("PUT", f"/{bucket}/slow", body=data, payload=payload)
    with live.wire() as wire:
        whole = bytes(sent)
        step = len(whole) // cuts + 1
        for at in range(0, len(whole), step):
            wire.send(whole[at : at + step])
        assert wire.answer().status == 200
    assert live.get(f"/{bucket}/slow").body == data


def test_expect_100_continue(live: Live, bucket: str) -> None:
    good = live.signer.sign("PUT", f"/{bucket}/expect", {"expect": "100-continue"}, b"data")
    with live.wire() as wire:
        wire.send(good.head())
        assert wire.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(good.body)
        assert wire.answer().status == 200
    forged = live.signer.but(secret="x").sign("PUT", f"/{bucket}/expect", {"expect": "100-continue"}, b"data")
    missing = live.signer.sign("PUT", "/no-such-bucket-here/a", {"expect": "100-continue"}, b"data")
    for sent, code in ((forged, "SignatureDoesNotMatch"), (missing, "NoSuchBucket")):
        with live.wire() as wire:
            wire.send(sent.head())
            assert wire.answer().code == code  # the body is not asked for


def test_pipelined(live: Live, bucket: str) -> None:
    path = f"/{bucket}/pipe"
    steps = [("PUT", b"one"), ("GET", b""), ("DELETE", b""), ("GET", b"")]
    requests = [live.signer.sign(method, path, body=body) for method, body in steps]
    with live.wire() as wire:
        wire.send(b"".join(map(bytes, requests)))
        answers = [wire.answer(sent.method) for sent in requests]
    assert [answer.status for answer in answers] == [200, 200, 204, 404]
    assert answers[1].body == b"one"
    assert len({answer.headers["x-amz-request-id"] for answer in answers}) == 4


def test_a_refused_body_is_not_taken_for_the_next_request(live: Live, bucket: str) -> None:
    inner = bytes(live.signer.sign("PUT", f"/{bucket}/smuggled"))
    outer = live.signer.but(secret="x").sign("PUT", f"/{bucket}/outer", body=inner)
    with live.wire() as wire:
        wire.send(outer)
        assert wire.answer().status == 403
        wire.send(live.signer.sign("GET", f"/{bucket}/smuggled"))
        with suppress(ConnectionError):  # closing is as good an answer
            assert wire.answer().status == 404
    assert live.get(f"/{bucket}/smuggled").status == 404


def test_head_with_a_body(live: Live, bucket: str) -> None:
    live.ask(live.signer.sign("PUT", f"/{bucket}/head", body=b"data"))
    answer = live.ask(live.signer.sign("HEAD", f"/{bucket}/head", body=b"ignored"))
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "4", b"")


# --- lengths


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("content-length", "-1")], 400),
        ([("content-length", "5"), ("content-length", "6")], 400),
        ([("content-length", "5, 5")], 400),
        ([("content-length", "+5")], 400),
        ([("content-length", "9" * 30)], 400),
        ([("content-length", "0x5")], 400),
        ([("transfer-encoding", "gzip")], 400),
        ([("transfer-encoding", "chunked, identity")], 400),
    ],
)
def test_malformed_lengths(live: Live, bucket: str, headers: list[tuple[str, str]], status: int) -> None:
    before = live.kept()
    sent = live.signer.sign("PUT", f"/{bucket}/length")
    with live.wire() as wire:
        wire.send(replace(sent, headers=(*sent.headers, *headers)).head() + b"12345")
        assert wire.answer().status == status
    assert live.kept() <= before


def test_without_a_length(live: Live, bucket: str) -> None:
    sent = live.signer.sign("PUT", f"/{bucket}/length", {"transfer-encoding": "chunked"}, payload="UNSIGNED-PAYLOAD")
    with live.wire() as wire:
        wire.send(sent.head() + b"5\r\n12345\r\n0\r\n\r\n")
        answer = wire.answer()
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_without_a_decoded_length(live: Live, bucket: str) -> None:
    sent = live.signer.sign("PUT", f"/{bucket}/length", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", body=b"")
    body = live.signer.chunks_of(sent).body(b"x")
    answer = live.ask(replace(sent, body=body))
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_aws_chunked_in_http_chunks(live: Live, bucket: str) -> None:
    """No Content-Length, but a decoded one: nobody can take a broken connection for the end."""
    sent = live.signer.chunked(f"/{bucket}/both", content(65_536), headers={"transfer-encoding": "chunked"})
    with live.wire() as wire:
        wire.send(sent.head() + b"%x\r\n" % len(sent.body) + sent.body + b"\r\n0\r\n\r\n")
        assert wire.answer().status == 200
    assert live.get(f"/{bucket}/both").body == content(65_536)


def test_longer_than_announced(live: Live, bucket: str) -> None:
    """What is too much is the next request, and that is malformed."""
    sent = live.signer.sign("PUT", f"/{bucket}/long", {"content-length": "4"}, b"data")
    with live.wire() as wire:
        wire.send(bytes(sent) + b"more\r\n\r\n")
        assert wire.answer().status == 200
        wire.rest()
    assert live.get(f"/{bucket}/long").body == b"data"


@pytest.mark.parametrize("service", ["iam", "sts"])
def test_forms_larger_than_the_limit_are_not_read(live: Live, service: str) -> None:
    sent = live.signer.but(service=service).sign(
        "POST", "/", {"content-type": "application/x-www-form-urlencoded", "content-length": str(1 << 30)}
    )
    with live.wire() as wire:
        wire.send(sent.head())
        assert wire.answer().status == 413


@pytest.mark.parametrize(
    ("service", "target", "headers"),
    [
        ("iam", "/", {"content-type": "application/x-www-form-urlencoded"}),
        (
            "dynamodb",
            "/",
            {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"},
        ),
        ("s3", "/bucket?delete", {}),
        ("lambda", "/2015-03-31/functions", {"content-type": "application/json"}),
    ],
)
def test_bodies_larger_than_the_limit(region: LocalRegion, service: str, target: str, headers: dict[str, str]) -> None:
    """Also one whose length is not said: it is read up to the limit, and no further."""
    from gateway.client import Signer
    from support.region import HOST, KEY_ID, SECRET

    source = Endless()
    signer = Signer(KEY_ID, SECRET, HOST, service)
    sent = signer.sign("POST", target, {**headers, "transfer-encoding": "chunked"})
    answer = region.raw(sent.method, target, dict(sent.headers), source=source)
    assert answer.status == 413
    assert answer.headers.get("x-amz-request-id") or answer.headers.get("x-amzn-requestid")
    assert source.given <= (8 << 20) + 65_536


@pytest.mark.parametrize(
    ("count", "size"), [(0, 1 << 20), (1, 1 << 20), (48, 1 << 20), (96, 512 << 10), (200, 251_658), (5000, 128 << 10)]
)
def test_the_more_bodies_are_read_the_less_of_each_is_held(count: int, size: int) -> None:
    streams = bodies.Streams()
    streams.count = count
    assert streams.batch() == size


class Endless:
    """A body without an end, or one that falls silent after `after` chunks."""

    def __init__(self, after: int | None = None) -> None:
        self.given = 0
        self._after = after

    async def __call__(self) -> bytes:
        await asyncio.sleep(3600)
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._after is None or self.given < self._after * 65_536:
            self.given += 65_536
            yield bytes(65_536)
        await asyncio.sleep(3600)


# --- broken and silent connections


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE", 0.1)


@pytest.mark.parametrize("chunks", [0, 1, 40])
@pytest.mark.parametrize("length", [65_536 * 50, 1000])
def test_a_caller_that_falls_silent(region: LocalRegion, impatient: None, chunks: int, length: int) -> None:
    from gateway.client import Signer
    from support.region import HOST, KEY_ID, SECRET

    region.client("s3").create_bucket(Bucket="bucket")
    sent = Signer(KEY_ID, SECRET, HOST).sign(
        "PUT", "/bucket/key", {"content-length": str(length)}, payload="UNSIGNED-PAYLOAD"
    )
    answer = region.raw("PUT", "/bucket/key", dict(sent.headers), source=Endless(chunks))
    assert answer.status == 400
    assert b"<Code>RequestTimeout</Code>" in answer.body or length == 1000
    assert [path for path in (region.directory / "blobs").rglob("*") if path.is_file()] == []


def test_a_slow_disk_is_not_a_silent_caller(
    region: LocalRegion, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from time import sleep

    feed = Spool.feed

    def slow(self: Spool, batch: list[bytes]) -> None:
        sleep(0.25)
        feed(self, batch)

    monkeypatch.setattr(Spool, "feed", slow)
    s3 = region.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=bytes(3 << 20))
    assert s3.head_object(Bucket="bucket", Key="key")["ContentLength"] == 3 << 20


def requests(live: Live, bucket: str) -> dict[str, Sent]:
    data = content(3_000_000)
    signer = live.signer
    return {
        "plain": signer.sign("PUT", f"/{bucket}/cut", body=data),
        "unsigned": signer.sign("PUT", f"/{bucket}/cut", body=data, payload="UNSIGNED-PAYLOAD"),
        "small": signer.sign("PUT", f"/{bucket}/cut", body=data[:60_000], payload="UNSIGNED-PAYLOAD"),
        "chunked": signer.chunked(f"/{bucket}/cut", *(data[at : at + 65_536] for at in range(0, 3_000_000, 65_536))),
        "form": signer.but(service="iam").sign(
            "POST", "/", {"content-type": "application/x-www-form-urlencoded"},
            b"Action=CreateUser&Version=2010-05-08&UserName=cut&Path=/" + b"x" * 400 + b"/",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["plain", "unsigned", "small", "chunked", "form"])
@pytest.mark.parametrize("how", ["end", "reset", "half"])
def test_connections_that_break_in_the_middle(live: Live, bucket: str, name: str, how: str) -> None:
    sent = requests(live, bucket)[name]
    chance = random.Random(name + how)
    before, workers = live.kept(), live.workers()
    for _ in range(4):
        wire = live.wire()
        wire.send(sent.head() + sent.body[: chance.randrange(len(sent.body))])
        if how == "half":
            wire.socket.shutdown(1)
            assert b"200 OK" not in wire.rest()
        wire.reset() if how == "reset" else wire.close()
    until(lambda: not temporary(live))
    until(lambda: live.kept() <= before)
    assert live.workers() == workers
    assert live.ask(live.signer.sign("HEAD", f"/{bucket}/cut")).status == 404


def test_callers_that_hang_up_while_they_are_answered(live: Live, bucket: str) -> None:
    s3 = live.client("s3")
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(20 << 20))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=bytes(5 << 20))[
                "ETag"
            ],
        }
        for number in (1, 2, 3)
    ]
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    open_before = descriptors(live)
    logged = len(live.log())
    for key in ("large", "parts"):
        for turn in range(6):
            wire = live.wire()
            wire.send(live.signer.sign("GET", f"/{bucket}/{key}"))
            wire.socket.recv(1000)
            wire.reset() if turn % 2 else wire.close()
    until(lambda: descriptors(live) <= open_before + 4)
    assert live.log()[logged:] == []
    assert len(live.get(f"/{bucket}/parts").body) == 15 << 20


def descriptors(live: Live) -> int:
    from pathlib import Path

    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in live.workers())


def test_five_hundred_idle_connections(live: Live, bucket: str) -> None:
    wires: list[Any] = [live.wire() for _ in range(500)]
    try:
        for wire in wires[::2]:
            wire.send(b"PUT /bodies/idle HTTP/1.1\r\nhost: a\r\n")  # half a head
        assert all(live.ask(live.signer.sign("PUT", f"/{bucket}/busy", body=b"x")).status == 200 for _ in range(20))
    finally:
        for wire in wires:
            wire.close()
