"""Functions: made, told, listed and deleted.

Source: Lambda API Reference, CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.service import Permission
from fogbank.engine.functions.runtimes import available
from fogbank.services.lambda_ import (
    activation,
    code,
    concurrency,
    configuration,
    execution_role,
    gone,
    keeping,
    key_grants,
    layers_used,
    location,
    publishing,
    runtimes,
    signed,
    tagging,
    told,
)
from fogbank.services.lambda_.errors import conflict, invalid
from fogbank.services.lambda_.listing import after, paged
from fogbank.services.lambda_.names import LATEST, function_of, whole_of
from fogbank.services.lambda_.records import Function, Version, aliases, functions, milliseconds, versions
from fogbank.services.lambda_.resolving import need, need_function, number_of
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input
    from fogbank.services.lambda_.code import Looked
    from fogbank.services.lambda_.names import Name


def creating(call: Call, req: Input) -> list[Permission]:
    """Whoever makes a function passes it its role, reads its layers, and tags it."""
    arn = whole_of(call, req).arn
    found = [execution_role.passing(req["Role"], arn), *layers_used.reading(call, req)]
    return [*found, Permission("lambda:TagResource", arn, req)] if req.get("Tags") else found


def creating_keys(call: Call, req: Input) -> dict[str, Value]:
    """The condition keys of a function that is being made."""
    signing = req.get("CodeSigningConfigArn")
    return layers_used.keys(call, req) | ({"lambda:codesigningconfigarn": signing} if signing else {})


def prepare(call: Call, req: Input) -> Callable[[], Looked]:
    """Look at the code of a function that can be made, and, once, for the interpreters that are here: the transaction needs both."""
    check_new(call, req)
    look = code.prepare(call, req["Code"])

    def work() -> Looked:
        available()
        return look()

    return work


def check_new(call: Call, req: Input) -> Name:
    """The name of a new function; raises for one that is taken, and for what no function of a zip can be without."""
    name = whole_of(call, req)
    configuration.check_absent(req)
    if "Runtime" not in req or not req.get("Handler"):
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    if functions.get(call.tx, name.account, name.region, name.name) is not None:
        raise conflict(f"Function already exist: {name.name}")
    return name


@lambda_.operation(
    "write",
    "whole",
    takes=f"FunctionName Code Publish PackageType Tags CodeSigningConfigArn Architectures {configuration.MEMBERS}",
    also=creating,
    keys=creating_keys,
    prepare=prepare,
    body_from=code.body,
)
def create_function(call: Call, req: Input) -> dict[str, Any]:
    """Make a function; it is ready a moment later."""
    name = check_new(call, req)
    execution_role.check(call, req["Role"], name.arn)
    function = Function(
        account=name.account,
        region=name.region,
        name=name.name,
        created=milliseconds(call.now),
        tags=tagging.checked({}, req.get("Tags", {})),
        signing=signed.checked(call, req.get("CodeSigningConfigArn", "")),
    )
    functions.put(call.tx, function, name.account, name.region, name.name)
    signed.remember(call.tx, function)
    version = activation.begin_new(call, first(call, req, name, code.keep(call)))
    if req.get("Publish"):
        version = publishing.publish(call, version, "")
    return told.configuration(call, version)


def first(call: Call, req: Input, name: Name, looked: Looked) -> Version:
    """$LATEST of a new function."""
    given = configuration.settings(call, req, name.arn)
    layers_used.check_total(looked.unzipped, given.get("layers", ()))
    architectures = req.get("Architectures", [runtimes.architecture()])
    version = Version(
        account=name.account,
        region=name.region,
        name=name.name,
        number=0,
        revision="",
        modified=milliseconds(call.now),
        code=looked.sha256,
        size=looked.size,
        unzipped=looked.unzipped,
        architecture=runtimes.check_architecture(architectures),
        **given,
    )
    keeping.share(call.tx, version.packages[1:])
    return version


@lambda_.operation("read", "function", takes="FunctionName Qualifier")
def get_function(call: Call, req: Input) -> dict[str, Any]:
    """A version's configuration, its tags, and where its code can be downloaded."""
    name = function_of(call, req)
    found = need(call.tx, name)
    return {
        "Configuration": told.configuration(call, found.version, name.arn),
        "Code": {"RepositoryType": "S3", "Location": location.of_function(call, found.version)},
        **reserved(call, name),
        **tags(call, found.function),
    }


