"""Settings of functions beside their configuration: when their runtime is updated, and what becomes of recursive loops.

Source: Lambda API Reference, PutRuntimeManagementConfig, GetRuntimeManagementConfig, PutFunctionRecursionConfig,
GetFunctionRecursionConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.engine.functions.runtimes import version_of
from fogbank.services.lambda_ import keeping
from fogbank.services.lambda_.errors import invalid
from fogbank.services.lambda_.names import function_of, whole_of
from fogbank.services.lambda_.records import functions
from fogbank.services.lambda_.resolving import need, need_function
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.records import Version


@lambda_.operation("write", "function", takes="FunctionName Qualifier UpdateRuntimeOn RuntimeVersionArn")
def put_runtime_management_config(call: Call, req: Input) -> dict[str, Any]:
    """Say when a version's runtime may be replaced. Of each runtime this machine has one version, which alone can be named."""
    version = addressed(call, req)
    arn = req.get("RuntimeVersionArn", "")
    if (req["UpdateRuntimeOn"] == "Manual") != bool(arn):
        raise invalid("RuntimeVersionArn is needed with UpdateRuntimeOn Manual, and with no other.")
    if arn and arn != version_of(version.runtime, version.region)[1]:
        raise invalid(f"The runtime version {arn} is not one of {version.runtime} that is here.")
    made = msgspec.structs.replace(version, runtime_update=req["UpdateRuntimeOn"], runtime_version=arn)
    return told_runtime(keeping.put(call.tx, made))


@lambda_.operation("read", "function", takes="FunctionName Qualifier")
def get_runtime_management_config(call: Call, req: Input) -> dict[str, Any]:
    """When a version's runtime may be replaced."""
    return told_runtime(addressed(call, req))


def addressed(call: Call, req: Input) -> Version:
    """The version that a request addresses, which may not do it by an alias."""
    found = need(call.tx, function_of(call, req))
    if found.alias is not None:
        raise invalid("Aliases are not supported: name a version, or $LATEST.")
    return found.version


def told_runtime(version: Version) -> dict[str, Any]:
    """When a version's runtime may be replaced, as answers tell it."""
    made = {"UpdateRuntimeOn": version.runtime_update, "FunctionArn": version.arn}
    return made | ({"RuntimeVersionArn": version.runtime_version} if version.runtime_version else {})


@lambda_.operation("write", "whole", takes="FunctionName RecursiveLoop")
def put_function_recursion_config(call: Call, req: Input) -> dict[str, Any]:
    """Let a function be invoked in a loop, or have such loops stopped."""
    function = need_function(call.tx, whole_of(call, req))
    made = msgspec.structs.replace(function, recursion=req["RecursiveLoop"])
    functions.put(call.tx, made, function.account, function.region, function.name)
    return {"RecursiveLoop": made.recursion}


@lambda_.operation("read", "whole", takes="FunctionName")
def get_function_recursion_config(call: Call, req: Input) -> dict[str, Any]:
    """What becomes of a function's recursive loops."""
    return {"RecursiveLoop": need_function(call.tx, whole_of(call, req)).recursion}
