"""GenerateDataKey and its kin, GenerateRandom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from tests.services.kms.made import arn

from services.helpers import code

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.mark.parametrize(
    ("asked", "size"),
    [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)],
    ids=range(3),
)
def test_a_data_key_is_decrypted_again(kms: Any, key: str, asked: dict[str, Any], size: int) -> None:
    made = kms.generate_data_key(KeyId=key, EncryptionContext={"a": "b"}, **asked)
    assert (made["KeyId"], len(made["Plaintext"])) == (arn(key), size)
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == made["Plaintext"]
    assert (
        opened["KeyMaterialId"]
        == made["KeyMaterialId"]
        == kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    )


def test_data_keys_differ(kms: Any, key: str) -> None:
    made = [kms.generate_data_key(KeyId=key, KeySpec="AES_256") for _ in range(3)]
    assert len({each["Plaintext"] for each in made}) == len({each["CiphertextBlob"] for each in made}) == 3


def test_generate_data_key_without_plaintext(kms: Any, key: str) -> None:
    made = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=7)
    assert "Plaintext" not in made
    assert len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 7


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "ValidationException"),
        ({"KeySpec": "AES_256", "NumberOfBytes": 32}, "ValidationException"),
        ({"NumberOfBytes": 0}, "ValidationException"),
        ({"NumberOfBytes": 1025}, "ValidationException"),
        ({"KeySpec": "AES_512"}, "ValidationException"),
        ({"KeySpec": "AES_256", "EncryptionContext": {"k": "v" * 8193}}, "ValidationException"),
        ({"KeySpec": "AES_256", "GrantTokens": ["no"]}, "InvalidGrantTokenException"),
        ({"KeySpec": "AES_256", "DryRun": True}, "DryRunOperationException"),
        ({"KeySpec": "AES_256", "Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}}, "NotImplemented"),
    ],
    ids=range(9),
)
def test_data_keys_that_cannot_be(kms: Any, key: str, asked: dict[str, Any], expected: str) -> None:
    assert code(kms.generate_data_key, KeyId=key, **asked) == expected


def test_keys_of_other_kinds_make_no_data_keys(kms: Any) -> None:
    for spec, usage in (("HMAC_256", "GENERATE_VERIFY_MAC"), ("RSA_2048", "ENCRYPT_DECRYPT")):
        made = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
        assert code(kms.generate_data_key, KeyId=made, KeySpec="AES_256") == "InvalidKeyUsageException"


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1"])
def test_a_pair_of_data_keys(kms: Any, key: str, spec: str) -> None:
    made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, EncryptionContext={"a": "b"})
    private = load_der_private_key(made["PrivateKeyPlaintext"], None)
    assert private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == made["PublicKey"]
    opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"], EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]


def test_generate_data_key_pair_without_plaintext(kms: Any, key: str) -> None:
    made = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P384")
    assert "PrivateKeyPlaintext" not in made
    assert kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"]
    assert code(kms.generate_data_key_pair, KeyId=key, KeyPairSpec="SM2") == "NotImplemented"
    asked = {"KeyId": key, "KeyPairSpec": "RSA_2048", "DryRun": True}
    assert code(kms.generate_data_key_pair, **asked) == "DryRunOperationException"


def test_generate_random(region: LocalRegion, kms: Any) -> None:
    made = [kms.generate_random(NumberOfBytes=1024)["Plaintext"] for _ in range(2)]
    assert [len(each) for each in made] == [1024, 1024]
    assert made[0] != made[1]
    assert code(kms.generate_random) == "ValidationException"
    assert code(kms.generate_random, NumberOfBytes=1025) == "ValidationException"
