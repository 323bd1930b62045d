"""What those who invoke functions and the control process, which runs them, say to each other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakSet

import msgspec

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from fogbank.core.control import Control
    from fogbank.core.ids import Ids

SERVICE: Final = "lambda"
BEGUN, PIECE, ENDED = b"b", b"p", b"e"  # the first byte of the pieces of a streamed answer
_TRACE: Final = re.compile(r"[A-Za-z0-9=;:|,. _-]{1,512}", re.ASCII)


class Run(msgspec.Struct, frozen=True, array_like=True):
    """An invocation of a version of a function, by its number; `arn` is the ARN that was invoked."""

    account: str
    region: str
    name: str
    version: int
    arn: str
    id: str
    payload: bytes
    context: str = ""
    trace: str = ""
    tail: bool = False  # whether the end of the log is wanted


class Ran(msgspec.Struct, frozen=True, array_like=True):
    """What came of it; of a streamed answer the payload is empty, unless it failed before its first byte."""

    payload: bytes
    error: str = ""
    kind: str = ""  # of the error, as Sandbox.Timedout
    tail: bytes = b""


encode: Final = msgspec.msgpack.Encoder().encode
decode_run: Final = msgspec.msgpack.Decoder(Run).decode
decode_ran: Final = msgspec.msgpack.Decoder(Ran).decode
_waking: Final[WeakKeyDictionary[Control, asyncio.Task[None]]] = WeakKeyDictionary()
_again: Final[WeakSet[Control]] = WeakSet()  # to be woken once more


async def run(control: Control, asked: Run) -> Ran:
    """Have a function run. AwsError if it cannot."""
    return decode_ran(await control.ask(SERVICE, "run", encode(asked)))


def stream(control: Control, asked: Run) -> AsyncIterator[bytes]:
    """Have a function run, and take its answer as it comes: BEGUN and its content type, PIECEs, and ENDED with what came of it."""
    return control.stream(SERVICE, "stream", encode(asked))


@asynccontextmanager
async def taken(pieces: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """While the context lasts, pieces are taken; after it the function is not waited for any more."""
    try:
        yield pieces
    finally:
        await leave(pieces)


async def leave(pieces: AsyncIterator[bytes]) -> None:
    """Take no more pieces."""
    if isinstance(pieces, AsyncGenerator):
        await pieces.aclose()


def wake(control: Control) -> None:
    """Have the queue of asynchronous invocations looked at now. If that fails, it is looked at soon all the same."""
    before = _waking.get(control)
    if before is None or before.done():
        _waking[control] = asyncio.get_running_loop().create_task(_wake(control))
    else:
        _again.add(control)


async def _wake(control: Control) -> None:
    with suppress(AwsError):
        while True:
            _again.discard(control)
            await control.ask(SERVICE, "wake", b"")
            if control not in _again:
                return


def trace_of(given: str, ids: Ids, now: float) -> str:
    """The tracing header of an invocation: the caller's, if it is one, or a new one."""
    if given.startswith("Root=") and _TRACE.fullmatch(given):
        return given
    return f"Root=1-{int(now):08x}-{ids.random(12).hex()};Parent={ids.random(8).hex()};Sampled=0"
