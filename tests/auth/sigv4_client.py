"""The client's side for the tests: botocore signs heads, an independent signer frames aws-chunked bodies."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4PostAuth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fogbank.wire.http import HttpRequest

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass
class Sent:
    """What to send; `sign` has botocore sign it and gives it as the gateway would hand it over."""

    service: str = "s3"
    method: str = "GET"
    url: str = "https://bucket.s3.us-east-1.amazonaws.com/photos/a.jpg"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    token: str | None = None
    region: str = "us-east-1"
    at: datetime = NOW
    secret: str = SECRET

    def sign(self) -> HttpRequest:
        """Signed in the Authorization header."""
        return self._sign(S3SigV4Auth if self.service == "s3" else SigV4Auth)

    def presign(self, expires: int = 3600) -> HttpRequest:
        """Signed in the query string."""
        return self._sign(S3SigV4QueryAuth if self.service == "s3" else SigV4QueryAuth, expires=expires)

    def _sign(self, signer: Any, **options: Any) -> HttpRequest:
        headers = {"Host": urlsplit(self.url).netloc, "User-Agent": "Boto3/1.40", **self.headers}
        request = AWSRequest(self.method, self.url, headers=headers, data=self.body)
        with mock.patch("botocore.auth.get_current_datetime", return_value=self.at):
            credentials = Credentials(KEY, self.secret, self.token)
            signer(credentials, self.service, self.region, **options).add_auth(request)
        parts = urlsplit(str(request.url))
        lower = {name.lower(): value for name, value in request.headers.items()}
        return HttpRequest(self.method, unquote(parts.path) or "/", parts.query, lower, self.body)


def post_form(
    conditions: list[Any], fields: dict[str, str], expiration: str, token: str | None = None
) -> dict[str, str]:
    """The fields of an upload form, as botocore signs them; `bucket` is left to the test."""
    request = AWSRequest("POST", "https://bucket.s3.amazonaws.com/")
    request.context["s3-presign-post-fields"] = fields
    request.context["s3-presign-post-policy"] = {"expiration": expiration, "conditions": conditions}
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW):
        S3SigV4PostAuth(Credentials(KEY, SECRET, token), "s3", "us-east-1").add_auth(request)
    return fields


def changed(request: HttpRequest, **changes: Any) -> HttpRequest:
    """The same request with something forged; a header that is None is taken away."""
    headers = {**request.headers, **changes.pop("headers", {})}
    parts = {"method": request.method, "path": request.path, "query": request.query, "body": request.body, **changes}
    return HttpRequest(headers={name: value for name, value in headers.items() if value is not None}, **parts)


class ChunkSigner:
    """Frames and signs a body as the pages on chunked uploads say, sharing no code with what is tested."""

    def __init__(self, seed: str, timestamp: str, scope: str, secret: str = SECRET) -> None:
        key = ("AWS4" + secret).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        self.key, self.previous = key, seed
        self.timestamp, self.scope = timestamp, scope

    def chunk(self, data: bytes) -> bytes:
        """One chunk with its signature. The one of no bytes ends with its size line, for trailers or CRLF to follow."""
        self._sign(f"AWS4-HMAC-SHA256-PAYLOAD\n{self._common()}\n{EMPTY}\n{hashlib.sha256(data).hexdigest()}")
        head = f"{len(data):x};chunk-signature={self.previous}\r\n".encode()
        return head + data + b"\r\n" if data else head

    def trailer(self, lines: list[str]) -> bytes:
        """The trailers and their signature."""
        digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        self._sign(f"AWS4-HMAC-SHA256-TRAILER\n{self._common()}\n{digest}")
        return "".join(f"{line}\r\n" for line in [*lines, f"x-amz-trailer-signature:{self.previous}"]).encode()

    def body(self, *chunks: bytes, trailers: list[str] | None = None) -> bytes:
        """A whole body; `trailers` is None for a body of the kind that has none."""
        framed = b"".join([self.chunk(chunk) for chunk in [*chunks, b""]])
        return framed + (self.trailer(trailers) if trailers is not None else b"") + b"\r\n"

    def _common(self) -> str:
        return f"{self.timestamp}\n{self.scope}\n{self.previous}"

    def _sign(self, text: str) -> None:
        self.previous = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()


def unsigned_body(*chunks: bytes, trailers: list[str]) -> bytes:
    """An aws-chunked body without signatures."""
    framed = b"".join([f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks])
    return framed + b"0\r\n" + "".join(f"{line}\r\n" for line in trailers).encode() + b"\r\n"
