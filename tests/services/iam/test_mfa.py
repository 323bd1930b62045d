"""CreateVirtualMFADevice, EnableMFADevice, ResyncMFADevice, DeactivateMFADevice, DeleteVirtualMFADevice and the lists."""

from __future__ import annotations

from base64 import b32decode
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.mfa import check, code_at, step_of
from fogbank.services.iam.qr import png
from services.helpers import code, refusal
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and users ann and bob."""
    client = region.client("iam")
    client.create_user(UserName="ann")
    client.create_user(UserName="bob")
    return client


def made(iam: Any, name: str = "m", **more: Any) -> tuple[str, bytes]:
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, **more)["VirtualMFADevice"]
    return device["SerialNumber"], b32decode(device["Base32StringSeed"])


def codes(region: LocalRegion, seed: bytes, off: int = 0) -> dict[str, str]:
    """Two consecutive codes, the second the present one."""
    step = step_of(region.clock.now()) + off
    return {"AuthenticationCode1": code_at(seed, step - 1), "AuthenticationCode2": code_at(seed, step)}


def test_the_life_of_a_device(region: LocalRegion, iam: Any) -> None:
    serial, seed = made(iam, "dev@1", Path="/a/")
    assert serial == f"arn:aws:iam::{ACCOUNT}:mfa/a/dev@1"
    assert len(seed) == 40
    assert code(iam.create_virtual_mfa_device, VirtualMFADeviceName="dev@1", Path="/a/") == "EntityAlreadyExists"
    given = {"UserName": "ann", "SerialNumber": serial}
    iam.enable_mfa_device(**given, **codes(region, seed))
    assert code(iam.enable_mfa_device, **given, **codes(region, seed)) == "EntityAlreadyExists"
    assert [each["SerialNumber"] for each in iam.list_mfa_devices(UserName="ann")["MFADevices"]] == [serial]
    assert iam.list_mfa_devices(UserName="bob")["MFADevices"] == []
    assert iam.get_mfa_device(SerialNumber=serial)["UserName"] == "ann"
    assert code(iam.get_mfa_device, SerialNumber=serial, UserName="bob") == "NoSuchEntity"
    assert code(iam.delete_virtual_mfa_device, SerialNumber=serial) == "DeleteConflict"
    assert code(iam.deactivate_mfa_device, UserName="bob", SerialNumber=serial) == "NoSuchEntity"
    iam.deactivate_mfa_device(**given)
    assert code(iam.get_mfa_device, SerialNumber=serial) == "NoSuchEntity"
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    assert code(iam.delete_virtual_mfa_device, SerialNumber=serial) == "NoSuchEntity"


def test_the_qr_code_holds_the_address(iam: Any) -> None:
    """API Reference, VirtualMFADevice: otpauth://totp/$virtualMFADeviceName@$AccountName?secret=$Base32String."""
    for name in ("m", "n" * 226):
        device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
        assert device["QRCodePNG"] == png(
            f"otpauth://totp/{name}@{ACCOUNT}?secret={device['Base32StringSeed'].decode()}".encode()
        )
    assert code(iam.create_virtual_mfa_device, VirtualMFADeviceName="n" * 227) == "ValidationError"


def test_codes_have_to_be_right_and_consecutive(region: LocalRegion, iam: Any) -> None:
    serial, seed = made(iam)
    good = codes(region, seed)
    given = {"UserName": "ann", "SerialNumber": serial}
    swapped = {"AuthenticationCode1": good["AuthenticationCode2"], "AuthenticationCode2": good["AuthenticationCode1"]}
    error = refusal(iam.enable_mfa_device, **given, **swapped)
    assert (error["Code"], error["Status"]) == ("InvalidAuthenticationCode", 403)
    same = dict.fromkeys(good, good["AuthenticationCode2"])
    assert code(iam.enable_mfa_device, **given, **same) == "InvalidAuthenticationCode"
    assert code(iam.enable_mfa_device, **given, **codes(region, seed, 100_000)) == "InvalidAuthenticationCode"
    assert code(iam.enable_mfa_device, **{**given, "UserName": "eve"}, **good) == "NoSuchEntity"
    wrong = dict.fromkeys(good, "12345a")
    assert code(iam.enable_mfa_device, **given, **wrong) == "ValidationError"
    iam.enable_mfa_device(**given, **good)


