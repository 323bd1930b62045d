"""Hostile heads: whatever arrives, authentication answers with an AWS error or not at all, and promptly."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigv4_client import KEY, NOW, SECRET, Sent, changed

from fogbank.auth import claim, verify
from fogbank.auth.canonical import canonical_headers, canonical_path, canonical_query
from fogbank.auth.claimed import parse_time
from fogbank.auth.claims import parse_credential, split_names
from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest

if TYPE_CHECKING:
    from fogbank.auth.verification import Verified

quick = settings(max_examples=300, deadline=None, derandomize=True)
anything = st.text(max_size=60)
names = st.sampled_from(
    ["authorization", "host", "date", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-target"]
)
tokens = st.sampled_from(
    [
        "AWS4-HMAC-SHA256",
        " ",
        ",",
        "Credential=",
        "SignedHeaders=",
        "Signature=",
        "host",
        ";",
        "/",
        f"{KEY}/20260314/us-east-1/s3/aws4_request",
        f"{KEY}/20260314/us-east-1/iam/aws4_request",
        "X-Amz-Algorithm=",
        "X-Amz-Credential=",
        "X-Amz-Date=20260314T150926Z",
        "X-Amz-Expires=",
        "X-Amz-SignedHeaders=",
        "X-Amz-Signature=",
        "&",
        "%",
        "%2F",
        "20260314T150926Z",
        "٣",
    ]
)
grammar = st.lists(tokens | anything, max_size=14).map("".join)


def attempt(request: HttpRequest) -> Verified | None:
    """What a gateway does with a request."""
    found = claim(request)
    return None if found is None else verify(found, request, SECRET, NOW)


@quick
@given(anything, grammar, st.dictionaries(names | anything, grammar, max_size=6), st.binary(max_size=20))
def test_any_request_is_anonymous_or_refused(path: str, query: str, headers: dict[str, str], body: bytes) -> None:
    done: Verified | None = None
    with suppress(AwsError):
        done = attempt(HttpRequest("GET", path, query, headers, body))
    assert done is None


@quick
@given(grammar)
def test_any_credentials_are_refused(text: str) -> None:
    headers = {"authorization": f"AWS4-HMAC-SHA256 {text}", "host": "h", "x-amz-date": "20260314T150926Z"}
    with pytest.raises(AwsError):
        attempt(HttpRequest("GET", "/", "", headers))


@quick
@given(st.data(), st.sampled_from(["s3", "iam", "logs"]), st.booleans())
def test_any_mutation_is_refused_or_means_the_same(data: st.DataObject, service: str, query: bool) -> None:
    sent = Sent(service, headers={"x-amz-meta-a": "b"}, url="https://s3.amazonaws.com/a%20b?list=1&prefix=%2F")
    request = sent.presign() if query else sent.sign()
    text = request.query if query else request.headers["authorization"]
    at = data.draw(st.integers(0, len(text)))
    forged = text[:at] + data.draw(anything) + text[at + data.draw(st.integers(0, 3)) :]
    mutated = changed(request, query=forged) if query else changed(request, headers={"authorization": forged})
    try:
        done = attempt(mutated)
    except AwsError:
        return
    if done is not None:  # the same claim in another spelling
        assert done == attempt(request)
        assert canonical_query(mutated.query) == canonical_query(request.query)


@quick
@given(anything, st.none() | anything, st.booleans())
def test_canonical_forms_never_fail(text: str, raw: str | None, s3: bool) -> None:
    for form in (canonical_path(text, s3=s3, raw_path=raw), canonical_query(text)):
        assert form.isascii()
        assert "\n" not in form
        assert " " not in form
    assert canonical_headers({"a": text}, ["a"]).startswith("a:")


@quick
@given(st.lists(st.tuples(anything, anything), max_size=5))
def test_canonical_query_is_a_fixed_point(pairs: list[tuple[str, str]]) -> None:
    once = canonical_query("&".join(f"{name}={value}" for name, value in pairs))
    assert canonical_query(once) == once


def test_lone_surrogates_are_refused_too() -> None:
    # No server sends them, but nothing may rest on that.
    bad = "\ud800"
    request = Sent(headers={"x-amz-meta-a": "b"}).sign()
    for forged in (
        changed(request, path=f"/{bad}"),
        changed(request, query=bad),
        changed(request, headers={"x-amz-meta-a": bad}),
        changed(request, headers={"authorization": request.headers["authorization"] + bad}),
    ):
        with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
            attempt(forged)


@quick
@given(anything)
def test_small_parsers_never_fail(text: str) -> None:
    parse_credential(text)
    parse_time(text)
    parse_time(text[:16].ljust(16, "0"))
    split_names(text)


HUGE = {
    "commas": {"authorization": "AWS4-HMAC-SHA256 " + "," * 500_000},
    "parameters": {"authorization": "AWS4-HMAC-SHA256 " + "Credential=a," * 50_000},
    "scheme": {"authorization": "A" * 1_000_000},
    "credential": {"authorization": f"AWS4-HMAC-SHA256 Credential={'/' * 500_000}, SignedHeaders=a, Signature=a"},
    "names": {
        "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260314/us-east-1/s3/aws4_request, "
        f"SignedHeaders={';'.join(map(str, range(50_000)))}, Signature=a",
        "x-amz-date": "20260314T150926Z",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    },
    "date": {
        "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260314/us-east-1/s3/aws4_request, "
        "SignedHeaders=host, Signature=a",
        "date": "Sat, 14 Mar 2026 15:09:26 +" + "0" * 500_000,
    },
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_heads_are_refused_at_once(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(AwsError) as caught:
        attempt(HttpRequest("GET", "/" * 100_000, "", HUGE[name]))
    assert time.perf_counter() - start < 20  # no measure: what backtracks takes minutes
    assert len(caught.value.message) < 2000


def test_a_huge_query_is_refused_at_once() -> None:
    start = time.perf_counter()
    with pytest.raises(AwsError):
        attempt(HttpRequest("GET", "/", "X-Amz-Algorithm&" + "%41=+&" * 50_000, {}))
    assert time.perf_counter() - start < 20  # no measure: what backtracks takes minutes
