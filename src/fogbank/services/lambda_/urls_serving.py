"""Requests to function URLs, from the permission to the answer.

A URL asks for both lambda:InvokeFunctionUrl and lambda:InvokeFunction: of who signed, or, without authentication, of everybody.

Source: Lambda Developer Guide, "Control access to Lambda function URLs", "Invoking Lambda function URLs", "Response streaming".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.principal import ANONYMOUS
from fogbank.core.service import NO_PERMISSION_NEEDED, Permission
from fogbank.services.lambda_ import asking, url_answer, url_cors, url_event, url_records
from fogbank.services.lambda_.asking import BEGUN, ENDED, PIECE, Run
from fogbank.services.lambda_.invoke import MOST_NOW, need_ready, traced
from fogbank.services.lambda_.resolving import resolve
from fogbank.services.lambda_.service import lambda_
from fogbank.services.lambda_.url_answer import JSON, STREAMED, Answer, BadAnswer, Head
from fogbank.services.lambda_.url_event import Asked
from fogbank.services.lambda_.url_records import IAM, NONE, STREAM, Opened
from fogbank.wire.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.store.api import Tx
    from fogbank.wire.http import HttpRequest

FAILED: Final = b"Internal Server Error"


@lambda_.operation("act", "*", takes="UrlId Payload", action=NO_PERMISSION_NEEDED, anonymous=True)
def invoke_function_url(call: Call, req: Input) -> Awaitable[HttpResponse]:
    """Have the function answer, whatever is asked at its URL."""
    found = url_records.opened(call.tx, req["UrlId"])
    if found is None or found.name.region != call.region:
        return at_once(forbidden())
    request = call.request
    if found.url.cors and url_cors.is_preflight(request.method, request.headers):
        return at_once(HttpResponse(200, [("content-length", "0")]))
    if not may(call, found):
        return at_once(forbidden())
    try:
        run = asked(call, found)
    except AwsError as error:
        return at_once(refused(error))
    if found.url.mode == STREAM:
        return streamed(call, run, found)
    return answered(call, run, found)


async def at_once(response: HttpResponse) -> HttpResponse:
    """An answer that nobody has to wait for."""
    return response


def may(call: Call, found: Opened) -> bool:
    """Whether the caller may use the URL. Without authentication, everybody has to be allowed to, whoever calls."""
    name = found.name
    if found.url.auth == IAM and call.principal.kind == "anonymous":
        return False
    principal = ANONYMOUS if found.url.auth == NONE else call.principal
    names = {"FunctionName": name.arn}
    asks = (
        Permission("lambda:InvokeFunctionUrl", name.arn, names, {"lambda:functionurlauthtype": found.url.auth}),
        Permission("lambda:InvokeFunction", name.arn, names, {"lambda:invokedviafunctionurl": "true"}),
    )
    return all(call.may(each, name.account, principal) for each in asks)


def asked(call: Call, found: Opened) -> Run:
    """What is to be run; AwsError where it cannot be."""
    name = found.name
    target = resolve(call.tx, name, int.from_bytes(call.ids.random(4), "big") / 2**32)
    need_ready(target.version)
    trace, request_id = traced(call, target, name), call.request_id
    caller = call.principal if found.url.auth == IAM else None
    request = Asked(found.url.id, call.request, request_id, call.now, trace, caller)
    payload = url_event.event(request)
    if len(payload) > MOST_NOW:
        raise AwsError("RequestTooLargeException", "Request Entity Too Large", status=413)
    return Run(
        account=name.account,
        region=name.region,
        name=name.name,
        version=target.version.number,
        arn=name.arn,
        id=request_id,
        payload=payload,
        trace=trace,
    )


async def answered(call: Call, run: Run, found: Opened) -> HttpResponse:
    """Run it, and answer what it says."""
    try:
        ran = await asking.run(call.control, run)
    except AwsError as error:
        return refused(error)
    try:
        if ran.error:
            return failed(run)
        answer = url_answer.answer(ran.payload)
    except BadAnswer:
        return failed(run)
    return response(answer, run, found)


async def streamed(call: Call, run: Run, found: Opened) -> HttpResponse:
    """Run it, and answer as soon as it begins to."""
    pieces = asking.stream(call.control, run)
    try:
        begun = await anext(pieces)
        kind = begun.removeprefix(BEGUN).decode("latin-1")
        answer, first = await head(pieces) if kind == STREAMED else await plain(pieces, kind)
    except AwsError as error:
        return refused(error)
    except BadAnswer:
        await asking.leave(pieces)
        return failed(run)
    return response(answer, run, found, rest(first, pieces))


async def head(pieces: AsyncIterator[bytes]) -> tuple[Answer, bytes]:
    """Status and headers from the beginning of a streamed answer, and what comes of the body with them."""
    taking = Head()
    async for piece in pieces:
        if piece.startswith(ENDED):
            break
        found = taking.feed(piece[1:])
        if found is not None:
            return found
    raise BadAnswer("no head")


async def plain(pieces: AsyncIterator[bytes], kind: str) -> tuple[Answer, bytes]:
    """A streamed answer without a head. One that fails before its first byte is an error."""
    first = await anext(pieces)
    if first.startswith(ENDED) and asking.decode_ran(first[1:]).error:
        raise BadAnswer("the function failed")
    body = first[1:] if first.startswith(PIECE) else b""
    return Answer(200, [url_answer.header("content-type", kind or JSON)]), body


async def rest(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body of a streamed answer. It ends where the function fails: its status is sent already."""
    async with asking.taken(pieces):
        if first:
            yield first
        async for piece in pieces:
            if piece.startswith(PIECE):
                yield piece[1:]


