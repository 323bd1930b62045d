"""Invocations: now, later, or as a stream.

Source: Lambda API Reference, Invoke, InvokeAsync, InvokeWithResponseStream; Lambda Developer Guide, "Lambda quotas".
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.lambda_ import asking, queue, recursion
from fogbank.services.lambda_.asking import BEGUN, ENDED, PIECE, Run
from fogbank.services.lambda_.errors import USER, conflict
from fogbank.services.lambda_.names import function_of
from fogbank.services.lambda_.records import ACTIVE
from fogbank.services.lambda_.resolving import resolve
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name
    from fogbank.services.lambda_.records import Version
    from fogbank.services.lambda_.resolving import Found

ACTION: Final = "lambda:InvokeFunction"
MOST_NOW: Final = 6_291_456  # bytes of a payload
MOST_LATER: Final = 1_048_576
MOST_CONTEXT: Final = 3583  # bytes of a client context, encoded
TAIL: Final = 4096  # bytes of the log
TAKES: Final = "FunctionName LogType ClientContext Qualifier Payload InvocationType"


@lambda_.operation("act", "function", action=ACTION, takes=TAKES)
def invoke(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """Run a function and wait for its answer; or have it run later (Event); or only say whether it could be (DryRun)."""
    kind = req.get("InvocationType", "RequestResponse")
    run, found = asked(call, req, MOST_LATER if kind == "Event" else MOST_NOW)
    if kind == "DryRun":
        return at_once({"StatusCode": 204})
    if kind == "Event":
        return accepted(call, run, req)
    return answered(call, run, found.version, tail=req.get("LogType") == "Tail")


@lambda_.operation("act", "function", action=ACTION, takes=TAKES)
def invoke_with_response_stream(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """Run a function, and pass its answer on as it comes."""
    run, found = asked(call, req, MOST_NOW)
    if req.get("InvocationType") == "DryRun":
        return at_once({"StatusCode": 204, "EventStream": b""})
    return streamed(call, run, found.version, tail=req.get("LogType") == "Tail")


@lambda_.operation("act", "function", action=ACTION, takes="FunctionName InvokeArgs")
def invoke_async(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """Have a function run later. AWS's first operation for that; new programs call Invoke."""
    given = {**req, "Payload": req["InvokeArgs"]}
    run, _ = asked(call, given, MOST_LATER)
    return accepted(call, run, given, "Status")


async def at_once(result: dict[str, Any]) -> dict[str, Any]:
    """A result that nobody has to wait for."""
    return result


def asked(call: Call, req: Input, most: int) -> tuple[Run, Found]:
    """What is to be run; AwsError where it cannot be."""
    payload = req.get("Payload") or b"{}"
    if len(payload) > most:
        raise too_large(most)
    context = context_of(req.get("ClientContext", ""))
    check_json(payload)
    name = function_of(call, req)
    found = resolve(call.tx, name, int.from_bytes(call.ids.random(4), "big") / 2**32)
    need_ready(found.version)
    trace = traced(call, found, name)
    run = Run(
        account=name.account,
        region=name.region,
        name=name.name,
        version=found.version.number,
        arn=name.arn,
        id=call.request_id,
        payload=payload,
        context=context,
        trace=trace,
        tail=req.get("LogType") == "Tail",
    )
    return run, found


def traced(call: Call, found: Found, name: Name) -> str:
    """The tracing header; RecursiveInvocationException for a function that is in a loop."""
    given = call.request.headers.get("x-amzn-trace-id", "")
    trace, before = recursion.counted(asking.trace_of(given, call.ids, call.now.timestamp()), name.unqualified)
    if before >= recursion.MOST and found.function.recursion != "Allow":
        raise recursion.recursive(name.unqualified)
    return trace


def check_json(payload: bytes) -> None:
    """Raise for a payload that is not JSON."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = f"Could not parse request body into json: Could not parse payload into json: {str(error)[:200]}"
        raise AwsError("InvalidRequestContentException", why, fields=USER) from None


def context_of(given: str) -> str:
    """The client's context: JSON, which it sends in base 64."""
    if not given:
        return ""
    if len(given) > MOST_CONTEXT:
        what = f"Client context must be smaller than {MOST_CONTEXT} bytes after base64 encoding."
        raise AwsError("InvalidRequestContentException", what, fields=USER)
    try:
        found = msgspec.json.decode(b64decode(given, validate=True))
        if isinstance(found, dict):
            return msgspec.json.encode(found).decode()  # on one line: it becomes a header
    except (Base64Error, ValueError, msgspec.MsgspecError, RecursionError):
        pass
    raise AwsError(
        "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.", fields=USER
    )


def need_ready(version: Version) -> None:
    """Raise for a version that cannot run, or not yet."""
    if version.state != ACTIVE:
        raise conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: "
            f"{version.state}"
        )


def too_large(most: int) -> AwsError:
    """The error for a payload that is too large."""
    what = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
    return AwsError("RequestTooLargeException", what, fields=USER)


async def answered(call: Call, run: Run, version: Version, *, tail: bool) -> dict[str, Any]:
    """Run it now."""
    ran = await asking.run(call.control, run)
    found: dict[str, Any] = {"StatusCode": 200, "Payload": ran.payload, "ExecutedVersion": version.qualifier}
    if ran.error:
        found["FunctionError"] = ran.error
    if tail:
        found["LogResult"] = b64encode(ran.tail[-TAIL:]).decode()
    return found


async def accepted(call: Call, run: Run, req: Input, status: str = "StatusCode") -> dict[str, Any]:
    """Keep it, to be run soon: durable before the caller is told. `status` is what the answer calls it."""
    event = queue.new(function_of(call, req), call.now, run.trace)
    sealed = queue.seal(call.vault, run.id, run.payload, run.context)
    await call.home.store.write(lambda tx: queue.put(tx, event, run.id, sealed))
    asking.wake(call.control)
    return {status: 202}


async def streamed(call: Call, run: Run, version: Version, *, tail: bool) -> dict[str, Any]:
    """Run it now, and answer as soon as it begins to."""
    pieces = asking.stream(call.control, run)
    first = await anext(pieces)
    assert first.startswith(BEGUN)
    return {"StatusCode": 200, "ExecutedVersion": version.qualifier, "EventStream": events(pieces, tail=tail)}


async def events(pieces: AsyncIterator[bytes], *, tail: bool) -> AsyncIterator[dict[str, Any]]:
    """The pieces of an answer as events, and its end."""
    async with asking.taken(pieces):
        async for piece in pieces:
            if piece.startswith(PIECE):
                yield {"PayloadChunk": {"Payload": piece[1:]}}
            elif piece.startswith(ENDED):
                yield {"InvokeComplete": complete(piece, tail=tail)}


def complete(piece: bytes, *, tail: bool) -> dict[str, str]:
    """The last event of a streamed answer."""
    ran = asking.decode_ran(piece[1:])
    found: dict[str, str] = {}
    if ran.error:
        found = {"ErrorCode": ran.error, "ErrorDetails": ran.payload.decode("utf-8", "replace")}
    if tail:
        found["LogResult"] = b64encode(ran.tail[-TAIL:]).decode()
    return found
