"""A client of other S3 endpoints: requests signed with Signature Version 4, bodies streamed. It blocks, so it is for threads.

A body is read twice, for its digest and to be sent: so the other side can tell that it is whole, and nothing is held in memory.
"""

from __future__ import annotations

import hashlib
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import msgspec

from fogbank.auth import canonical, signing
from fogbank.core.errors import AwsError
from fogbank.wire.xml import parse_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from fogbank.services.s3.remotes import Remote
    from fogbank.wire.xml import Element

    Chunks = Callable[[], Iterator[bytes | memoryview]]

TIMEOUT: Final = 60  # seconds without a byte
MOST_ANSWER: Final = 1 << 20  # bytes
PASSING: Final = frozenset((408, 409, 425, 429))
PASSING_CODES: Final = frozenset(("SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "OperationAborted"))

# What goes wrong on the way, and may go right later.
BROKEN: Final = (OSError, HTTPException)


class Refused(Exception):
    """The other side refused. `passing`: it may do it later."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.passing = status >= 500 or status in PASSING or code in PASSING_CODES


class Answer(msgspec.Struct, frozen=True):
    """An answer; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self, name: str) -> str:
        """The text of an element of its XML, empty if there is none."""
        root = self.xml()
        return next((child.text for child in root.children if child.name == name), "") if root else ""

    def xml(self) -> Element | None:
        """Its XML, if it is any."""
        try:
            return parse_xml(self.body)
        except AwsError:
            return None


class Client:
    """One connection to a remote's bucket, made anew when it breaks. Close it."""

    def __init__(self, remote: Remote, secret: str, now: Callable[[], datetime]) -> None:
        split = urlsplit(remote.endpoint)
        self._remote, self._secret, self._now = remote, secret, now
        self._host = f"{remote.bucket}.{split.netloc}" if remote.virtual else split.netloc
        self._base = split.path.rstrip("/") + ("" if remote.virtual else f"/{remote.bucket}")
        if split.scheme == "https":
            self._http: HTTPConnection = HTTPSConnection(
                self._host, timeout=TIMEOUT, context=ssl.create_default_context(cadata=remote.ca or None)
            )
        else:
            self._http = HTTPConnection(self._host, timeout=TIMEOUT)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def request(
        self,
        method: str,
        key: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        chunks: Chunks | None = None,
        size: int = 0,
    ) -> Answer:
        """One request for an object. Raises Refused, or one of BROKEN. `query` is canonical, `chunks` give `size` bytes of body."""
        body: Iterable[bytes | memoryview] = chunks() if chunks else ()
        digest = hashlib.sha256()
        for chunk in body:
            digest.update(chunk)
        path = canonical.canonical_path(f"{self._base}/{key}", s3=True)
        signed = self._signed(method, path, query, {**(headers or {}), "content-length": str(size)}, digest.hexdigest())
        try:
            return self._sent(method, path + (f"?{query}" if query else ""), signed, chunks)
        except BaseException:
            self._http.close()
            raise

    def _sent(self, method: str, target: str, headers: Mapping[str, str], chunks: Chunks | None) -> Answer:
        on_wire = {name: value.encode().decode("latin-1") for name, value in headers.items()}
        self._http.request(method, target, chunks() if chunks else None, on_wire)
        found = self._http.getresponse()
        body = found.read(MOST_ANSWER + 1)
        if len(body) > MOST_ANSWER:
            raise HTTPException("the answer is too large")
        answer = Answer(found.status, {name.lower(): value for name, value in found.headers.items()}, body)
        root = answer.xml() if body else None
        if found.status >= 300:
            raise Refused(found.status, answer.text("Code"))
        if root is not None and root.name == "Error":  # of an upload that could not be completed after all
            raise Refused(500, answer.text("Code"))
        return answer

    def _signed(self, method: str, path: str, query: str, headers: dict[str, str], digest: str) -> dict[str, str]:
        """The headers of a request, with its signature."""
        timestamp = f"{self._now():%Y%m%dT%H%M%SZ}"
        date, region = timestamp[:8], self._remote.region
        every = {**headers, "host": self._host, "x-amz-date": timestamp, "x-amz-content-sha256": digest}
        names = sorted(every)
        told = canonical.canonical_headers(every, names)
        whole = canonical.canonical_request(method, path, query, told, ";".join(names), digest)
        scope = f"{date}/{region}/s3/aws4_request"
        key = signing.signing_key(self._secret, date, region, "s3")
        signature = signing.sign(key, signing.string_to_sign(timestamp, scope, whole.encode()))
        credential = f"Credential={self._remote.access_key_id}/{scope}"
        every["authorization"] = (
            f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return every


def arguments(**values: str | int) -> str:
    """A canonical query."""
    return "&".join(f"{quote(name, safe='~')}={quote(str(value), safe='~')}" for name, value in sorted(values.items()))