def tags(call: Call, function: Function) -> dict[str, Any]:
    """A function's tags, for a caller who may list them, too."""
    if not function.tags:
        return {}
    if call.allowed("lambda:ListTags", function.arn, function.account):
        return {"Tags": function.tags}
    what = f"User: {call.principal.arn} is not authorized to perform: lambda:ListTags on resource: {function.arn}"
    return {"TagsError": {"ErrorCode": "AccessDeniedException", "Message": what}}


def reserved(call: Call, name: Name) -> dict[str, Any]:
    """The concurrency that is reserved for a function, if there is any."""
    found = concurrency.reserved_of(call.tx, name)
    return {} if found is None else {"Concurrency": {"ReservedConcurrentExecutions": found}}


@lambda_.operation("read", "function", takes="FunctionName Qualifier")
def get_function_configuration(call: Call, req: Input) -> dict[str, Any]:
    """A version's configuration."""
    name = function_of(call, req)
    return told.configuration(call, need(call.tx, name).version, name.arn)


@lambda_.operation("scan", "*", takes="MasterRegion FunctionVersion Marker MaxItems")
def list_functions(call: Call, req: Input) -> dict[str, Any]:
    """The account's functions in the region, or all their versions. Functions that edge locations have copies of are not among them:
    there are no edge locations here."""
    every = req.get("FunctionVersion") == "ALL"
    if "MasterRegion" in req:
        if not every:
            raise invalid("MasterRegion needs FunctionVersion to be ALL.")
        return {"Functions": []}
    if every:
        return paged(req, "Functions", all_versions(call, req), lambda one: told.listed(call, one, qualified(one)))
    return paged(req, "Functions", latest_versions(call, req), lambda one: told.listed(call, one))


def latest_versions(call: Call, req: Input) -> Iterator[tuple[object, Version]]:
    """$LATEST of every function, by name, behind the marker."""
    for _, function in functions.scan(call.tx, call.account, call.region, start_after=after(req)):
        found = versions.get(call.tx, call.account, call.region, function.name, 0)
        if found is not None:
            yield function.name, found


def all_versions(call: Call, req: Input) -> Iterator[tuple[object, Version]]:
    """All versions of all functions, behind the marker."""
    name, _, number = (after(req) or "").partition(":")
    behind = (name, number_of(number) or 0) if number else None
    for _, version in versions.scan(call.tx, call.account, call.region, start_after=behind):
        yield f"{version.name}:{version.number}", version


def qualified(version: Version) -> str:
    """A version's ARN with its number, or $LATEST."""
    return f"{version.function_arn}:{version.qualifier}"


@lambda_.operation("bulk", "function", takes="FunctionName Qualifier")
def delete_function(call: Call, req: Input) -> dict[str, Any]:
    """Delete a function with all that belongs to it, or one version of it."""
    name = function_of(call, req)
    function = need_function(call.tx, name)
    if name.qualifier:
        delete_version(call, name)
    else:
        delete_whole(call, function)
    return {"StatusCode": 204}


def delete_whole(call: Call, function: Function) -> None:
    """Forget a function, its versions and its aliases."""
    tx, place = call.tx, (function.account, function.region, function.name)
    for _, version in list(versions.scan(tx, *place)):
        keeping.remove(tx, version, call.now)
    for parts, _ in list(aliases.scan(tx, *place)):
        aliases.delete(tx, *parts)
    functions.delete(tx, *place)
    signed.forget(tx, function)
    key_grants.forget(tx, function, call.now)
    gone.tell(tx, function_of(call, {"FunctionName": function.arn}))


def delete_version(call: Call, name: Name) -> None:
    """Forget a published version that no alias needs. One that is not there is deleted already."""
    number = number_of(name.qualifier)
    if name.qualifier == LATEST or number == 0:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    if number is None:
        raise invalid("Deletion of aliases is not currently supported.")
    place = (name.account, name.region, name.name)
    using = [
        one.name for _, one in aliases.scan(call.tx, *place) if number == one.version or str(number) in one.weights
    ]
    if using:
        raise conflict(f"Unable to delete version because the following aliases reference it: [{', '.join(using)}]")
    found = versions.get(call.tx, *place, number)
    if found is not None:
        keeping.remove(call.tx, found, call.now)
        gone.tell(call.tx, msgspec.structs.replace(name, qualifier=str(number)))
