"""The ways out of an environment: to the region, and outside as the operator allows."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.engine.functions.budget import LEAST, Budget, Share
from fogbank.engine.functions.forward import Forward
from fogbank.engine.functions.proxy import Proxy, Refused, destination, is_public, named
from fogbank.engine.functions.spec import Network
from fogbank.region.tls import ensure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers in capitals, until the client says no more."""
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.close()


def between(work: Callable[[int, int, list[str]], Awaitable[None]], outside: tuple[str, ...] | None = None) -> None:
    """Run with a server and a way to it: the port of the way, that of the server, and a list for names that are looked up."""

    async def whole() -> None:
        looked: list[str] = []

        async def resolve(host: str, port: int) -> list[str]:
            looked.append(host)
            return ["127.0.0.1"] if host != "private.example.com" else ["10.0.0.1"]

        async with await asyncio.start_server(upper, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            network = Network(region=f"127.0.0.1:{port}", outside=outside or ())
            share = Share(budget := Budget(1000))
            here = "127.0.0.1".__eq__
            way = Forward(network, share) if outside is None else Proxy(network, share, resolve, here)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setblocking(False)
                await way.open(listener)
                try:
                    await work(listener.getsockname()[1], port, looked)
                finally:
                    way.close()
                    async with asyncio.timeout(30):
                        while budget.used:
                            await asyncio.sleep(0)

    asyncio.run(whole())


async def say(port: int, data: bytes, answer: int = -1) -> bytes:
    """What comes back for what is sent; all of it, or so many bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(30):
            writer.write(data)
            if answer >= 0:
                return await reader.readexactly(answer)
            return await reader.read()
    except (ConnectionResetError, asyncio.IncompleteReadError):
        return b""
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def test_bytes_are_forwarded_both_ways() -> None:
    async def work(way: int, server: int, looked: list[str]) -> None:
        assert await say(way, b"hello", 5) == b"HELLO"
        big = b"x" * 3_000_000
        reader, writer = await asyncio.open_connection("127.0.0.1", way)
        writer.write(big)
        writer.write_eof()
        assert await reader.read(-1) == big.upper()
        writer.close()
        await writer.wait_closed()

    between(work)


def test_environments_share_what_may_be_open() -> None:
    budget = Budget(100)
    first = Share(budget)
    assert first.take(100)
    assert not first.take(1)
    first.give_back(60)
    others = [Share(budget) for _ in range(4)]
    assert not first.take(1)  # it has more than a fifth
    assert all(other.take(LEAST) for other in others[:3])
    assert not others[3].take(LEAST)  # nothing is left of the whole
    for share in (first, *others):
        share.close()
        share.close()
    assert budget.environments == 0


def test_connections_beyond_the_share_are_closed() -> None:
    async def work() -> None:
        async with await asyncio.start_server(upper, "127.0.0.1", 0) as server:
            way = Forward(Network(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"), Share(Budget(4)))
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setblocking(False)
                await way.open(listener)
                port = listener.getsockname()[1]
                open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
                for reader, writer in open_ones:
                    writer.write(b"x")
                    assert await reader.readexactly(1) == b"X"
                assert await say(port, b"x") == b""
                for _, writer in open_ones:
                    writer.close()
                    await writer.wait_closed()
                async with asyncio.timeout(30):
                    while await say(port, b"x", 1) != b"X":
                        await asyncio.sleep(0.01)
                way.close()

    asyncio.run(work())


def test_a_region_with_tls_is_spoken_to_with_tls(tmp_path: Path) -> None:
    async def work() -> None:
        files = ensure(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
        async with await asyncio.start_server(upper, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            way = Forward(Network(f"127.0.0.1:{port}", True, str(files.ca)), Share(Budget(1000)))
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setblocking(False)
                await way.open(listener)
                assert await say(listener.getsockname()[1], b"hello", 5) == b"HELLO"
                way.close()
                await asyncio.sleep(0.05)

    asyncio.run(work())


def test_a_region_that_is_not_there_ends_the_connection() -> None:
    async def work() -> None:
        way = Forward(Network(region="/no/such/socket"), Share(Budget(1000)))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            await way.open(listener)
            assert await say(listener.getsockname()[1], b"hello") == b""
            way.close()

    asyncio.run(work())


def test_a_tunnel_and_a_plain_request() -> None:
    async def work(way: int, server: int, looked: list[str]) -> None:
        answer = await say(way, f"CONNECT a.example.com:{server} HTTP/1.1\r\n\r\nhello".encode(), 39 + 5)
        assert answer == b"HTTP/1.1 200 Connection established\r\n\r\nHELLO"
        request = (
            f"GET http://a.example.com:{server}/p?q HTTP/1.1\r\nHost: a\r\nProxy-Connection: x\r\nKeep-Alive: 1\r\n\r\n"
        )
        expected = b"GET /P?Q HTTP/1.1\r\nHOST: A\r\nCONNECTION: CLOSE\r\n\r\n"
        assert await say(way, request.encode(), len(expected)) == expected
        assert looked == ["a.example.com", "a.example.com"]

    between(work, ("*.example.com",))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("CONNECT other.com:443 HTTP/1.1", b"403"),
        ("CONNECT example.com.evil.com:443 HTTP/1.1", b"403"),
        ("CONNECT private.example.com:443 HTTP/1.1", b"403"),
        ("CONNECT example.com HTTP/1.1", b"400"),
        ("CONNECT a@example.com:443 HTTP/1.1", b"400"),
        ("CONNECT example.com:99999 HTTP/1.1", b"400"),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", b"403"),
        ("GET / HTTP/1.1", b"400"),
        ("GET https://example.com/ HTTP/1.1", b"400"),
        ("GET http://user@example.com/ HTTP/1.1", b"400"),
        ("\x00\x01\x02", b"400"),
        ("CONNECT a.example.com:1 HTTP/1.1", b"502"),
    ],
)
def test_what_is_refused(target: str, status: bytes) -> None:
    async def work(way: int, server: int, looked: list[str]) -> None:
        answer = await say(way, target.encode() + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status)

    between(work, ("*.example.com",))


def test_heads_have_a_bound() -> None:
    async def work(way: int, server: int, looked: list[str]) -> None:
        answer = await say(way, b"GET http://a/ HTTP/1.1\r\nA: " + b"x" * 65536)
        assert answer.startswith(b"HTTP/1.1 431") or answer == b""

    between(work, ("public",))


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *(
            "::1",
            "::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "224.0.0.1",
            "255.255.255.255",
        ),
        *("240.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "nonsense"),
    ],
)
def test_addresses_that_are_not_the_internets(address: str) -> None:
    assert not is_public(address)


def test_addresses_of_the_internet() -> None:
    assert all(is_public(address) for address in ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"))


def test_names_that_are_allowed() -> None:
    assert named("anything", ("public",))
    assert named("a.example.com", ("x", "*.example.com"))
    assert named("example.com", ("Example.com",))
    assert not named("example.com", ("*.example.com",))
    assert not named("notexample.com", ("*.example.com",))
    assert not named("anything", ())


@given(st.binary(max_size=200))
def test_whatever_a_head_is_it_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        assert 0 < destination(data + b"\r\n\r\n").port < 65536
