"""Who is told what came of asynchronous invocations: destinations, and dead-letter targets. It is the function's role that sends.

Source: Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations".
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core import destinations
from fogbank.core.authorize import authorise
from fogbank.core.destinations import Sender
from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.lambda_ import asking, in_bucket, queue, recursion
from fogbank.services.lambda_.credentials import SENDS, SERVICE, Roles
from fogbank.services.lambda_.invoke import MOST_LATER, too_large
from fogbank.services.lambda_.names import function_of
from fogbank.services.lambda_.resolving import need
from fogbank.services.lambda_.service import lambda_
from fogbank.store import outbox

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.core.principal import Principal
    from fogbank.services.lambda_.queue import Waiting
    from fogbank.store.api import Tx

EFFECT: Final = "lambda.result"
AT_ONCE: Final = 4
SUCCESS: Final = "Success"
RETRIES_EXHAUSTED: Final = "RetriesExhausted"
TOO_OLD: Final = "EventAgeExceeded"
# Failures that no retry makes good.
FINAL: Final = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "NoSuchBucket",
        "RecursiveInvocationException",
        "RequestTooLargeException",
        "ResourceNotFoundException",
        "ValidationException",
    )
)

_log = logging.getLogger("fogbank.lambda")


class Telling(msgspec.Struct, frozen=True, array_like=True):
    """What is to be told to whom; `role` and `function` (its unqualified ARN) say who tells it."""

    arn: str
    account: str
    region: str
    function: str
    role: str
    condition: str
    body: bytes
    trace: str = ""


class Result(msgspec.Struct, frozen=True):
    """What came of an event: the condition, the version that ran last, and its answer, if any version ran."""

    condition: str
    version: str
    invoked: int  # times
    error: str = ""
    payload: bytes | None = None


def tell(ctx: Background, tx: Tx, arn: str, role: str, one: Waiting, body: bytes, condition: str) -> None:
    """Have something told after this transaction: until then it is kept sealed."""
    account, region, name = one.event.line
    function = f"arn:aws:lambda:{region}:{account}:function:{name}"
    telling = Telling(arn, account, region, function, role, condition, body, one.event.trace)
    name = ctx.region.ids.uuid()
    sealed = ctx.region.vault.seal_apart(msgspec.msgpack.encode(telling), f"{EFFECT} {name}")
    outbox.emit(tx, EFFECT, msgspec.msgpack.encode((name, sealed)), now=ctx.region.clock.now())


def record(one: Waiting, result: Result, payload: bytes, now: datetime) -> bytes:
    """The record that a destination is sent."""
    account, region, name = one.event.line
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}:{one.event.qualifier or '$LATEST'}"
    found: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": one.id,
            "functionArn": arn,
            "condition": result.condition,
            "approximateInvokeCount": result.invoked,
        },
        "requestPayload": read(payload),
    }
    if result.payload is not None:
        found["responseContext"] = {
            "statusCode": 200,
            "executedVersion": result.version,
            **({"functionError": result.error} if result.error else {}),
        }
        found["responsePayload"] = read(result.payload)
    return json.dumps(found, separators=(",", ":")).encode()


def read(data: bytes) -> Any:
    """A payload, which is JSON; as a text where a function answered something else."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


@lambda_.effect(EFFECT, at_once=AT_ONCE)
async def deliver(ctx: Background, payload: bytes) -> None:
    """Tell it. What cannot be told, as where the role may not, is dropped, and logged."""
    name, sealed = msgspec.msgpack.decode(payload, type=tuple[str, bytes])
    one = msgspec.msgpack.decode(ctx.region.vault.open_apart(sealed, f"{EFFECT} {name}"), type=Telling)
    try:
        with ctx.region.store.snapshot() as tx:
            role = Roles(ctx).principal(tx, one.role, one.account, one.region, one.function)
        await send(ctx, role, one)
    except AwsError as error:
        if error.code not in FINAL:
            raise
        fields = {"function": one.function, "destination": one.arn, "code": error.code, "why": error.message[:300]}
        _log.warning("a result could not be told", extra={"fields": fields})


async def send(ctx: Background, role: Principal, one: Telling) -> None:
    """Send it in the way of the destination's service."""
    if in_bucket.is_bucket(one.arn):
        await in_bucket.put(ctx, role, one.arn, one.function, one.region, one.body)
        return
    service, region, _ = destinations.parse(one.arn) or ("", "", "")
    if service == "lambda":
        await invoke(ctx, role, one, region)
        return
    if service == "events":
        await ctx.invoke(role, "events", "PutEvents", {"Entries": [entry(one)]}, region=region)
        return
    destination = destinations.find(one.arn)
    if destination is None or not may_send(ctx, role, one, service):
        raise AwsError("AccessDeniedException", f"There is no {one.arn}, or the role may not send to it")
    await destination.deliver(ctx, one.arn, Sender(SERVICE, one.function, one.account), one.body)


def may_send(ctx: Background, role: Principal, one: Telling, service: str) -> bool:
    """Whether the role may send to a destination of another service."""
    action, (_, _, owner) = SENDS.get(service), destinations.parse(one.arn) or ("", "", "")
    if action is None:
        return False
    with ctx.region.store.snapshot() as tx:
        call = ctx.call(tx, role, ctx.bound("lambda", "Invoke"), {}, one.region)
        return call.may(Permission(action, one.arn, {}), owner)


async def invoke(ctx: Background, role: Principal, one: Telling, region: str) -> None:
    """Have another function run for it, if the role may invoke that. The chain of invocations goes on: it may be a loop."""
    if len(one.body) > MOST_LATER:
        raise too_large(MOST_LATER)
    req = {"FunctionName": one.arn, "InvocationType": "Event"}
    request_id = ctx.region.ids.uuid()
    sealed = queue.seal(ctx.region.vault, request_id, one.body)

    def write(tx: Tx) -> None:
        call = ctx.call(tx, role, ctx.bound("lambda", "Invoke"), req, region)
        authorise(call, call.bound.service.model.protocol)
        name = function_of(call, req)
        trace, before = recursion.counted(one.trace, name.unqualified)
        if before >= recursion.MOST and need(tx, name).function.recursion != "Allow":
            raise recursion.recursive(name.unqualified)
        queue.put(tx, queue.new(name, call.now, trace), request_id, sealed)

    await ctx.region.store.write(write)
    asking.wake(ctx.region.control)


def entry(one: Telling) -> dict[str, Any]:
    """A record as an event of EventBridge."""
    outcome = "Success" if one.condition == SUCCESS else "Failure"
    context = json.loads(one.body).get("requestContext", {})
    return {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {outcome}",
        "Resources": [one.arn, context.get("functionArn", one.function)],
        "Detail": one.body.decode(),
        "EventBusName": one.arn,
    }
