"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.services.kms.made import arn

from services.helpers import allow, code, permit, refusal, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/app"


def own(kms: Any, **asked: Any) -> list[dict[str, Any]]:
    """The aliases that are not AWS's."""
    pages = kms.get_paginator("list_aliases").paginate(**asked, PaginationConfig={"PageSize": 5})
    return [each for page in pages for each in page["Aliases"] if not each["AliasName"].startswith("alias/aws/")]


def test_an_alias_names_a_key(kms: Any, key: str) -> None:
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    for name in ("alias/app", ARN):
        assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == key
        made = kms.encrypt(KeyId=name, Plaintext=b"x")
        assert made["KeyId"] == arn(key)
    (listed,) = own(kms)
    assert (listed["AliasName"], listed["AliasArn"], listed["TargetKeyId"]) == ("alias/app", ARN, key)
    assert listed["CreationDate"]
    assert own(kms, KeyId=key) == [listed]
    error = refusal(kms.create_alias, AliasName="alias/app", TargetKeyId=key)
    assert (error["Code"], error["Message"]) == (
        "AlreadyExistsException",
        f"An alias with the name {ARN} already exists",
    )


def test_an_alias_moves_to_another_key(kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    kms.update_alias(AliasName="alias/app", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"] == other
    assert own(kms, KeyId=key) == []
    assert [each["TargetKeyId"] for each in own(kms, KeyId=other)] == [other]
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert code(kms.update_alias, AliasName="alias/app", TargetKeyId=signing) == "ValidationException"


def test_a_deleted_alias_is_gone(kms: Any, key: str) -> None:
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    kms.delete_alias(AliasName="alias/app")
    assert own(kms) == own(kms, KeyId=key) == []
    for call in (kms.delete_alias, kms.describe_key):
        asked = {"AliasName": "alias/app"} if call == kms.delete_alias else {"KeyId": "alias/app"}
        assert refusal(call, **asked)["Message"] == f"Alias {ARN} is not found."
    assert kms.describe_key(KeyId=key)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app", "ValidationException"),
        ("alias/", "ValidationException"),
        ("alias/aws/s3", "NotAuthorizedException"),
        ("alias/aws/other", "NotAuthorizedException"),
        ("alias/a:b", "InvalidAliasNameException"),
        ("alias/a b", "ValidationException"),
        ("alias/\u00e4", "ValidationException"),
        ("alias/" + "x" * 251, "ValidationException"),
        ("", "ValidationException"),
    ],
    ids=range(9),
)
def test_names_that_aliases_do_not_have(kms: Any, key: str, name: str, expected: str) -> None:
    assert code(kms.create_alias, AliasName=name, TargetKeyId=key) == expected


def test_a_key_has_fifty_aliases(kms: Any, key: str) -> None:
    for number in range(50):
        kms.create_alias(AliasName=f"alias/a{number:02}", TargetKeyId=key)
    assert code(kms.create_alias, AliasName="alias/more", TargetKeyId=key) == "LimitExceededException"
    kms.update_alias(AliasName="alias/a00", TargetKeyId=key)
    assert [each["AliasName"] for each in own(kms)] == [f"alias/a{number:02}" for number in range(50)]


def test_an_alias_needs_the_permission_on_itself_and_on_the_key(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    asked = {"AliasName": "alias/app", "TargetKeyId": key}
    permit(region, allow("kms:CreateAlias", ARN))
    assert code(client.create_alias, **asked) == "AccessDeniedException"
    permit(region, allow("kms:CreateAlias", arn(key)))
    assert code(client.create_alias, **asked) == "AccessDeniedException"
    permit(region, allow("kms:CreateAlias", [arn(key), ARN]))
    client.create_alias(**asked)
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    permit(region, allow("kms:UpdateAlias", [arn(other), ARN]))
    assert code(client.update_alias, AliasName="alias/app", TargetKeyId=other) == "AccessDeniedException"
    permit(region, allow("kms:UpdateAlias", [arn(other), arn(key), ARN]))
    client.update_alias(AliasName="alias/app", TargetKeyId=other)
    permit(region, allow("kms:DeleteAlias", [arn(key), ARN]))
    assert code(client.delete_alias, AliasName="alias/app") == "AccessDeniedException"
    permit(region, allow("kms:DeleteAlias", [arn(other), ARN]))
    client.delete_alias(AliasName="alias/app")
    assert own(kms) == []


def test_policies_see_the_alias(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    permit(region, allow("kms:Encrypt", StringEquals={"kms:RequestAlias": "alias/app"}))
    assert client.encrypt(KeyId="alias/app", Plaintext=b"x")
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    permit(region, allow("kms:Encrypt", **{"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/a*"}}))
    assert client.encrypt(KeyId=key, Plaintext=b"x")
    kms.delete_alias(AliasName="alias/app")
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"


def test_aws_aliases_are_listed_without_keys(kms: Any) -> None:
    listed = {each["AliasName"]: each for each in kms.list_aliases()["Aliases"]}
    assert listed["alias/aws/s3"].keys() == {"AliasName", "AliasArn"}
    key = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"]
    (told,) = kms.list_aliases(KeyId=key)["Aliases"]
    assert (told["AliasName"], told["TargetKeyId"]) == ("alias/aws/s3", key)
