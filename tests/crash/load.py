"""Clients that load a region and remember what it acknowledged, so that a later look can tell whether any of it is lost."""

from __future__ import annotations

import hashlib
import http.client
import random
import threading
import time
from base64 import b64encode
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BUCKET = "crash"
ABSENT = b""
TIMEOUT = 10
LONGER = 300.0  # seconds that a busy machine gets for what it acknowledges slowly


def rounds(least: int, acknowledged: Callable[[], int], enough: int) -> Iterator[int]:
    """Numbers of rounds: so many at least, and more until there is enough that could have been lost."""
    deadline = None
    for number in count():
        if number >= least:
            deadline = deadline or time.monotonic() + LONGER
            if acknowledged() >= enough or time.monotonic() > deadline:
                return
        yield number


class Reply(NamedTuple):
    """What is looked at of an answer."""

    status: int
    body: bytes
    etag: str
    version: str


class Connection:
    """One signed HTTP connection to a region; a broken one is made anew."""

    def __init__(self, endpoint: str, key: str, secret: str) -> None:
        self._endpoint = endpoint
        self._signer = S3SigV4Auth(Credentials(key, secret), "s3", "us-east-1")
        self._http = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=TIMEOUT)

    def request(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """The answer. Raises OSError or HTTPException when the connection breaks."""
        signed = AWSRequest(method, self._endpoint + target, data=body, headers=dict(headers or {}))
        signed.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
        if method == "PUT":  # what sets a lock must say a digest of its body
            signed.headers["Content-MD5"] = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        self._signer.add_auth(signed)
        try:
            self._http.request(method, target, body, dict(signed.headers))
            answer = self._http.getresponse()
            etag, version = (answer.headers.get(name, "") for name in ("ETag", "x-amz-version-id"))
            return Reply(answer.status, answer.read(), etag, version)
        except (OSError, http.client.HTTPException):
            self._http.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()


def content(key: str, version: int, size: int) -> bytes:
    """A body that says whose it is, and whose every byte can be checked."""
    head = f"{key}#{version}#{size}#".encode()
    filler = hashlib.sha256(head).digest()
    return (head + filler * (size // len(filler) + 1))[: max(size, len(head))]


def is_whole(key: str, body: bytes) -> bool:
    """Whether a body is one that was written under this key, complete."""
    parts = body.split(b"#", 3)
    return len(parts) == 4 and parts[0].decode() == key and body == content(key, int(parts[1]), int(parts[2]))


class Client(threading.Thread):
    """Writes, overwrites and deletes its own keys until the region is gone.

    `may_be` holds, for each key, the bodies that it may have now: the last acknowledged one, and one in flight.
    """

    def __init__(
        self, connection: Connection, name: str, seed: int, may_be: dict[str, list[bytes]], *, stubborn: bool = False
    ) -> None:
        super().__init__(daemon=True)
        self._stubborn = stubborn  # a broken connection is made anew, as long as somebody listens
        self._connection = connection
        self._name = name
        self._random = random.Random(seed)
        self._seed = seed
        self._source = ""  # the key that the next body is copied from
        self.may_be = may_be
        self.acknowledged = 0
        self.refused: list[tuple[int, bytes]] = []

    def run(self) -> None:
        """Work until the connection breaks."""
        try:
            self._work()
        finally:
            self._connection.close()

    def _work(self) -> None:
        number = 0
        while True:
            number += 1
            key = f"{self._name}/{self._random.randrange(40)}"
            wanted = self._wanted(key, number)
            self.may_be[key] = [*self.may_be.get(key, [ABSENT]), wanted]
            try:
                status = self._write(key, wanted)
            except ConnectionRefusedError:
                return
            except (OSError, http.client.HTTPException):
                if self._stubborn:
                    continue
                return
            if status in (200, 204):
                self.may_be[key] = [wanted]
                self.acknowledged += 1
            else:
                self.refused.append((status, key.encode()))

    def _wanted(self, key: str, number: int) -> bytes:
        self._source = ""
        kind = self._random.random()
        if kind < 0.15:
            return ABSENT
        if kind < 0.25 and (source := self._settled(key)):
            self._source = source
            return self.may_be[source][0]
        size = self._random.randrange(100_000, 400_000) if kind < 0.4 else self._random.randrange(0, 9000)
        return content(key, self._seed * 100_000 + number, size)

    def _settled(self, but: str) -> str:
        """A key whose body is known."""
        keys = [key for key, may in self.may_be.items() if key != but and len(may) == 1 and may[0] != ABSENT]
        return self._random.choice(keys) if keys else ""

    def _write(self, key: str, wanted: bytes) -> int:
        target = f"/{BUCKET}/{quote(key)}"
        if wanted == ABSENT:
            return self._connection.request("DELETE", target)[0]
        if self._source:
            headers = {"x-amz-copy-source": f"/{BUCKET}/{quote(self._source)}"}
            return self._connection.request("PUT", target, headers=headers).status
        if len(wanted) > 100_000 and self._random.random() < 0.5:
            return multipart(self._connection, target, wanted).status
        return self._connection.request("PUT", target, wanted).status


def multipart(connection: Connection, target: str, body: bytes) -> Reply:
    """Put an object as an upload of one part."""
    started = connection.request("POST", f"{target}?uploads=").body
    upload = started.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    etag = connection.request("PUT", f"{target}?partNumber=1&uploadId={upload}", body).etag
    part = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    complete = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    return connection.request("POST", f"{target}?uploadId={upload}", complete)


def lost(connection: Connection, may_be: dict[str, list[bytes]]) -> list[str]:
    """What is not as acknowledged. What is settled by this look is the truth for the next one."""
    wrong = []
    for key, allowed in may_be.items():
        status, body, *_ = connection.request("GET", f"/{BUCKET}/{quote(key)}")
        found = ABSENT if status == 404 else body
        if status not in (200, 404) or found not in allowed:
            wrong.append(f"{key}: {status}, {body[:40]!r}, whole: {is_whole(key, body)}, of {len(allowed)}")
        may_be[key] = [found]
    return wrong
