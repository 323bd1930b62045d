"""AWS managed keys: there without being made, used through their service alone, changed by nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.services.kms.made import OTHER, ROOT, arn, document, statement

from fogbank.core.background import Background, Options
from fogbank.core.errors import AwsError
from fogbank.core.principal import ANONYMOUS, root_of
from fogbank.core.vault import Vault
from services.helpers import allow, code, permit, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from fogbank.core.principal import Principal
    from fogbank.core.region import Region
    from support.region import LocalRegion


def through(
    region: Region, operation: str, by: str = "s3:PutObject", principal: Principal | None = None, **req: Any
) -> Any:
    """An operation of KMS that another service calls on behalf of a caller, in a snapshot."""
    service, _, name = by.partition(":")
    background = Background(region, Options())
    with region.store.snapshot() as tx:
        call = background.call(tx, principal or root_of(ACCOUNT), background.bound(service, name), {}, "us-east-1")
        return call.invoke("kms", operation, req)


def test_s3_uses_its_key_on_behalf_of_its_callers(region: LocalRegion) -> None:
    made = through(
        region.region, "GenerateDataKey", KeyId="alias/aws/s3", KeySpec="AES_256", EncryptionContext={"a": "b"}
    )
    opened = through(region.region, "Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == made["Plaintext"]
    assert opened["KeyId"] == made["KeyId"]
    assert opened["KeyMaterialId"] == made["KeyMaterialId"]


def test_nobody_uses_it_directly_or_through_another_service(region: LocalRegion, kms: Any) -> None:
    assert code(kms.generate_data_key, KeyId="alias/aws/s3", KeySpec="AES_256") == "AccessDeniedException"
    assert code(kms.encrypt, KeyId="alias/aws/s3", Plaintext=b"x") == "AccessDeniedException"
    blob = through(region.region, "Encrypt", KeyId="alias/aws/s3", Plaintext=b"x")["CiphertextBlob"]
    assert code(kms.decrypt, CiphertextBlob=blob) == "AccessDeniedException"
    with pytest.raises(AwsError, match="AccessDenied"):
        through(region.region, "Decrypt", CiphertextBlob=blob, by="iam:CreateUser")
    with pytest.raises(AwsError, match="AccessDenied"):
        through(region.region, "Decrypt", CiphertextBlob=blob, principal=root_of(OTHER))


def test_anonymous_callers_of_a_service_use_no_keys(region: LocalRegion, kms: Any, key: str) -> None:
    kms.put_key_policy(KeyId=key, Policy=document(statement(ROOT), statement("*")))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for name in ("alias/aws/s3", arn(key)):
        with pytest.raises(AwsError, match="AccessDenied"):
            through(region.region, "GenerateDataKey", KeyId=name, KeySpec="AES_256", principal=ANONYMOUS)
    with pytest.raises(AwsError, match="AccessDenied"):
        through(region.region, "Decrypt", CiphertextBlob=blob, principal=ANONYMOUS)


def test_it_is_described_by_its_alias_and_its_id(region: LocalRegion, kms: Any) -> None:
    told = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert (told["KeyManager"], told["KeyState"], told["Arn"]) == ("AWS", "Enabled", arn(told["KeyId"]))
    assert kms.describe_key(KeyId=told["KeyId"])["KeyMetadata"] == told
    assert kms.describe_key(KeyId=told["Arn"])["KeyMetadata"] == told
    policy = json.loads(kms.get_key_policy(KeyId=told["KeyId"])["Policy"])
    assert policy["Id"] == "auto-s3-2"
    assert policy["Statement"][0]["Condition"] == {
        "StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "s3.us-east-1.amazonaws.com"}
    }
    others = [
        kms.describe_key(KeyId="alias/aws/ebs"),
        region.client("kms", region="eu-west-1").describe_key(KeyId="alias/aws/s3"),
        region.client("kms", key=OTHER, secret="test").describe_key(KeyId="alias/aws/s3"),
    ]
    assert len({told["Arn"], *(each["KeyMetadata"]["Arn"] for each in others)}) == 4
    assert code(kms.describe_key, KeyId="alias/aws/nothing") == "NotFoundException"
    assert kms.list_keys()["Keys"] == []


def test_a_user_looks_at_it_with_the_permission(region: LocalRegion, kms: Any) -> None:
    client = user_client(region, "kms")
    assert code(client.describe_key, KeyId="alias/aws/s3") == "AccessDeniedException"
    permit(region, allow("kms:DescribeKey"))
    assert client.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyManager"] == "AWS"


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("disable_key", {}),
        ("enable_key", {}),
        ("update_key_description", {"Description": "x"}),
        ("put_key_policy", {"Policy": "{}"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nobody_changes_it(kms: Any, operation: str, asked: dict[str, Any]) -> None:
    key = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"]
    assert code(getattr(kms, operation), KeyId=key, **asked) == "AccessDeniedException"


def test_it_gets_no_alias_of_a_user(kms: Any, key: str) -> None:
    managed = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"]
    assert code(kms.create_alias, AliasName="alias/mine", TargetKeyId=managed) == "AccessDeniedException"


def test_what_it_encrypted_survives_a_new_master_key(region: LocalRegion) -> None:
    blob = through(region.region, "Encrypt", KeyId="alias/aws/s3", Plaintext=b"x")["CiphertextBlob"]
    later = msgspec.structs.replace(region.region, vault=Vault({1: bytes(32), 2: b"2" * 32}))
    assert through(later, "Decrypt", CiphertextBlob=blob)["Plaintext"] == b"x"
    newer = through(later, "Encrypt", KeyId="alias/aws/s3", Plaintext=b"y")["CiphertextBlob"]
    assert through(later, "Decrypt", CiphertextBlob=newer)["Plaintext"] == b"y"
    with pytest.raises(AwsError, match="InvalidCiphertextException"):
        through(region.region, "Decrypt", CiphertextBlob=newer)


def test_services_use_customers_keys_by_permissions_of_the_caller(region: LocalRegion, kms: Any, key: str) -> None:
    made = through(region.region, "GenerateDataKey", KeyId=key, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    only = {"StringNotEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    policy["Statement"].append(
        {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": only}
    )
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    assert code(kms.decrypt, CiphertextBlob=made["CiphertextBlob"]) == "AccessDeniedException"
    assert through(region.region, "Decrypt", CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