def test_a_clock_that_is_off_is_learnt(region: LocalRegion, iam: Any) -> None:
    serial, seed = made(iam)
    given = {"UserName": "ann", "SerialNumber": serial}
    iam.enable_mfa_device(**given, **codes(region, seed))
    region.advance(minutes=4)

    def shown(off: int) -> bool:
        now, vault = region.clock.now(), region.region.vault
        written = code_at(seed, step_of(now) + off)
        return bool(
            region.run(region.region.store.write(lambda tx: check(tx, vault, ACCOUNT, "ann", serial, written, now)))
        )

    assert not shown(10)
    iam.resync_mfa_device(**given, **codes(region, seed, 10))
    assert not shown(10)  # spent
    region.advance(minutes=5)
    assert shown(10)
    assert not shown(0)
    assert code(iam.resync_mfa_device, **{**given, "UserName": "bob"}, **codes(region, seed)) == "NoSuchEntity"


def test_lists(region: LocalRegion, iam: Any) -> None:
    serials = [made(iam, f"m{number}") for number in range(3)]
    iam.enable_mfa_device(UserName="ann", SerialNumber=serials[1][0], **codes(region, serials[1][1]))

    def listed(**given: Any) -> list[str]:
        return [each["SerialNumber"] for each in iam.list_virtual_mfa_devices(**given)["VirtualMFADevices"]]

    assert listed() == [serial for serial, _ in serials]
    assert listed(AssignmentStatus="Assigned") == [serials[1][0]]
    assert listed(AssignmentStatus="Unassigned") == [serials[0][0], serials[2][0]]
    first = iam.list_virtual_mfa_devices(MaxItems=2)
    assert first["IsTruncated"]
    assert listed(Marker=first["Marker"]) == [serials[2][0]]
    owned = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"][0]
    assert owned["User"]["UserName"] == "ann"
    assert "Base32StringSeed" not in owned
    assert code(iam.list_virtual_mfa_devices, Marker="nonsense") == "ValidationError"


def test_eight_devices_are_enough(region: LocalRegion, iam: Any) -> None:
    for number in range(8):
        serial, seed = made(iam, f"m{number}")
        iam.enable_mfa_device(UserName="ann", SerialNumber=serial, **codes(region, seed))
    serial, seed = made(iam, "m8")
    assert code(iam.enable_mfa_device, UserName="ann", SerialNumber=serial, **codes(region, seed)) == "LimitExceeded"


def test_tags(iam: Any) -> None:
    """TagMFADevice, UntagMFADevice, ListMFADeviceTags."""
    serial, _ = made(iam, Tags=[{"Key": "a", "Value": "1"}])
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "A", "Value": "2"}, {"Key": "b", "Value": ""}])
    tags = iam.list_mfa_device_tags(SerialNumber=serial)["Tags"]
    assert tags == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["A", "none"])
    assert [tag["Key"] for tag in iam.list_mfa_device_tags(SerialNumber=serial)["Tags"]] == ["b"]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert code(iam.tag_mfa_device, SerialNumber=serial, Tags=many) == "LimitExceeded"
    twice = [{"Key": "x", "Value": ""}, {"Key": "X", "Value": ""}]
    assert code(iam.tag_mfa_device, SerialNumber=serial, Tags=twice) == "InvalidInput"
    assert code(iam.tag_mfa_device, SerialNumber=serial, Tags=[{"Key": "aws:x", "Value": ""}]) == "InvalidInput"


def test_seeds_are_sealed(region: LocalRegion, iam: Any) -> None:
    _, seed = made(iam)
    with region.region.store.snapshot() as tx:
        assert seed not in b"".join(value for _, value in tx.scan(b"", b"\xff"))
