"""Virtual MFA devices: TOTP authenticators."""

from __future__ import annotations

from base64 import b32decode, b32encode
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.mfa import consecutive, seed_context, step_of
from fogbank.core.identity.records import MfaDevice, arn_of, key_of, mfa_devices, users, when
from fogbank.services.iam.account_records import devices_of, mfa_serial, tagging
from fogbank.services.iam.listing import paged
from fogbank.services.iam.login_profiles import holder
from fogbank.services.iam.qr import png
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import listed_tags, told_tags, with_tags, without_tags
from fogbank.services.iam.users import open_user

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateVirtualMFADeviceRequestTypeDef,
        DeactivateMFADeviceRequestTypeDef,
        DeleteVirtualMFADeviceRequestTypeDef,
        EnableMFADeviceRequestTypeDef,
        GetMFADeviceRequestTypeDef,
        ListMFADevicesRequestTypeDef,
        ListMFADeviceTagsRequestTypeDef,
        ListVirtualMFADevicesRequestTypeDef,
        ResyncMFADeviceRequestTypeDef,
        TagMFADeviceRequestTypeDef,
        UntagMFADeviceRequestTypeDef,
    )

    from fogbank.core.call import Call

DEVICES_PER_USER = 8
SEED = 64  # characters of base 32: 40 bytes
NAME = 226  # characters; AWS's quota for virtual MFA devices' names


