"""Encrypt, Decrypt, ReEncrypt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.services.kms.made import OTHER, arn, document, statement

from fogbank.core.errors import AwsError
from fogbank.services.kms import ciphertext
from services.helpers import allow, code, dev, permit, refusal
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

CONTEXT = {"purpose": "test", "place": "here"}
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
CONTEXTS = st.dictionaries(TEXTS, TEXTS, max_size=3)
ID = "11111111-2222-4333-8444-555555555555"


def test_what_is_encrypted_is_decrypted_without_naming_the_key(kms: Any, key: str) -> None:
    made = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=CONTEXT)
    assert (made["KeyId"], made["EncryptionAlgorithm"]) == (arn(key), "SYMMETRIC_DEFAULT")
    assert b"secret" not in made["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=dict(reversed(CONTEXT.items())))
    assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", arn(key))


def test_sizes_of_plaintexts(kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x" * 4096)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x" * 4096
    for wrong in (b"", b"x" * 4097):
        assert code(kms.encrypt, KeyId=key, Plaintext=wrong) == "ValidationException"


@pytest.mark.parametrize(
    "context", [{}, {"purpose": "test"}, {**CONTEXT, "more": ""}, {"Purpose": "test", "place": "here"}], ids=range(4)
)
def test_another_context_does_not_decrypt(kms: Any, key: str, context: dict[str, str]) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=CONTEXT)["CiphertextBlob"]
    assert code(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context) == "InvalidCiphertextException"


def test_pairs_do_not_run_into_each_other() -> None:
    contexts: list[dict[str, str]] = [
        {},
        {"a": "bc"},
        {"ab": "c"},
        {"a": "b", "c": ""},
        {"a": "", "bc": ""},
        {"": "abc"},
    ]
    assert len({ciphertext.canonical(each) for each in contexts}) == len(contexts)


def test_the_key_that_is_named_has_to_be_the_ciphertexts(kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=arn(key))["Plaintext"] == b"x"
    assert code(kms.decrypt, CiphertextBlob=blob, KeyId=other) == "IncorrectKeyException"
    assert code(kms.re_encrypt, CiphertextBlob=blob, SourceKeyId=other, DestinationKeyId=key) == "IncorrectKeyException"


@pytest.mark.parametrize("at", [0, 3, 10, 23, 30, 50, 55, -1])
def test_a_changed_ciphertext_is_refused(kms: Any, key: str, at: int) -> None:
    blob = bytearray(kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"])
    blob[at] ^= 1
    refused = ("InvalidCiphertextException", "AccessDeniedException")
    assert code(kms.decrypt, CiphertextBlob=bytes(blob)) in refused
    assert code(kms.decrypt, CiphertextBlob=bytes(blob), KeyId=key) in (*refused, "IncorrectKeyException")


@given(st.binary(max_size=200), st.booleans())
def test_no_other_bytes_are_a_ciphertext(data: bytes, headed: bool) -> None:
    material = bytes(32)
    blob = (ciphertext.seal(ACCOUNT, ID, 1, material, bytes(24), b"", b"")[:50] + data) if headed else data
    with pytest.raises(AwsError) as caught:
        ciphertext.unseal(ciphertext.parse(blob), material, b"")
    assert caught.value.code == "InvalidCiphertextException"


@given(st.binary(max_size=100), CONTEXTS, st.binary(min_size=24, max_size=24))
def test_what_is_sealed_is_unsealed(data: bytes, context: dict[str, str], random: bytes) -> None:
    bound = ciphertext.canonical(context)
    blob = ciphertext.seal(ACCOUNT, ID, 7, b"k" * 32, random, data, bound)
    found = ciphertext.parse(blob)
    assert (found.account, found.key, found.number) == (ACCOUNT, ID, 7)
    assert ciphertext.unseal(found, b"k" * 32, bound) == data


@given(CONTEXTS, CONTEXTS)
def test_contexts_are_canonical(one: dict[str, str], two: dict[str, str]) -> None:
    assert (ciphertext.canonical(one) == ciphertext.canonical(two)) == (one == two)


def test_half_a_character_is_no_context() -> None:
    with pytest.raises(AwsError, match="not valid Unicode"):
        ciphertext.canonical({"\ud800": "x"})


def test_a_ciphertext_of_another_region_is_refused(region: LocalRegion, kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert code(region.client("kms", region="eu-west-1").decrypt, CiphertextBlob=blob) == "AccessDeniedException"


def test_decrypt_needs_a_ciphertext(kms: Any, key: str) -> None:
    assert code(kms.decrypt) == "ValidationException"
    assert code(kms.decrypt, KeyId=key) == "ValidationException"
    assert code(kms.decrypt, CiphertextBlob=b"", KeyId=key) == "ValidationException"
    assert code(kms.decrypt, CiphertextBlob=b"x" * 6145) == "ValidationException"
    assert code(kms.re_encrypt, DestinationKeyId=key) == "ValidationException"


def test_a_dry_run_does_nothing_but_checks(kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    error = refusal(kms.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)
    assert error["Code"] == "DryRunOperationException"
    assert error["Message"] == "The request would have succeeded, but the DryRun option is set."
    assert code(kms.decrypt, CiphertextBlob=blob, DryRun=True) == "DryRunOperationException"
    assert (
        code(kms.decrypt, CiphertextBlob=blob, EncryptionContext=CONTEXT, DryRun=True) == "InvalidCiphertextException"
    )
    asked = {"CiphertextBlob": blob, "DestinationKeyId": key, "DryRun": True}
    assert code(kms.re_encrypt, **asked) == "DryRunOperationException"


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_rsa_keys_encrypt(kms: Any, algorithm: str) -> None:
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    how = {"KeyId": key, "EncryptionAlgorithm": algorithm}
    blob = kms.encrypt(Plaintext=b"secret", **how)["CiphertextBlob"]
    assert len(blob) == 256
    assert kms.decrypt(CiphertextBlob=blob, **how)["Plaintext"] == b"secret"
    assert code(kms.decrypt, CiphertextBlob=blob[:-1] + b"\0", **how) == "InvalidCiphertextException"
    assert code(kms.decrypt, CiphertextBlob=blob, KeyId=key) == "InvalidKeyUsageException"
    assert code(kms.decrypt, CiphertextBlob=blob) in ("InvalidCiphertextException", "AccessDeniedException")
    assert code(kms.encrypt, Plaintext=b"x" * 300, **how) == "ValidationException"
    assert code(kms.encrypt, Plaintext=b"x", EncryptionContext=CONTEXT, **how) == "ValidationException"


def test_a_symmetric_key_does_not_use_rsas_algorithms(kms: Any, key: str) -> None:
    asked = {"KeyId": key, "Plaintext": b"x", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert code(kms.encrypt, **asked) == "InvalidKeyUsageException"
    signing = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert code(kms.encrypt, **{**asked, "KeyId": signing}) == "InvalidKeyUsageException"


def test_re_encrypt_moves_between_keys_and_contexts(kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other,
        DestinationEncryptionContext={"new": "one"},
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (arn(key), arn(other))
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"new": "one"})
    assert (opened["Plaintext"], opened["KeyId"]) == (b"x", arn(other))
    asked = {"CiphertextBlob": blob, "DestinationKeyId": other}
    assert code(kms.re_encrypt, **asked) == "InvalidCiphertextException"


def test_re_encrypt_between_kinds_of_keys(kms: Any, key: str) -> None:
    rsa = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=rsa, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")["CiphertextBlob"]
    asked = {"CiphertextBlob": blob, "SourceKeyId": rsa, "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    moved = kms.re_encrypt(DestinationKeyId=key, **asked)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=moved)["Plaintext"] == b"x"


def test_another_account_decrypts_where_the_keys_policy_lets_it(region: LocalRegion, kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    other = dev(region, OTHER, "kms")
    assert code(other.decrypt, CiphertextBlob=blob) == "AccessDeniedException"
    both = document(
        statement(f"arn:aws:iam::{ACCOUNT}:root"),
        statement(f"arn:aws:iam::{OTHER}:root", ["kms:Decrypt", "kms:Encrypt"]),
    )
    kms.put_key_policy(KeyId=key, Policy=both)
    assert other.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    made = other.encrypt(KeyId=arn(key), Plaintext=b"y")
    assert made["KeyId"] == arn(key)
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == b"y"
    assert code(other.encrypt, KeyId=key, Plaintext=b"y") == "NotFoundException"
    assert code(other.generate_data_key, KeyId=arn(key), KeySpec="AES_256") == "AccessDeniedException"


def test_another_accounts_users_need_their_own_accounts_permission_too(region: LocalRegion, kms: Any, key: str) -> None:
    iam = dev(region, OTHER, "iam")
    iam.create_user(UserName="eve")
    made = iam.create_access_key(UserName="eve")["AccessKey"]
    eve = region.client("kms", made["AccessKeyId"], made["SecretAccessKey"])
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    shared = statement(f"arn:aws:iam::{OTHER}:root", ["kms:Encrypt", "kms:DescribeKey", "kms:DisableKey"])
    kms.put_key_policy(KeyId=key, Policy=document(statement(f"arn:aws:iam::{ACCOUNT}:root"), shared))
    name = f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/app"
    assert code(eve.encrypt, KeyId=name, Plaintext=b"x") == "AccessDeniedException"
    permit(region, allow("kms:*", arn(key)), name="eve", account=OTHER)
    assert eve.encrypt(KeyId=name, Plaintext=b"x")["KeyId"] == arn(key)
    assert eve.describe_key(KeyId=name)["KeyMetadata"]["AWSAccountId"] == ACCOUNT
    assert code(eve.disable_key, KeyId=arn(key)) == "AccessDeniedException"
