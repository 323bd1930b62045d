"""Aliases of functions' versions, which may share their invocations out between two.

Source: Lambda API Reference, CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases; Lambda Developer Guide, "Implement Lambda
canary deployments using a weighted alias".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.lambda_ import gone, keeping
from fogbank.services.lambda_.errors import conflict, invalid, no_function, not_found
from fogbank.services.lambda_.listing import after, paged
from fogbank.services.lambda_.names import LATEST, whole_of
from fogbank.services.lambda_.records import Alias, aliases, versions
from fogbank.services.lambda_.resolving import need_function, number_of
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name

MOST_WEIGHTED: Final = 1  # versions beside the alias's own


@lambda_.operation("write", "whole", takes="FunctionName Name FunctionVersion Description RoutingConfig")
def create_alias(call: Call, req: Input) -> dict[str, Any]:
    """Give a version another name."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    if find(call, name, req["Name"]) is not None:
        raise conflict(f"Alias already exists: {arn(name, req['Name'])}")
    number = checked_version(call, name, req["FunctionVersion"])
    made = Alias(
        name=req["Name"],
        version=number,
        description=req.get("Description", ""),
        weights=checked_weights(call, name, number, weights_in(req)),
        revision=call.ids.uuid(),
    )
    return keep(call, name, made)


@lambda_.operation("read", "whole", takes="FunctionName Name")
def get_alias(call: Call, req: Input) -> dict[str, Any]:
    """What an alias is of."""
    name = whole_of(call, req)
    return told(name, need(call, name, req["Name"]))


@lambda_.operation("write", "whole", takes="FunctionName Name FunctionVersion Description RoutingConfig RevisionId")
def update_alias(call: Call, req: Input) -> dict[str, Any]:
    """Change what a request names of an alias."""
    name = whole_of(call, req)
    old = need(call, name, req["Name"])
    keeping.check_revision(req, old.revision)
    number = checked_version(call, name, req["FunctionVersion"]) if "FunctionVersion" in req else old.version
    weights = weights_in(req) if "RoutingConfig" in req else old.weights
    made = msgspec.structs.replace(
        old,
        version=number,
        description=req.get("Description", old.description),
        weights=checked_weights(call, name, number, weights),
        revision=call.ids.uuid(),
    )
    return keep(call, name, made)


@lambda_.operation("write", "whole", takes="FunctionName Name")
def delete_alias(call: Call, req: Input) -> dict[str, Any]:
    """Take an alias away; one that is not there is deleted already."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    if find(call, name, req["Name"]) is not None:
        aliases.delete(call.tx, name.account, name.region, name.name, req["Name"])
        gone.tell(call.tx, msgspec.structs.replace(name, qualifier=req["Name"]))
    return {}


@lambda_.operation("scan", "whole", takes="FunctionName FunctionVersion Marker MaxItems")
def list_aliases(call: Call, req: Input) -> dict[str, Any]:
    """A function's aliases by name, or those of one of its versions."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    return paged(req, "Aliases", of_function(call, req, name), lambda alias: told(name, alias))


def of_function(call: Call, req: Input, name: Name) -> Iterator[tuple[str, Alias]]:
    """The aliases that a request lists."""
    version = req.get("FunctionVersion")
    number = number_of(version) if version else None
    for _, alias in aliases.scan(call.tx, name.account, name.region, name.name, start_after=after(req)):
        if version is None or number == alias.version or version in alias.weights:
            yield alias.name, alias


def find(call: Call, name: Name, alias: str) -> Alias | None:
    """An alias of a function; None if it is not there."""
    return aliases.get(call.tx, name.account, name.region, name.name, alias)


def need(call: Call, name: Name, alias: str) -> Alias:
    """An alias of a function. ResourceNotFoundException."""
    found = find(call, name, alias)
    if found is None:
        raise not_found(f"Cannot find alias arn: {arn(name, alias)}")
    return found


def keep(call: Call, name: Name, alias: Alias) -> dict[str, Any]:
    """Keep an alias, and tell of it."""
    aliases.put(call.tx, alias, name.account, name.region, name.name, alias.name)
    return told(name, alias)


def arn(name: Name, alias: str) -> str:
    """The ARN of an alias."""
    return f"{name.unqualified}:{alias}"


def told(name: Name, alias: Alias) -> dict[str, Any]:
    """An alias as answers tell it."""
    made: dict[str, Any] = {
        "AliasArn": arn(name, alias.name),
        "Name": alias.name,
        "FunctionVersion": str(alias.version) if alias.version else LATEST,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    return made | ({"RoutingConfig": {"AdditionalVersionWeights": alias.weights}} if alias.weights else {})


def weights_in(req: Input) -> dict[str, float]:
    """The weights that a request gives."""
    return dict(req.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}))


def checked_version(call: Call, name: Name, version: str) -> int:
    """The number of a version that is there. ResourceNotFoundException."""
    number = number_of(version)
    if number is None or versions.get(call.tx, name.account, name.region, name.name, number) is None:
        raise no_function(f"{name.unqualified}:{version}")
    return number


def checked_weights(call: Call, name: Name, number: int, weights: dict[str, float]) -> dict[str, float]:
    """Weights of versions beside the alias's own, which are published, both."""
    if not weights:
        return {}
    if len(weights) > MOST_WEIGHTED:
        raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if number == 0:
        raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
    for version in weights:
        if checked_version(call, name, version) == number:
            raise invalid(
                f"Invalid function version {version}. Function version {version} is already included in routing configuration."
            )
    return weights
