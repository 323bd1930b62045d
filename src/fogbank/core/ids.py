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

    def request_id(self) -> str:
        """A request id: 16 upper-case hexadecimal digits, as S3's. Taken from a supply: a request should not cost a system call."""
        if not self._supply:
            text = self._random(BATCH * 8).hex().upper()
            self._supply = [text[at : at + 16] for at in range(0, len(text), 16)]
        return self._supply.pop()

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
        raw = bytearray(self._random(16))
        raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def random(self, count: int) -> bytes:
        """Random bytes, of key material."""
        return self._random(count)

    def secret(self) -> str:
        """A secret access key: 40 characters."""
        return urlsafe_b64encode(self._random(30)).decode().replace("-", "/").replace("_", "+")
