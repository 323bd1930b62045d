"""Environment variables, encrypted at rest: by the region's vault, or under a key of KMS, which lets those read them who may use it.

With a key, the variables are sealed with a data key, which KMS encrypts as the caller, bound to the function's ARN; the function's
role is granted to decrypt it.

Source: Lambda Developer Guide, "Working with Lambda environment variables", "Securing Lambda environment variables".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fogbank.core.errors import AwsError
from fogbank.services.lambda_ import key_grants
from fogbank.services.lambda_.errors import invalid
from fogbank.services.lambda_.key_grants import KeyGrant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.core.vault import Vault
    from fogbank.services.lambda_.records import Version

    Invoke = Callable[[str, str, Input], Any]  # an operation of a service, as a principal

LARGEST: Final = 4096  # bytes of names and values
KEY: Final = 32  # bytes of a data key
NONCE: Final = 12  # bytes
RESERVED: Final = frozenset({
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
})  # fmt: skip


def check(variables: Mapping[str, str]) -> None:
    """InvalidParameterValueException for variables that functions cannot have."""
    taken = [name for name in variables if name in RESERVED]
    start = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    if taken:
        raise invalid(
            f"{start} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(taken)}"
        )
    if any("\0" in value for value in variables.values()):
        raise invalid(f"{start} contains values with null characters.")
    if sum(len(name.encode()) + len(value.encode()) for name, value in variables.items()) > LARGEST:
        told = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
        raise invalid(f"{start} exceeded the 4KB limit. String measured: {told[:LARGEST]}")


def seal(call: Call, arn: str, role: str, variables: Mapping[str, str], key: str) -> tuple[bytes, bytes]:
    """Variables as they are kept, and the data key that they are sealed with, if there is a key of KMS; both empty for none."""
    if not variables:
        return b"", b""
    plain = json.dumps(dict(variables)).encode()
    if not key:
        return call.vault.seal(plain, f"lambda:{arn}"), b""
    data_key = call.ids.random(KEY)
    wrapped = wrap(call, arn, key, data_key)
    grant(call, arn, role, key)
    nonce = call.ids.random(NONCE)
    return nonce + AESGCM(data_key).encrypt(nonce, plain, arn.encode()), wrapped


def wrap(call: Call, arn: str, key: str, data_key: bytes) -> bytes:
    """A data key, encrypted by KMS as the caller."""
    ask = {"KeyId": key, "Plaintext": data_key, "EncryptionContext": context(arn)}
    wrapped: bytes = kms(call, "Encrypt", ask)["CiphertextBlob"]
    return wrapped


def grant(call: Call, arn: str, role: str, key: str) -> None:
    """Let a function's role decrypt its variables, and nothing else, with a key, until it is told that it needs that no longer."""
    _, _, _, region, account, _, name = arn.split(":")
    if key_grants.is_there(call.tx, account, region, name, key, role):
        return
    ask = {
        "KeyId": key,
        "GranteePrincipal": role,
        "Operations": ["Decrypt", "RetireGrant"],
        "Constraints": {"EncryptionContextEquals": context(arn)},
    }
    made = KeyGrant(
        account=account, region=region, function=name, id=kms(call, "CreateGrant", ask)["GrantId"], key=key, role=role
    )
    key_grants.keep(call.tx, made)


def context(arn: str) -> dict[str, str]:
    """The encryption context of a function's variables."""
    return {"aws:lambda:FunctionArn": arn}


def kms(call: Call, operation: str, ask: Input) -> dict[str, Any]:
    """Ask KMS, as the caller. Its errors are told as Lambda tells them."""
    try:
        answer: dict[str, Any] = call.invoke("kms", operation, ask)
    except AwsError as error:
        start = "Lambda was unable to configure access to your environment variables because"
        told = f"KMS Exception: {error.code} KMS Message: {error.message}"
        if error.code.startswith("AccessDenied"):
            raise invalid(f"{start} KMS access was denied. Please check your KMS permissions. {told}") from None
        raise invalid(
            f"{start} the KMS key is invalid for {operation}. Please check your KMS key settings. {told}"
        ) from None
    return answer


def opened(vault: Vault, invoke: Invoke, version: Version) -> dict[str, str]:
    """A version's variables. `invoke` is how KMS is asked, as whoever wants them; its AwsErrors come through."""
    if not version.environment:
        return {}
    arn = version.function_arn
    if not version.wrapped:
        plain = vault.open(version.environment, f"lambda:{arn}")
    else:
        ask = {"CiphertextBlob": version.wrapped, "KeyId": version.kms_key, "EncryptionContext": context(arn)}
        data_key = invoke("kms", "Decrypt", ask)["Plaintext"]
        nonce, sealed = version.environment[:NONCE], version.environment[NONCE:]
        plain = AESGCM(data_key).decrypt(nonce, sealed, arn.encode())
    found: dict[str, str] = json.loads(plain)
    return found


def told(call: Call, version: Version) -> dict[str, Any]:
    """A version's variables as they are told to the caller, or why they are not."""
    if not version.environment:
        return {}
    try:
        return {"Environment": {"Variables": opened(call.vault, call.invoke, version)}}
    except AwsError as error:
        why = "the KMS access was denied. Please check your KMS permissions."
        if not error.code.startswith("AccessDenied"):
            why = "the KMS key cannot be used. Please check your KMS key settings."
        what = f"Lambda was unable to decrypt your environment variables because {why}"
        message = f"{what} KMS Exception: {error.code} KMS Message: {error.message}"
        return {"Environment": {"Error": {"ErrorCode": error.code, "Message": message}}}
