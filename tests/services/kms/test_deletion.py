"""ScheduleKeyDeletion and CancelKeyDeletion: a key waits, may be saved, and is gone for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.services.kms.made import arn, kept

from fogbank.services.kms.records import aliases, aliases_of, due, granted, grants, keys, retirable
from services.helpers import code, refusal
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def test_a_key_that_waits_for_its_deletion_is_not_used(region: LocalRegion, kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    told = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (told["KeyId"], told["KeyState"], told["PendingWindowInDays"]) == (arn(key), "PendingDeletion", 7)
    assert 6.9 < (told["DeletionDate"] - region.clock.now()).total_seconds() / 86400 <= 7
    described = kms.describe_key(KeyId="alias/app")["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("PendingDeletion", False)
    assert described["DeletionDate"] == told["DeletionDate"]
    for call, asked in (
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
        (kms.enable_key, {"KeyId": key}),
        (kms.disable_key, {"KeyId": key}),
        (kms.enable_key_rotation, {"KeyId": key}),
        (kms.schedule_key_deletion, {"KeyId": key}),
        (kms.tag_resource, {"KeyId": key, "Tags": []}),
        (kms.untag_resource, {"KeyId": key, "TagKeys": ["x"]}),
        (kms.update_key_description, {"KeyId": key, "Description": "x"}),
        (kms.create_alias, {"AliasName": "alias/b", "TargetKeyId": key}),
        (kms.create_grant, {"KeyId": key, "GranteePrincipal": ROOT, "Operations": ["Decrypt"]}),
    ):
        error = refusal(call, **asked)
        assert (error["Code"], error["Message"]) == ("KMSInvalidStateException", f"{arn(key)} is pending deletion.")


def test_a_key_is_saved_and_disabled_then(region: LocalRegion, kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key)
    region.advance(days=29)
    region.settle()
    assert kms.cancel_key_deletion(KeyId=key)["KeyId"] == arn(key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    assert refusal(kms.cancel_key_deletion, KeyId=key)["Message"] == f"{arn(key)} is not pending deletion."
    region.advance(days=60)
    region.settle()
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_after_the_waiting_period_a_key_is_gone_before_anything_was_done(
    region: LocalRegion, kms: Any, key: str
) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    region.advance(days=7, seconds=1)
    assert refusal(kms.describe_key, KeyId=key)["Message"] == f"Key '{arn(key)}' does not exist"
    assert code(kms.cancel_key_deletion, KeyId=key) == "NotFoundException"
    assert code(kms.decrypt, CiphertextBlob=blob) == "AccessDeniedException"
    assert code(kms.describe_key, KeyId="alias/app") == "NotFoundException"
    assert kms.list_keys()["Keys"] == []
    assert "alias/app" not in [each["AliasName"] for each in kms.list_aliases()["Aliases"]]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=other)
    region.settle()
    assert kms.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"] == other


def test_the_material_of_a_deleted_key_is_erased_with_all_that_led_to_it(
    region: LocalRegion, kms: Any, key: str
) -> None:
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=ROOT, RetiringPrincipal=ROOT, Operations=["Decrypt"])
    kms.enable_key_rotation(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    region.advance(days=6)
    region.settle()
    assert kept(region, key) is not None
    region.advance(days=1, seconds=1)
    region.settle()
    with region.region.store.snapshot() as tx:
        for table in (keys, aliases, aliases_of, grants, granted, retirable, due):
            assert list(table.scan(tx)) == []


@pytest.mark.parametrize("days", [1, 6, 31, 365])
def test_waiting_periods_are_7_to_30_days(kms: Any, key: str, days: int) -> None:
    assert code(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=days) == "ValidationException"
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_many_keys_are_erased_in_parts(region: LocalRegion, kms: Any) -> None:
    made = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(105)]
    for name in made:
        kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=7)
    region.advance(days=8)
    region.settle()
    with region.region.store.snapshot() as tx:
        assert not list(keys.scan(tx))
