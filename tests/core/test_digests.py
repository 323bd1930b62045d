"""Digests: known answers, and CRCs of wholes from those of their parts."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core import digests

# "123456789": the check values of the CRC catalogue, and what hashlib and the XXHash specification give.
CHECK = b"123456789"
KNOWN = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "MD5": hashlib.md5(CHECK, usedforsecurity=False).hexdigest(),
    "SHA1": hashlib.sha1(CHECK, usedforsecurity=False).hexdigest(),
    "SHA256": hashlib.sha256(CHECK).hexdigest(),
    "SHA512": hashlib.sha512(CHECK).hexdigest(),
    "XXHASH64": "8cb841db40e6ae83",
}


@pytest.mark.parametrize("algorithm", KNOWN)
def test_known_answers(algorithm: str) -> None:
    assert digests.digest(algorithm, CHECK).hex() == KNOWN[algorithm]


@pytest.mark.parametrize("algorithm", digests.NEW)
def test_a_running_digest_takes_pieces_of_any_buffer(algorithm: str) -> None:
    running = digests.NEW[algorithm]()
    for piece in (CHECK[:4], memoryview(CHECK)[4:]):
        running.update(piece)  # type: ignore[arg-type]  # any buffer
    assert running.digest() == digests.digest(algorithm, CHECK)


@pytest.mark.parametrize("algorithm", digests.COMBINE)
@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_crcs_combine(algorithm: str, parts: list[bytes]) -> None:
    crcs = [(digests.digest(algorithm, part), len(part)) for part in parts]
    assert digests.combine(algorithm, crcs) == digests.digest(algorithm, b"".join(parts))


def test_crc32_is_zlibs() -> None:
    assert digests.digest("CRC32", CHECK) == zlib.crc32(CHECK).to_bytes(4, "big")
