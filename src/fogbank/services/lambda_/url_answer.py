"""What a function answers at its URL, as HTTP: a structured answer, or one that is inferred.

Functions are hostile: nothing that they say may become another header, or another answer.

Source: Lambda Developer Guide, "Invoking Lambda function URLs", response payload format; "Response streaming for Lambda functions";
aws-lambda-runtime's `application/vnd.awslambda.http-integration-response`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any, Final

import msgspec

JSON: Final = "application/json"
STREAMED: Final = "application/vnd.awslambda.http-integration-response"
END: Final = b"\0" * 8  # of the head of a streamed answer
MOST_HEAD: Final = 65_536  # bytes of the head of a streamed answer
MOST_HEADERS: Final = 200
MOST_VALUE: Final = 16_384  # characters of a header
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", re.ASCII)
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# Headers that are the connection's, not the function's: they are told under another name, as AWS does.
REMAPPED: Final = frozenset(
    (
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    )
)


class BadAnswer(Exception):
    """What a function said is no answer; its caller is told 502."""


class Answer(msgspec.Struct, frozen=True):
    """An answer. Header names are in lower case; they may repeat."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


def answer(payload: bytes) -> Answer:
    """The answer that a function's payload means; BadAnswer if it means none."""
    try:
        found = msgspec.json.decode(payload) if payload else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadAnswer("not JSON") from None
    if not isinstance(found, dict) or "statusCode" not in found:
        return Answer(200, [("content-type", JSON)], payload)
    body = found.get("body")
    if body is None:
        data = b""
    elif isinstance(body, str):
        data = decoded(body) if found.get("isBase64Encoded") is True else body.encode("utf-8", "replace")
    else:
        raise BadAnswer("the body is no string")
    return Answer(status_of(found), headers_of(found), data)


def decoded(text: str) -> bytes:
    """A body that is sent in base 64."""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise BadAnswer("the body is not in base 64") from None


def status_of(found: dict[str, Any]) -> int:
    """The status of a structured answer: a number, or one in a string."""
    given = found["statusCode"]
    if isinstance(given, str) and re.fullmatch(r"[0-9]{3}", given, re.ASCII):
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 200 <= given <= 599:
        raise BadAnswer("the status is none")
    return given


def headers_of(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The headers of a structured answer, and its cookies."""
    given, cookies = found.get("headers") or {}, found.get("cookies") or []
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise BadAnswer("headers are an object, and cookies a list")
    if len(given) + len(cookies) > MOST_HEADERS:
        raise BadAnswer("too many headers")
    headers = [header(name, value) for name, value in given.items() if value is not None]
    headers += [header("set-cookie", one) for one in cookies]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", JSON))
    return headers


def header(name: str, value: Any) -> tuple[str, str]:
    """A header as it can be sent; BadAnswer for what none can be."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, (int, float)):
        value = str(value)
    if not isinstance(value, str) or not _NAME.fullmatch(name):
        raise BadAnswer("a header is none")
    if len(value) > MOST_VALUE or not _VALUE.fullmatch(value):
        raise BadAnswer("a header's value is none")
    lower = name.lower()
    return (f"x-amzn-remapped-{lower}" if lower in REMAPPED else lower), value


class Head:
    """The head of a streamed answer, taken off what comes first: JSON up to eight NULs."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> tuple[Answer, bytes] | None:
        """Status and headers once they are complete, with what is of the body already; BadAnswer if they cannot be."""
        self._held += chunk
        head, end, rest = self._held.partition(END)
        if len(head) > MOST_HEAD:
            raise BadAnswer("the head is too long")
        if not end:
            return None
        try:
            found = msgspec.json.decode(head)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise BadAnswer("the head is not JSON") from None
        if not isinstance(found, dict):
            raise BadAnswer("the head is no object")
        return Answer(status_of({"statusCode": 200} | found), headers_of(found)), rest
