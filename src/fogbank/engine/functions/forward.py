"""From a socket inside a sandbox to the region's endpoint: bytes, both ways, bounded."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import socket

    from fogbank.engine.functions.budget import Share
    from fogbank.engine.functions.spec import Network

MAX_CONNECTIONS = 128  # of one environment
WAITING = 64 * 1024  # bytes that one side sent and the other does not take yet, besides what is read at once


class End(asyncio.Protocol):
    """One end of a pair: what it reads is written to its peer, which holds it back when it cannot follow."""

    __slots__ = ("_early", "ended", "peer", "transport")

    def __init__(self, peer: End | None = None) -> None:
        self.peer = peer
        self.ended = False  # whether its side says no more
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []  # what came before the peer was connected

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WAITING)

    def data_received(self, data: bytes) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.write(data)
        else:
            self._early.append(data)
            if self.transport and sum(map(len, self._early)) > WAITING:
                self.transport.pause_reading()

    def join(self, peer: End) -> None:
        """The peer is connected: it gets what came early."""
        self.peer = peer
        if self.transport is None or self.transport.is_closing():
            peer.close()
            return
        for data in self._early:
            peer.data_received_from(data)
        self._early.clear()
        if not self.transport.is_reading():
            self.transport.resume_reading()

    def data_received_from(self, data: bytes) -> None:
        """Write what the peer has read."""
        if self.transport:
            self.transport.write(data)

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport and not self.peer.transport.is_closing():
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def eof_received(self) -> bool:
        """One side says no more: the other is told, and may still answer, where the transport can do that. Both: the end."""
        self.ended = True
        transport = self.peer.transport if self.peer and not self.peer.ended else None
        if transport and transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.peer:
            self.peer.close()

    def close(self) -> None:
        """End it, after what is to be written."""
        if self.transport and not self.transport.is_closing():
            self.transport.close()


class Ways(Protocol):
    """Who is told of connections from inside."""

    def entered(self, end: Entrance) -> None: ...

    def left(self, end: Entrance) -> None: ...


class Entrance(End):
    """The end inside."""

    __slots__ = ("_forward",)

    def __init__(self, forward: Ways) -> None:
        super().__init__()
        self._forward = forward

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._forward.entered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forward.left(self)


class Forward:
    """Forwards the connections of one listener to the region."""

    def __init__(self, network: Network, share: Share) -> None:
        self._network = network
        self._share = share
        self._ends: set[Entrance] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, listener: socket.socket) -> None:
        """Begin. The listener is closed with the forward."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Entrance(self), sock=listener, backlog=MAX_CONNECTIONS)

    def entered(self, end: Entrance) -> None:
        """A connection from inside."""
        if len(self._ends) >= MAX_CONNECTIONS or not self._share.take(2):
            end.close()
            return
        self._ends.add(end)
        task = asyncio.get_running_loop().create_task(self._connect(end))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def left(self, end: Entrance) -> None:
        """It is gone."""
        if end in self._ends:
            self._ends.discard(end)
            self._share.give_back(2)

    async def _connect(self, end: Entrance) -> None:
        try:
            async with asyncio.timeout(10):
                peer = await connect(self._network, end)
        except (OSError, TimeoutError):
            end.close()
        else:
            end.join(peer)

    def close(self) -> None:
        """Cut all."""
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        for end in list(self._ends):
            if end.transport:
                end.transport.abort()


async def connect(network: Network, inner: End) -> End:
    """A connection to the region's endpoint; with TLS where the region speaks it."""
    loop = asyncio.get_running_loop()
    if "/" in network.region:
        _, peer = await loop.create_unix_connection(lambda: End(inner), network.region)
        return peer
    host, _, port = network.region.rpartition(":")
    secure = trusting(network.certificates) if network.tls else None
    _, peer = await loop.create_connection(lambda: End(inner), host.strip("[]"), int(port), ssl=secure)
    return peer


def trusting(certificates: str) -> ssl.SSLContext:
    """TLS to a region whose authority is in a file: of names, it is the machine's own."""
    context = ssl.create_default_context(cafile=certificates or None)
    context.check_hostname = False
    return context
