"""Functions' versions as answers tell them.

Source: Lambda API Reference, FunctionConfiguration.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from fogbank.engine.functions.runtimes import version_of
from fogbank.services.lambda_ import environment
from fogbank.services.lambda_.records import told_time

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.lambda_.records import Version

# What lists do not tell.
UNLISTED: Final = (
    "State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode",
    "RuntimeVersionConfig",
)  # fmt: skip


def configuration(call: Call, version: Version, arn: str = "") -> dict[str, Any]:
    """All that there is to say of a version, but for its tags; `arn` is how it was addressed, if it is not by its own ARN."""
    return {
        "FunctionName": version.name,
        "FunctionArn": arn or version.arn,
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.size,
        "Description": version.description,
        "Timeout": version.timeout,
        "MemorySize": version.memory,
        "LastModified": told_time(version.modified),
        "CodeSha256": sha256_told(version.code),
        "Version": version.qualifier,
        "TracingConfig": {"Mode": version.tracing},
        "RevisionId": version.revision,
        "PackageType": "Zip",
        "Architectures": [version.architecture],
        "EphemeralStorage": {"Size": version.ephemeral},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": logging(version),
        "RuntimeVersionConfig": {"RuntimeVersionArn": version_of(version.runtime, version.region)[1]},
        **environment.told(call, version),
        **chosen(version),
        **states(version),
    }


def listed(call: Call, version: Version, arn: str = "") -> dict[str, Any]:
    """What a list tells of a version."""
    return {name: value for name, value in configuration(call, version, arn).items() if name not in UNLISTED}


def sha256_told(digest: str) -> str:
    """A package's SHA-256, as Lambda writes it."""
    return b64encode(bytes.fromhex(digest)).decode()


def logging(version: Version) -> dict[str, Any]:
    """Where and how a version logs."""
    made = {"LogFormat": version.log_format, "LogGroup": log_group(version)}
    if version.log_format == "JSON":
        made |= {"ApplicationLogLevel": version.application_level, "SystemLogLevel": version.system_level}
    return made


def log_group(version: Version) -> str:
    """The log group of a version."""
    return version.group or f"/aws/lambda/{version.name}"


def chosen(version: Version) -> dict[str, Any]:
    """What only some functions have."""
    made: dict[str, Any] = {}
    if version.kms_key:
        made["KMSKeyArn"] = version.kms_key
    if version.layers:
        made["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.size} for layer in version.layers]
    if version.dead_letter:
        made["DeadLetterConfig"] = {"TargetArn": version.dead_letter}
    return made


def states(version: Version) -> dict[str, Any]:
    """Whether a version can be used, and how its last change went."""
    found = {
        "State": version.state,
        "StateReason": version.reason,
        "StateReasonCode": version.reason_code,
        "LastUpdateStatus": version.update,
        "LastUpdateStatusReason": version.update_reason,
        "LastUpdateStatusReasonCode": version.update_reason_code,
    }
    return {name: value for name, value in found.items() if value}
