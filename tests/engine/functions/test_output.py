"""From a pipe to events: lines, frames, bounds, tails, holding back."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.engine.functions.output import LEVELS, MAX_EVENT, TURN, Output

if TYPE_CHECKING:
    from collections.abc import Awaitable


def frame(message: bytes, kind: int = 0x03) -> bytes:
    return b"\xa5\x5a\x00" + bytes([kind]) + len(message).to_bytes(4, "big") + b"\0" * 8 + message


class Reader:
    """An output, and what came of it."""

    def __init__(self, least: int = 0) -> None:
        self.pipe, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.events: list[str] = []
        self.full: asyncio.Future[None] | None = None
        self.output = Output(self.pipe, lambda: 1.5, self._take, least)

    def _take(self, events: list[tuple[int, str]]) -> Awaitable[None] | None:
        assert all(time == 1500 for time, _ in events)
        self.events += [text for _, text in events]
        return self.full

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), 65536):
            os.write(self.writer, data[start : start + 65536])
            self.output.drain() if start + 65536 < len(data) else None

    def close(self) -> None:
        self.output.close()
        os.close(self.pipe)
        os.close(self.writer)


def read(*parts: bytes, least: int = 0) -> list[str]:
    """The events of what is written in parts."""

    async def work() -> list[str]:
        reader = Reader(least)
        for part in parts:
            os.write(reader.writer, part)
            await asyncio.sleep(0)
            reader.output._read()
        reader.close()
        return reader.events

    return asyncio.run(work())


def test_lines() -> None:
    assert read(b"one\ntw", b"o\n\nrest") == ["one\n", "two\n", "\n", "rest"]
    assert read("é".encode()[:1], "é".encode()[1:] + b"\n") == ["é\n"]
    assert read(b"\xff\n") == ["\ufffd\n"]


def test_a_message_in_a_frame_is_one_event() -> None:
    message = frame(b"one\ntwo\n")
    assert read(b"plain" + message + b"after\n") == ["plain", "one\ntwo\n", "after\n"]
    assert read(*(message[i : i + 1] for i in range(len(message)))) == ["one\ntwo\n"]
    assert read(frame(b"")) == [""]


def test_frames_that_lie() -> None:
    huge = b"\xa5\x5a\x00\x03" + (2**31).to_bytes(4, "big") + b"\0" * 8
    assert read(huge + b"text\n")[-1] == "text\n"
    assert "".join(read(frame(b"x")[:10])) == ""


def test_lines_have_a_bound() -> None:
    async def work() -> None:
        reader = Reader()
        for _ in range(5):
            for start in range(0, 200_000, 50_000):
                os.write(reader.writer, "é".encode() * 25_000)
                while reader.output._read():
                    pass
                assert start < 200_000
        reader.close()
        assert "".join(reader.events) == "é" * 500_000
        assert max(len(event.encode()) for event in reader.events) <= MAX_EVENT

    asyncio.run(work())


def test_a_flood_of_short_lines_is_taken_in_turns() -> None:
    async def work() -> None:
        reader = Reader()
        os.write(reader.writer, b"\n" * 60_000)
        turns, seen = [], 0
        while seen < 60_000:
            await asyncio.sleep(0)
            now = len(reader.events) + len(reader.output._events)
            turns.append(now - seen)
            seen = now
        reader.close()
        assert max(turns) <= TURN
        assert reader.events == ["\n"] * 60_000

    asyncio.run(work())


def test_what_was_read_waits_while_nobody_takes_events() -> None:
    async def work() -> None:
        reader = Reader()
        reader.full = asyncio.get_running_loop().create_future()
        os.write(reader.writer, b"a line of some length\n" * 2900)
        while not reader.events:
            await asyncio.sleep(0)
        blocked = len(reader.events)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(reader.events) == blocked < 2900
        full, reader.full = reader.full, None
        full.set_result(None)
        while len(reader.events) + len(reader.output._events) < 2900:
            await asyncio.sleep(0)
        reader.close()
        assert reader.events == ["a line of some length\n"] * 2900

    asyncio.run(work())


def test_the_rest_of_a_flood_comes_at_the_end() -> None:
    async def work() -> None:
        reader = Reader()
        os.write(reader.writer, b"\n" * 60_000 + b"last")
        reader.close()
        assert reader.events == ["\n"] * 60_000 + ["last"]

    asyncio.run(work())


def test_levels_below_the_applications_are_dropped() -> None:
    lines = [b'{"level": "DEBUG"}\n', b'{"level": "ERROR"}\n', b'{"level": 7}\n', b"{nonsense\n", b"plain\n"]
    assert read(*lines, least=LEVELS["INFO"]) == [line.decode() for line in lines[1:]]
    assert read(*lines, frame(b"f", 0x16), frame(b"g", 0x0E), least=LEVELS["ERROR"]) == [lines[1].decode(), "f"]


def test_the_tail_is_the_last_of_one_invocation() -> None:
    async def work() -> None:
        reader = Reader()
        os.write(reader.writer, b"before\n")
        reader.output.begin()
        os.write(reader.writer, b"x" * 100 + b"\n")
        reader.output.drain()
        assert reader.output.tail == b"x" * 100 + b"\n"
        for number in range(1000):
            reader.output.add(f"line {number}\n")
        assert len(reader.output.tail) == 4096
        assert reader.output.tail.endswith(b"line 999\n")
        reader.close()

    asyncio.run(work())


def test_nothing_is_read_while_there_is_no_room() -> None:
    async def work() -> None:
        reader = Reader()
        reader.full = asyncio.get_running_loop().create_future()
        written = await until_full(reader)
        assert written < 1_000_000
        room, reader.full = reader.full, None
        room.set_result(None)
        async with asyncio.timeout(30):
            while sum(map(len, reader.events)) < written:
                await asyncio.sleep(0.01)
        reader.close()

    asyncio.run(work())


async def until_full(reader: Reader) -> int:
    """How much can be written until the pipe stays full."""
    written, refused = 0, 0
    while refused < 50:
        try:
            written += os.write(reader.writer, b"x" * 999 + b"\n")
            refused = 0
        except BlockingIOError:
            refused += 1
            await asyncio.sleep(0.01)
    return written


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([frame(b"a\nb"), b"\xa5\x5a\x00", b"\n", b"\xa5"]), max_size=20)
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_written_is_read(parts: list[bytes]) -> None:
    events: list[Any] = read(*(part for part in parts if part))
    assert all(isinstance(event, str) for event in events)
