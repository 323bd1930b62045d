"""AWS's Signature Version 4 test suite, from the shared vectors beside the project."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest

from fogbank.auth import claim, verify
from fogbank.auth.canonical import canonical_headers, canonical_path, canonical_query, canonical_request
from fogbank.auth.signing import sign, signing_key, string_to_sign
from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "sigv4"
CASES = sorted(path.parent for path in VECTORS.rglob("*.req"))
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not CASES, reason=f"AWS's SigV4 test suite is not at {VECTORS}")


def parse(text: str) -> tuple[HttpRequest, str]:
    """A request file as a gateway would hand it over, and its path as it was on the wire."""
    head, _, body = text.partition("\n\n")
    first, *rest = head.rstrip("\n").split("\n")
    method, target = first.removesuffix(" HTTP/1.1").split(" ", 1)
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    name = ""
    for line in rest:
        if line.startswith(" "):  # a folded header
            headers[name] += f" {line.strip()}"
            continue
        name, _, value = line.partition(":")
        name = name.lower()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return HttpRequest(method, unquote(path), query, headers, body.encode()), path


def signed(case: Path) -> tuple[HttpRequest, str]:
    """The signed request with the Authorization of the case's own file: one .sreq carries another case's signature."""
    request, path = parse(read(case, "sreq"))
    headers = {**request.headers, "authorization": read(case, "authz").strip()}
    return HttpRequest(request.method, request.path, request.query, headers, request.body), path


def read(case: Path, kind: str) -> str:
    """One file of a case, with the line ends that signing wants."""
    return (case / f"{case.name}.{kind}").read_text(encoding="utf-8").replace("\r\n", "\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_step_gives_what_aws_published(case: Path) -> None:
    request, raw_path = signed(case)
    expected = read(case, "creq")
    found = claim(request)
    assert found is not None
    canonical = canonical_request(
        request.method,
        canonical_path(request.path, s3=False, raw_path=raw_path),
        canonical_query(request.query),
        canonical_headers(request.headers, found.signed_headers),
        ";".join(found.signed_headers),
        expected.rsplit("\n", 1)[1],
    )
    assert canonical == expected
    text = string_to_sign(found.timestamp, found.scope, canonical.encode())
    assert text == read(case, "sts")
    assert sign(signing_key(SECRET, found.date, found.region, found.service), text) == found.signature


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_signed_request_is_verified(case: Path) -> None:
    request, raw_path = signed(case)
    found = claim(request)
    assert found is not None
    if case.name == "post-sts-header-after":
        # The token was added after signing. AWS lets some services do that; here what is not signed is not believed.
        with pytest.raises(AwsError, match="'x-amz-security-token' must be a 'SignedHeader'"):
            verify(found, request, SECRET, NOW, raw_path=raw_path)
        return
    verify(found, request, SECRET, NOW, raw_path=raw_path, region="us-east-1", services={"service"})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_unsigned_request_is_anonymous(case: Path) -> None:
    request, _ = parse(read(case, "req"))
    assert claim(request) is None
