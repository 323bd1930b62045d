"""What functions answer at their URLs, as HTTP."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.services.lambda_.url_answer import END, Answer, BadAnswer, Head, answer
from fogbank.services.lambda_.url_cors import headers as cors_headers
from fogbank.services.lambda_.url_cors import is_preflight, replaced

CORS = {
    "AllowOrigins": ["https://a.example", "https://*.b.example"],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["x-one"],
    "MaxAge": 60,
}


def structured(**given: Any) -> Answer:
    return answer(json.dumps(given).encode())


@pytest.mark.parametrize("payload", [b'"Hello"', b'{"message": "Hello"}', b"[1]", b"3", b"null", b""])
def test_what_has_no_status_is_the_body(payload: bytes) -> None:
    assert answer(payload) == Answer(200, [("content-type", "application/json")], payload)


def test_a_structured_answer() -> None:
    found = structured(
        statusCode=201, headers={"Content-Type": "text/html", "X-A": 1, "x-b": True}, body="<p>", cookies=["a=1", "b=2"]
    )
    assert (found.status, found.body) == (201, b"<p>")
    assert found.headers == [
        ("content-type", "text/html"),
        ("x-a", "1"),
        ("x-b", "true"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]


def test_a_body_in_base64() -> None:
    assert structured(statusCode="200", body="/w==", isBase64Encoded=True).body == b"\xff"


def test_headers_of_the_connection_are_remapped() -> None:
    found = structured(statusCode=200, headers={"Content-Length": "5", "Transfer-Encoding": "chunked", "Date": "x"})
    assert [name for name, _ in found.headers] == [
        "x-amzn-remapped-content-length",
        "x-amzn-remapped-transfer-encoding",
        "x-amzn-remapped-date",
        "content-type",
    ]


@pytest.mark.parametrize(
    "payload",
    [
        b"<html>",
        b'{"statusCode": 99}',
        b'{"statusCode": "abc"}',
        b'{"statusCode": true}',
        b'{"statusCode": 200, "headers": [1]}',
        b'{"statusCode": 200, "headers": {"a b": "c"}}',
        b'{"statusCode": 200, "headers": {"a": "b\\r\\nset-cookie: c"}}',
        b'{"statusCode": 200, "headers": {"a": {"b": 1}}}',
        b'{"statusCode": 200, "headers": {"a": "\\u0100"}}',
        b'{"statusCode": 200, "cookies": "a=1"}',
        b'{"statusCode": 200, "cookies": ["a\\nb"]}',
        b'{"statusCode": 200, "body": {}}',
        b'{"statusCode": 200, "body": "!", "isBase64Encoded": true}',
        b"[" * 100_000,
        json.dumps({"statusCode": 200, "headers": {f"h{n}": "v" for n in range(300)}}).encode(),
        json.dumps({"statusCode": 200, "headers": {"h": "v" * 20_000}}).encode(),
    ],
)
def test_what_cannot_be_an_answer_is_none(payload: bytes) -> None:
    with pytest.raises(BadAnswer):
        answer(payload)


@given(
    st.binary()
    | st.builds(
        lambda status, headers, cookies, body: json.dumps(
            {"statusCode": status, "headers": headers, "cookies": cookies, "body": body}
        ).encode(),
        st.integers() | st.text(),
        st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
        st.lists(st.text()),
        st.text(),
    )
)
def test_nothing_becomes_another_header(payload: bytes) -> None:
    try:
        found = answer(payload)
    except BadAnswer:
        return
    assert 200 <= found.status <= 599
    for name, value in found.headers:
        assert re.fullmatch(r"[!-9;-~]+", name)
        assert not re.search(r"[\r\n\0]", value)


def test_the_head_of_a_streamed_answer_comes_in_any_pieces() -> None:
    whole = json.dumps({"statusCode": 201, "headers": {"content-type": "text/plain"}}).encode() + END + b"body"
    for cut in range(1, len(whole)):
        head, pieces = Head(), [whole[:cut], whole[cut:]]
        found = head.feed(pieces.pop(0))
        rest = b"".join(pieces)
        if found is None:
            found, rest = head.feed(rest), b""
        assert found is not None
        assert found[0] == Answer(201, [("content-type", "text/plain")])
        assert found[1] + rest == b"body"


@pytest.mark.parametrize("data", [b"x" * 70_000, b"[]" + END, b"{" + END, b'{"statusCode": 1000}' + END])
def test_a_head_that_is_none(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        Head().feed(data)


def test_cross_origin_headers() -> None:
    assert cors_headers(CORS, {"origin": "https://a.example"}, preflight=False) == [
        ("access-control-allow-origin", "https://a.example"),
        ("vary", "Origin"),
    ]
    assert cors_headers(CORS, {"origin": "https://x.b.example"}, preflight=False)
    assert not cors_headers(CORS, {"origin": "https://evil.example"}, preflight=False)
    assert not cors_headers(CORS, {}, preflight=False)
    anyone = cors_headers({"AllowOrigins": ["*"]}, {"origin": "https://z"}, preflight=False)
    assert anyone == [("access-control-allow-origin", "*")]
    known = cors_headers({"AllowOrigins": ["*"], "AllowCredentials": True}, {"origin": "https://z"}, preflight=False)
    assert ("access-control-allow-origin", "https://z") in known
    assert ("access-control-allow-credentials", "true") in known


def test_a_preflight_is_told_what_is_allowed() -> None:
    asks = {"origin": "https://a.example", "access-control-request-method": "GET"}
    assert is_preflight("OPTIONS", asks)
    assert not is_preflight("GET", asks)
    found = dict(cors_headers(CORS, asks, preflight=True))
    assert found["access-control-allow-methods"] == "GET,POST"
    assert found["access-control-allow-headers"] == "x-one"
    assert found["access-control-max-age"] == "60"


def test_what_a_function_says_of_other_origins_is_replaced() -> None:
    said = [("access-control-allow-origin", "*"), ("x", "1")]
    assert replaced(said, [("access-control-allow-origin", "https://a")]) == [
        ("x", "1"),
        ("access-control-allow-origin", "https://a"),
    ]
