"""The listening socket that the edge workers share, and the HTTP server that each puts behind it.

The supervisor binds and listens before it forks; every worker accepts from that one socket. So a connection that waits in the
queue belongs to no worker: killing one loses the connections that it had accepted and no others, a restarted one needs no
bind, and the port stays taken as long as the region lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BACKLOG = 1024
_ORPHAN_GRACE = 0.3
_BEAT = 5.0  # seconds between signs of life


class Tls(NamedTuple):
    """The files of a server certificate (with its chain) and its key, PEM."""

    certificate: Path
    key: Path


class Listener:
    """What a worker serves on: the inherited socket, and whom to tell that it serves.

    `grace` is how many seconds a stop waits for requests in flight; `connections` how many are served at once;
    `slot` is the worker's number, from 0.
    """

    def __init__(
        self, sock: socket.socket, *, tls: Tls | None = None, grace: float = 10.0, connections: int = 4096, slot: int = 0,
        announce: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.socket = sock
        self.tls = tls
        self.grace = grace
        self.connections = connections
        self.slot = slot
        self._announce = announce
        self._parent = os.getppid()

    @property
    def port(self) -> int:
        """The port that is really bound."""
        return int(self.socket.getsockname()[1])

    def ready(self) -> None:
        """Tell the supervisor that this worker answers; `serve` repeats it, as a sign of life."""
        self._announce()

    def grace_now(self) -> float:
        """How long a stop that begins now may take: an orphan must not keep the port from its successor."""
        return self.grace if os.getppid() == self._parent else min(self.grace, _ORPHAN_GRACE)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, to be inherited. RegionError says who has the port, if that can be known."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a region that was just stopped must not keep the port; a listening one still does.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what it accepts
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise RegionError(_why_not(host, port, error)) from None
    return sock


def _why_not(host: str, port: int, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"may not listen on port {port}: ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE."
    from fogbank.region import ports

    holder = ports.holder(port)
    used = f" by {holder}" if holder else ""
    if error.errno == 98:
        return f"port {port} on {host} is in use already{used}.\nStop that, or choose another port with --port."
    return f"cannot listen on {host} port {port}: {error.strerror}"


async def serve(
    app: Any, listener: Listener, *, ready: Callable[[], None], stop: asyncio.Event, tls: Tls | None = None
) -> None:
    """Serve the RSGI application `app` on the inherited socket until `stop` is set; then finish what is being served.

    `ready` is called when this worker accepts connections. HTTP/1.1, and HTTP/2 over TLS; TLS 1.2 at least, for older SDKs.
    Returns at the latest the listener's grace after the stop.
    """
    from fogbank.region import http_server

    server = http_server.build(app, listener, ready, tls or listener.tls)
    task = asyncio.get_running_loop().create_task(server.serve())
    stopping = asyncio.ensure_future(stop.wait())
    beating = asyncio.ensure_future(_beat(listener))
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    beating.cancel()
    if not task.done():
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait((task,), timeout=listener.grace_now())
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return
    task.result()
    if not stop.is_set():
        raise RuntimeError("the HTTP server ended by itself")


async def _beat(listener: Listener) -> None:
    """From the event loop itself: a worker that is blocked falls silent, and the supervisor replaces it."""
    while True:
        await asyncio.sleep(_BEAT)
        listener.ready()
