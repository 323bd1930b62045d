"""QR codes, as far as authenticators' addresses need them: bytes, error correction level L, versions 5 to 12, as PNG.

Source: ISO/IEC 18004, "QR Code bar code symbology specification"; W3C, "Portable Network Graphics".
"""

from __future__ import annotations

import zlib
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of each version: codewords of error correction in a block, codewords of data in each block, centres of alignment patterns.
VERSIONS: Final = {
    5: (26, (108,), (6, 30)),
    6: (18, (68, 68), (6, 34)),
    7: (20, (78, 78), (6, 22, 38)),
    8: (24, (97, 97), (6, 24, 42)),
    9: (30, (116, 116), (6, 26, 46)),
    10: (18, (68, 68, 69, 69), (6, 28, 50)),
    11: (20, (81, 81, 81, 81), (6, 30, 54)),
    12: (24, (92, 92, 93, 93), (6, 32, 58)),
}
FORMAT: Final = 0b111011111000100  # level L, mask 0
QUIET: Final = 4  # modules of margin
SCALE: Final = 4  # pixels of a module
Matrix = list[list[int]]  # rows of modules: 1 is dark


def png(data: bytes) -> bytes:
    """The image of some bytes: 367 at most, else a ValueError."""
    modules = matrix(data)
    width = (len(modules) + 2 * QUIET) * SCALE
    rows = [[0] * len(modules)] * QUIET
    lines = b"".join(b"\0" + _line(row, width) for row in chain(rows, modules, rows) for _ in range(SCALE))
    header = width.to_bytes(4, "big") * 2 + b"\x01\x00\x00\x00\x00"
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )


def _line(row: list[int], width: int) -> bytes:
    """A line of pixels, a bit each, white 1."""
    quiet = "1" * (QUIET * SCALE)
    bits = quiet + "".join("0" * SCALE if dark else "1" * SCALE for dark in row) + quiet
    return int(bits + "0" * (-width % 8), 2).to_bytes((width + 7) // 8, "big")


def matrix(data: bytes) -> Matrix:
    """The modules of the smallest of these versions that the bytes fit into."""
    version = next((each for each in VERSIONS if len(data) <= _capacity(each)), None)
    if version is None:
        raise ValueError("too long")
    size = 17 + 4 * version
    modules, taken = [[0] * size for _ in range(size)], [[0] * size for _ in range(size)]
    for row, column, dark in _patterns(version, size):
        modules[row][column], taken[row][column] = dark, 1
    bits = (byte >> at & 1 for byte in _codewords(data, version) for at in range(7, -1, -1))
    for row, column in _path(size):
        if not taken[row][column]:
            modules[row][column] = next(bits, 0) ^ ((row + column) % 2 == 0)
    return modules


def _capacity(version: int) -> int:
    return sum(VERSIONS[version][1]) - (2 if version < 10 else 3)


def _codewords(data: bytes, version: int) -> Iterator[int]:
    """Data and error correction, the blocks interleaved."""
    correction, sizes, _ = VERSIONS[version]
    total = sum(sizes)
    count = 8 if version < 10 else 16
    bits = f"0100{len(data):0{count}b}" + "".join(f"{byte:08b}" for byte in data) + "0000"
    bits = bits[: total * 8]
    bits += "0" * (-len(bits) % 8)
    words = list(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    words += [(0xEC, 0x11)[at % 2] for at in range(total - len(words))]
    blocks, at = [], 0
    for length in sizes:
        blocks.append(words[at : at + length])
        at += length
    yield from (word for column in zip_longest(*blocks) for word in column if word is not None)
    for column in zip(*(_remainder(block, _generator(correction)) for block in blocks), strict=True):
        yield from column


def _times(one: int, other: int) -> int:
    """The product in the field of 256 elements with x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for at in range(7, -1, -1):
        product = (product << 1) ^ (product >> 7) * 0x11D
        product ^= (other >> at & 1) * one
    return product


def _generator(degree: int) -> list[int]:
    """The coefficients of the product of (x - 2^i), without the first, which is 1."""
    found, root = [0] * (degree - 1) + [1], 1
    for _ in range(degree):
        found = [_times(each, root) ^ following for each, following in zip(found, [*found[1:], 0], strict=True)]
        root = _times(root, 2)
    return found


def _remainder(block: list[int], generator: list[int]) -> list[int]:
    """The error correction of a block: Reed and Solomon's."""
    left = [0] * len(generator)
    for word in block:
        factor = word ^ left[0]
        left = [each ^ _times(coefficient, factor) for each, coefficient in zip([*left[1:], 0], generator, strict=True)]
    return left


def _patterns(version: int, size: int) -> Iterator[tuple[int, int, int]]:
    """All modules that are not data: row, column and whether it is dark. Later ones win."""
    for at in range(size):
        yield from ((6, at, 1 - at % 2), (at, 6, 1 - at % 2))
    for top, left in ((3, 3), (3, size - 4), (size - 4, 3)):
        yield from _square(top, left, 4, size, (2, 4))
    centres = VERSIONS[version][2]
    corners = {(6, 6), (6, centres[-1]), (centres[-1], 6)}
    for centre in ((row, column) for row in centres for column in centres if (row, column) not in corners):
        yield from _square(*centre, 2, size, (1,))
    for at in range(15):
        dark = FORMAT >> at & 1
        yield (at + (at > 5) if at < 8 else size - 15 + at, 8, dark)
        yield (8, size - 1 - at if at < 8 else 15 - at - (at > 8), dark)
    yield (size - 8, 8, 1)
    if version >= 7:
        for at in range(18):
            dark = _version_bits(version) >> at & 1
            yield from ((at // 3, size - 11 + at % 3, dark), (size - 11 + at % 3, at // 3, dark))


def _square(row: int, column: int, reach: int, size: int, light: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """A pattern of squares around a centre; the rings at the distances `light` are light."""
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if 0 <= row + down < size and 0 <= column + right < size:
                yield row + down, column + right, int(max(abs(down), abs(right)) not in light)


def _version_bits(version: int) -> int:
    left = version << 12
    for at in range(17, 11, -1):
        left ^= (left >> at & 1) * 0x1F25 << (at - 12)
    return version << 12 | left


def _path(size: int) -> Iterator[tuple[int, int]]:
    """Where data goes, in order: pairs of columns from the right, up and down."""
    upwards = True
    for right in (*range(size - 1, 6, -2), 5, 3, 1):
        for row in range(size - 1, -1, -1) if upwards else range(size):
            yield from ((row, right), (row, right - 1))
        upwards = not upwards
