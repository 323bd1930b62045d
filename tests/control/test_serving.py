"""Commands over the control process's socket."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from fogbank.control.serving import serving
from fogbank.core import control_link
from fogbank.core.control import Here, Nowhere
from fogbank.core.control_link import ControlLink
from fogbank.core.errors import AwsError
from fogbank.core.frames import HEAD, MOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


class Service:
    """Commands to try."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.made = 0
        self.waits = asyncio.Event()
        self.commands: dict[str, Callable[..., Any]] = {
            "echo": self.echo,
            "refuse": self.refuse,
            "break": self.break_,
            "wait": self.wait,
            "count": self.count,
            "endless": self.endless,
            "refuse-late": self.refuse_late,
        }

    async def echo(self, _: Any, request: bytes) -> bytes:
        return request

    async def refuse(self, _: Any, request: bytes) -> bytes:
        raise AwsError("NoSuchThing", "There is none.", status=404, fields={"Thing": "x", "Number": 3})

    async def break_(self, _: Any, request: bytes) -> bytes:
        raise ValueError("secret")

    async def wait(self, _: Any, request: bytes) -> bytes:
        self.waits.set()
        await asyncio.sleep(3600)
        return b""

    async def count(self, _: Any, request: bytes) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield b"%d" % number

    async def endless(self, _: Any, request: bytes) -> AsyncIterator[bytes]:
        try:
            while True:
                self.made += 1
                yield bytes(100_000)
        finally:
            self.ended.set()

    async def refuse_late(self, _: Any, request: bytes) -> AsyncIterator[bytes]:
        yield b"first"
        raise AwsError("NoSuchThing", "There is none.")


@asynccontextmanager
async def linked(path: Path) -> AsyncIterator[tuple[Service, ControlLink]]:
    """A control process's socket, and a worker's link to it."""
    service = Service()
    here = Here(lambda name: cast("Any", service))
    here.background = cast("Any", object())
    link = ControlLink(path)
    async with serving(path, here):
        yield service, link
        link.close()
        await asyncio.sleep(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def test_answers_come_to_who_asked(path: Path) -> None:
    async def main() -> None:
        async with linked(path) as (_, link):
            sent = [os.urandom(size) for size in (0, 1, 100, 70_000, 7 << 20)] * 10
            assert await asyncio.gather(*(link.ask("any", "echo", each) for each in sent)) == sent

    asyncio.run(main())


def test_nobody_else_of_this_machine_can_ask(path: Path) -> None:
    async def main() -> None:
        async with linked(path):
            assert path.stat().st_mode & 0o777 == 0o600

    asyncio.run(main())


def test_errors_cross_the_socket(path: Path) -> None:
    async def main() -> None:
        async with linked(path) as (_, link):
            with pytest.raises(AwsError) as caught:
                await link.ask("any", "refuse", b"")
            error = caught.value
            assert (error.code, error.message, error.status, error.fields) == (
                "NoSuchThing",
                "There is none.",
                404,
                {"Thing": "x", "Number": 3},
            )
            with pytest.raises(AwsError, match="InternalFailure") as caught:
                await link.ask("any", "break", b"")
            assert "secret" not in caught.value.message
            with pytest.raises(AwsError, match="InternalFailure"):
                await link.ask("any", "unknown", b"")

    asyncio.run(main())


def test_pieces(path: Path) -> None:
    async def main() -> None:
        async with linked(path) as (_, link):
            found = [piece async for piece in link.stream("any", "count", b"300")]
            assert found == [b"%d" % number for number in range(300)]
            late = link.stream("any", "refuse-late", b"")
            assert await anext(late) == b"first"
            with pytest.raises(AwsError, match="NoSuchThing"):
                await anext(late)

    asyncio.run(main())


def test_nobody_makes_more_pieces_than_are_taken(path: Path) -> None:
    async def main() -> None:
        async with linked(path) as (service, link):
            pieces = link.stream("any", "endless", b"")
            await anext(pieces)
            before = -1
            while service.made != before:  # until it waits
                before = service.made
                await asyncio.sleep(0.1)
            assert service.made < 200
            await anext(pieces)
            await cast("Any", pieces).aclose()
            await asyncio.wait_for(service.ended.wait(), 20)

    asyncio.run(main())


def test_a_control_process_that_ends_tells_who_waits(path: Path) -> None:
    async def main() -> None:
        async with linked(path) as (service, link):
            waiting = asyncio.create_task(link.ask("any", "wait", b""))
            await asyncio.wait_for(service.waits.wait(), 20)
            assert link._asking is not None
            link._asking.transport.abort()
            with pytest.raises(AwsError, match="ServiceUnavailable"):
                await waiting
            assert await link.ask("any", "echo", b"again") == b"again"

    asyncio.run(main())


def test_one_that_is_being_started_is_waited_for(path: Path) -> None:
    async def main() -> None:
        link = ControlLink(path)
        asked = asyncio.create_task(link.ask("any", "echo", b"early"))
        await asyncio.sleep(0.2)
        async with linked(path):
            assert await asyncio.wait_for(asked, 20) == b"early"
            link.close()

    asyncio.run(main())


def test_one_that_does_not_come(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_link, "PATIENCE", 0.1)
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        asyncio.run(ControlLink(path).ask("any", "echo", b""))


def test_a_path_that_is_longer_than_an_address(tmp_path: Path) -> None:
    async def main() -> None:
        async with linked(long / "control.sock") as (_, link):
            assert await link.ask("any", "echo", b"far") == b"far"

    long = tmp_path / ("x" * 120)
    long.mkdir()
    asyncio.run(main())


@pytest.mark.parametrize(
    "sent",
    [
        HEAD.pack(MOST + 1, 1, 0),
        HEAD.pack(0, 1, 0),
        HEAD.pack(8, 1, 0) + b"abc",
        HEAD.pack(8, 1, 77) + b"a\0b",
        HEAD.pack(9, 1, 0) + b"\xff\0\0x",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_frame_ends_its_connection_only(path: Path, sent: bytes) -> None:
    async def main() -> None:
        async with linked(path) as (_, link):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(sent)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 20)
            writer.close()
            await writer.wait_closed()
            assert await link.ask("any", "echo", b"on") == b"on"

    asyncio.run(main())


def test_where_there_is_no_control_process() -> None:
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        asyncio.run(Nowhere().ask("any", "echo", b""))
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        Nowhere().stream("any", "echo", b"")
