"""EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.services.kms.made import arn

from services.helpers import code

if TYPE_CHECKING:
    from support.region import LocalRegion


def kinds(kms: Any, key: str, **asked: Any) -> list[str | None]:
    """How each generation that is listed came to be."""
    return [each.get("RotationType") for each in kms.list_key_rotations(KeyId=key, **asked)["Rotations"]]


def test_a_key_is_rotated_by_the_regions_clock_and_decrypts_what_it_encrypted(
    region: LocalRegion, kms: Any, key: str
) -> None:
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    blobs, ids = [], []
    for _ in range(3):
        made = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        blobs.append(made)
        ids.append(kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"])
        region.advance(days=90, seconds=1)
        region.settle()
    assert [kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] for blob in blobs] == ids
    assert len(set(ids)) == 3
    assert kinds(kms, key) == ["AUTOMATIC"] * 3
    first = kms.list_key_rotations(KeyId=key)["Rotations"][0]
    assert first["RotationDate"] == status["NextRotationDate"]
    assert kms.get_key_rotation_status(KeyId=key)["NextRotationDate"] > region.clock.now()


def test_rotations_that_were_missed_are_made_up_for(region: LocalRegion, kms: Any, key: str) -> None:
    kms.enable_key_rotation(KeyId=key)
    region.advance(days=3 * 365 + 1)
    region.settle()
    assert kinds(kms, key) == ["AUTOMATIC"] * 3


def test_a_key_is_rotated_no_more(region: LocalRegion, kms: Any, key: str) -> None:
    kms.enable_key_rotation(KeyId=key)
    kms.disable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    region.advance(days=400)
    region.settle()
    assert kinds(kms, key) == []


def test_a_disabled_key_is_rotated_once_it_is_enabled(region: LocalRegion, kms: Any, key: str) -> None:
    kms.enable_key_rotation(KeyId=key)
    kms.disable_key(KeyId=key)
    region.advance(days=366)
    region.settle()
    assert kinds(kms, key) == []
    kms.enable_key(KeyId=key)
    region.settle()
    assert kinds(kms, key) == ["AUTOMATIC"]


def test_a_key_is_rotated_on_demand_25_times(kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for _ in range(25):
        assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == arn(key)
    assert code(kms.rotate_key_on_demand, KeyId=key) == "LimitExceededException"
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert kinds(kms, key) == ["ON_DEMAND"] * 25
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": 10}
    )
    listed = [each for page in pages for each in page["Rotations"]]
    assert [each["KeyMaterialState"] for each in listed] == ["NON_CURRENT"] * 25 + ["CURRENT"]
    assert len({each["KeyMaterialId"] for each in listed}) == 26
    assert "RotationDate" not in listed[0]


def test_keys_that_are_not_rotated(region: LocalRegion, kms: Any, key: str) -> None:
    hmac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    for call in (
        kms.enable_key_rotation,
        kms.disable_key_rotation,
        kms.rotate_key_on_demand,
    ):
        assert code(call, KeyId=hmac) == "UnsupportedOperationException"
    assert kms.get_key_rotation_status(KeyId=hmac)["KeyRotationEnabled"] is False
    kms.disable_key(KeyId=key)
    for call in (kms.enable_key_rotation, kms.disable_key_rotation, kms.rotate_key_on_demand):
        assert code(call, KeyId=key) == "DisabledException"
    managed = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    assert kms.get_key_rotation_status(KeyId=managed)["KeyRotationEnabled"] is True
    assert code(kms.rotate_key_on_demand, KeyId=managed) == "AccessDeniedException"


@pytest.mark.parametrize("days", [89, 2561, 0, -1])
def test_periods_are_90_to_2560_days(kms: Any, key: str, days: int) -> None:
    assert code(kms.enable_key_rotation, KeyId=key, RotationPeriodInDays=days) == "ValidationException"
