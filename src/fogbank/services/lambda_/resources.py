"""What Lambda's requests are on: ARNs, whose they are, their policies and tags.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Lambda".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fogbank.services.lambda_ import granted, layer_names, signed
from fogbank.services.lambda_.names import function_of, whole_of
from fogbank.services.lambda_.records import functions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input

FUNCTION: Final = re.compile(
    r"arn:aws[a-z-]*:lambda:([a-z0-9-]+):([0-9]{12}):function:([a-zA-Z0-9_-]+)(?::.*)?", re.ASCII
)


def function(call: Call, req: Input) -> str:
    """The ARN of the addressed function, with the version or alias if the request names one."""
    return function_of(call, req).arn


def whole(call: Call, req: Input) -> str:
    """The ARN of the addressed function, which no version of it stands for: `f:$LATEST` is no other name of f in a policy."""
    return whole_of(call, req).arn


def layer(call: Call, req: Input) -> str:
    """The ARN of the addressed layer."""
    return layer_names.layer_of(call, req).layer_arn


def layer_version(call: Call, req: Input) -> str:
    """The ARN of the addressed version of a layer."""
    return layer_names.layer_of(call, req).arn


def signing_config(_call: Call, req: Input) -> str:
    """The ARN of the addressed code signing configuration."""
    return str(req["CodeSigningConfigArn"])


def tagged(_call: Call, req: Input) -> str:
    """The ARN of what a request about tags is about."""
    return str(req["Resource"])


def owner(call: Call, names: Input) -> str | None:
    """The account of what is addressed; None where nothing is that an account has."""
    if "FunctionName" in names:
        return function_of(call, names).account
    if layer_names.is_layer(names):
        return layer_names.layer_of(call, names).account
    for member in ("Resource", "CodeSigningConfigArn"):
        if member in names:
            return str(names[member]).split(":")[4]
    return None


def policy(call: Call, names: Input) -> Policy | None:
    """The policy of the addressed function or layer."""
    if layer_names.is_layer(names):
        return layer_names.policy(call, names)
    return granted.policy(call, names)


def tags(call: Call, _names: Input, arn: str) -> Mapping[str, str]:
    """The tags of a resource. Versions and aliases have their function's."""
    found = FUNCTION.fullmatch(arn)
    if found is not None:
        function = functions.get(call.tx, found[2], found[1], found[3])
        return function.tags if function else {}
    config = signed.find(call.tx, arn)
    return config.tags if config else {}
