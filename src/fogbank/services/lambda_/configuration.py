"""The configuration of a function's version: from what a request says to what is kept, checked.

Source: Lambda API Reference, CreateFunction, UpdateFunctionConfiguration; Lambda Developer Guide, "Lambda quotas".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core import destinations
from fogbank.core.errors import AwsError, not_implemented
from fogbank.services.lambda_ import environment, layers_used, runtimes
from fogbank.services.lambda_.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.records import Version

    Settings = dict[str, Any]  # fields of a Version, by name

MEMBERS: Final = (
    "Role Handler Description Timeout MemorySize VpcConfig Environment Runtime DeadLetterConfig KMSKeyArn TracingConfig Layers "
    "FileSystemConfigs ImageConfig EphemeralStorage SnapStart LoggingConfig"
)
MOST_SECONDS: Final = 900
MOST_MEMORY: Final = 10_240  # MiB
MOST_EPHEMERAL: Final = 10_240  # MiB
LEVEL: Final = "INFO"  # of logs in JSON, where none is given


def settings(call: Call, req: Input, arn: str, old: Version | None = None) -> Settings:
    """What a request sets, as fields of a version. `arn` is the function's, `old` its version so far."""
    check_absent(req)
    made: Settings = {}
    for member, read in READ.items():
        if member in req:
            made |= read(call, req[member])
    if "LoggingConfig" in req:
        made |= logging(req["LoggingConfig"], old)
    return made | variables(call, req, arn, old)


def check_absent(req: Input) -> None:
    """Refuse what does not work here, unless it says that there is none of it."""
    vpc = req.get("VpcConfig", {})
    if vpc.get("SubnetIds") or vpc.get("SecurityGroupIds") or vpc.get("Ipv6AllowedForDualStack"):
        raise not_implemented("A function in a VPC")
    if req.get("FileSystemConfigs"):
        raise not_implemented("A function with a file system")
    if req.get("ImageConfig") or req.get("PackageType", "Zip") != "Zip":
        raise not_implemented("A function of a container image")
    if req.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        raise not_implemented("SnapStart")


def plain(field: str) -> Callable[[Call, Any], Settings]:
    """Reads what is kept as it is given."""
    return lambda _call, given: {field: given}


def timeout(_call: Call, given: int) -> Settings:
    """How long an invocation may take, in seconds."""
    if given > MOST_SECONDS:
        constraint = f"Member must have value less than or equal to {MOST_SECONDS}"
        what = f"Value '{given}' at 'timeout' failed to satisfy constraint: {constraint}"
        raise AwsError("ValidationException", f"1 validation error detected: {what}", status=400)
    return {"timeout": given}


def memory(_call: Call, given: int) -> Settings:
    """How much memory an environment has, in MiB."""
    if given > MOST_MEMORY:
        raise beyond("MemorySize", MOST_MEMORY)
    return {"memory": given}


def ephemeral(_call: Call, given: Input) -> Settings:
    """How large an environment's /tmp is, in MiB."""
    if given["Size"] > MOST_EPHEMERAL:
        raise beyond("EphemeralStorage", MOST_EPHEMERAL)
    return {"ephemeral": given["Size"]}


def beyond(member: str, most: int) -> AwsError:
    """The error for a number that is too large."""
    return invalid(
        f"'{member}' value failed to satisfy constraint: Member must have value less than or equal to {most}"
    )


def runtime(_call: Call, given: str) -> Settings:
    """What runs the code."""
    runtimes.check(given)
    return {"runtime": given}


def tracing(_call: Call, given: Input) -> Settings:
    """Whether requests are traced."""
    if given.get("Mode", "PassThrough") != "PassThrough":
        raise not_implemented("Active tracing")
    return {"tracing": "PassThrough"}


def dead_letter(call: Call, given: Input) -> Settings:
    """Where events go that a function failed."""
    target = given.get("TargetArn", "")
    if target:
        parsed = destinations.parse(target)
        if parsed is None or parsed[0] not in ("sqs", "sns"):
            raise invalid(f"The target ARN {target[:256]} is not that of an SQS queue or an SNS topic.")
        found = destinations.find(target)
        if found is None:
            raise not_implemented(f"A dead-letter target of {parsed[0]}")
        if not found.exists(call.tx, target):
            raise invalid(f"The target ARN {target} does not exist.")
    return {"dead_letter": target}


def layers(call: Call, given: list[str]) -> Settings:
    """The layers that a function uses."""
    return {"layers": layers_used.used(call, given)}


def logging(given: Input, old: Version | None) -> Settings:
    """Where and how a function logs. Levels are for JSON alone."""
    before = old.log_format if old else "Text"
    form = given.get("LogFormat", before)
    levels = {"application_level": given.get("ApplicationLogLevel"), "system_level": given.get("SystemLogLevel")}
    made: Settings = {"log_format": form}
    if "LogGroup" in given:
        made["group"] = given["LogGroup"]
    if form == "Text":
        if any(levels.values()):
            raise invalid("Log levels are supported only with the JSON log format. Set LogFormat to JSON to use them.")
        return made | {"application_level": "", "system_level": ""}
    kept = {"application_level": old.application_level, "system_level": old.system_level} if old else {}
    return made | {name: level or kept.get(name) or LEVEL for name, level in levels.items()}


def variables(call: Call, req: Input, arn: str, old: Version | None) -> Settings:
    """The environment's variables, sealed: new ones, or those so far, under another key or for another role."""
    key = req.get("KMSKeyArn", old.kms_key if old else "")
    role = req.get("Role", old.role if old else "")
    if "Environment" in req:
        given = req["Environment"].get("Variables", {})
        environment.check(given)
        if old and not key and not old.wrapped and given == environment.opened(call.vault, call.invoke, old):
            return {"kms_key": key}  # nothing changes: what is sealed anew would look different
    elif old and old.environment and (key != old.kms_key or (key and role != old.role)):
        given = environment.opened(call.vault, call.invoke, old)
    else:
        return {"kms_key": key}
    sealed, wrapped = environment.seal(call, arn, role, given, key)
    return {"kms_key": key, "environment": sealed, "wrapped": wrapped}


READ: Final[dict[str, Callable[[Any, Any], Settings]]] = {
    "Role": plain("role"),
    "Handler": plain("handler"),
    "Description": plain("description"),
    "Timeout": timeout,
    "MemorySize": memory,
    "EphemeralStorage": ephemeral,
    "Runtime": runtime,
    "TracingConfig": tracing,
    "DeadLetterConfig": dead_letter,
    "Layers": layers,
}
