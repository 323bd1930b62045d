"""What is counted of each of S3's buckets: requests, errors, bytes in and out. Of so many buckets that memory is bounded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fogbank.gateway.record import Record

MOST: Final = 1000  # buckets, of each worker
REST: Final = "_others"  # no bucket's name: those have no underscore
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NONE: Final = "NoSuchBucket"


class Traffic:
    """Counters by bucket: requests, refused ones (4xx), failed ones (5xx), bytes received, bytes sent.

    Names are the callers': whoever asks for buckets that are not there must not fill the memory. So they are not counted, and what
    comes after the first MOST names is counted together.
    """

    def __init__(self) -> None:
        self.counters: dict[str, list[int]] = {}

    def take(self, record: Record, status: int, sent: int) -> None:
        """Count a request, if it is one on a bucket."""
        identified, given = record.identified, record.input
        if identified is None or identified.meaning.service != "s3" or not given or record.error == _NONE:
            return
        name = given.get("Bucket")
        counter = self.counters.get(name) if isinstance(name, str) else None
        if counter is None:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                return
            counter = self.counters.setdefault(name if len(self.counters) < MOST else REST, [0] * 5)
        counter[0] += 1
        if status >= 400:
            counter[1 if status < 500 else 2] += 1
        counter[3] += received(record)
        counter[4] += sent


def received(record: Record) -> int:
    """The bytes of a request's body, as far as its headers say: of chunks that are signed one by one, without their signatures."""
    headers = record.request.headers
    text = headers.get("x-amz-decoded-content-length") or headers.get("content-length", "0")
    return int(text) if len(text) < 20 and text.isascii() and text.isdigit() else 0
