"""Layers: zips that functions share.

Source: Lambda API Reference, PublishLayerVersion, GetLayerVersion, GetLayerVersionByArn, ListLayers, ListLayerVersions,
DeleteLayerVersion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.lambda_ import code, layer_names, location, told
from fogbank.services.lambda_.errors import invalid, not_found
from fogbank.services.lambda_.listing import after, after_number, paged
from fogbank.services.lambda_.records import LayerName, LayerVersion, layer_versions, layers, milliseconds, told_time
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.code import Looked


def prepare(call: Call, req: Input) -> Callable[[], Looked]:
    """Look at the content of a layer's version."""
    own(call, req)
    return code.prepare(call, req["Content"])


def own(call: Call, req: Input) -> layer_names.LayerName:
    """The layer of a request."""
    name = layer_names.layer_of(call, req)
    if len(name.name) > layer_names.LONGEST:
        raise invalid(f"Layer name {name.name[:100]} is longer than {layer_names.LONGEST} characters.")
    return name


@lambda_.operation(
    "write",
    "layer",
    takes="LayerName Description Content CompatibleRuntimes CompatibleArchitectures LicenseInfo",
    prepare=prepare,
    body_from=code.body,
)
def publish_layer_version(call: Call, req: Input) -> dict[str, Any]:
    """Make a version of a layer, which is there from its first version on."""
    name = own(call, req)
    looked = code.keep(call)
    before = layers.get(call.tx, name.account, name.region, name.name)
    number = (before.newest if before else 0) + 1
    made = LayerVersion(
        account=name.account,
        region=name.region,
        name=name.name,
        number=number,
        created=milliseconds(call.now),
        code=looked.sha256,
        size=looked.size,
        unzipped=looked.unzipped,
        description=req.get("Description", ""),
        runtimes=tuple(req.get("CompatibleRuntimes", ())),
        architectures=tuple(req.get("CompatibleArchitectures", ())),
        licence=req.get("LicenseInfo", ""),
    )
    layers.put(call.tx, LayerName(newest=number), name.account, name.region, name.name)
    layer_versions.put(call.tx, made, name.account, name.region, name.name, number)
    return whole(call, made)


@lambda_.operation("read", "layer_version", takes="LayerName VersionNumber")
def get_layer_version(call: Call, req: Input) -> dict[str, Any]:
    """A version of a layer, and where its content can be downloaded."""
    return whole(call, need(call, req))


@lambda_.operation("read", "layer_version", takes="Arn", action="lambda:GetLayerVersion")
def get_layer_version_by_arn(call: Call, req: Input) -> dict[str, Any]:
    """A version of a layer by its ARN, and where its content can be downloaded."""
    return whole(call, need(call, req))


@lambda_.operation("write", "layer_version", takes="LayerName VersionNumber")
def delete_layer_version(call: Call, req: Input) -> dict[str, Any]:
    """Delete a version of a layer, if it is there; functions that use it go on doing so."""
    name = layer_names.layer_of(call, req)
    found = layer_names.find(call.tx, name)
    if found is not None:
        layer_versions.delete(call.tx, name.account, name.region, name.name, name.number)
        code.release(call.tx, found.code, call.now)
    return {}


@lambda_.operation("scan", "*", takes="LayerName CompatibleRuntime CompatibleArchitecture Marker MaxItems")
def list_layer_versions(call: Call, req: Input) -> dict[str, Any]:
    """A layer's versions, the newest first."""
    name = layer_names.layer_of(call, req)
    if name.account != call.account:
        raise not_found(f"The layer {name.layer_arn} is another account's.")
    behind = after_number(req)
    found = versions_of(call, name.name)
    pairs = ((one.number, one) for one in found if suits(one, req) and (behind is None or one.number < behind))
    return paged(req, "LayerVersions", pairs, item)


@lambda_.operation("scan", "*", takes="CompatibleRuntime CompatibleArchitecture Marker MaxItems")
def list_layers(call: Call, req: Input) -> dict[str, Any]:
    """The account's layers in the region, each with its newest version."""
    return paged(req, "Layers", newest(call, req), layer_item)


def newest(call: Call, req: Input) -> Iterator[tuple[str, LayerVersion]]:
    """The newest version of each layer that suits a request, by name."""
    for parts, _ in layers.scan(call.tx, call.account, call.region, start_after=after(req)):
        name = str(parts[2])
        found = next((one for one in versions_of(call, name) if suits(one, req)), None)
        if found is not None:
            yield name, found


def versions_of(call: Call, name: str) -> Iterator[LayerVersion]:
    """The versions of a layer of the caller's, the newest first."""
    return (one for _, one in layer_versions.scan(call.tx, call.account, call.region, name, reverse=True))


def suits(version: LayerVersion, req: Input) -> bool:
    """Whether a version is for the runtime and the architecture that a list is asked for."""
    wanted = (("CompatibleRuntime", version.runtimes), ("CompatibleArchitecture", version.architectures))
    return all(member not in req or req[member] in given for member, given in wanted)


def need(call: Call, req: Input) -> LayerVersion:
    """The version of a layer that a request addresses. ResourceNotFoundException."""
    found = layer_names.find(call.tx, layer_names.layer_of(call, req))
    if found is None:
        raise not_found("The resource you requested does not exist.")
    return found


def whole(call: Call, version: LayerVersion) -> dict[str, Any]:
    """All that there is to say of a version."""
    content = {
        "Location": location.of_layer(call, version),
        "CodeSha256": told.sha256_told(version.code),
        "CodeSize": version.size,
    }
    return {"Content": content, "LayerArn": version.layer_arn, **item(version)}


def item(version: LayerVersion) -> dict[str, Any]:
    """A version as it is listed."""
    made: dict[str, Any] = {
        "LayerVersionArn": version.arn,
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": told_time(version.created),
    }
    given = {
        "CompatibleRuntimes": list(version.runtimes),
        "CompatibleArchitectures": list(version.architectures),
        "LicenseInfo": version.licence,
    }
    return made | {name: value for name, value in given.items() if value}


def layer_item(version: LayerVersion) -> dict[str, Any]:
    """A layer as it is listed."""
    return {"LayerName": version.name, "LayerArn": version.layer_arn, "LatestMatchingVersion": item(version)}
