"""Fetching an OpenID Connect provider's documents: over TLS alone, bounded in size and time, without redirects. For threads.

A certificate counts if this machine trusts it, or if the provider's thumbprints name one that it chains to.
Source: IAM User Guide, "Obtain the thumbprint for an OpenID Connect identity provider".
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import time
from contextlib import contextmanager
from http.client import HTTPException, HTTPSConnection
from operator import attrgetter
from threading import Timer
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 65_536  # bytes of a document
QUIET: Final = 3.0  # seconds without a byte
TOTAL: Final = 5.0  # seconds for a document
_URL: Final = re.compile(r"https://[!-~]{1,2048}", re.ASCII)


def get(url: str, thumbprints: tuple[str, ...]) -> bytes:
    """The document at a URL. Raises OSError, HTTPException or ValueError."""
    if not _URL.fullmatch(url):
        raise ValueError("no https URL")
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    server = _Server(host, port, time.monotonic() + TOTAL)
    try:
        return _read(server, target, ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        anchor = _anchor(server, thumbprints)
        if anchor is None:
            raise
    return _read(server, target, _trusting(anchor))


class _Server(NamedTuple):
    host: str
    port: int
    until: float  # on the monotonic clock

    def left(self) -> float:
        """Seconds that are left; TimeoutError if none are."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _read(server: _Server, target: str, context: ssl.SSLContext) -> bytes:
    connection = HTTPSConnection(server.host, server.port)
    with _connected(server, context) as connection.sock:
        connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "fogbank"})
        response = connection.getresponse()
        if response.status != 200:
            raise HTTPException(f"status {response.status}")
        body = response.read(MOST + 1)
    if len(body) > MOST:
        raise HTTPException("the document is too large")
    return body


@contextmanager
def _connected(server: _Server, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """A connection that ends when its time is over, however slowly bytes come."""
    plain = socket.create_connection((server.host, server.port), min(QUIET, server.left()))
    with context.wrap_socket(plain, server_hostname=server.host, do_handshake_on_connect=False) as secure:
        # The plain socket's shutdown: it wakes the thread that reads, and leaves TLS to it.
        timer = Timer(server.left(), socket.socket.shutdown, (secure, socket.SHUT_RDWR))
        timer.daemon = True
        timer.start()
        try:
            secure.do_handshake()
            yield secure
        finally:
            timer.cancel()


def _anchor(server: _Server, thumbprints: tuple[str, ...]) -> bytes | None:
    """The certificate that the server shows and a thumbprint names, in DER."""
    if not thumbprints:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to see the certificates: nothing is asked over this connection
    with _connected(server, context) as secure:
        shown = _chain(secure)
    return next((der for der in shown if hashlib.sha1(der, usedforsecurity=False).hexdigest() in thumbprints), None)


def _chain(secure: ssl.SSLSocket) -> list[bytes]:
    public: Any = getattr(secure, "get_unverified_chain", None)  # since Python 3.13
    if public is not None:
        return list(public())
    inner = attrgetter("_sslobj")(secure)  # the same, before it was public
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain() or ()]


def _trusting(anchor: bytes) -> ssl.SSLContext:
    """A context that trusts one certificate, a root or not, and checks the server's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(anchor))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
