"""Digests of byte streams, by the names that AWS gives their algorithms."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Protocol

from awscrt import checksums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Digest(Protocol):
    """A running digest, as hashlib's."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def digest(self) -> bytes:
        """The raw digest of what was taken in."""


class Crc:
    """A running CRC over one of awscrt's functions; its digest is big-endian, as S3 writes it."""

    __slots__ = ("_function", "_size", "_value")

    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        """The CRC, `size` bytes."""
        return self._value.to_bytes(self._size, "big")


class XxHash:
    """A running XXHash, by awscrt."""

    __slots__ = ("_hash",)

    def __init__(self, new: Callable[[], checksums.XXHash]) -> None:
        self._hash = new()

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        self._hash.update(data if isinstance(data, bytes) else bytes(data))  # awscrt takes no view here

    def digest(self) -> bytes:
        """The hash, big-endian."""
        return bytes(self._hash.finalize())


NEW: Mapping[str, Callable[[], Digest]] = {
    "CRC32": lambda: Crc(checksums.crc32, 4),
    "CRC32C": lambda: Crc(checksums.crc32c, 4),
    "CRC64NVME": lambda: Crc(checksums.crc64nvme, 8),
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "XXHASH64": lambda: XxHash(checksums.XXHash.new_xxhash64),
    "XXHASH3": lambda: XxHash(checksums.XXHash.new_xxhash3_64),
    "XXHASH128": lambda: XxHash(checksums.XXHash.new_xxhash3_128),
}

COMBINE: Mapping[str, tuple[Callable[[int, int, int], int], int]] = {
    "CRC32": (checksums.combine_crc32, 4),
    "CRC32C": (checksums.combine_crc32c, 4),
    "CRC64NVME": (checksums.combine_crc64nvme, 8),
}


def digest(algorithm: str, data: bytes) -> bytes:
    """The digest of `data`."""
    running = NEW[algorithm]()
    running.update(data)
    return running.digest()


def combine(algorithm: str, parts: Iterable[tuple[bytes, int]]) -> bytes:
    """The CRC of a whole, from the CRC and the size of each of its parts in order."""
    function, size = COMBINE[algorithm]
    value = 0
    for crc, length in parts:
        value = function(value, int.from_bytes(crc, "big"), length)
    return value.to_bytes(size, "big")


def base64(raw: bytes) -> str:
    """A digest as AWS writes it in headers and XML."""
    return b64encode(raw).decode()
