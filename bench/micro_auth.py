"""Microseconds that authentication takes on the request path: claim and verify of what botocore signs, and chunk decoding.

Run: `.venv/bin/python bench/micro_auth.py`. Prints the median of several repeats.
"""

from __future__ import annotations

import statistics
import timeit
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fogbank.auth import ChunkDecoder, PayloadMode, claim, verify
from fogbank.wire.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NUMBER, REPEATS = 2000, 9


def signed(signer: type[SigV4Auth], service: str, method: str, url: str, body: bytes = b"") -> HttpRequest:
    """A request as the gateway hands it over, signed by botocore now."""
    parts = urlsplit(url)
    headers = {"Host": parts.netloc, "User-Agent": "Boto3/1.40 md/Botocore#1.40", "Accept-Encoding": "identity"}
    request = AWSRequest(method, url, headers=headers, data=body)
    signer(Credentials("AKIAIOSFODNN7EXAMPLE", SECRET), service, "us-east-1").add_auth(request)
    parts = urlsplit(str(request.url))
    lower = {name.lower(): value for name, value in request.headers.items()}
    return HttpRequest(method, unquote(parts.path), parts.query, lower, body)


def microseconds(action: Callable[[], object]) -> float:
    """The median time of one call."""
    return statistics.median(timeit.repeat(action, number=NUMBER, repeat=REPEATS)) / NUMBER * 1e6


def gigabytes_per_second(mode: PayloadMode, chunk: int, piece: int) -> float:
    """How fast a body of 16 MiB is decoded from `piece` bytes at a time; signed ones include their sha256."""
    size = 1 << 24
    frame = f"{chunk:x}\r\n".encode() + bytes(chunk) + b"\r\n"
    body = frame * (size // chunk) + b"0\r\n\r\n"
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]

    def once() -> None:
        decoder = ChunkDecoder(mode, size)
        for data in pieces:
            decoder.feed(data)
        decoder.finish()

    return size / statistics.median(timeit.repeat(once, number=1, repeat=REPEATS)) / 1e9


def main() -> None:
    """Print one line for each kind of request, and the speed of chunk decoding."""
    for chunk, piece in ((1 << 20, 1 << 18), (1 << 16, 1 << 16), (1 << 16, 1 << 14)):
        speed = gigabytes_per_second(PayloadMode.UNSIGNED_TRAILER, chunk, piece)
        print(f"unsigned chunks of {chunk >> 10} KiB in pieces of {piece >> 10} KiB: {speed:.1f} GB/s")
    now = datetime.now(UTC)
    host = "https://s3.us-east-1.amazonaws.com"
    cases = {
        "S3 GET, header": signed(S3SigV4Auth, "s3", "GET", f"{host}/bucket/photos/2006/a.jpg"),
        "S3 GET, header, odd key": signed(S3SigV4Auth, "s3", "GET", f"{host}/bucket/a%20b/%C3%A9t%C3%A9%2B.txt"),
        "S3 list, header": signed(S3SigV4Auth, "s3", "GET", f"{host}/bucket?list-type=2&prefix=a%2Fb&max-keys=100"),
        "S3 GET, presigned": signed(S3SigV4QueryAuth, "s3", "GET", f"{host}/bucket/photos/2006/a.jpg"),
        "IAM POST": signed(
            SigV4Auth, "iam", "POST", "https://iam.amazonaws.com/", b"Action=GetUser&Version=2010-05-08"
        ),
    }
    for name, request in cases.items():

        def once(request: HttpRequest = request) -> None:
            request.__dict__.pop("args", None)
            found = claim(request)
            assert found is not None
            verify(found, request, SECRET, now)

        print(f"{name:28s} {microseconds(once):6.1f} us")


if __name__ == "__main__":
    main()
