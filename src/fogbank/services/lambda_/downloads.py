"""Downloads of code, from the URLs that answers tell (see location.py). AWS has the requests, but no model of them.

Source: Lambda API Reference, GetFunction, GetLayerVersion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.services.lambda_ import code, layer_names
from fogbank.services.lambda_.errors import no_function, not_found
from fogbank.services.lambda_.names import whole_of
from fogbank.services.lambda_.records import packages, versions
from fogbank.services.lambda_.service import lambda_
from fogbank.wire import HttpResponse

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@lambda_.operation("read", "whole", takes="FunctionName CodeSha256", action="lambda:GetFunction")
def download_function_code(call: Call, req: Input) -> HttpResponse:
    """The zip that a version of a function has as its code, by its SHA-256 in hexadecimal."""
    name, wanted = whole_of(call, req), req["CodeSha256"]
    for _, version in versions.scan(call.tx, name.account, name.region, name.name):
        if version.code == wanted:
            return zipped(call, wanted, f"{name.name}.zip")
    raise no_function(name.arn)


@lambda_.operation("read", "layer_version", takes="LayerName VersionNumber", action="lambda:GetLayerVersion")
def download_layer_content(call: Call, req: Input) -> HttpResponse:
    """The zip of a layer's version."""
    name = layer_names.layer_of(call, req)
    found = layer_names.find(call.tx, name)
    if found is None:
        raise not_found("The resource you requested does not exist.")
    return zipped(call, found.code, f"{name.name}-{name.number}.zip")


def zipped(call: Call, package: str, name: str) -> HttpResponse:
    """A package, to be kept under a name."""
    found = packages.get(call.tx, package)
    content = code.content(call.tx, package)
    assert found is not None
    headers = [
        ("content-type", "application/zip"),
        ("content-length", str(found.size)),
        ("content-disposition", f'attachment; filename="{name}"'),
    ]
    return HttpResponse(200, headers, content)
