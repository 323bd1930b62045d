"""Code signing configurations, and the functions that have them.

Source: Lambda API Reference, CreateCodeSigningConfig, GetCodeSigningConfig, UpdateCodeSigningConfig, DeleteCodeSigningConfig,
ListCodeSigningConfigs, ListFunctionsByCodeSigningConfig, PutFunctionCodeSigningConfig, GetFunctionCodeSigningConfig,
DeleteFunctionCodeSigningConfig.
"""

from __future__ import annotations

import re
from base64 import b32encode
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.service import Permission
from fogbank.services.lambda_ import signed, tagging
from fogbank.services.lambda_.errors import conflict, invalid, not_found
from fogbank.services.lambda_.listing import after, paged
from fogbank.services.lambda_.names import whole_of
from fogbank.services.lambda_.records import (
    Function,
    SigningConfig,
    functions,
    milliseconds,
    signing_configs,
    told_time,
)
from fogbank.services.lambda_.resolving import need_function
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input

_PROFILE: Final = re.compile(
    r"arn:aws[a-z-]*:signer:[a-z0-9-]+:[0-9]{12}:/signing-profiles/[a-zA-Z0-9_]{2,64}/[a-zA-Z0-9]{10}", re.ASCII
)


def tagging_too(call: Call, req: Input) -> list[Permission]:
    """Tags need a permission of their own."""
    if not req.get("Tags"):
        return []
    arn = f"arn:aws:lambda:{call.region}:{call.account}:code-signing-config:*"
    return [Permission("lambda:TagResource", arn, req)]


@lambda_.operation("write", "*", takes="Description AllowedPublishers CodeSigningPolicies Tags", also=tagging_too)
def create_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """Make a configuration."""
    made = SigningConfig(
        account=call.account,
        region=call.region,
        id=f"csc-{b32encode(call.ids.random(11)).decode().lower()[:17]}",
        modified=milliseconds(call.now),
        publishers=publishers(req),
        policy=policy(req, "Warn"),
        description=req.get("Description", ""),
        tags=tagging.checked({}, req.get("Tags", {})),
    )
    return keep(call, made)


@lambda_.operation("read", "signing_config", takes="CodeSigningConfigArn")
def get_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """A configuration."""
    return {"CodeSigningConfig": told(need(call, req))}


@lambda_.operation(
    "write", "signing_config", takes="CodeSigningConfigArn Description AllowedPublishers CodeSigningPolicies"
)
def update_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """Change what a request names of a configuration; it counts for what is deployed from now on."""
    old = need(call, req)
    made = msgspec.structs.replace(
        old,
        modified=milliseconds(call.now),
        description=req.get("Description", old.description),
        publishers=publishers(req) if "AllowedPublishers" in req else old.publishers,
        policy=policy(req, old.policy),
    )
    return keep(call, made)


@lambda_.operation("write", "signing_config", takes="CodeSigningConfigArn")
def delete_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """Delete a configuration that no function has."""
    found = need(call, req)
    if any(signed.held.scan(call.tx, found.account, found.region, found.id, limit=1)):
        raise conflict("Cannot delete the CodeSigningConfig because it is associated with one or more functions.")
    signing_configs.delete(call.tx, found.account, found.region, found.id)
    return {}


@lambda_.operation("scan", "*", takes="Marker MaxItems")
def list_code_signing_configs(call: Call, req: Input) -> dict[str, Any]:
    """The account's configurations in the region."""
    found = signing_configs.scan(call.tx, call.account, call.region, start_after=after(req))
    return paged(req, "CodeSigningConfigs", ((one.id, one) for _, one in found), told)


@lambda_.operation("scan", "signing_config", takes="CodeSigningConfigArn Marker MaxItems")
def list_functions_by_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """The functions that have a configuration."""
    config = need(call, req)
    start = f"arn:aws:lambda:{config.region}:{config.account}:function:"
    found = signed.held.scan(call.tx, config.account, config.region, config.id, start_after=after(req))
    names = (str(parts[3]) for parts, _ in found)
    return paged(req, "FunctionArns", ((name, name) for name in names), lambda name: start + name)


def on_config(_call: Call, req: Input) -> list[Permission]:
    """Giving a function a configuration takes the same permission on both."""
    arn = req["CodeSigningConfigArn"]
    return [Permission("lambda:PutFunctionCodeSigningConfig", arn, {"CodeSigningConfigArn": arn})]


def config_keys(_call: Call, req: Input) -> dict[str, Value]:
    """The condition key that says which configuration a function is given."""
    return {"lambda:codesigningconfigarn": req["CodeSigningConfigArn"]}


@lambda_.operation("write", "whole", takes="FunctionName CodeSigningConfigArn", also=on_config, keys=config_keys)
def put_function_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """Give a function a configuration, for what is deployed from now on."""
    function = need_function(call.tx, whole_of(call, req))
    signed.need(call, req["CodeSigningConfigArn"])
    give(call, function, req["CodeSigningConfigArn"])
    return {"CodeSigningConfigArn": req["CodeSigningConfigArn"], "FunctionName": function.name}


@lambda_.operation("read", "whole", takes="FunctionName")
def get_function_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """The configuration that a function has; none, if it has none."""
    function = need_function(call.tx, whole_of(call, req))
    found = {"CodeSigningConfigArn": function.signing} if function.signing else {}
    return {"FunctionName": function.name, **found}


@lambda_.operation("write", "whole", takes="FunctionName")
def delete_function_code_signing_config(call: Call, req: Input) -> dict[str, Any]:
    """Take a function's configuration away."""
    give(call, need_function(call.tx, whole_of(call, req)), "")
    return {}


def give(call: Call, function: Function, arn: str) -> None:
    """Keep which configuration a function has."""
    signed.forget(call.tx, function)
    made = msgspec.structs.replace(function, signing=arn)
    signed.remember(call.tx, made)
    functions.put(call.tx, made, made.account, made.region, made.name)


def need(call: Call, req: Input) -> SigningConfig:
    """The configuration of a request. ResourceNotFoundException."""
    found = signed.find(call.tx, req["CodeSigningConfigArn"])
    if found is None or (found.account, found.region) != (call.account, call.region):
        raise not_found(f"The CodeSigningConfig {req['CodeSigningConfigArn']} cannot be found.")
    return found


def keep(call: Call, config: SigningConfig) -> dict[str, Any]:
    """Keep a configuration, and tell of it."""
    signing_configs.put(call.tx, config, config.account, config.region, config.id)
    return {"CodeSigningConfig": told(config)}


def publishers(req: Input) -> tuple[str, ...]:
    """The versions of signing profiles that a request allows."""
    given = tuple(req["AllowedPublishers"]["SigningProfileVersionArns"])
    wrong = next((arn for arn in given if not _PROFILE.fullmatch(arn)), None)
    if wrong is not None:
        raise invalid(f"{wrong[:256]} is not the ARN of a version of a signing profile.")
    return given


def policy(req: Input, before: str) -> str:
    """What becomes of code that is not signed as it should be."""
    return str(req.get("CodeSigningPolicies", {}).get("UntrustedArtifactOnDeployment", before))


def told(config: SigningConfig) -> dict[str, Any]:
    """A configuration as answers tell it."""
    return {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.policy},
        "LastModified": told_time(config.modified),
    }
