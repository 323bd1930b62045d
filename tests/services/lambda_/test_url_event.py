"""Requests to function URLs, as functions see them."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.core.principal import root_of
from fogbank.services.lambda_.url_event import Asked, event
from fogbank.wire.http import HttpRequest

AT = datetime(2026, 3, 12, 19, 3, 58, 390000, tzinfo=UTC)
HOST = "abc.lambda-url.us-east-1.localhost:4566"


def seen(method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest(method, path, query, {"host": HOST} | named, body, "192.0.2.1", "http")
    found: dict[str, Any] = json.loads(event(Asked("abc", request, "id-1", AT, "Root=1-2-3")))
    return found


def test_a_request_in_format_two() -> None:
    found = seen("POST", "/my/a path", "a=1&a=2&b=%C3%A9", b"Hello", content_type="text/plain", user_agent="agent")
    assert found["version"] == "2.0"
    assert (found["rawPath"], found["rawQueryString"]) == ("/my/a%20path", "a=1&a=2&b=%C3%A9")
    assert found["queryStringParameters"] == {"a": "1,2", "b": "é"}
    assert (found["body"], found["isBase64Encoded"]) == ("Hello", False)
    context = found["requestContext"]
    assert context["accountId"] == "anonymous"
    assert (context["apiId"], context["domainPrefix"]) == ("abc", "abc")
    assert context["domainName"] == "abc.lambda-url.us-east-1.localhost"
    assert context["time"] == "12/Mar/2026:19:03:58 +0000"
    assert context["timeEpoch"] == 1773342238390
    assert context["http"] == {
        "method": "POST",
        "path": "/my/a%20path",
        "protocol": "HTTP/1.1",
        "sourceIp": "192.0.2.1",
        "userAgent": "agent",
    }
    assert found["headers"]["x-forwarded-for"] == "192.0.2.1"
    assert found["headers"]["x-forwarded-port"] == "4566"


def test_cookies_stand_apart() -> None:
    found = seen(cookie="a=1; b=2;")
    assert found["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in found["headers"]


@pytest.mark.parametrize(
    ("kind", "encoding", "text"),
    [
        ("application/json; charset=utf-8", "", True),
        ("application/problem+json", "", True),
        ("image/png", "", False),
        ("application/x-www-form-urlencoded", "", False),
        ("application/json", "gzip", False),
        ("", "", False),
    ],
)
def test_what_is_no_text_comes_in_base64(kind: str, encoding: str, text: bool) -> None:
    headers = {"content_type": kind} | ({"content_encoding": encoding} if encoding else {})
    found = seen("POST", body=b"{}", **headers)
    assert found["isBase64Encoded"] is not text
    assert (found["body"] if text else b64decode(found["body"]).decode()) == "{}"


def test_text_that_is_not_comes_in_base64() -> None:
    found = seen("POST", body=b"\xff\xfe", content_type="text/plain")
    assert b64decode(found["body"]) == b"\xff\xfe"


def test_a_request_without_a_body_has_none() -> None:
    found = seen()
    assert "body" not in found
    assert found["isBase64Encoded"] is False


def test_who_calls_is_told_where_the_url_asks() -> None:
    caller = root_of("123456789012", "AKIAIOSFODNN7EXAMPLE")
    request = HttpRequest("GET", "/", "", {"host": HOST}, b"", "192.0.2.1", "https")
    context = json.loads(event(Asked("abc", request, "id-1", AT, "", caller)))["requestContext"]
    assert context["accountId"] == "123456789012"
    assert context["authorizer"]["iam"]["userArn"] == "arn:aws:iam::123456789012:root"
    assert context["authorizer"]["iam"]["accessKey"] == "AKIAIOSFODNN7EXAMPLE"


def test_headers_of_the_connection_are_not_the_functions() -> None:
    found = seen(transfer_encoding="chunked", connection="close", x_forwarded_for="10.0.0.1")
    assert not found["headers"].keys() & {"transfer-encoding", "connection"}
    assert found["headers"]["x-forwarded-for"] == "10.0.0.1, 192.0.2.1"


@given(st.text(), st.text(), st.binary(), st.text())
def test_whatever_is_sent_becomes_json(path: str, query: str, body: bytes, header: str) -> None:
    encoded = path.encode("utf-8", "replace").decode()
    assert seen("POST", encoded, query, body, content_type="text/x", cookie=header)["version"] == "2.0"
