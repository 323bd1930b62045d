"""Requests as bytes, signed ahead of time by botocore, so that the load generator has nothing to do but send them.

All servers get the same bytes: the Host header is always `HOST`, whatever port the server listens on.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOST = "127.0.0.1:4566"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = sha256(b"").hexdigest()


class _Signer(S3SigV4Auth):
    """botocore's signer for S3, told the payload's hash instead of reading the payload."""

    declared = EMPTY

    def payload(self, request: AWSRequest) -> str:
        return self.declared


_signer = _Signer(Credentials("test", "test"), "s3", "us-east-1")


def head(
    method: str, target: str, *, length: int = 0, payload: str = EMPTY, headers: Mapping[str, str] | None = None
) -> bytes:
    """A signed request's head. `target` is the path with its query, quoted; `payload` is x-amz-content-sha256."""
    request = AWSRequest(method, f"http://{HOST}{target}", headers=dict(headers or {}))
    _signer.declared = payload
    _signer.add_auth(request)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if length or method in ("PUT", "POST"):
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def gets(bucket: str, keys: Iterable[str]) -> list[bytes]:
    """GetObject requests."""
    return [head("GET", f"/{bucket}/{key}") for key in keys]


def heads(bucket: str, keys: Iterable[str]) -> list[bytes]:
    """HeadObject requests."""
    return [head("HEAD", f"/{bucket}/{key}") for key in keys]


def put_heads(bucket: str, keys: Iterable[str], body: bytes) -> list[bytes]:
    """The heads of PutObject requests, each to be followed by `body`."""
    digest = sha256(body).hexdigest()
    return [head("PUT", f"/{bucket}/{key}", length=len(body), payload=digest) for key in keys]
