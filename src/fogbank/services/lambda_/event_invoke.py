"""How asynchronous invocations of a function, a version or an alias are tried again, and who is told what came of them.

Source: Lambda API Reference, PutFunctionEventInvokeConfig …; Lambda Developer Guide, "Configuring error handling settings
for Lambda asynchronous invocations", "Capturing records of Lambda asynchronous invocations".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core import destinations
from fogbank.core.paging import read_marker, write_marker
from fogbank.core.service import Permission
from fogbank.services.lambda_ import gone, in_bucket
from fogbank.services.lambda_.credentials import SENDS, role_of
from fogbank.services.lambda_.errors import invalid, not_found
from fogbank.services.lambda_.names import LATEST, function_of, whole_of
from fogbank.services.lambda_.queue import MOST_RETRIES, OLDEST
from fogbank.services.lambda_.resolving import need, need_function
from fogbank.services.lambda_.service import lambda_
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name
    from fogbank.store.api import Tx

PAGE: Final = 50
TAKES: Final = "FunctionName Qualifier MaximumRetryAttempts MaximumEventAgeInSeconds DestinationConfig"


class InvokeConfig(Record, version=1):
    """What was set; None and empty where nothing was. Age in seconds, `modified` in seconds since the epoch."""

    modified: int
    retries: int | None = None
    age: int | None = None
    success: str = ""
    failure: str = ""


configs: Final = Table("lambda.invoke_config", InvokeConfig)  # account, region, name, qualifier or $LATEST


class Rules(msgspec.Struct, frozen=True):
    """What holds for an asynchronous invocation."""

    retries: int = MOST_RETRIES
    age: int = OLDEST
    success: str = ""
    failure: str = ""


def rules(tx: Tx, name: Name) -> Rules:
    """What holds for invocations of a name."""
    found = configs.get(tx, *place(name))
    if found is None:
        return Rules()
    retries = MOST_RETRIES if found.retries is None else found.retries
    return Rules(retries, OLDEST if found.age is None else found.age, found.success, found.failure)


@lambda_.operation("write", "function", takes=TAKES)
def put_function_event_invoke_config(call: Call, req: Input) -> dict[str, Any]:
    """Set it; what the request does not say is as it is by default."""
    return keep(call, req, InvokeConfig(modified=0))


@lambda_.operation("write", "function", takes=TAKES)
def update_function_event_invoke_config(call: Call, req: Input) -> dict[str, Any]:
    """Change what the request says, and leave the rest."""
    return keep(call, req, need_config(call.tx, opened(call, req)))


@lambda_.operation("read", "function", takes="FunctionName Qualifier")
def get_function_event_invoke_config(call: Call, req: Input) -> dict[str, Any]:
    """What was set."""
    name = opened(call, req)
    return told(name, need_config(call.tx, name))


@lambda_.operation("write", "function", takes="FunctionName Qualifier")
def delete_function_event_invoke_config(call: Call, req: Input) -> dict[str, Any]:
    """Go back to what is so by default."""
    name = opened(call, req)
    need_config(call.tx, name)
    configs.delete(call.tx, *place(name))
    return {}


@lambda_.operation("read", "function", takes="FunctionName Marker MaxItems")
def list_function_event_invoke_configs(call: Call, req: Input) -> dict[str, Any]:
    """What was set for a function, its versions and aliases."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    after = read_marker(req.get("Marker"), invalid("Invalid Marker."))
    most = req.get("MaxItems", PAGE)
    line = (name.account, name.region, name.name)
    found = list(configs.scan(call.tx, *line, start_after=after, limit=most + 1))
    shown = [told(msgspec.structs.replace(name, qualifier=str(parts[3])), config) for parts, config in found[:most]]
    more = {"NextMarker": write_marker(str(found[most - 1][0][3]))} if len(found) > most else {}
    return {"FunctionEventInvokeConfigs": shown, **more}


@gone.reaction
def forget(tx: Tx, name: Name) -> None:
    """A function, a version or an alias is deleted."""
    if name.qualifier:
        configs.delete(tx, *place(name))
        return
    for parts, _ in list(configs.scan(tx, name.account, name.region, name.name)):
        configs.delete(tx, *parts)


