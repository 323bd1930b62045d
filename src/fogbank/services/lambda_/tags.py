"""Tags of functions and code signing configurations.

Source: Lambda API Reference, TagResource, UntagResource, ListTags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import not_implemented
from fogbank.services.lambda_ import signed, tagging
from fogbank.services.lambda_.errors import invalid, no_function, not_found
from fogbank.services.lambda_.records import Function, SigningConfig, functions, signing_configs
from fogbank.services.lambda_.resources import FUNCTION
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@lambda_.operation("write", "tagged", takes="Resource Tags")
def tag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Set tags."""
    found = find(call, req["Resource"])
    keep(call, found, tagging.checked(found.tags, req["Tags"]))
    return {}


@lambda_.operation("write", "tagged", takes="Resource TagKeys")
def untag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags; those that are not there are ignored."""
    found = find(call, req["Resource"])
    keep(call, found, {key: value for key, value in found.tags.items() if key not in req["TagKeys"]})
    return {}


@lambda_.operation("read", "tagged", takes="Resource")
def list_tags(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a resource."""
    return {"Tags": find(call, req["Resource"]).tags}


def find(call: Call, arn: str) -> Function | SigningConfig:
    """What has tags: a function as a whole, or a code signing configuration. ResourceNotFoundException."""
    parsed = FUNCTION.fullmatch(arn)
    if parsed is None:
        config = signed.find(call.tx, arn)
        if config is not None and config.region == call.region:
            return config
        if ":code-signing-config:" in arn:
            raise not_found(f"The CodeSigningConfig {arn} cannot be found.")
        raise not_implemented(f"A tag of {arn[:256]}")
    if parsed[0] != f"arn:aws:lambda:{parsed[1]}:{parsed[2]}:function:{parsed[3]}":
        raise invalid(
            "Tags on function aliases and versions are not supported. Please specify either a function name or an unqualified "
            "function ARN."
        )
    function = functions.get(call.tx, parsed[2], parsed[1], parsed[3]) if parsed[1] == call.region else None
    if function is None:
        raise no_function(arn)
    return function


def keep(call: Call, found: Function | SigningConfig, tags: dict[str, str]) -> None:
    """Keep the tags of a resource."""
    if isinstance(found, Function):
        functions.put(call.tx, msgspec.structs.replace(found, tags=tags), found.account, found.region, found.name)
    else:
        made = msgspec.structs.replace(found, tags=tags)
        signing_configs.put(call.tx, made, found.account, found.region, found.id)
