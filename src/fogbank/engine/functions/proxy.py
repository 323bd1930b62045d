"""The way outside: an HTTP proxy for one environment, which goes only where the region's operator allows.

CONNECT for TLS, absolute URIs for plain HTTP. A name is resolved once, and that address is connected to; addresses that are
not public (loopback, private, link-local, the machine's own) are never reached, whatever a name says.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING

from fogbank.engine.functions.forward import MAX_CONNECTIONS, End, Entrance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fogbank.engine.functions.budget import Share
    from fogbank.engine.functions.spec import Network

PUBLIC = "public"
MAX_HEAD = 64 * 1024
RESOLVERS = 16  # names that are looked up at once
RESOLVERS_EACH = 2  # of one environment
SECONDS = 30  # to name a destination and to reach it
REQUEST = re.compile(rb"([A-Z]{1,20}) (\S{1,8192}) HTTP/1\.([01])\r\n")
AUTHORITY = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})")
ABSOLUTE = re.compile(rb"http://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?(/\S*)?", re.IGNORECASE)
HOP = re.compile(rb"\r\n(?:proxy-[a-z-]+|connection|keep-alive):[^\r\n]*", re.IGNORECASE)
# Ranges whose addresses carry IPv4 ones inside: through a gateway they could lead anywhere.
CARRYING = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")]
# Clients show it: the setting's name tells where to change it.
NOT_ALLOWED = b"403 Not allowed by functions_reach"


class Refused(Exception):
    """An answer instead of a connection."""

    def __init__(self, status: bytes) -> None:
        super().__init__(status)
        self.status = status


class Destination:
    """Where a client wants to go. `head`: what is sent there first; None for CONNECT."""

    def __init__(self, host: str, port: int, head: bytes | None) -> None:
        self.host = host
        self.port = port
        self.head = head


def destination(head: bytes) -> Destination:
    """What a request's head asks for. The head of a plain request is made one for its server."""
    line = REQUEST.match(head)
    if not line:
        raise Refused(b"400 Bad Request")
    if line[1] == b"CONNECT":
        place = AUTHORITY.fullmatch(line[2])
        if not place:
            raise Refused(b"400 Bad Request")
        return Destination(host_of(place[1]), port_of(place[2]), None)
    place = ABSOLUTE.fullmatch(line[2])
    if not place:
        raise Refused(b"400 Bad Request")
    rest = HOP.sub(b"", head[line.end() - 2 : -2])
    forwarded = line[1] + b" " + (place[3] or b"/") + b" HTTP/1." + line[3] + rest + b"Connection: close\r\n\r\n"
    return Destination(host_of(place[1]), port_of(place[2] or b"80"), forwarded)


def host_of(text: bytes) -> str:
    """A host in the form in which it is compared."""
    return text.decode().strip("[]").rstrip(".").lower()


def port_of(text: bytes) -> int:
    """A port, in bounds."""
    if not 0 < int(text) < 65536:
        raise Refused(b"400 Bad Request")
    return int(text)


def named(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether the operator allows a host: all public ones, it itself, or all below `*.`."""
    return PUBLIC in allowed or any(
        host == name.lower() or (name.startswith("*.") and host.endswith(name[1:].lower())) for name in allowed
    )


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return is_public(str(parsed.ipv4_mapped))
        if parsed.is_site_local or any(parsed in network for network in CARRYING):
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


@cache
def resolvers() -> ThreadPoolExecutor:
    """Threads for names alone: names that take long to look up hold up nothing else of the process."""
    return ThreadPoolExecutor(RESOLVERS, "names")


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(resolvers(), look)
    return [str(entry[4][0]) for entry in found]


class Client(Entrance):
    """A client inside, until its destination is known and reached."""

    __slots__ = ("_head", "_proxy", "_timer", "named")

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(proxy)
        self._proxy = proxy
        self._head = b""
        self.named = False
        self._timer = asyncio.get_running_loop().call_later(SECONDS, self._late)

    def data_received(self, data: bytes) -> None:
        if self.named:
            super().data_received(data)
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > MAX_HEAD:
                self.refuse(b"431 Request Header Fields Too Large")
            return
        self.named = True
        head, rest = self._head[: end + 4], self._head[end + 4 :]
        self._head = b""
        self._proxy.asked(self, head)
        if rest:
            super().data_received(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def reached(self) -> None:
        """The destination is there."""
        self._timer.cancel()

    def refuse(self, status: bytes) -> None:
        """Say why not."""
        if self.transport:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.close()

    def _late(self) -> None:
        self.refuse(b"504 Gateway Timeout" if self.named else b"408 Request Timeout")


class Proxy:
    """The proxy of one environment. `resolve` and `public` are for tests."""

    def __init__(
        self,
        network: Network,
        share: Share,
        resolve: Callable[[str, int], Awaitable[list[str]]] = resolved,
        public: Callable[[str], bool] = is_public,
    ) -> None:
        self._allowed = network.outside
        self._share = share
        self._resolve = resolve
        self._public = public
        self._turn = asyncio.Semaphore(RESOLVERS_EACH)
        self._clients: set[Entrance] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, listener: socket.socket) -> None:
        """Begin. The listener is closed with the proxy."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self), sock=listener, backlog=MAX_CONNECTIONS)

    def entered(self, end: Entrance) -> None:
        """A connection from inside."""
        if len(self._clients) >= MAX_CONNECTIONS or not self._share.take(2):
            end.close()
        else:
            self._clients.add(end)

    def left(self, end: Entrance) -> None:
        """It is gone."""
        if end in self._clients:
            self._clients.discard(end)
            self._share.give_back(2)

    def asked(self, client: Client, head: bytes) -> None:
        """A client says where it wants to go."""
        task = asyncio.get_running_loop().create_task(self._connect(client, head))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, client: Client, head: bytes) -> None:
        try:
            wanted = destination(head)
            peer = await self._reach(wanted, client)
        except Refused as refusal:
            client.refuse(refusal.status)
        except (OSError, UnicodeError):
            client.refuse(b"502 Bad Gateway")
        else:
            client.reached()
            if wanted.head is None and client.transport:
                client.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            elif wanted.head and peer.transport:
                peer.transport.write(wanted.head)
            client.join(peer)

    async def _reach(self, wanted: Destination, client: Client) -> End:
        if not named(wanted.host, self._allowed):
            raise Refused(NOT_ALLOWED)
        async with self._turn:
            found = await self._resolve(wanted.host, wanted.port)
        addresses = [address for address in found if self._public(address)]
        if not addresses:
            raise Refused(NOT_ALLOWED)
        transport, peer = await asyncio.get_running_loop().create_connection(
            lambda: End(client), addresses[0], wanted.port
        )
        own = transport.get_extra_info("sockname")[0] == transport.get_extra_info("peername")[0]
        if own and self._public is is_public:
            transport.abort()
            raise Refused(NOT_ALLOWED)
        return peer

    def close(self) -> None:
        """Cut all."""
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        for client in list(self._clients):
            if client.transport:
                client.transport.abort()
