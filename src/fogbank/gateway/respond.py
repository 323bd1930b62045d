"""From the server's requests to ours, and from our responses to the server's: bytes, files and streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # not in its __all__

from fogbank.core import stored
from fogbank.core.call import FileRange
from fogbank.gateway.pieces import send_pieces
from fogbank.gateway.pipe import CAPACITY
from fogbank.store.chunks import CHUNK, sealed_size
from fogbank.wire import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fogbank.core.call import Content
    from fogbank.store.blobs import Blobs

CLOSE = ("connection", "close")
SERVER = ("server", "Fogbank")
_log = logging.getLogger("fogbank.gateway")
FEW = 64  # files that are looked at on the event loop


def request_of(scope: Any) -> HttpRequest:
    """The request, from RSGI's scope; repeated headers are joined with commas."""
    items = scope.headers.items()
    headers = dict(items)
    if len(headers) != len(items):
        headers = joined(items)
    if "host" not in headers and scope.authority:
        headers["host"] = scope.authority
    method = scope.method
    if "content-length" not in headers and method in ("PUT", "POST") and scope.http_version == "2":
        headers["transfer-encoding"] = "chunked"  # what HTTP/2 does not say: a body of unknown length
    return HttpRequest(method, scope.path, scope.query_string, headers, b"", address_of(scope.client), scope.scheme)


def address_of(client: str) -> str:
    """The address of `address:port`, as policies compare it: without brackets, and IPv4 as such where a socket of both took it."""
    return client.rpartition(":")[0].removeprefix("[").removesuffix("]").removeprefix("::ffff:")


def joined(items: list[tuple[str, str]]) -> dict[str, str]:
    """Headers by name, with the values of repeated ones joined."""
    headers: dict[str, str] = {}
    for name, value in items:
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def unread(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether a request that expects `100 Continue` may get its answer without: a refusal, or there is no body to go on with.

    botocore then takes the next answer on that connection for the rest of this one, and hangs; AWS closes the connection.
    """
    return response.status >= 400 or request.headers.get("content-length", "0") == "0"


def size_of(method: str, response: HttpResponse) -> int:
    """The bytes of a response's body that are sent."""
    body = response.body
    if method == "HEAD" or response.status in (204, 304):
        return 0
    if isinstance(body, bytes):
        return len(body)
    if hasattr(body, "__aiter__"):
        return 0  # nobody knows yet
    return sum(piece.length if isinstance(piece, FileRange) else len(piece) for piece in body)


@lru_cache(maxsize=4096)
def path_of(blobs: Blobs, blob: str) -> str:
    """Where a blob's file is: asked for twice a response, and pathlib takes four microseconds."""
    return str(blobs.path(blob))


async def check_files(blobs: Blobs, response: HttpResponse) -> None:
    """Raise one of stored.UNREADABLE, while there is still an error to answer, if a response cannot be given.

    The files that it is made of must be there in full: the server would answer 404 for a missing one, which would be a lie. Of sealed
    bytes, few are decrypted at once, and become the body; of many, the first chunk is verified.
    """
    body = response.body
    if isinstance(body, bytes) or hasattr(body, "__aiter__"):
        return
    pieces = [piece for piece in body if isinstance(piece, FileRange)]
    sealed = [piece for piece in pieces if piece.key]
    size = size_of("GET", response) if sealed else 0
    if sealed and size <= CHUNK and len(pieces) <= FEW:
        response.body = read_all(blobs, body)
    elif sealed:
        await asyncio.get_running_loop().run_in_executor(None, check_sealed, blobs, response, pieces, size)
    elif len(pieces) <= FEW:
        check_all(blobs, pieces)
    else:
        await asyncio.get_running_loop().run_in_executor(None, check_all, blobs, pieces)


def read_all(blobs: Blobs, body: Content) -> bytes:
    """A body of few bytes, decrypted."""
    return b"".join(
        [piece if isinstance(piece, bytes) else stored.read(path_of(blobs, piece.blob), piece) for piece in body]
    )


def check_sealed(blobs: Blobs, response: HttpResponse, pieces: list[FileRange], size: int) -> None:
    """Decrypt a body that is not large; look at one that is."""
    if size <= CAPACITY:
        response.body = read_all(blobs, response.body)
        return
    check_all(blobs, pieces)
    first = next(piece for piece in pieces if piece.key)
    stored.verify(path_of(blobs, first.blob), first)


def check_all(blobs: Blobs, pieces: list[FileRange]) -> None:
    for piece in pieces:
        try:
            size = os.stat(path_of(blobs, piece.blob)).st_size
        except FileNotFoundError:
            size = -1
        end = piece.start + piece.length
        needed = sealed_size(end) if piece.key else end
        if size < needed:
            raise stored.Missing(f"blob {piece.blob} has {size} bytes, its record says at least {needed}")


async def send(protocol: Any, method: str, response: HttpResponse, blobs: Blobs) -> None:
    """Hand a response to the server. Raises Missing, before anything is sent, if a file has vanished since it was checked."""
    headers = [*response.headers, SERVER]
    body = response.body
    if method == "HEAD" or response.status in (204, 304):
        protocol.response_empty(response.status, headers)
    elif isinstance(body, bytes):
        protocol.response_bytes(response.status, headers, body)
    elif hasattr(body, "__aiter__"):
        await send_stream(protocol, response.status, headers, body)
    elif len(body) == 1 and isinstance(body[0], FileRange) and not body[0].key:
        piece = body[0]
        path = path_of(blobs, piece.blob)
        protocol.response_file_range(response.status, headers, path, piece.start, piece.start + piece.length)
    elif all(isinstance(piece, bytes) for piece in body):
        protocol.response_bytes(response.status, headers, b"".join(body))
    else:
        with contextlib.suppress(ProtocolClosed):  # a caller that hangs up
            await send_pieces(protocol, response.status, headers, body, lambda blob: path_of(blobs, blob))


async def send_stream(
    protocol: Any, status: int, headers: list[tuple[str, str]], body: AsyncGenerator[bytes, None]
) -> None:
    """Send pieces as they come. Whoever makes them is told when the caller hangs up; where making them fails, the answer ends."""
    transport = protocol.response_stream(status, headers)
    async with contextlib.aclosing(body):
        try:
            async for piece in body:
                if piece:
                    await transport.send_bytes(piece)
        except ProtocolClosed:
            return
        except Exception:
            _log.exception("an answer that streams broke off")
