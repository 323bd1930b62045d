"""Uploads that go on while the region is killed, and a record of exactly what was acknowledged."""

from __future__ import annotations

import hashlib
import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.tour.client import Client

THREADS = 3
PART = 5 << 20  # bytes: the least that a part may have
_SIZES = (0, 100, 3_000, 20_000, 60_000, 200_000)  # some live in the state database, some are files


def content_of(key: str) -> bytes:
    """The bytes of an object of the uploader's: computed from its key, so that they need not be kept."""
    made = random.Random(key)
    return made.randbytes(made.choice(_SIZES))


def part_of(number: int) -> bytes:
    """The bytes of a part."""
    return random.Random(f"part {number}").randbytes(PART)


class Uploader:
    """Objects from several threads, and the parts of one large object from another, until the region no longer answers.

    `sent` holds the keys that were sent; `acknowledged` the ETags of those that the region answered 200 to, `parts` those of parts.
    """

    def __init__(self, client: Client, bucket: str, prefix: str) -> None:
        self.sent: set[str] = set()
        self.acknowledged: dict[str, str] = {}
        self.parts: dict[int, str] = {}
        self.large_key = f"{prefix}in-parts.bin"
        self.upload_id = ""
        self.errors: list[str] = []
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._objects, args=(n,), daemon=True) for n in range(THREADS)]
        self._threads.append(threading.Thread(target=self._large, daemon=True))

    def start(self) -> None:
        """Begin."""
        s3 = self._client.s3
        self.upload_id = s3.create_multipart_upload(Bucket=self._bucket, Key=self.large_key)["UploadId"]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Stop, and wait for the requests in flight to be answered or to fail."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(30)

    def _objects(self, thread: int) -> None:
        s3 = self._client.connect("s3", attempts=1)
        number = 0
        while not self._stop.is_set():
            key = f"{self._prefix}{thread}/{number:05}"
            self.sent.add(key)
            if not self._try(self._put, s3, key, content_of(key)):
                return
            number += 1

    def _put(self, s3: Any, key: str, content: bytes) -> None:
        etag = s3.put_object(Bucket=self._bucket, Key=key, Body=content)["ETag"]
        self.acknowledged[key] = etag.strip('"')

    def _large(self) -> None:
        s3 = self._client.connect("s3", attempts=1)
        number = 1
        # Slowly: what matters is that the crash comes in the middle.
        while self._try(self._part, s3, number) and not self._stop.wait(0.3):
            number += 1

    def _part(self, s3: Any, number: int) -> None:
        answer = s3.upload_part(
            Bucket=self._bucket, Key=self.large_key, UploadId=self.upload_id, PartNumber=number, Body=part_of(number)
        )
        self.parts[number] = answer["ETag"]

    def _try(self, request: Callable[..., None], *arguments: Any) -> bool:
        """Whether the request was acknowledged."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            request(*arguments)
        except (BotoCoreError, ClientError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")
            return False
        return True

    def complete(self) -> str:
        """Complete the large object after the crash, of the parts acknowledged before it and one more. Its SHA-256 as it must be."""
        s3 = self._client.s3
        self._part(s3, max(self.parts, default=0) + 1)
        numbers = sorted(self.parts)
        listed = [{"PartNumber": number, "ETag": self.parts[number]} for number in numbers]
        s3.complete_multipart_upload(
            Bucket=self._bucket, Key=self.large_key, UploadId=self.upload_id, MultipartUpload={"Parts": listed}
        )
        sha = hashlib.sha256()
        for number in numbers:
            sha.update(part_of(number))
        return sha.hexdigest()

    def abandon(self) -> None:
        """Stop without caring for the answers."""
        with suppress(RuntimeError):
            self.join()
