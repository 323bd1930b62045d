"""CloudWatch Logs groups as targets: an event is an entry of a stream that is named after the day and the rule.

Source: EventBridge User Guide, "Event bus targets", and "Using resource-based policies", CloudWatch Logs permissions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.principal import service_of
from fogbank.services.events.sending import Failed

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.services.events.sending import Sending

SERVICE: Final = "events.amazonaws.com"
GROUP: Final = re.compile(
    r"arn:aws:logs:([a-z0-9-]+):([0-9]{12}):log-group:([.\-_/#A-Za-z0-9]{1,512})(?::\*)?", re.ASCII
)
HOPELESS: Final = {
    "AccessDeniedException": "NO_PERMISSIONS",
    "ResourceNotFoundException": "NO_RESOURCE",
    "InvalidParameterException": "INVALID_PARAMETER",
}


async def send(ctx: Background, what: Sending) -> None:
    """Write an event to a group whose resource policy lets EventBridge do so."""
    found = GROUP.fullmatch(what.arn)
    if found is None or found[2] != what.place.account:
        raise Failed("NO_RESOURCE", "there is no such log group")
    now = ctx.region.clock.now()
    stream = {"logGroupName": found[3], "logStreamName": f"{now:%Y/%m/%d}/{what.rule}"}
    try:
        await make(ctx, what, stream)
        await call(
            ctx, what, "PutLogEvents", {**stream, "logEvents": [entry(what.message, int(now.timestamp() * 1000))]}
        )
    except AwsError as error:
        if error.code in HOPELESS:
            raise Failed(HOPELESS[error.code], error.message) from None
        raise


async def make(ctx: Background, what: Sending, stream: dict[str, str]) -> None:
    """Make the stream, if it is not there."""
    try:
        await call(ctx, what, "CreateLogStream", stream)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise


async def call(ctx: Background, what: Sending, operation: str, req: dict[str, Any]) -> None:
    """Call CloudWatch Logs, as EventBridge for the rule."""
    principal = service_of(SERVICE, what.place.account, what.rule_arn)
    await ctx.invoke(principal, "logs", operation, req, region=what.place.region)


def entry(message: bytes, now: int) -> dict[str, Any]:
    """A message as an entry: its own `timestamp` (milliseconds) and `message`, if a transformer gave it those."""
    try:
        given = msgspec.json.decode(message)
    except msgspec.DecodeError:
        given = None
    if isinstance(given, dict) and set(given) == {"timestamp", "message"} and isinstance(given["timestamp"], int):
        return {"timestamp": given["timestamp"], "message": str(given["message"])}
    return {"timestamp": now, "message": message.decode("utf-8", "replace")}
