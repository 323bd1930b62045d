"""QR codes of authenticators' addresses."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from fogbank.services.iam.qr import QUIET, SCALE, matrix, png

# Digests of the modules that an encoder of other people (npm's qrcode-terminal, level L, mask 0) made of the same text.
OTHERS = {
    101: "8e4f2cbba5f3b841",
    107: "3ebc4f757ff15a09",
    135: "d195ac563fd97938",
    160: "b79376094223b4d1",
    200: "b0a5299ff3d28fa9",
    231: "ba2722847b9c93f8",
    300: "0194cad5d605da71",
    322: "0fbdb94d1575be5f",
    367: "ffbcc1bea27d358e",
}


def text(length: int) -> bytes:
    return bytes(33 + (at * 7) % 90 for at in range(length))


@pytest.mark.parametrize("length", OTHERS)
def test_the_modules_are_those_of_another_encoder(length: int) -> None:
    rows = "\n".join("".join(map(str, row)) for row in matrix(text(length)))
    assert hashlib.sha256(rows.encode()).hexdigest()[:16] == OTHERS[length]


def test_the_image_has_the_modules() -> None:
    image, modules = png(text(150)), matrix(text(150))
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    width = int.from_bytes(image[16:20], "big")
    assert width == (len(modules) + 2 * QUIET) * SCALE
    at = image.index(b"IDAT")
    pixels = zlib.decompress(image[at + 4 : at + 4 + int.from_bytes(image[at - 4 : at], "big")])
    stride = 1 + (width + 7) // 8
    for number in range(width):
        line = f"{int.from_bytes(pixels[number * stride + 1 : (number + 1) * stride], 'big'):0{(stride - 1) * 8}b}"
        row = number // SCALE - QUIET
        dark = [1 - int(line[(QUIET + column) * SCALE]) for column in range(len(modules))]
        assert dark == (modules[row] if 0 <= row < len(modules) else [0] * len(modules))


def test_what_is_too_long() -> None:
    with pytest.raises(ValueError):
        matrix(b"x" * 368)
