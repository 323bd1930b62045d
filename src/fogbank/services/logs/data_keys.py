"""Keys of groups: what seals their events. The region's vault wraps them, or the KMS key that is associated with the group.

With a KMS key the service asks KMS for itself, as `logs.REGION.amazonaws.com`, which the key's policy has to allow; the encryption
context names the group. Events that were sealed under a key are read with it, whatever is associated now.

Source: CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS Key Management Service".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.background import Background, Options
from fogbank.core.errors import AwsError
from fogbank.core.principal import service_of
from fogbank.services.logs.errors import invalid
from fogbank.services.logs.records import DataKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.core.call import Call
    from fogbank.core.region import Region
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

SIZE: Final = 32  # bytes


def make(call: Call, arn: str, kms: str, number: int) -> DataKey:
    """A new data key for the group of an ARN, wrapped with a KMS key, or by the vault if none is named."""
    if not kms:
        return DataKey(number, "", call.vault.seal(call.ids.random(SIZE), context(arn, number)))
    ask = {"KeyId": kms, "KeySpec": "AES_256", "EncryptionContext": encryption_context(arn)}
    try:
        made = ask_kms(call.home, call.tx, arn, "GenerateDataKey", ask)
    except AwsError as error:
        raise unusable(arn, error) from None
    return DataKey(number, made["KeyId"], made["CiphertextBlob"])


def opened(home: Region, tx: Tx, group: Group, numbers: Iterable[int]) -> dict[int, bytes]:
    """Some of a group's data keys, by number. AwsError if KMS does not open one."""
    return {number: open_key(home, tx, group, number) for number in numbers}


def open_key(home: Region, tx: Tx, group: Group, number: int) -> bytes:
    """A data key of a group."""
    key = next(key for key in group.keys if key.number == number)
    if not key.arn:
        return home.vault.open(key.wrapped, context(group.arn, number))
    ask = {"CiphertextBlob": key.wrapped, "KeyId": key.arn, "EncryptionContext": encryption_context(group.arn)}
    try:
        found: bytes = ask_kms(home, tx, group.arn, "Decrypt", ask)["Plaintext"]
    except AwsError as error:
        raise unusable(group.arn, error) from None
    return found


def context(arn: str, number: int) -> str:
    """What binds a key that the vault wraps to its group."""
    return f"logs.data_key:{arn}:{number}"


def encryption_context(arn: str) -> dict[str, str]:
    """What binds a key that KMS wraps to its group."""
    return {"aws:logs:arn": arn}


def ask_kms(home: Region, tx: Tx, arn: str, operation: str, ask: Input) -> Any:
    """Ask KMS as the service, for a group."""
    region, account = arn.split(":")[3:5]
    behind = Background(home, Options())
    principal = service_of(f"logs.{region}.amazonaws.com", account, arn)
    return behind.carry_out(tx, principal, behind.bound("kms", operation), ask, region)


def unusable(arn: str, error: AwsError) -> AwsError:
    """What is said of a KMS key that cannot be used: one that does not let the service, or is not there, or is disabled."""
    what = f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"
    if error.code.startswith("AccessDenied"):
        return AwsError("AccessDeniedException", what, status=400)
    return invalid(what)
