"""Carrying out a query in a process of its own, watched: it is ended when it is stopped, does not come on, or takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.logs import insights_worker
from fogbank.services.logs.insights_worker import LENGTH, Task, Told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STALLED: Final = 60.0  # seconds without a sign: an expression that does not come to an end on one event
LONGEST: Final = 3600.0  # seconds of a query, as on AWS
LOOK_EVERY: Final = 1.0  # seconds between looks whether it is stopped


class StoppedError(Exception):
    """Somebody stopped it."""


async def carried_out(
    task: Task,
    going_on: Callable[[Told | None], Awaitable[bool]],
    *,
    stalled: float = STALLED,
    longest: float = LONGEST,
) -> Told:
    """Carry out a task; `going_on` is told how far it is (None: nothing new), and says whether it is to go on.

    StoppedError if not; TimeoutError where it does not come on for `stalled` seconds, or takes `longest`.
    """
    command = (sys.executable, "-m", insights_worker.__name__, str(os.getpid()))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        return await _watched(process, task, going_on, stalled, longest)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _watched(
    process: asyncio.subprocess.Process,
    task: Task,
    going_on: Callable[[Told | None], Awaitable[bool]],
    stalled: float,
    longest: float,
) -> Told:
    assert process.stdin is not None
    assert process.stdout is not None
    data = msgspec.msgpack.encode(task)
    process.stdin.write(len(data).to_bytes(LENGTH, "big") + data)
    began = heard = time.monotonic()
    frame = asyncio.ensure_future(read(process.stdout))
    try:
        while True:
            await asyncio.wait([frame], timeout=LOOK_EVERY)
            told = None
            if frame.done():
                told, heard = frame.result(), time.monotonic()
                if told.done or told.fault:
                    return told
                frame = asyncio.ensure_future(read(process.stdout))
            if not await going_on(told):
                raise StoppedError
            if time.monotonic() - heard > stalled or time.monotonic() - began > longest:
                raise TimeoutError
    finally:
        frame.cancel()
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError):
            await frame


async def read(stream: asyncio.StreamReader) -> Told:
    """A frame; one with a fault where the process ended without."""
    try:
        size = int.from_bytes(await stream.readexactly(LENGTH), "big")
        return msgspec.msgpack.decode(await stream.readexactly(size), type=Told)
    except asyncio.IncompleteReadError:
        return Told(0, 0, 0, fault="the process of the query ended")
