"""GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tests.services.kms.made import arn, kept

from services.helpers import code

if TYPE_CHECKING:
    from support.region import LocalRegion

MATERIAL = bytes(range(32))
FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
HOW = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}


@pytest.fixture
def key(kms: Any) -> str:
    """A key without material."""
    return str(kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"])


def wrapped(public: bytes, algorithm: str, material: bytes) -> bytes:
    """Material as a caller wraps it."""
    kind = hashes.SHA1() if algorithm.endswith("_SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(kind), kind, None)
    found: Any = load_der_public_key(public)
    if not algorithm.startswith("RSA_AES"):
        return bytes(found.encrypt(material, oaep))
    return bytes(found.encrypt(bytes(32), oaep)) + keywrap.aes_key_wrap_with_padding(bytes(32), material)


def bring(kms: Any, key: str, material: bytes = MATERIAL, **asked: Any) -> dict[str, Any]:
    """The input that imports some material."""
    given = kms.get_parameters_for_import(KeyId=key, **HOW)
    made = wrapped(given["PublicKey"], HOW["WrappingAlgorithm"], material)
    return {"KeyId": key, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": made, **(asked or FOREVER)}


def test_a_key_waits_for_its_material(kms: Any, key: str) -> None:
    told = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (told["KeyState"], told["Enabled"], told["Origin"]) == ("PendingImport", False, "EXTERNAL")
    for call, asked in (
        (kms.encrypt, {"Plaintext": b"x"}),
        (kms.enable_key, {}),
        (kms.disable_key, {}),
        (kms.generate_data_key, {"KeySpec": "AES_256"}),
    ):
        assert code(call, KeyId=key, **asked) == "KMSInvalidStateException"
    assert kms.delete_imported_key_material(KeyId=key)["KeyId"] == arn(key)
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])


@pytest.mark.parametrize(
    "algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]
)
def test_material_is_brought_deleted_and_brought_again(kms: Any, key: str, algorithm: str) -> None:
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")
    made = wrapped(given["PublicKey"], algorithm, MATERIAL)
    asked = {"KeyId": key, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": made, **FOREVER}
    first = kms.import_key_material(**asked)
    told = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (told["KeyState"], told["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.delete_imported_key_material(KeyId=key)["KeyMaterialId"] == first["KeyMaterialId"]
    assert code(kms.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
    kms.import_key_material(**asked)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_only_the_same_material_is_taken_again(region: LocalRegion, kms: Any, key: str) -> None:
    kms.import_key_material(**bring(kms, key))
    kms.delete_imported_key_material(KeyId=key)
    record = kept(region, key)
    assert record is not None
    assert [each.sealed for each in record.materials] == [b""]
    assert code(kms.import_key_material, **bring(kms, key, bytes(32))) == "IncorrectKeyMaterialException"
    assert code(kms.import_key_material, **bring(kms, key, MATERIAL[:31])) == "IncorrectKeyMaterialException"
    assert code(kms.import_key_material, **bring(kms, key, MATERIAL + b"x")) == "IncorrectKeyMaterialException"
    kms.import_key_material(**bring(kms, key))
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_material_expires(region: LocalRegion, kms: Any, key: str) -> None:
    until = region.clock.now() + timedelta(days=2)
    kms.import_key_material(**bring(kms, key, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until))
    told = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (told["ExpirationModel"], told["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", until.replace(microsecond=0))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    region.advance(days=2)
    assert code(kms.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
    region.settle()
    record = kept(region, key)
    assert record is not None
    assert [each.sealed for each in record.materials] == [b""]
    kms.import_key_material(**bring(kms, key))
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_an_hmac_key_takes_material(kms: Any) -> None:
    key = kms.create_key(Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    kms.import_key_material(**bring(kms, key))
    assert kms.generate_mac(KeyId=key, Message=b"x", MacAlgorithm="HMAC_SHA_256")["Mac"]
    asked = {"Origin": "EXTERNAL", "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}
    assert code(kms.create_key, **asked) == "NotImplemented"


def test_tokens_are_for_one_key_and_one_day(region: LocalRegion, kms: Any, key: str) -> None:
    other = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    asked = bring(kms, key)
    token = asked["ImportToken"]
    assert code(kms.import_key_material, **{**asked, "KeyId": other}) == "InvalidImportTokenException"
    for wrong in (b"x", token[:-1], token[:20] + bytes([token[20] ^ 1]) + token[21:], b"\0" * 6144):
        assert code(kms.import_key_material, **{**asked, "ImportToken": wrong}) == "InvalidImportTokenException"
    for bad in (b"x", asked["EncryptedKeyMaterial"][:-1], b"\xff" * 256, b"\0" * 300):
        changed = {**asked, "EncryptedKeyMaterial": bad}
        assert code(kms.import_key_material, **changed) == "InvalidCiphertextException"
    region.advance(days=1)
    assert code(kms.import_key_material, **asked) == "ExpiredImportTokenException"


def test_dates_that_material_does_not_expire_at(region: LocalRegion, kms: Any, key: str) -> None:
    now = region.clock.now()
    asked = bring(kms, key)
    del asked["ExpirationModel"]
    for wrong in (
        {},
        {"ExpirationModel": "KEY_MATERIAL_EXPIRES"},
        {**FOREVER, "ValidTo": now + timedelta(days=1)},
        {"ValidTo": now - timedelta(days=1)},
        {"ValidTo": now + timedelta(days=366)},
    ):
        assert code(kms.import_key_material, **asked, **wrong) == "ValidationException"


def test_keys_with_material_of_ours_take_none(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert code(kms.get_parameters_for_import, KeyId=key, **HOW) == "UnsupportedOperationException"
    assert code(kms.delete_imported_key_material, KeyId=key) == "UnsupportedOperationException"
    external = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    old = {**HOW, "WrappingAlgorithm": "RSAES_PKCS1_V1_5"}
    assert code(kms.get_parameters_for_import, KeyId=external, **old) == "UnsupportedOperationException"
    assert code(kms.enable_key_rotation, KeyId=external) == "UnsupportedOperationException"
    assert code(kms.disable_key_rotation, KeyId=external) == "UnsupportedOperationException"
    kms.schedule_key_deletion(KeyId=external)
    assert code(kms.get_parameters_for_import, KeyId=external, **HOW) == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=external)
    assert kms.describe_key(KeyId=external)["KeyMetadata"]["KeyState"] == "PendingImport"
