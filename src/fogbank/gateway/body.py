"""Request bodies: read whole within bounds, or streamed through their digests into the blob store."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # not in its __all__

from fogbank import auth
from fogbank.core import stored
from fogbank.core.digests import NEW
from fogbank.core.errors import AwsError
from fogbank.core.spool import Spool, incomplete
from fogbank.store.blobs import INLINE_LIMIT
from fogbank.wire.hosts import FUNCTION_URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping

    from fogbank.core.call import Body, Content, FileRange, Sealing, Taking
    from fogbank.store.blobs import Blobs, BlobWriter

IDLE = 30.0  # seconds without a byte, after which a caller is given up
BATCH = 1 << 20  # bytes that are hashed and written at a time; a stream holds two such batches in memory
SMALL_BATCH = 128 << 10  # bytes, where streams are many
HELD = 96 << 20  # bytes that all streams of a process hold in their batches, as long as these are not smaller than that
LARGE = INLINE_LIMIT  # bytes of a body that take long enough to parse for a thread
STRANGERS = 64 << 10  # bytes that are read whole for a caller who named no known key
# What AWS's largest requests need (10,000 parts with their checksums, 1,000 long keys, a template): these are costly to parse.
LIMITS = {"query": 4 << 20, "ec2": 4 << 20, "rest-xml": 8 << 20, FUNCTION_URL: 6 << 20}
EXACT = auth.PayloadMode.EXACT


class Source(Protocol):
    """The body of a request as the server gives it: whole, or in chunks; a broken connection just ends it."""

    async def __call__(self) -> bytes: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


def announced_by(headers: Mapping[str, str]) -> bool:
    """Whether a request may have a body at all."""
    return "content-length" in headers or "transfer-encoding" in headers


def content_length(headers: Mapping[str, str]) -> int | None:
    """The announced length of the body; None for one of unknown length. The server has refused malformed ones."""
    if "transfer-encoding" in headers:
        return None
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def limit_of(protocol: str, most: int, *, known: bool) -> int:
    """How many bytes of a body are read whole: by its protocol, up to `most`, and few for strangers."""
    return min(most, LIMITS.get(protocol, most)) if known else min(most, STRANGERS)


async def read_whole(source: Source, headers: Mapping[str, str], most: int, protocol: str = "") -> bytes:
    """The body, if it is at most `most` bytes and arrives as announced."""
    length = content_length(headers)
    if length == 0:
        return b""
    if length is not None and length > most:
        raise too_large(most, protocol)
    if length is not None and length <= INLINE_LIMIT:
        return await read_small(source, length)
    parts, size = [], 0
    async for chunk in chunks(source):
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            raise too_large(most, protocol)
    if length is not None and size != length:
        raise incomplete()
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Alarm:
    """Cancels the task that waits for a small body. What asyncio.timeout does, in a fifth of its time: it is on every upload."""

    __slots__ = ("_task", "loop", "rang")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rang = False
        self._task = asyncio.current_task(self.loop)

    def __call__(self) -> None:
        self.rang = True
        if self._task is not None:
            self._task.cancel()


async def read_small(source: Source, length: int) -> bytes:
    """A body of few bytes, taken from the server at once: it has as long as others have for a chunk."""
    alarm = Alarm()
    timer = alarm.loop.call_later(IDLE, alarm)
    try:
        data = await source()
    except asyncio.CancelledError:
        if alarm.rang:
            raise timed_out() from None
        raise
    except ProtocolClosed:
        raise incomplete() from None
    finally:
        timer.cancel()
    if len(data) != length:
        raise incomplete()
    return data


def timed_out() -> AwsError:
    """The error for a caller who falls silent."""
    what = "Your socket connection to the server was not read from or written to within the timeout period."
    return AwsError("RequestTimeout", what, status=400)


async def chunks(source: Source) -> AsyncIterator[bytes]:
    """The body's chunks; RequestTimeout when the caller falls silent. What is done with a chunk takes the time it takes."""
    arriving = aiter(source)
    while True:
        try:
            async with asyncio.timeout(IDLE):
                chunk = await anext(arriving)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise timed_out() from None
        if chunk:
            yield chunk


def too_large(most: int, protocol: str = "") -> AwsError:
    """The error for a body above the limit, in the words of S3, or of services that speak JSON."""
    if protocol in ("json", "rest-json"):
        what = f"Request must be smaller than {most} bytes"
        return AwsError("RequestEntityTooLargeException", what, status=413)
    fields = {"MaxSizeAllowed": most}
    return AwsError(
        "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", status=413, fields=fields
    )


