"""CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.services.kms.made import OTHER, arn, kept

from services.helpers import allow, code, dev, permit, refusal, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

USAGES = {
    "SYMMETRIC_DEFAULT": ("ENCRYPT_DECRYPT", "EncryptionAlgorithms", ["SYMMETRIC_DEFAULT"]),
    "RSA_2048": ("SIGN_VERIFY", "SigningAlgorithms", None),
    "ECC_NIST_P256": ("SIGN_VERIFY", "SigningAlgorithms", ["ECDSA_SHA_256"]),
    "ECC_NIST_P384": ("KEY_AGREEMENT", "KeyAgreementAlgorithms", ["ECDH"]),
    "ECC_NIST_P521": ("SIGN_VERIFY", "SigningAlgorithms", ["ECDSA_SHA_512"]),
    "ECC_SECG_P256K1": ("SIGN_VERIFY", "SigningAlgorithms", ["ECDSA_SHA_256"]),
    "HMAC_224": ("GENERATE_VERIFY_MAC", "MacAlgorithms", ["HMAC_SHA_224"]),
    "HMAC_512": ("GENERATE_VERIFY_MAC", "MacAlgorithms", ["HMAC_SHA_512"]),
}


def test_a_key_is_described_as_it_was_created(kms: Any) -> None:
    made = kms.create_key(Description="for tests", Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyMetadata"]
    assert made["Arn"] == arn(made["KeyId"])
    assert (made["KeyState"], made["Enabled"], made["Origin"], made["KeyManager"]) == (
        "Enabled",
        True,
        "AWS_KMS",
        "CUSTOMER",
    )
    assert (made["KeySpec"], made["KeyUsage"], made["Description"]) == (
        "SYMMETRIC_DEFAULT",
        "ENCRYPT_DECRYPT",
        "for tests",
    )
    for name in (made["KeyId"], made["Arn"]):
        assert kms.describe_key(KeyId=name)["KeyMetadata"] == made


@pytest.mark.parametrize("spec", USAGES)
def test_kinds_of_keys(kms: Any, spec: str) -> None:
    usage, member, algorithms = USAGES[spec]
    made = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert (made["KeySpec"], made["CustomerMasterKeySpec"], made["KeyUsage"]) == (spec, spec, usage)
    assert made[member] == algorithms or algorithms is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"KeySpec": "HMAC_256", "KeyUsage": "ENCRYPT_DECRYPT"}, "ValidationException"),
        ({"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "SIGN_VERIFY"}, "ValidationException"),
        ({"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "KEY_AGREEMENT"}, "ValidationException"),
        ({"KeySpec": "RSA_2048"}, "ValidationException"),
        ({"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048"}, "ValidationException"),
        ({"KeySpec": "NONE"}, "ValidationException"),
        ({"MultiRegion": True}, "NotImplemented"),
        ({"CustomKeyStoreId": "cks-1"}, "NotImplemented"),
        ({"Origin": "AWS_CLOUDHSM"}, "NotImplemented"),
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "NotImplemented"),
        ({"Policy": "{}"}, "MalformedPolicyDocumentException"),
        ({"Tags": [{"TagKey": "aws:x", "TagValue": ""}]}, "TagException"),
        ({"Tags": [{"TagKey": "x", "TagValue": ""}, {"TagKey": "X", "TagValue": ""}]}, "TagException"),
        ({"Tags": [{"TagKey": f"k{n}", "TagValue": ""} for n in range(51)]}, "TagException"),
    ],
    ids=range(14),
)
def test_keys_that_cannot_be(kms: Any, asked: dict[str, Any], expected: str) -> None:
    assert code(kms.create_key, **asked) == expected
    assert kms.list_keys()["Keys"] == []


def test_a_key_is_found_in_its_region_alone(region: LocalRegion, kms: Any, key: str) -> None:
    other = region.client("kms", region="eu-west-1")
    assert code(other.describe_key, KeyId=key) == "NotFoundException"
    assert refusal(other.describe_key, KeyId=arn(key))["Message"] == "Invalid arn us-east-1"
    assert other.list_keys()["Keys"] == []


@pytest.mark.parametrize(
    ("name", "expected", "message"),
    [
        (
            "11111111-2222-4333-8444-555555555555",
            "NotFoundException",
            f"Key '{arn('11111111-2222-4333-8444-555555555555')}' does not exist",
        ),
        ("nothing", "NotFoundException", "Invalid keyId 'nothing'"),
        ("alias/none", "NotFoundException", f"Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/none is not found."),
        ("arn:aws:kms", "InvalidArnException", "Invalid arn arn:aws:kms"),
        ("arn:aws:s3:us-east-1:123456789012:key/x", "InvalidArnException", None),
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/", "InvalidArnException", None),
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/x", "NotFoundException", None),
        ("alias/", "NotFoundException", None),
        ("alias/../x", "NotFoundException", None),
        ("\u00e9", "NotFoundException", None),
        ("a\x00b", "NotFoundException", None),
        ("x" * 2048, "NotFoundException", None),
        ("x" * 2049, "ValidationException", None),
    ],
    ids=range(13),
)
def test_keys_that_are_not_there(kms: Any, name: str, expected: str, message: str | None) -> None:
    error = refusal(kms.describe_key, KeyId=name)
    assert error["Code"] == expected
    assert message in (None, error["Message"])


def test_of_other_accounts_keys_nothing_is_told(region: LocalRegion, kms: Any, key: str) -> None:
    other = dev(region, OTHER, "kms")
    answers = [refusal(other.describe_key, KeyId=arn(name)) for name in (key, "11111111-2222-4333-8444-555555555555")]
    assert [answer["Code"] for answer in answers] == ["AccessDeniedException"] * 2
    assert code(other.describe_key, KeyId=key) == "NotFoundException"


def test_keys_are_listed_in_pages(kms: Any) -> None:
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Keys"]) for page in pages] == [2, 2, 1]
    listed = [entry for page in pages for entry in page["Keys"]]
    assert [entry["KeyId"] for entry in listed] == sorted(made)
    assert all(entry["KeyArn"] == arn(entry["KeyId"]) for entry in listed)
    assert code(kms.list_keys, Marker="x") == "InvalidMarkerException"


def test_a_disabled_key_is_not_used(kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    error = refusal(kms.generate_data_key, KeyId=key, KeySpec="AES_256")
    assert (error["Code"], error["Message"]) == ("DisabledException", f"{arn(key)} is disabled.")
    assert code(kms.decrypt, CiphertextBlob=blob) == "DisabledException"
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_update_key_description(kms: Any, key: str) -> None:
    kms.update_key_description(KeyId=key, Description="other")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "other"


def test_a_user_tags_a_new_key_with_the_permission_for_it(region: LocalRegion) -> None:
    client = user_client(region, "kms")
    permit(region, allow("kms:CreateKey"))
    tags = [{"TagKey": "team", "TagValue": "blue"}]
    assert code(client.create_key, Tags=tags) == "AccessDeniedException"
    assert client.create_key()["KeyMetadata"]["Enabled"]
    permit(region, allow("kms:CreateKey"), allow("kms:TagResource", StringEquals={"aws:RequestTag/team": "red"}))
    assert code(client.create_key, Tags=tags) == "AccessDeniedException"
    permit(region, allow("kms:CreateKey"), allow("kms:TagResource", StringEquals={"aws:RequestTag/team": "blue"}))
    assert client.create_key(Tags=tags)["KeyMetadata"]["Enabled"]


def test_what_a_new_key_is_like_is_a_condition(region: LocalRegion) -> None:
    client = user_client(region, "kms")
    permit(region, allow("kms:CreateKey", StringEquals={"kms:KeySpec": "SYMMETRIC_DEFAULT"}))
    assert code(client.create_key, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC") == "AccessDeniedException"
    assert client.create_key()["KeyMetadata"]["Enabled"]
    permit(
        region, allow("kms:CreateKey", StringEquals={"kms:KeyUsage": "GENERATE_VERIFY_MAC", "kms:KeyOrigin": "AWS_KMS"})
    )
    assert code(client.create_key) == "AccessDeniedException"
    assert client.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Enabled"]


def test_material_is_sealed_and_in_no_event(region: LocalRegion, kms: Any, key: str) -> None:
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    record = kept(region, key)
    assert record is not None
    secret = region.region.vault.open(record.materials[0].sealed, f"kms:{record.arn}:1")
    from base64 import b64encode

    files = [path.read_bytes() for path in region.directory.rglob("*") if path.is_file()]
    for hidden in (secret, made["Plaintext"]):
        assert not any(hidden in data for data in files)
        assert not any(b64encode(hidden)[:-2] in line for line in region.lines)
