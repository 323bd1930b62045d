"""Forms over TCP: cut anywhere, broken off, endless, refused before they have come."""

from __future__ import annotations

import hmac
import random
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from gateway.client import Sent
from gateway.live import until
from services.s3.forms import BOUNDARY, FORM, body, document, part

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.live import Live

POLICY = document([{"bucket": "formed"}, ["starts-with", "$key", ""], ["content-length-range", 0, 3_000_000]])


@pytest.fixture(scope="module")
def bucket(live: Live) -> str:
    return live.bucket("formed")


def fields(live: Live, key: str = "key") -> dict[str, str]:
    """What a form needs to be let in."""
    signature = b64encode(hmac.digest(live.secret.encode(), POLICY.encode(), "sha1")).decode()
    return {"key": key, "AWSAccessKeyId": live.key, "policy": POLICY, "signature": signature}


def post(live: Live, form: bytes, length: int | None = None) -> Sent:
    """A form to the bucket that announces `length` bytes."""
    headers = (("host", live.host), ("content-type", FORM), ("content-length", str(length or len(form))))
    return Sent("POST", "/formed", headers, form)


def blobs(live: Live) -> set[Path]:
    """The files of blobs, unfinished ones among them."""
    return {path for path in (live.data / "blobs").rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [0, 1, 70_000, 2_000_000])
def test_forms_in_pieces(live: Live, bucket: str, size: int) -> None:
    data = random.Random(size).randbytes(size)
    sent = post(live, body(fields(live), data))
    whole, at = bytes(sent), 0
    lengths = random.Random(size)
    with live.wire() as wire:
        while at < len(whole):
            step = lengths.choice((1, 2, 30, 1000) if at < 3000 else (1, 5000, 100_000))
            wire.send(whole[at : at + step])
            at += step
        assert wire.answer("POST").status == 204
        assert wire.ask(live.signer.sign("GET", "/formed/key")).body == data  # the connection goes on


@pytest.mark.parametrize("cut", [10, 150, 1200, 80_000])
def test_a_form_that_breaks_off(live: Live, bucket: str, cut: int) -> None:
    before = blobs(live)
    form = body(fields(live, "broken"), bytes(200_000))
    with live.wire() as wire:
        wire.send(post(live, form).head() + form[:cut])
        wire.reset()
    until(lambda: blobs(live) == before)
    assert live.get("/formed/broken").status == 404


def test_an_end_that_never_comes(live: Live, bucket: str) -> None:
    """The length is reached, the last boundary is not."""
    for form in (
        body(fields(live, "open"), b"x" * 100_000)[:-10],
        b"".join(part(*each) for each in fields(live).items()),
    ):
        answer = live.ask(post(live, form))
        assert (answer.status, answer.code) == (400, "MalformedPOSTRequest")
    assert live.get("/formed/open").status == 404


@pytest.mark.parametrize(
    "form",
    [
        b"x" * 60_000,
        b"\r\n" * 30_000,
        part("filler", "y" * 60_000),
        f"--{BOUNDARY}\r\nX: ".encode() + b"h" * 60_000,
        f"--{BOUNDARY}\r\n".encode() + b"X: h\r\n" * 9_000,
    ],
    ids=range(5),
)
def test_what_never_becomes_a_form(live: Live, bucket: str, form: bytes) -> None:
    """Gigabytes are announced. It is refused by what has come, and nothing is kept of it."""
    before = blobs(live)
    with live.wire() as wire:
        wire.send(post(live, form, length=4 << 30))
        answer = wire.answer("POST")
    assert (answer.status, answer.code) == (400, "MaxPostPreDataLengthExceeded")
    assert blobs(live) == before


def test_a_file_that_is_too_large_is_not_read_to_its_end(live: Live, bucket: str) -> None:
    before = blobs(live)
    form = body(fields(live), bytes(4_000_000))
    with live.wire() as wire:
        wire.send(post(live, form, length=4 << 30))
        answer = wire.answer("POST")
    assert (answer.status, answer.code) == (400, "EntityTooLarge")
    until(lambda: blobs(live) == before)


def test_a_refused_form_with_expectations(live: Live, bucket: str) -> None:
    """Its fields are the body's beginning: they have to come before anything can be refused."""
    form = body({**fields(live), "signature": "AAAA"}, b"x")
    sent = post(live, form).having(expect="100-continue")
    with live.wire() as wire:
        wire.send(sent.head())
        wire.send(form)
        answer = wire.answer("POST")
        while answer.status == 100:
            answer = wire.answer("POST")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