@iam.operation("bulk", "new_mfa", takes="Path VirtualMFADeviceName Tags", also=tagging("TagMFADevice", "new_mfa"))
def create_virtual_mfa_device(call: Call, req: CreateVirtualMFADeviceRequestTypeDef) -> dict[str, Any]:
    """Make a device; its seed is told this once."""
    name = req["VirtualMFADeviceName"]
    serial = mfa_serial(call.account, req.get("Path", "/"), name)
    if len(name) > NAME or len(serial) > 256:
        raise AwsError("ValidationError", "The path and name of the virtual MFA device are too long.")
    if mfa_devices.get(call.tx, call.account, serial) is not None:
        raise AwsError("EntityAlreadyExists", "MFADevice entity at the same path and name already exists.")
    seed = b32decode("".join(call.ids.unique("") for _ in range(SEED // 16)))
    device = MfaDevice(
        serial=serial,
        seed=call.vault.seal(seed, seed_context(serial)),
        user="",
        enabled=0,
        counter=-1,
        created=int(call.now.timestamp()),
        tags=with_tags({}, req.get("Tags", [])),
    )
    mfa_devices.put(call.tx, device, call.account, serial)
    tags = {"Tags": told_tags(device.tags)} if device.tags else {}
    shown = b32encode(seed)
    address = f"otpauth://totp/{name}@{call.account}?secret={shown.decode()}"
    told = {"SerialNumber": serial, "Base32StringSeed": shown, "QRCodePNG": png(address.encode()), **tags}
    return {"VirtualMFADevice": told}


@iam.operation("write", "user", takes="UserName SerialNumber AuthenticationCode1 AuthenticationCode2")
def enable_mfa_device(call: Call, req: EnableMFADeviceRequestTypeDef) -> dict[str, Any]:
    """Give a device to a user, who shows that it works with two consecutive codes."""
    user = open_user(call, req["UserName"])
    device = open_device(call, req["SerialNumber"])
    if device.user:
        raise AwsError("EntityAlreadyExists", "MFA Device is already in use.")
    if sum(1 for _ in devices_of(call.tx, call.account, user.name)) >= DEVICES_PER_USER:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for MFADevicesPerUser: {DEVICES_PER_USER}")
    synchronise(call, msgspec.structs.replace(device, user=user.name, enabled=int(call.now.timestamp())), req)
    return {}


@iam.operation("write", "user", takes="UserName SerialNumber AuthenticationCode1 AuthenticationCode2")
def resync_mfa_device(call: Call, req: ResyncMFADeviceRequestTypeDef) -> dict[str, Any]:
    """Learn again how far a device's clock is off."""
    device = users_device(call, req["SerialNumber"], open_user(call, req["UserName"]).name)
    synchronise(call, device, req)
    return {}


@iam.operation("write", "user", takes="UserName SerialNumber")
def deactivate_mfa_device(call: Call, req: DeactivateMFADeviceRequestTypeDef) -> dict[str, Any]:
    """Take a device from its user; it can be enabled again."""
    device = users_device(call, req["SerialNumber"], holder(call, req))
    mfa_devices.put(call.tx, msgspec.structs.replace(device, user="", enabled=0), call.account, device.serial)
    return {}


@iam.operation("write", "mfa", takes="SerialNumber")
def delete_virtual_mfa_device(call: Call, req: DeleteVirtualMFADeviceRequestTypeDef) -> dict[str, Any]:
    """Delete a device that nobody uses."""
    device = open_device(call, req["SerialNumber"])
    if device.user:
        raise AwsError("DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
    mfa_devices.delete(call.tx, call.account, device.serial)
    return {}


@iam.operation("scan", "user", takes="UserName Marker MaxItems")
def list_mfa_devices(call: Call, req: ListMFADevicesRequestTypeDef) -> dict[str, Any]:
    """A user's devices."""
    devices = devices_of(call.tx, call.account, holder(call, req))
    found, more = paged(req, ((device.serial, told(device)) for device in devices))
    return {"MFADevices": found, **more}


@iam.operation("read", "mfa_user", takes="SerialNumber UserName")
def get_mfa_device(call: Call, req: GetMFADeviceRequestTypeDef) -> dict[str, Any]:
    """A device of a user."""
    device = open_device(call, req["SerialNumber"])
    if not device.user or key_of(req.get("UserName", device.user)) != key_of(device.user):
        raise not_of_user(device.serial)
    return told(device)


@iam.operation("scan", "*", takes="AssignmentStatus Marker MaxItems")
def list_virtual_mfa_devices(call: Call, req: ListVirtualMFADevicesRequestTypeDef) -> dict[str, Any]:
    """The account's devices, with their users."""
    wanted = {"Assigned": (True,), "Unassigned": (False,)}.get(req.get("AssignmentStatus", "Any"), (True, False))
    devices = (device for _, device in mfa_devices.scan(call.tx, call.account) if bool(device.user) in wanted)
    found, more = paged(req, ((device.serial, device) for device in devices))
    return {"VirtualMFADevices": [told_virtual(call, device) for device in found], **more}


@iam.operation("write", "mfa", takes="SerialNumber Tags")
def tag_mfa_device(call: Call, req: TagMFADeviceRequestTypeDef) -> dict[str, Any]:
    """Tag a device."""
    device = open_device(call, req["SerialNumber"])
    changed = msgspec.structs.replace(device, tags=with_tags(device.tags, req["Tags"]))
    mfa_devices.put(call.tx, changed, call.account, device.serial)
    return {}


@iam.operation("write", "mfa", takes="SerialNumber TagKeys")
def untag_mfa_device(call: Call, req: UntagMFADeviceRequestTypeDef) -> dict[str, Any]:
    """Remove tags of a device."""
    device = open_device(call, req["SerialNumber"])
    changed = msgspec.structs.replace(device, tags=without_tags(device.tags, req["TagKeys"]))
    mfa_devices.put(call.tx, changed, call.account, device.serial)
    return {}


@iam.operation("read", "mfa", takes="SerialNumber Marker MaxItems")
def list_mfa_device_tags(call: Call, req: ListMFADeviceTagsRequestTypeDef) -> dict[str, Any]:
    """A device's tags."""
    return listed_tags(req, open_device(call, req["SerialNumber"]).tags)


def synchronise(
    call: Call, device: MfaDevice, req: EnableMFADeviceRequestTypeDef | ResyncMFADeviceRequestTypeDef
) -> None:
    """Keep the device with what two consecutive codes say of its clock; both are spent."""
    seed = call.vault.open(device.seed, seed_context(device.serial))
    step = consecutive(seed, req["AuthenticationCode1"], req["AuthenticationCode2"], call.now, after=device.counter)
    if step is None:
        raise AwsError("InvalidAuthenticationCode", "Authentication code for device is not valid.")
    # Where the second code is the next one, the device was asked at the end of a step, and its clock is right.
    off = step - step_of(call.now)
    changed = msgspec.structs.replace(device, counter=step, drift=0 if abs(off) <= 1 else off)
    mfa_devices.put(call.tx, changed, call.account, device.serial)


def open_device(call: Call, serial: str) -> MfaDevice:
    """The device of a serial number."""
    device = mfa_devices.get(call.tx, call.account, serial)
    if device is None:
        raise AwsError("NoSuchEntity", f"VirtualMFADevice with serial number {serial} doesn't exist.")
    return device


def users_device(call: Call, serial: str, user: str) -> MfaDevice:
    """A device, if it is the user's."""
    device = open_device(call, serial)
    if not device.user or key_of(device.user) != key_of(user):
        raise not_of_user(serial)
    return device


def not_of_user(serial: str) -> AwsError:
    """The error for a device that is not the user's."""
    return AwsError(
        "NoSuchEntity", f"MFA Device invalid for user. The device with serial number {serial} is not enabled for it."
    )


def told(device: MfaDevice) -> dict[str, Any]:
    """An enabled device as IAM tells it."""
    return {"UserName": device.user, "SerialNumber": device.serial, "EnableDate": when(device.enabled)}


def told_virtual(call: Call, device: MfaDevice) -> dict[str, Any]:
    """A device with its user."""
    told: dict[str, Any] = {"SerialNumber": device.serial}
    user = users.get(call.tx, call.account, key_of(device.user)) if device.user else None
    if user is not None:
        told["EnableDate"] = when(device.enabled)
        told["User"] = {
            "Path": user.path,
            "UserName": user.name,
            "UserId": user.id,
            "Arn": arn_of(call.account, user),
            "CreateDate": when(user.created),
        }
    return told
