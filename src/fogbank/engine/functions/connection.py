"""HTTP/1.1 with what runs in a sandbox: hostile, so bounded; on the path of every invocation, so short."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, cast

import httptools

if TYPE_CHECKING:
    from fogbank.engine.functions.budget import Share

MAX_HEAD = 1024 * 1024 + 256 * 1024  # AWS's clients send up to 1 MiB of X-Ray's causes in a header
MAX_HEADERS = 200  # of a request, with its trailers
MAX_PIPELINED = 16
MAX_CONNECTIONS = 64
FREE = 200  # requests beyond those of invocations, until an environment's are slowed
SLOW = 0.05  # seconds
SMALL = 65536  # bytes that are sent with their head
# What our client for Python says of a request that it sends its next one with: it reads both answers together, so that they
# are sent together, which saves half of the system calls of an invocation.
TOGETHER = b"fogbank-together"
REASONS = {
    200: b"OK",
    202: b"Accepted",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Request Entity Too Large",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
}


class Request:
    """One request. `headers` and `trailers` have lower-case names; `too_large` says that the body was cut off."""

    __slots__ = (
        "body",
        "chunks",
        "headers",
        "last",
        "length",
        "method",
        "path",
        "sink",
        "size",
        "too_large",
        "trailers",
    )

    def __init__(self) -> None:
        self.method = b""
        self.path = b""
        self.headers: dict[bytes, bytes] = {}
        self.trailers: dict[bytes, bytes] = {}
        self.chunks: list[bytes] = []
        self.body = b""
        self.length = 0  # bytes of the body
        self.size = 0  # bytes that count as held
        self.too_large = False
        self.last = False  # whether the connection ends with it
        self.sink: Sink | None = None


class Sink(Protocol):
    """Takes a body as it comes."""

    def feed(self, data: bytes) -> None: ...

    def abort(self) -> None:
        """The connection is gone before the end of the body."""


class Api(Protocol):
    """What answers requests. `held` counts the bytes of requests that its connections have in memory."""

    spent: int  # requests, less those that invocations may take
    max_body: int
    max_held: int
    held: int
    connections: set[Connection]
    share: Share

    def opened(self, request: Request, connection: Connection) -> Sink | None:
        """The head of a request is there: who takes the body, if not its request."""

    def asked(self, request: Request, connection: Connection) -> None:
        """A request is there; `connection.respond` is called now or later."""

    def lost(self, connection: Connection) -> None:
        """The connection is gone."""


class Connection(asyncio.Protocol):
    """One connection: requests are answered in the order in which they came."""

    __slots__ = (
        "_answering",
        "_api",
        "_counted",
        "_early",
        "_feeding",
        "_head",
        "_parser",
        "_quiet",
        "_request",
        "_waiting",
        "transport",
    )

    def __init__(self, api: Api) -> None:
        self._api = api
        self._parser: Any = httptools.HttpRequestParser(self)
        self._request = Request()
        self._answering: Request | None = None
        self._waiting: deque[Request] = deque()
        self._quiet = 0  # bytes since there was something to keep: of heads, of trailers, of framing
        self._counted = 0  # of those, what counts as held
        self._head = True
        self._feeding = False
        self._early = b""  # an answer that goes out with the next one
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if len(self._api.connections) >= MAX_CONNECTIONS or not self._api.share.take(1):
            self.transport.abort()
        else:
            self._api.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._api.connections:
            self._api.connections.discard(self)
            self._api.share.give_back(1)
        self.transport = None
        if self._request.sink:
            self._request.sink.abort()
        self._api.held -= self._counted + self._request.size + sum(request.size for request in self._waiting)
        self._api.held -= self._answering.size if self._answering else 0
        self._answering = None
        self._waiting.clear()
        self._request = Request()
        self._api.lost(self)

    def data_received(self, data: bytes) -> None:
        self._quiet += len(data)
        self._feeding = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:  # ours, not the client's
            about = {"message": "a request to the Runtime API failed", "exception": error.__context__ or error}
            asyncio.get_running_loop().call_exception_handler(about)
            self._refuse(500)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            self._refuse(400)
        self._feeding = False
        if self._early and self._answering is None and self.transport:
            self.transport.write(self._early)
            self._early = b""
        self._api.held += self._quiet - self._counted
        self._counted = self._quiet
        if self._quiet > MAX_HEAD or (self._quiet and self._api.held > self._api.max_held):
            self._refuse(431)

    def pause_writing(self) -> None:
        self.pause()

    def resume_writing(self) -> None:
        self.resume()

    def on_url(self, url: bytes) -> None:
        if self._keep(len(url)):
            self._request.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._request
        if len(request.headers) + len(request.trailers) >= MAX_HEADERS:
            self._refuse(431)
        elif self._keep(len(name) + len(value)):
            (request.headers if self._head else request.trailers)[name.lower()] = value

    def _keep(self, size: int) -> bool:
        """Whether there is room for so many bytes more of the request; if not, it is refused."""
        if self._api.held + size > self._api.max_held:
            self._refuse(413)
            return False
        self._request.size += size
        self._api.held += size
        return True

    def on_headers_complete(self) -> None:
        self._quiet = 0
        self._head = False
        request = self._request
        request.method = self._parser.get_method()
        if request.headers.get(b"expect", b"").lower() == b"100-continue" and self.transport and not self._answering:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._answering is None and self.transport and not self.transport.is_closing():
            request.sink = self._api.opened(request, self)

    def on_body(self, data: bytes) -> None:
        self._quiet = 0
        request = self._request
        if request.sink:
            request.sink.feed(data)
        elif request.too_large or request.length + len(data) > self._api.max_body:
            request.too_large = True
        elif self._keep(len(data)):
            request.chunks.append(data)
            request.length += len(data)

    def on_message_complete(self) -> None:
        request, self._request = self._request, Request()
        self._quiet = 0
        self._head = True
        request.last = not self._parser.should_keep_alive()
        request.body = request.chunks[0] if len(request.chunks) == 1 else b"".join(request.chunks)
        if self.transport is None or self.transport.is_closing():
            self._api.held -= request.size
        elif self._answering is None:
            self._ask(request)
        elif len(self._waiting) < MAX_PIPELINED:
            self._waiting.append(request)
        else:
            self._api.held -= request.size
            self._refuse(400)

    def respond(self, status: int, body: bytes, headers: bytes = b"Content-Type: application/json\r\n") -> None:
        """Answer the request that is being answered. `headers`: lines, each with its end."""
        if self.transport is None or self._answering is None:
            return
        head = b"%bHTTP/1.1 %d %s\r\n%bContent-Length: %d\r\n\r\n" % (
            self._early,
            status,
            REASONS[status],
            headers,
            len(body),
        )
        if self._feeding and TOGETHER in self._answering.headers and len(body) < SMALL:
            self._early = head + body
        else:
            self._early = b""
            self.transport.write(head + body if len(body) < SMALL else head)
            if len(body) >= SMALL:
                self.transport.write(body)
        self._api.held -= self._answering.size
        self._api.spent += 1
        if self._api.spent > FREE:
            self._slow()
        last, self._answering = self._answering.last, None
        if last:
            self.transport.write(self._early)
            self.transport.close()
        elif self._waiting:
            self._ask(self._waiting.popleft())

    def _ask(self, request: Request) -> None:
        self._answering = request
        self._api.asked(request, self)

    def _slow(self) -> None:
        """Whoever asks without end, gets its answers slowly: the loop is everybody's."""
        self.pause()
        asyncio.get_running_loop().call_later(SLOW, self.resume)

    def _refuse(self, status: int) -> None:
        """An answer to what cannot be understood, and the end."""
        if self.transport and not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % (status, REASONS[status])
            )
            self.transport.close()

    def close(self) -> None:
        """Cut the connection."""
        if self.transport:
            self.transport.abort()

    def pause(self) -> None:
        """Read no more until `resume`."""
        if self.transport and self.transport.is_reading():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self.transport and not self.transport.is_closing() and not self.transport.is_reading():
            self.transport.resume_reading()
