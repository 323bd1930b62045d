"""A client that says exactly what it is told to, over a socket of its own; and signers that share no code with the region."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from unittest import mock
from xml.etree import ElementTree as ET

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from auth.sigv4_client import ChunkSigner

if TYPE_CHECKING:
    import io
    from collections.abc import Mapping

EMPTY = hashlib.sha256(b"").hexdigest()
TIMEOUT = 20


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error code of an XML body, whichever of AWS's shapes it has."""
        if not self.body:
            return ""
        root = ET.fromstring(self.body)
        return next((node.text or "" for node in root.iter() if node.tag.rpartition("}")[2] == "Code"), "")


@dataclass(frozen=True)
class Sent:
    """A request as it goes over the wire. Headers may come twice."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __bytes__(self) -> bytes:
        return self.head() + self.body

    def head(self) -> bytes:
        """All before the body; its length is announced unless the headers say something about it."""
        names = {name.lower() for name, _ in self.headers}
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        if self.body and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def having(self, **values: str | None) -> Self:
        """With headers set, or (None) left out; an underscore stands for a dash."""
        changes = {name.replace("_", "-"): value for name, value in values.items()}
        kept = [(name, value) for name, value in self.headers if name.lower() not in changes]
        return replace(self, headers=(*kept, *((n, v) for n, v in changes.items() if v is not None)))

    def get(self, name: str) -> str:
        """The value of a header."""
        return next(value for key, value in self.headers if key.lower() == name)

    def edited(self, old: str, new: str, header: str = "authorization") -> Self:
        """With a part of a header replaced."""
        text = self.get(header)
        assert old in text
        return self.having(**{header: text.replace(old, new, 1)})

    def at(self, old: str, new: str) -> Self:
        """With a part of the target replaced."""
        assert old in self.target
        return replace(self, target=self.target.replace(old, new, 1))


class _S3Auth(S3SigV4Auth):
    """botocore's, but it signs the X-Amz-Content-SHA256 that it is given."""

    def payload(self, request: Any) -> str:
        return str(request.headers["X-Amz-Content-SHA256"])

    def _modify_request_before_signing(self, request: Any) -> None:
        given = request.headers["X-Amz-Content-SHA256"]
        super()._modify_request_before_signing(request)  # type: ignore[misc]
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = given


@dataclass(frozen=True)
class Signer:
    """Signs as a caller with this key does, at a time and for a scope of its choice."""

    key: str
    secret: str
    host: str
    service: str = "s3"
    region: str = "us-east-1"
    token: str | None = None
    ago: float = 0.0  # seconds
    scheme: str = "http"

    def but(self, **changes: Any) -> Signer:
        """The same signer, except for something."""
        return replace(self, **changes)

    def sign(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"", payload: str = ""
    ) -> Sent:
        """Signed in the Authorization header. `payload` is the x-amz-content-sha256 if it is not the body's."""
        given = {"host": self.host, **(headers or {})}
        if self.service == "s3":
            given["X-Amz-Content-SHA256"] = payload or hashlib.sha256(body).hexdigest()
        signer = _S3Auth if self.service == "s3" else SigV4Auth
        request = self._signed(signer, method, target, given, body)
        return Sent(method, target, tuple((name.lower(), str(value)) for name, value in request.headers.items()), body)

    def presign(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"", expires: int = 3600
    ) -> Sent:
        """Signed in the query."""
        signer = S3SigV4QueryAuth if self.service == "s3" else SigV4QueryAuth
        given = {"host": self.host, **(headers or {})}
        request = self._signed(signer, method, target, given, b"", expires=expires)
        signed = str(request.url).partition("://")[2]
        headers_left = tuple((name.lower(), str(value)) for name, value in request.headers.items())
        return Sent(method, signed[signed.index("/") :], headers_left, body)

    def chunked(
        self,
        target: str,
        *chunks: bytes,
        trailers: list[str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "PUT",
    ) -> Sent:
        """An aws-chunked upload with signed chunks, as the SDKs for Java and Go send it; with trailers if given."""
        mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("" if trailers is None else "-TRAILER")
        names = ",".join(line.partition(":")[0] for line in trailers or [])
        extra = {"x-amz-trailer": names} if names else {}
        length = {"x-amz-decoded-content-length": str(sum(map(len, chunks))), "content-encoding": "aws-chunked"}
        sent = self.sign(method, target, {**length, **extra, **(headers or {})}, payload=mode)
        return replace(sent, body=self.chunks_of(sent).body(*chunks, trailers=trailers))

    def chunks_of(self, sent: Sent) -> ChunkSigner:
        """What signs the chunks of a request whose head is signed."""
        scope = sent.get("authorization").partition("Credential=")[2].partition(",")[0].partition("/")[2]
        seed = sent.get("authorization").rpartition("Signature=")[2]
        return ChunkSigner(seed, sent.get("x-amz-date"), scope, self.secret)

    def unsigned_chunks(
        self, target: str, framed: bytes, length: int, trailer: str = "x-amz-checksum-crc32", **headers: str
    ) -> Sent:
        """An upload with STREAMING-UNSIGNED-PAYLOAD-TRAILER: only the head is signed."""
        given = {"x-amz-decoded-content-length": str(length), "content-encoding": "aws-chunked", **headers}
        if trailer:
            given["x-amz-trailer"] = trailer
        return replace(self.sign("PUT", target, given, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER"), body=framed)

    def _signed(
        self, signer: Any, method: str, target: str, headers: Mapping[str, str], body: bytes, **options: Any
    ) -> AWSRequest:
        url = f"{self.scheme}://{self.host}{target}"
        request = AWSRequest(method, url, headers=dict(headers), data=body)
        now = datetime.now(UTC) - timedelta(seconds=self.ago)
        with mock.patch("botocore.auth.get_current_datetime", return_value=now):
            signer(Credentials(self.key, self.secret, self.token), self.service, self.region, **options).add_auth(
                request
            )
        return request


class Wire:
    """One connection, from any of this machine's addresses. What is sent and when is the test's choice."""

    def __init__(
        self, port: int, context: ssl.SSLContext | None = None, name: str = "localhost", source: str = "127.0.0.1"
    ) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT, source_address=(source, 0))
        self.socket: socket.socket = context.wrap_socket(plain, server_hostname=name) if context else plain
        self._read = self.socket.makefile("rb")

    def send(self, data: bytes | Sent) -> None:
        """Bytes, or a whole request."""
        self.socket.sendall(bytes(data))

    def answer(self, method: str = "GET") -> Answer:
        """The next response on the connection."""
        response = http.client.HTTPResponse(_Reading(self._read), method=method)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            headers[name.lower()] = value
        return Answer(response.status, headers, body)

    def ask(self, sent: Sent) -> Answer:
        """Send a request and read the response to it."""
        self.send(sent)
        return self.answer(sent.method)

    def rest(self) -> bytes:
        """All that comes until the region closes the connection."""
        try:
            return self._read.read()
        except (ConnectionResetError, ssl.SSLError):
            return b""

    def reset(self) -> None:
        """Break the connection: the region sees a reset, not an end."""
        import struct

        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """End it."""
        self._read.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class _Reading:
    """As much of a socket as HTTPResponse needs, over a buffer that outlives it: the next response may be in there."""

    file: io.BufferedReader = field(repr=False)

    def makefile(self, *_: object) -> Any:
        return _Unclosed(self.file)


class _Unclosed:
    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Not yet."""

    def flush(self) -> None:
        """Nothing is written."""
