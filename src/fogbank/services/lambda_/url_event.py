"""A request to a function's URL as the function sees it: the payload format 2.0 of API Gateway.

Source: Lambda Developer Guide, "Invoking Lambda function URLs", request and response payloads.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from fogbank.wire.http import split_query

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fogbank.core.principal import Principal
    from fogbank.wire.http import HttpRequest

PATH: Final = "/!$&'()*+,;=:@-._~"  # what a path holds as it is
TEXTS: Final = ("text/", "application/json", "application/xml", "application/javascript", "application/graphql")
SUFFIXES: Final = ("+json", "+xml")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HOP: Final = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)


class Asked(msgspec.Struct, frozen=True):
    """A request to a URL: `url` is the URL's id; `caller` is there where the URL asks who calls."""

    url: str
    request: HttpRequest
    id: str
    at: datetime
    trace: str
    caller: Principal | None = None


def event(asked: Asked) -> bytes:
    """The event, as JSON."""
    request = asked.request
    query, cookies = parameters(request), cookies_of(request)
    found: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": quote(request.path, PATH) or "/",
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers(asked),
        **({"queryStringParameters": query} if query else {}),
        "requestContext": context(asked),
        **body(request),
    }
    return msgspec.json.encode(found)


def body(request: HttpRequest) -> dict[str, Any]:
    """The body of a request: text as it is, anything else in base 64."""
    if not request.body:
        return {"isBase64Encoded": False}
    if is_text(request.headers):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # it is not what it says, but bytes
    return {"body": b64encode(request.body).decode(), "isBase64Encoded": True}


def is_text(headers: Mapping[str, str]) -> bool:
    """Whether a body is text, by its headers."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if headers.get("content-encoding", "identity").lower() != "identity":
        return False
    return kind.startswith(TEXTS) or kind.endswith(SUFFIXES)


def parameters(request: HttpRequest) -> dict[str, str]:
    """The query's parameters, decoded; those of one name are joined with commas."""
    found: dict[str, list[str]] = {}
    for name, value in split_query(request.query):
        found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


def cookies_of(request: HttpRequest) -> list[str]:
    """The request's cookies, each with its name."""
    return [one.strip() for one in request.headers.get("cookie", "").split(";") if one.strip()]


def headers(asked: Asked) -> dict[str, str]:
    """The request's headers, without its cookies, and what a URL adds."""
    request = asked.request
    kept = {name: value for name, value in request.headers.items() if name not in HOP and name != "cookie"}
    before = kept.get("x-forwarded-for")
    port = request.headers.get("host", "").rpartition(":")[2]
    return kept | {
        "x-amzn-trace-id": asked.trace,
        "x-forwarded-for": f"{before}, {request.client}" if before else request.client,
        "x-forwarded-port": port if port.isdecimal() else "443" if request.scheme == "https" else "80",
        "x-forwarded-proto": request.scheme,
    }


def context(asked: Asked) -> dict[str, Any]:
    """What a URL knows of a request beside what it says."""
    request, at = asked.request, asked.at
    caller = asked.caller
    account = caller.account if caller else "anonymous"
    return {
        "accountId": account,
        "apiId": asked.url,
        **({"authorizer": {"iam": identity(caller)}} if caller else {}),
        "domainName": request.headers.get("host", "").partition(":")[0],
        "domainPrefix": asked.url,
        "http": {
            "method": request.method,
            "path": quote(request.path, PATH) or "/",
            "protocol": "HTTP/1.1",
            "sourceIp": request.client,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": asked.id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{at:%d}/{MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000",
        "timeEpoch": int(at.timestamp() * 1000),
    }


def identity(caller: Principal) -> dict[str, str | None]:
    """Who calls, where the URL asks for it."""
    organization = caller.keys.get("aws:principalorgid")
    return {
        "accessKey": caller.access_key_id,
        "accountId": caller.account,
        "callerId": caller.id,
        "cognitoIdentity": None,
        "principalOrgId": organization if isinstance(organization, str) else None,
        "userArn": caller.arn,
        "userId": caller.id,
    }
