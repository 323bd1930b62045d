"""Many at once, over two workers: conditional writes have one winner, readers see whole versions, nobody waits for long."""

from __future__ import annotations

import hashlib
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.client import Answer, Sent, Wire
    from gateway.live import Live

CLIENTS = 16
ROUNDS = 50


@pytest.fixture(scope="module")
def bucket(live: Live) -> str:
    return live.bucket("concurrency")


@pytest.fixture
def wires(live: Live) -> Iterator[list[Wire]]:
    """Sixteen connections; which worker has one is chance, so both have some."""
    made = [live.wire() for _ in range(CLIENTS)]
    yield made
    for wire in made:
        wire.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CLIENTS) as made:
        yield made


def at_once(pool: ThreadPoolExecutor, work: Callable[[int], Any]) -> list[Any]:
    """Do something in sixteen threads, all of which begin together."""
    gate = threading.Barrier(CLIENTS)

    def begin(number: int) -> Any:
        gate.wait(10)
        return work(number)

    return list(pool.map(begin, range(CLIENTS)))


def ask_or_be_cut(live: Live, wires: list[Wire], sent: list[Sent], number: int) -> Answer | None:
    """The answer; None where the region refused, and hung up, before it was sent all of the body."""
    try:
        return wires[number].ask(sent[number])
    except (BrokenPipeError, ConnectionResetError):
        wires[number].close()
        wires[number] = live.wire()
        return None


@pytest.mark.parametrize("size", [10, 100_000])
def test_one_of_them_makes_it(live: Live, bucket: str, wires: list[Wire], pool: ThreadPoolExecutor, size: int) -> None:
    for turn in range(ROUNDS if size == 10 else 5):
        path = f"/{bucket}/one-{size}-{turn}"
        sent = [
            live.signer.sign("PUT", path, {"if-none-match": "*"}, b"%06d" % number * (size // 6))
            for number in range(CLIENTS)
        ]
        answers: list[Answer | None] = at_once(pool, partial(ask_or_be_cut, live, wires, sent))
        won = [number for number, answer in enumerate(answers) if answer and answer.status == 200]
        assert len(won) == 1
        assert {answer.status for answer in answers if answer} <= {200, 412, 409}
        assert live.get(path).body == sent[won[0]].body


def test_compare_and_swap(live: Live, bucket: str, wires: list[Wire], pool: ThreadPoolExecutor) -> None:
    """A counter that all raise with If-Match: no step is lost."""
    path = f"/{bucket}/counter"
    live.ask(live.signer.sign("PUT", path, body=b"0"))

    def raise_it(number: int) -> int:
        for attempt in range(500):
            found = wires[number].ask(live.signer.sign("GET", path))
            new = b"%d" % (int(found.body) + 1)
            sent = live.signer.sign("PUT", path, {"if-match": found.headers["etag"]}, new)
            status = wires[number].ask(sent).status
            if status == 200:
                return attempt
            assert status in (412, 409)
        raise AssertionError("never")

    at_once(pool, raise_it)
    assert live.get(path).body == b"%d" % CLIENTS


def test_buckets_are_made_once(live: Live, wires: list[Wire], pool: ThreadPoolExecutor) -> None:
    sent = live.signer.but(region="eu-west-1").sign(
        "PUT",
        "/concurrency-made-once",
        body=b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
    )
    answers: list[Answer] = at_once(pool, lambda number: wires[number].ask(sent))
    assert sorted(answer.status for answer in answers) == [200] + [409] * (CLIENTS - 1)


def test_parts_arrive_together(live: Live, bucket: str, pool: ThreadPoolExecutor) -> None:
    s3 = live.client("s3", max_pool_connections=CLIENTS)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]

    def part(number: int) -> dict[str, Any]:
        made = s3.upload_part(
            Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number + 1, Body=bytes([number]) * (5 << 20)
        )
        return {"PartNumber": number + 1, "ETag": made["ETag"]}

    parts = at_once(pool, part)
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    body = s3.get_object(Bucket=bucket, Key="parts")["Body"]
    for number in range(CLIENTS):
        assert body.read(5 << 20) == bytes([number]) * (5 << 20)
    assert body.read() == b""


def test_one_of_them_completes_an_upload(live: Live, bucket: str, wires: list[Wire], pool: ThreadPoolExecutor) -> None:
    """The others are told that it is done, or gone; the object is there once and whole."""
    s3 = live.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="once")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="once", UploadId=upload, PartNumber=1, Body=b"x" * 100_000)["ETag"]
    body = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    )
    sent = live.signer.sign("POST", f"/{bucket}/once?uploadId={upload}", body=body.encode())
    answers: list[Answer] = at_once(pool, lambda number: wires[number].ask(sent))
    assert {answer.status for answer in answers} <= {200, 404}
    assert any(answer.status == 200 for answer in answers)
    assert live.get(f"/{bucket}/once").body == b"x" * 100_000


@pytest.mark.parametrize("sizes", [(100, 200), (200_000, 3_000_000), (100, 300_000)])
def test_readers_see_whole_versions(live: Live, bucket: str, sizes: tuple[int, int]) -> None:
    path = f"/{bucket}/versions-{sizes[1]}"
    versions = [bytes([65 + n]) * size for n, size in enumerate(sizes)]
    live.ask(live.signer.sign("PUT", path, body=versions[0]))
    done = threading.Event()

    def write() -> None:
        with live.wire() as wire:
            for turn in range(40):
                assert wire.ask(live.signer.sign("PUT", path, body=versions[turn % 2])).status == 200

    def read() -> set[bytes]:
        seen: set[bytes] = set()
        with live.wire() as wire:
            while not done.is_set():
                answer = wire.ask(live.signer.sign("GET", path))
                assert answer.status == 200
                assert answer.body in versions
                seen.add(answer.body)
        return seen

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            pool.submit(write).result(30)
        finally:
            done.set()
        seen: set[bytes] = set().union(*(reader.result(60) for reader in readers))
    assert seen == set(versions)


def test_deletes_of_a_thousand_keys_stop_nobody(live: Live, bucket: str) -> None:
    live.ask(live.signer.sign("PUT", f"/{bucket}/read", body=b"x"))
    objects = "".join(f"<Object><Key>many/{number}</Key></Object>" for number in range(1000))
    body = f"<Delete>{objects}</Delete>".encode()
    digest = {"content-md5": b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}
    sent = live.signer.sign("POST", f"/{bucket}?delete", digest, body)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: live.ask(live.signer.sign("PUT", f"/{bucket}/many/{n}", body=b"x")), range(1000)))
    done = threading.Event()

    def read() -> float:
        longest = 0.0
        with live.wire() as wire:
            while not done.is_set():
                began = time.perf_counter()
                assert wire.ask(live.signer.sign("GET", f"/{bucket}/read")).status == 200
                longest = max(longest, time.perf_counter() - began)
        return longest

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        answers = [live.ask(sent) for _ in range(3)]
        done.set()
        slowest = max(reader.result(30) for reader in readers)
    assert [answer.body.count(b"<Deleted>") for answer in answers] == [1000] * 3
    assert slowest < 5.0  # about 20 ms on an idle machine
