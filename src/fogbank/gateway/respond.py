"""From the server's requests to ours, and from our responses to the server's: bytes, files and streams."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from fogbank.core.call import FileRange
from fogbank.wire import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Content
    from fogbank.store.blobs import Blobs

SERVER = ("server", "Fogbank")
STREAM_BATCH = 256 * 1024  # bytes read and sent at a time, where an object is in several pieces


def request_of(scope: Any) -> HttpRequest:
    """The request, from RSGI's scope; repeated headers are joined with commas."""
    items = scope.headers.items()
    headers = dict(items)
    if len(headers) != len(items):
        headers = joined(items)
    if "host" not in headers and scope.authority:
        headers["host"] = scope.authority
    client = scope.client.rpartition(":")[0]
    return HttpRequest(scope.method, scope.path, scope.query_string, headers, b"", client, scope.scheme)


def joined(items: list[tuple[str, str]]) -> dict[str, str]:
    """Headers by name, with the values of repeated ones joined."""
    headers: dict[str, str] = {}
    for name, value in items:
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


class Missing(Exception):
    """A blob's file is not what its record says."""


async def send(protocol: Any, method: str, response: HttpResponse, blobs: Blobs) -> None:
    """Hand a response to the server. Raises Missing, before anything is sent, if a file is not there in full."""
    headers = [*response.headers, SERVER]
    body = response.body
    if method == "HEAD" or response.status in (204, 304):
        protocol.response_empty(response.status, headers)
    elif isinstance(body, bytes):
        protocol.response_bytes(response.status, headers, body)
    elif len(body) == 1 and isinstance(body[0], FileRange):
        piece = body[0]
        path = checked(blobs, piece)
        protocol.response_file_range(response.status, headers, path, piece.start, piece.start + piece.length)
    elif all(isinstance(piece, bytes) for piece in body):
        protocol.response_bytes(response.status, headers, b"".join(body))
    else:
        await stream(protocol, response.status, headers, body, blobs)


def checked(blobs: Blobs, piece: FileRange) -> str:
    """The path of a blob's file, which the server will open: it answers 404 for a missing one, which would be a lie."""
    path = str(blobs.path(piece.blob))
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        size = -1
    if size < piece.start + piece.length:
        raise Missing(f"blob {piece.blob} has {size} bytes, its record says at least {piece.start + piece.length}")
    return path


async def stream(protocol: Any, status: int, headers: list[tuple[str, str]], body: Content, blobs: Blobs) -> None:
    """Send an object that is in several pieces."""
    opened = [
        piece if isinstance(piece, bytes) else (os.open(checked(blobs, piece), os.O_RDONLY), piece) for piece in body
    ]
    loop = asyncio.get_running_loop()
    try:
        transport = protocol.response_stream(status, headers)
        for piece in opened:
            if isinstance(piece, bytes):
                await transport.send_bytes(piece)
                continue
            for offset, length in windows(piece[1]):
                await transport.send_bytes(await loop.run_in_executor(None, os.pread, piece[0], length, offset))
    finally:
        for piece in opened:
            if not isinstance(piece, bytes):
                os.close(piece[0])


def windows(piece: FileRange) -> Iterator[tuple[int, int]]:
    """Offsets and lengths that cover a range of a file."""
    end = piece.start + piece.length
    for offset in range(piece.start, end, STREAM_BATCH):
        yield offset, min(STREAM_BATCH, end - offset)
