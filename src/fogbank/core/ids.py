"""Identifiers as AWS writes them. Passed in, so that tests can have the same ones every time."""

from __future__ import annotations

import os
from base64 import b32encode, urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


BATCH = 256  # request ids


class Ids:
    """Makes identifiers from a source of random bytes, the operating system's by default."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random_bytes
        self._supply: list[str] = []
        self._uuids: list[str] = []

    def request_id(self) -> str:
        """A request id: 16 upper-case hexadecimal digits, as S3's. Taken from a supply: a request should not cost a system call."""
        if not self._supply:
            text = self._random(BATCH * 8).hex().upper()
            self._supply = [text[at : at + 16] for at in range(0, len(text), 16)]
        return self._supply.pop()

    def request_uuid(self) -> str:
        """A request id as most services have them: a random UUID. From a supply, too."""
        if not self._uuids:
            text = self._random(BATCH * 16).hex()
            self._uuids = [as_uuid(text[at : at + 32]) for at in range(0, len(text), 32)]
        return self._uuids.pop()

    def token(self, length: int = 64) -> str:
        """An opaque token of URL-safe characters, as an upload id."""
        return urlsafe_b64encode(self._random(length)).decode()[:length].replace("-", ".")

    def unique(self, prefix: str) -> str:
        """An IAM unique id: a four-letter prefix (AIDA: user, AKIA: access key) and 16 characters of base 32, in capitals.

        Source: IAM User Guide, "IAM identifiers", unique identifiers.
        """
        return prefix + b32encode(self._random(10)).decode()

    def uuid(self) -> str:
        """A random UUID (version 4), in lower case."""
        return as_uuid(self._random(16).hex())

    def random(self, count: int) -> bytes:
        """Random bytes, of key material."""
        return self._random(count)

    def secret(self) -> str:
        """A secret access key: 40 characters."""
        return urlsafe_b64encode(self._random(30)).decode().replace("-", "/").replace("_", "+")


def as_uuid(text: str) -> str:
    """32 random hexadecimal digits as a UUID of version 4."""
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"
