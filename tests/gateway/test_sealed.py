"""Sealed bodies on their way out: decrypted while they are sent, never wrong, never short and called whole."""

from __future__ import annotations

import asyncio
import http.client
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # not in its __all__

from fogbank.core.call import FileRange, Sealing, Taking
from fogbank.core.digests import digest
from fogbank.core.spool import Spool
from fogbank.core.stored import Missing, read_content
from fogbank.gateway import body as bodies
from fogbank.gateway import pipe, respond
from fogbank.store import chunks
from fogbank.store.blobs import Blobs
from fogbank.store.chunks import CHUNK, SEALED, Corrupt
from fogbank.wire import HttpResponse
from gateway.live import until
from gateway.test_faults import Server, resident

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.live import Live

KEY = bytes(range(32))
LARGE = 3 * (1 << 20) + 77


def pattern(size: int, seed: int = 1) -> bytes:
    unit = bytes((index * 31 + seed) % 251 for index in range(251))
    return (unit * (size // 251 + 1))[:size]


def keep(blobs: Blobs, data: bytes, name: str = "abcd") -> FileRange:
    """A blob of sealed bytes."""
    path = blobs.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    nonce = chunks.new_nonce()
    with path.open("wb") as file:
        sealer = chunks.Sealer(KEY, nonce, file.write)
        sealer.update(data)
        sealer.finish()
    return FileRange(name, 0, len(data), KEY, nonce)


def part_of(piece: FileRange, start: int, length: int) -> FileRange:
    return FileRange(piece.blob, start, length, piece.key, piece.nonce)


def sent(blobs: Blobs, body: list[Any], server: Server | None = None) -> tuple[int, bytes]:
    """What a caller gets of a body."""
    server = server or Server()
    response = HttpResponse(200, [], body)

    async def answer() -> None:
        await respond.check_files(blobs, response)
        await respond.send(server, "GET", response, blobs)

    asyncio.run(answer())
    return server.status, server.ended()


@pytest.mark.parametrize("size", [1, 100, CHUNK, CHUNK + 1, 1 << 20, (1 << 20) + 1, LARGE])
def test_whole_bodies(tmp_path: Path, size: int) -> None:
    blobs = Blobs(tmp_path)
    assert sent(blobs, [keep(blobs, pattern(size))]) == (200, pattern(size))


@pytest.mark.parametrize("start", [0, 1, CHUNK - 1, CHUNK, 5 * CHUNK + 3])
@pytest.mark.parametrize("length", [1, 70_000, (1 << 20) + 5, 2 << 20])
def test_ranges(tmp_path: Path, start: int, length: int) -> None:
    blobs, data = Blobs(tmp_path), pattern(LARGE)
    piece = part_of(keep(blobs, data), start, length)
    assert sent(blobs, [piece]) == (200, data[start : start + length])


@pytest.mark.parametrize("size", [1000, 300_000, LARGE])
def test_pieces_of_all_kinds(tmp_path: Path, size: int) -> None:
    blobs = Blobs(tmp_path)
    one, two = keep(blobs, pattern(size), "aaaa"), keep(blobs, pattern(size, 2), "bbbb")
    plain = blobs.path("cccc")
    plain.parent.mkdir(parents=True, exist_ok=True)
    plain.write_bytes(pattern(size, 3))
    body = [one, b"between", FileRange("cccc", 0, size), part_of(two, 1, size - 1), part_of(one, size - 1, 1)]
    want = pattern(size) + b"between" + pattern(size, 3) + pattern(size, 2)[1:] + pattern(size)[-1:]
    assert sent(blobs, body) == (200, want)


def flip(blobs: Blobs, place: int) -> None:
    path = blobs.path("abcd")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("size", [100, 200_000, LARGE])
def test_a_flipped_byte_at_the_start_is_found_before_anything_is_sent(tmp_path: Path, size: int) -> None:
    blobs = Blobs(tmp_path)
    piece = keep(blobs, pattern(size))
    flip(blobs, 50)
    with pytest.raises(Corrupt):
        sent(blobs, [piece])


@pytest.mark.parametrize("chunk", [1, 20, 40])
def test_what_follows_a_flipped_byte_is_never_sent(tmp_path: Path, chunk: int) -> None:
    blobs, data = Blobs(tmp_path), pattern(LARGE)
    piece = keep(blobs, data)
    flip(blobs, chunk * SEALED + 3)
    status, body = sent(blobs, [piece])
    assert status == 200
    assert len(body) <= chunk * CHUNK < len(data)
    assert body == data[: len(body)]


def test_a_small_range_behind_a_flipped_byte_is_read(tmp_path: Path) -> None:
    blobs, data = Blobs(tmp_path), pattern(LARGE)
    piece = keep(blobs, data)
    flip(blobs, 3)
    assert sent(blobs, [part_of(piece, CHUNK, 100)]) == (200, data[CHUNK : CHUNK + 100])


@pytest.mark.parametrize("size", [100, 200_000, LARGE])
@pytest.mark.parametrize("damage", ["gone", "empty", "a byte less", "a tag less"])
def test_damaged_files(tmp_path: Path, size: int, damage: str) -> None:
    blobs = Blobs(tmp_path)
    piece = keep(blobs, pattern(size))
    path = blobs.path("abcd")
    if damage == "gone":
        path.unlink()
    else:
        os.truncate(path, {"empty": 0, "a byte less": path.stat().st_size - 1}.get(damage, path.stat().st_size - 16))
    with pytest.raises((Missing, Corrupt)):
        sent(blobs, [piece])


def test_files_are_closed_whatever_happens(tmp_path: Path) -> None:
    class Hasty(Server):
        def _read(self, path: str) -> None:
            with open(path, "rb", buffering=0) as file:
                self.body += file.read(65536)

    blobs = Blobs(tmp_path)
    piece = keep(blobs, pattern(8 << 20))
    before = len(os.listdir("/proc/self/fd"))
    sent(blobs, [piece] * 5, Hasty())
    flip(blobs, 30 * SEALED)
    sent(blobs, [piece])
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_caller_that_falls_silent_costs_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are fewer senders than slow callers here, and still one who reads gets everything."""
    monkeypatch.setattr(pipe, "_senders", ThreadPoolExecutor(1))
    blobs, data = Blobs(tmp_path), pattern(LARGE)
    body = [keep(blobs, data)]

    class Silent(Server):
        def _read(self, path: str) -> None:
            with open(path, "rb", buffering=0) as file:
                file.read(131072)
                hold.wait(20)

    async def answer() -> bytes:
        silent = [asyncio.create_task(one(Silent())) for _ in range(4)]
        server = Server()
        await asyncio.wait_for(one(server), 20)
        hold.set()
        await asyncio.wait_for(asyncio.gather(*silent), 20)
        return server.ended()

    async def one(server: Server) -> None:
        await respond.send(server, "GET", HttpResponse(200, [], body), blobs)

    hold = threading.Event()
    assert asyncio.run(answer()) == data


def test_who_gives_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "STALL", 0.05)
    blobs = Blobs(tmp_path)

    class Deaf(Server):
        def _read(self, path: str) -> None:
            with open(path, "rb", buffering=0) as file:
                until(lambda: done)
                self.body = file.read(10)

    done: list[int] = []
    server = Deaf()

    async def answer() -> None:
        await respond.send(server, "GET", HttpResponse(200, [], [keep(blobs, pattern(LARGE))]), blobs)
        done.append(1)

    asyncio.run(answer())
    server.ended()
    assert done


# --- bodies on their way in


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 300_000])
def test_spooled_bodies_are_sealed(tmp_path: Path, size: int) -> None:
    blobs, data = Blobs(tmp_path), pattern(size)
    (tmp_path / "tmp").mkdir()
    spool = Spool(blobs, ("MD5",), expected=size, sealing=Sealing(KEY, "kept"))
    spool.feed([data[:100], data[100:70_000], data[70_000:]])
    body = spool.finish()
    assert (body.size, body.digests["MD5"], body.sealing) == (size, digest("MD5", data), Sealing(KEY, "kept"))
    if body.blob is None:
        assert chunks.open_small(KEY, body.nonce, body.data or b"") == data
        assert size < 16 or data not in (body.data or b"")
    else:
        assert blobs.path(body.blob).stat().st_size == body.blob.size == chunks.sealed_size(size)
        assert body.blob.crc64.to_bytes(8, "big") == digest("CRC64NVME", blobs.path(body.blob).read_bytes())
        content: list[bytes | FileRange] = [FileRange(body.blob.id, 0, size, KEY, body.nonce)]
        assert b"".join(bytes(run) for run in read_content(blobs, content)) == data
    if spool.writer is not None:
        spool.writer.close()


def test_copies_read_sealed_bytes_and_seal_them_anew(tmp_path: Path) -> None:
    blobs, data = Blobs(tmp_path), pattern(LARGE)
    (tmp_path / "tmp").mkdir()
    piece = part_of(keep(blobs, data), 10, LARGE - 20)
    other = bytes(32)
    spool, body = asyncio.run(bodies.copy(blobs, Taking([piece, b"end"], ("MD5",), Sealing(other))))
    want = data[10:-10] + b"end"
    assert body.digests["MD5"] == digest("MD5", want)
    assert body.blob is not None
    content: list[bytes | FileRange] = [FileRange(body.blob.id, 0, len(want), other, body.nonce)]
    assert b"".join(bytes(run) for run in read_content(blobs, content)) == want
    assert spool.writer is not None
    spool.writer.close()


def test_keys_are_in_no_description() -> None:
    piece = FileRange("abcd", 0, 1, KEY, b"12345678")
    for shown in (repr(piece), repr(Sealing(KEY, None)), str(piece)):
        assert repr(KEY)[2:20] not in shown


# --- a region that really runs


@pytest.fixture(scope="module")
def bucket(live: Live) -> str:
    return live.bucket("sealed")


@pytest.mark.parametrize("size", [100, 200_000, 5_000_000])
def test_large_objects_over_the_wire(live: Live, bucket: str, size: int) -> None:
    s3 = live.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=pattern(size))
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ServerSideEncryption"], got["Body"].read()) == ("AES256", pattern(size))
    first = size // 3
    part = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-")
    assert part["Body"].read() == pattern(size)[first:]


@pytest.mark.parametrize("chunk", [0, 30])
def test_a_flipped_byte_over_the_wire(live: Live, bucket: str, chunk: int) -> None:
    """A whole answer, or a broken connection: no client takes it for the object."""
    before = live.kept()
    live.client("s3").put_object(Bucket=bucket, Key=f"flipped-{chunk}", Body=pattern(LARGE))
    name = next(name for name in live.kept() - before if isinstance(name, str))
    path = live.data / "blobs" / name
    data = bytearray(path.read_bytes())
    data[chunk * SEALED + 9] ^= 4
    path.write_bytes(data)
    request = live.signer.sign("GET", f"/{bucket}/flipped-{chunk}")
    if chunk == 0:
        answer = live.ask(request)
        assert (answer.status, answer.code) == (500, "InternalError")
        return
    with pytest.raises(http.client.IncompleteRead) as broken:
        live.ask(request)
    assert pattern(LARGE).startswith(broken.value.partial)


def test_slow_callers_fill_no_memory(live: Live, bucket: str) -> None:
    live.client("s3").put_object(Bucket=bucket, Key="large", Body=pattern(64 << 20))
    before = sum(resident(pid) for pid in live.workers())
    wires = [live.wire() for _ in range(8)]
    for wire in wires:
        wire.send(live.signer.sign("GET", f"/{bucket}/large"))
    until(lambda: all(len(wire._read.peek(100)) > 100 for wire in wires))  # type: ignore[attr-defined]
    grown = sum(resident(pid) for pid in live.workers()) - before
    for wire in wires:
        wire.close()
    assert grown < 64 << 20


def test_where_there_are_many_each_has_less_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "MANY", 0)
    blobs, data = Blobs(tmp_path), pattern(LARGE)
    assert sent(blobs, [part_of(keep(blobs, data), 5, LARGE - 9)]) == (200, data[5:-4])


def test_pipes_are_counted_and_closed_if_the_server_takes_none(tmp_path: Path) -> None:
    class Closed(Server):
        def response_file(self, status: int, headers: list[tuple[str, str]], path: str) -> None:
            raise ProtocolClosed

    blobs = Blobs(tmp_path)
    piece = keep(blobs, pattern(LARGE))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        sent(blobs, [piece], Closed())
    assert (pipe.Pipe.count, len(os.listdir("/proc/self/fd"))) == (0, before)