def place(name: Name) -> tuple[str, str, str, str]:
    """Where the configuration of a name is kept."""
    return name.account, name.region, name.name, name.qualifier or LATEST


def opened(call: Call, req: Input) -> Name:
    """What a request addresses, which is there."""
    name = function_of(call, req)
    need(call.tx, name)
    return name


def need_config(tx: Tx, name: Name) -> InvokeConfig:
    """What was set. ResourceNotFoundException if nothing was."""
    found = configs.get(tx, *place(name))
    if found is None:
        raise not_found(f"The function {arn_of(name)} doesn't have an EventInvokeConfig")
    return found


def arn_of(name: Name) -> str:
    """The ARN as these operations tell it: with a qualifier."""
    return f"{name.unqualified}:{name.qualifier or LATEST}"


def keep(call: Call, req: Input, config: InvokeConfig) -> dict[str, Any]:
    """Change a configuration by what a request says, and keep it."""
    name = opened(call, req)
    wanted = req.get("DestinationConfig", {})
    if not req.keys() & {"MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"}:
        raise invalid("You must specify at least one of error handling or destination setting.")
    changes: dict[str, Any] = {"modified": int(call.now.timestamp())}
    for member, field in (("MaximumRetryAttempts", "retries"), ("MaximumEventAgeInSeconds", "age")):
        if member in req:
            changes[field] = req[member]
    for member, field in (("OnSuccess", "success"), ("OnFailure", "failure")):
        if member in wanted:
            changes[field] = wanted[member].get("Destination", "")
            check_destination(call, name, changes[field], member, wanted)
    made = msgspec.structs.replace(config, **changes)
    configs.put(call.tx, made, *place(name))
    return told(name, made)


def check_destination(call: Call, name: Name, arn: str, when: str, wanted: Input) -> None:
    """Refuse a destination that is not there, or is the function itself. Buckets are for failures."""
    if not arn:
        return
    if in_bucket.is_bucket(arn) and when == "OnFailure":
        in_bucket.check(call, arn, role_of(call.tx, need(call.tx, name).version.role, name.name, call.now))
        return
    parsed = destinations.parse(arn)
    if parsed is None:
        shown = {member: one.get("Destination", "") for member, one in wanted.items()}
        raise invalid(f"The provided destination config {shown} is invalid.")
    if arn.startswith(name.unqualified) and arn[len(name.unqualified) :][:1] in ("", ":"):
        raise invalid("You can't specify the function as a destination for itself.")
    destination = destinations.find(arn) if parsed[0] in SENDS else None
    if destination is not None:
        check_role(
            call, name, arn, parsed[0], parsed[2]
        )  # first: who may not send there is not told whether it is there
    if destination is None or not destination.exists(call.tx, arn):
        raise invalid(f"The destination ARN {arn} is invalid.")


def check_role(call: Call, name: Name, arn: str, service: str, owner: str) -> None:
    """Refuse a destination that the function's role may not send to."""
    action, role = SENDS[service], need(call.tx, name).version.role
    permission = Permission(action, arn, {"FunctionName": arn} if service == "lambda" else {})
    principal = role_of(call.tx, role, name.name, call.now)
    asked = len(call.asked)
    allowed = principal is not None and call.may(permission, owner, principal)
    del call.asked[asked:]  # it is not the caller's question
    if not allowed:
        verb = action.partition(":")[2]
        raise invalid(f"The function's execution role {role} doesn't have permissions to call {verb} on {arn}")


def told(name: Name, config: InvokeConfig) -> dict[str, Any]:
    """A configuration as Lambda tells it."""
    found: dict[str, Any] = {
        "LastModified": datetime.fromtimestamp(config.modified, UTC),
        "FunctionArn": arn_of(name),
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.success} if config.success else {},
            "OnFailure": {"Destination": config.failure} if config.failure else {},
        },
    }
    if config.retries is not None:
        found["MaximumRetryAttempts"] = config.retries
    if config.age is not None:
        found["MaximumEventAgeInSeconds"] = config.age
    return found
