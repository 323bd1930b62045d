"""Whether a region answers, seen from outside: one HTTP request, as a client would make it."""

from __future__ import annotations

import socket
import time
from typing import NamedTuple

PATH = "/_fogbank/health"  # no bucket can have this name: S3's begin with a letter or digit
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Health(NamedTuple):
    """Whether the region answered, its HTTP status, how long that took in milliseconds, and otherwise what went wrong."""

    ok: bool
    status: int
    milliseconds: float
    problem: str = ""


def reachable(host: str) -> str:
    """An address at which a server that listens on `host` can be reached from this machine."""
    return _ANY.get(host, host)


def endpoint(scheme: str, host: str, port: int) -> str:
    """The URL for clients on this machine."""
    address = reachable(host)
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}"


def probe(host: str, port: int, *, ca: str = "", timeout: float = 3.0) -> Health:
    """Ask the region for its health: any answer that is not a server error (5xx) is good. With `ca` over TLS, verified."""
    begun = time.perf_counter()
    try:
        with socket.create_connection((reachable(host), port), timeout) as plain:
            sock = _secured(plain, ca) if ca else plain
            sock.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            line = _first_line(sock)
    except OSError as error:  # ssl.SSLError is one
        return Health(False, 0, (time.perf_counter() - begun) * 1000, str(error) or type(error).__name__)
    milliseconds = (time.perf_counter() - begun) * 1000
    words = line.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        return Health(False, 0, milliseconds, "no HTTP answer")
    status = int(words[1])
    return Health(status < 500, status, milliseconds, "" if status < 500 else f"HTTP status {status}")


def _secured(sock: socket.socket, ca: str) -> socket.socket:
    import ssl

    return ssl.create_default_context(cafile=ca).wrap_socket(sock, server_hostname="localhost")


def _first_line(sock: socket.socket) -> str:
    received = b""
    while b"\n" not in received and len(received) < 1024:
        part = sock.recv(1024)
        if not part:
            break
        received += part
    return received.partition(b"\n")[0].decode("latin-1")
