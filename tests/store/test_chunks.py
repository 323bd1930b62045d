"""Sealed chunks: every range comes back, and nothing that was changed does."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.store import chunks
from fogbank.store.chunks import CHUNK, NONCE, SEALED, TAG, Corrupt, Sealer

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = bytes(range(32))
FIRST = b"segment1"
EDGES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK, 5 * CHUNK + 7)
SIZES = st.sampled_from(EDGES) | st.integers(0, 6 * CHUNK)
DATA = os.urandom(6 * CHUNK)


def seal(pieces: Iterable[Any], key: bytes = KEY, nonce: bytes = FIRST) -> bytes:
    """What a sealer makes of pieces."""
    sealed = bytearray()
    sealer = Sealer(key, nonce, sealed.extend)
    for piece in pieces:
        sealer.update(piece)
    sealer.finish()
    return bytes(sealed)


def unseal(sealed: bytes, start: int, length: int, key: bytes = KEY, nonce: bytes = FIRST) -> bytes:
    """A range of sealed bytes, read from a file."""
    with tempfile.TemporaryFile() as file:
        file.write(sealed)
        file.flush()
        return b"".join(bytes(run) for run in chunks.read_range(file.fileno(), key, nonce, start, length))


@settings(max_examples=60, deadline=None)
@given(size=SIZES, cuts=st.lists(st.integers(0, 6 * CHUNK), max_size=6))
def test_pieces_of_any_size_are_sealed_as_the_whole(size: int, cuts: list[int]) -> None:
    whole = DATA[:size]
    places = sorted({0, size, *(cut for cut in cuts if cut < size)})
    pieces = [memoryview(whole)[a:b] for a, b in pairwise(places)]
    sealed = seal(pieces)
    assert sealed == seal([whole])
    assert len(sealed) == chunks.sealed_size(size)


@settings(max_examples=100, deadline=None)
@given(size=SIZES.filter(bool), at=st.data())
def test_any_range_comes_back(size: int, at: st.DataObject) -> None:
    start = at.draw(st.integers(0, size - 1))
    length = at.draw(st.integers(0, size - start))
    assert unseal(seal([DATA[:size]]), start, length) == DATA[start : start + length]


def test_a_chunk_is_aes_gcm_with_the_segments_nonce_and_the_chunks_number() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    second = seal([DATA[: CHUNK + 5]])[SEALED:]
    assert AESGCM(KEY).decrypt(FIRST + b"\0\0\0\1", second, None) == DATA[CHUNK : CHUNK + 5]


def test_small_segments_are_one_chunk() -> None:
    sealed = chunks.seal_small(KEY, FIRST, b"small")
    assert sealed == seal([b"small"])
    assert chunks.open_small(KEY, FIRST, sealed) == b"small"
    assert chunks.seal_small(KEY, FIRST, b"") == seal([]) == b""
    assert chunks.open_small(KEY, FIRST, b"") == b""
    with pytest.raises(ValueError, match="more than a chunk"):
        chunks.seal_small(KEY, FIRST, bytes(CHUNK + 1))


@pytest.mark.parametrize("place", [0, 1, TAG, 31, 36])
def test_a_small_segment_that_was_changed_does_not_open(place: int) -> None:
    sealed = bytearray(chunks.seal_small(KEY, FIRST, b"twenty-one characters"))
    sealed[place] ^= 1
    with pytest.raises(Corrupt):
        chunks.open_small(KEY, FIRST, bytes(sealed))


def test_a_small_segment_that_was_cut_off_does_not_open() -> None:
    sealed = chunks.seal_small(KEY, FIRST, b"small")
    for length in range(1, len(sealed)):
        with pytest.raises(Corrupt):
            chunks.open_small(KEY, FIRST, sealed[:length])


def changed(sealed: bytes, place: int) -> bytes:
    return sealed[:place] + bytes((sealed[place] ^ 0x80,)) + sealed[place + 1 :]


@settings(max_examples=50, deadline=None)
@given(place=st.integers(0, chunks.sealed_size(3 * CHUNK + 9) - 1))
def test_a_flipped_bit_anywhere_is_found(place: int) -> None:
    size = 3 * CHUNK + 9
    with pytest.raises(Corrupt):
        unseal(changed(seal([DATA[:size]]), place), 0, size)


def test_what_lies_before_a_flipped_bit_is_still_read() -> None:
    sealed = changed(seal([DATA[: 3 * CHUNK]]), 2 * SEALED + 5)
    assert unseal(sealed, 0, 2 * CHUNK) == DATA[: 2 * CHUNK]
    with pytest.raises(Corrupt):
        unseal(sealed, 2 * CHUNK + 100, 1)


@pytest.mark.parametrize("lost", [1, TAG, TAG + 1, 8 + TAG, 9 + TAG, SEALED])
def test_a_truncated_segment_is_found(lost: int) -> None:
    size = 2 * CHUNK + 9
    with pytest.raises(Corrupt):
        unseal(seal([DATA[:size]])[:-lost], 0, size)


def test_bytes_behind_the_end_are_found() -> None:
    with pytest.raises(Corrupt):
        unseal(seal([DATA[: CHUNK + 9]]) + b"x", 0, CHUNK + 9)


def test_a_range_behind_the_end_is_found() -> None:
    sealed = seal([DATA[:CHUNK]])
    for start, length in ((CHUNK, 1), (CHUNK - 1, 2), (0, CHUNK + 1), (1 << 40, 1)):
        with pytest.raises(Corrupt):
            unseal(sealed, start, length)


def test_chunks_do_not_change_places() -> None:
    sealed = seal([DATA[: 3 * CHUNK]])
    one, two, three = (sealed[at : at + SEALED] for at in range(0, len(sealed), SEALED))
    for order in ((two, one, three), (one, three, two), (one, one, three), (two, three)):
        with pytest.raises(Corrupt):
            unseal(b"".join(order), 0, len(order) * CHUNK)


def test_chunks_do_not_change_segments() -> None:
    mine, other = seal([DATA[: 2 * CHUNK]]), seal([DATA[: 2 * CHUNK]], nonce=b"segment2")
    with pytest.raises(Corrupt):
        unseal(mine[:SEALED] + other[SEALED:], 0, 2 * CHUNK)


def test_another_key_or_nonce_opens_nothing() -> None:
    sealed = seal([DATA[:100]])
    with pytest.raises(Corrupt):
        unseal(sealed, 0, 100, key=bytes(32))
    with pytest.raises(Corrupt):
        unseal(sealed, 0, 100, nonce=b"segment2")
    with pytest.raises(ValueError, match="a nonce has"):
        unseal(sealed, 0, 100, nonce=b"short")


def test_nothing_of_the_plaintext_is_in_what_is_written() -> None:
    assert b"fogfog" not in seal([b"fog" * CHUNK])


def test_nonces_are_new() -> None:
    assert {len(chunks.new_nonce()), len({chunks.new_nonce() for _ in range(100)})} == {NONCE, 100}


def test_memory_is_bounded_however_large_the_segment() -> None:
    largest = 0

    def write(run: memoryview) -> None:
        nonlocal largest
        largest = max(largest, len(run))

    sealer = Sealer(KEY, FIRST, write)
    for _ in range(5):
        sealer.update(DATA)
    sealer.finish()
    assert largest == chunks.BATCH * SEALED