def response(answer: Answer, run: Run, found: Opened, body: Any = None) -> HttpResponse:
    """An answer of a function, with what a URL adds. Where the URL has CORS, the function does not say who may read it."""
    headers = url_cors.replaced(answer.headers, []) if found.url.cors else answer.headers
    return HttpResponse(answer.status, headers + added(run), answer.body if body is None else body)


def added(run: Run) -> list[tuple[str, str]]:
    """The headers that a URL adds."""
    return [("x-amzn-requestid", run.id), ("x-amzn-trace-id", run.trace.partition(";")[0])]


def forbidden() -> HttpResponse:
    """The answer to who may not."""
    return told(403, "AccessDeniedException", {"Message": "Forbidden"})


def failed(run: Run) -> HttpResponse:
    """The answer where the function gave none."""
    return HttpResponse(502, [("content-type", JSON), *added(run)], FAILED)


def refused(error: AwsError) -> HttpResponse:
    """The answer where the function was not run."""
    status = error.status or STATUSES.get(error.code, 500)
    content = {"Message": error.message}
    if status == 429:
        content = {"Reason": str(error.fields.get("Reason", "")), "Type": "User", "message": error.message}
    return told(status, error.code, content)


def told(status: int, code: str, content: Mapping[str, str]) -> HttpResponse:
    """An answer of Lambda's own."""
    headers = [("content-type", JSON), ("x-amzn-errortype", code)]
    return HttpResponse(status, headers, json.dumps(content, separators=(",", ":")).encode())


STATUSES: Final = {
    "TooManyRequestsException": 429,
    "ResourceNotFoundException": 404,
    "ResourceConflictException": 409,
    "RecursiveInvocationException": 400,
    "AccessDeniedException": 502,
}


def cross_origin(tx: Tx, request: HttpRequest, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a URL tells pages of other origins, with every answer."""
    found = url_records.opened(tx, labels["UrlId"]) if "UrlId" in labels else None
    if found is None or not found.url.cors:
        return []
    preflight = url_cors.is_preflight(request.method, request.headers)
    return url_cors.headers(found.url.cors, request.headers, preflight=preflight)


lambda_.cross_origin = cross_origin


def welcomes(tx: Tx, labels: Mapping[str, str]) -> bool:
    """Whether a URL is there that asks nobody who calls: of others, nothing large is read without a signature."""
    found = url_records.opened(tx, labels["UrlId"]) if "UrlId" in labels else None
    return found is not None and found.url.auth == NONE


lambda_.welcomes = welcomes