async def spool(source: Source, headers: Mapping[str, str], spooled: Spool) -> Body:
    """Feed a body to a spool: batches are hashed and written in a thread while the next one arrives."""
    length = content_length(headers)
    if spooled.writer is None and length is not None and length <= 2 * INLINE_LIMIT:  # aws-chunked has frames, too
        spooled.feed([await read_small(source, length)] if length else [])
        return spooled.finish()
    return await spool_stream(chunks(source), spooled)


class Streams:
    """How many bodies are being read: the more, the less of each is held in memory."""

    def __init__(self) -> None:
        self.count = 0

    def batch(self) -> int:
        """The bytes of a batch now."""
        return max(SMALL_BATCH, min(BATCH, HELD // (2 * max(self.count, 1))))


streams = Streams()


async def spool_stream(source: AsyncIterator[bytes], spooled: Spool) -> Body:
    """Feed a large body to a spool, or one of unknown length."""
    loop = asyncio.get_running_loop()
    batch: list[bytes] = []
    size = 0
    working: asyncio.Future[None] | None = None
    streams.count += 1
    try:
        async for chunk in source:
            batch.append(chunk)
            size += len(chunk)
            if size >= streams.batch():
                if working is not None:
                    await working
                working = loop.run_in_executor(None, spooled.feed, batch)
                batch, size = [], 0
    finally:
        streams.count -= 1
        if working is not None:
            await asyncio.wait((working,))
    if working is not None:
        working.result()
    return await loop.run_in_executor(None, _last, spooled, batch)


def _last(spooled: Spool, batch: list[bytes]) -> Body:
    spooled.feed(batch)
    return spooled.finish()


def request_spool(
    blobs: Blobs,
    headers: Mapping[str, str],
    verified: auth.Verified | None,
    claim: auth.Claim | None,
    algorithms: Collection[str],
    sealing: Sealing | None = None,
) -> Spool:
    """The spool for a request's body: aws-chunked or plain, signed or not."""
    declared = claim.payload_hash if claim else headers.get("x-amz-content-sha256")
    mode = verified.payload if verified else auth.payload_mode(declared) if declared else auth.PayloadMode.UNSIGNED
    if mode.chunked:
        decoder = auth.chunk_decoder(mode, headers, verified)
        algorithms = {*algorithms, *announced(headers)}
        return Spool(blobs, algorithms, expected=auth.decoded_length(headers), decoder=decoder, sealing=sealing)
    length = content_length(headers)
    if length is None:
        # Without a length nobody could tell a broken connection from the end.
        raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", status=411)
    return Spool(blobs, algorithms, expected=length, declared_hash=declared if mode is EXACT else None, sealing=sealing)


def announced(headers: Mapping[str, str]) -> Iterable[str]:
    """The checksum algorithms whose values the body's trailers will carry. InvalidRequest for one that cannot be checked."""
    for name in headers.get("x-amz-trailer", "").split(","):
        algorithm = name.strip().upper().removeprefix("X-AMZ-CHECKSUM-")
        if algorithm in NEW:
            yield algorithm
        elif algorithm:
            what = "The value specified in the x-amz-trailer header is not supported"
            raise AwsError("InvalidRequest", what, status=400)


async def copy(blobs: Blobs, taking: Taking) -> tuple[Spool, Body]:
    """A body made of stored bytes. The files are opened at once: they may be unlinked while they are read."""
    content = taking.content
    size = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in content)
    spooled = Spool(blobs, taking.digests, expected=size, sealing=taking.sealing)
    try:
        return spooled, await asyncio.get_running_loop().run_in_executor(None, _copy, blobs, content, spooled)
    except BaseException:
        await discard(spooled)
        raise


def _copy(blobs: Blobs, content: Content, spooled: Spool) -> Body:
    with ExitStack() as stack:
        opened = [_opened(blobs, piece, stack) for piece in content]
        for run in chain.from_iterable(opened):
            spooled.take(run)
    return spooled.finish()


def _opened(blobs: Blobs, piece: bytes | FileRange, stack: ExitStack) -> Iterable[bytes | memoryview]:
    if isinstance(piece, bytes):
        return (piece,)
    file = stored.opened(str(blobs.path(piece.blob)), piece)
    stack.callback(os.close, file)
    return stored.runs(file, piece)


async def discard(spooled: Spool, *, refused: bool = False) -> None:
    """Let go of a spool's blob: from now on it is garbage if no record refers to it.

    Removed at once if it is unfinished, or `refused`: the handler raised, so that surely nothing refers to it.
    """
    if spooled.writer is not None:
        await asyncio.get_running_loop().run_in_executor(None, _discard, spooled, spooled.writer, refused)


def _discard(spooled: Spool, writer: BlobWriter, refused: bool) -> None:
    try:
        writer.abort()
        if refused and spooled.finished is not None:
            spooled.blobs.disk.unlink(spooled.blobs.path(spooled.finished))
    finally:
        writer.close()
