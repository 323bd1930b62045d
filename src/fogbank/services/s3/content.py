"""An object's bytes: keeping them, sharing them, giving them back, serving slices of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.call import FileRange
from fogbank.services.s3.records import Segment
from fogbank.store import blobs, chunks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.core.call import Body, Call, Content


def keep(call: Call, body: Body) -> tuple[Segment, ...]:
    """Refer to an uploaded body from now on."""
    if body.blob is not None:
        blobs.link(call.tx, body.blob)
        return (Segment(body.size, blob=body.blob.id, nonce=body.nonce),)
    if body.size == 0:
        return ()
    return (Segment(body.size, inline=call.tx.put_bytes(body.data or b""), nonce=body.nonce),)


def share(call: Call, segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Refer to the same bytes once more: files are counted, small blobs copied."""
    shared = []
    for segment in segments:
        if segment.blob:
            blobs.share(call.tx, segment.blob)
            shared.append(segment)
        else:
            shared.append(Segment(segment.size, inline=call.tx.put_bytes(inline(call, segment)), nonce=segment.nonce))
    return tuple(shared)


def release(call: Call, segments: Iterable[Segment]) -> None:
    """Refer to these bytes no longer; files go once nobody does."""
    for segment in segments:
        if segment.blob:
            blobs.unlink(call.tx, segment.blob, call.now)
        else:
            call.tx.delete_bytes(segment.inline)


def inline(call: Call, segment: Segment) -> bytes:
    """The bytes of a segment that is kept in the state database."""
    data = call.tx.get_bytes(segment.inline)
    if data is None:
        raise RuntimeError(f"small blob {segment.inline} is missing")
    return data


def opened(data: bytes, segment: Segment, key: bytes) -> bytes:
    """The bytes of a segment that is kept in the state database, decrypted."""
    return chunks.open_small(key, segment.nonce, data) if segment.nonce else data


def read(call: Call, segments: Iterable[Segment], start: int, end: int, key: bytes) -> Content:
    """The bytes from `start` up to, not including, `end`. `key` is the data key of those that are encrypted."""
    pieces: list[bytes | FileRange] = []
    position = 0
    for segment in segments:
        first, last = max(start - position, 0), min(end - position, segment.size)
        if first < last:
            if segment.blob:
                sealed = key if segment.nonce else b""
                pieces.append(FileRange(segment.blob, first, last - first, sealed, segment.nonce))
            else:
                pieces.append(opened(inline(call, segment), segment, key)[first:last])
        position += segment.size
    return pieces
