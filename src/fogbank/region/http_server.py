"""granian behind a socket that is listening already. Its own module, because importing granian takes time that `--help` has not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from granian import _granian
from granian.constants import HTTPModes, SSLProtocols
from granian.http import HTTP2Settings
from granian.log import LogLevels
from granian.server.embed import Server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from fogbank.region.listener import Listener, Tls

_BACKLOG = 1024
_HTTP2_HEADERS = 64 * 1024  # bytes; granian's default of 16 MiB a stream is an invitation


class InheritedServer(Server):
    """granian's embedded server, except that it accepts from a given socket instead of binding one."""

    def __init__(self, app: Any, sock: socket.socket, ready: Callable[[], None], **options: Any) -> None:
        # "incremental" keeps this process's log handlers: without it granian's constructor closes them all.
        incremental = {"incremental": True, "handlers": {}, "loggers": {}}
        # Errors only: its start and stop lines say less than the supervisor's, and bind to an address that is not ours.
        super().__init__(app, backlog=_BACKLOG, log_dictconfig=incremental, log_level=LogLevels.error, **options)
        self._inherited = sock
        self._ready = ready

    def _init_shared_socket(self) -> None:
        # On Linux the holder's arguments are descriptor, whether it is a Unix socket, and backlog (granian 2.8, src/net.rs);
        # the stub file does not know its constructor.
        holder: Any = _granian.SocketHolder
        self._shd = holder(self._inherited.fileno(), False, _BACKLOG)

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        # The loop runs callbacks in order: this one comes after the first step of the task that starts to accept.
        asyncio.get_running_loop().call_soon(self._ready)


def build(app: Any, listener: Listener, ready: Callable[[], None], tls: Tls | None) -> InheritedServer:
    """The server for one worker: HTTP/1.1, and HTTP/2 over TLS; WebSocket; TLS 1.2 and later."""
    return InheritedServer(
        app,
        listener.socket,
        ready,
        backpressure=listener.connections,
        # Without TLS HTTP/1.1 only: telling the two apart waits for a first byte, and hyper waits without an end.
        http=HTTPModes.auto if tls else HTTPModes.http1,
        http2_settings=HTTP2Settings(max_headers_size=_HTTP2_HEADERS),
        ssl_cert=tls.certificate if tls else None,
        ssl_key=tls.key if tls else None,
        ssl_protocol_min=SSLProtocols.tls12,  # SDKs of a few years ago, Java 8's among them
    )
