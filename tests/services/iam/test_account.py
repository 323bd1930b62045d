"""CreateAccountAlias, ListAccountAliases, DeleteAccountAlias, the account's password policy, GetAccountSummary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, refusal
from services.iam.made import certificate, key_pem, new_key, pem, put_group, put_policy, put_role

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root."""
    return region.client("iam", parameter_validation=False)


def test_account_aliases(region: LocalRegion, iam: Any) -> None:
    other = dev(region, "111122223333", "iam")
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="my-corp")
    error = refusal(other.create_account_alias, AccountAlias="my-corp")
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)
    assert other.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="my-corp-2")  # in place of the first
    assert iam.list_account_aliases()["AccountAliases"] == ["my-corp-2"]
    other.create_account_alias(AccountAlias="my-corp")
    assert code(iam.delete_account_alias, AccountAlias="my-corp") == "NoSuchEntity"
    iam.delete_account_alias(AccountAlias="my-corp-2")
    assert code(iam.delete_account_alias, AccountAlias="my-corp-2") == "NoSuchEntity"


@pytest.mark.parametrize("alias", ["ab", "a" * 64, "-abc", "abc-", "a--b", "Abc", "a_b", "a.b", "äbc", "abc\n"])
def test_aliases_that_cannot_be(iam: Any, alias: str) -> None:
    assert code(iam.create_account_alias, AccountAlias=alias) == "ValidationError"


def test_the_password_policy(iam: Any) -> None:
    """UpdateAccountPasswordPolicy, GetAccountPasswordPolicy, DeleteAccountPasswordPolicy."""
    error = refusal(iam.get_account_password_policy)
    assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)
    assert code(iam.delete_account_password_policy) == "NoSuchEntity"
    iam.update_account_password_policy(
        MinimumPasswordLength=12, RequireSymbols=True, MaxPasswordAge=90, PasswordReusePrevention=5, HardExpiry=True
    )
    assert iam.get_account_password_policy()["PasswordPolicy"] == {
        "MinimumPasswordLength": 12,
        "RequireSymbols": True,
        "RequireNumbers": False,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "ExpirePasswords": True,
        "MaxPasswordAge": 90,
        "PasswordReusePrevention": 5,
        "HardExpiry": True,
    }
    iam.update_account_password_policy(RequireNumbers=True)  # what is not given goes back to its default
    found = iam.get_account_password_policy()["PasswordPolicy"]
    assert (found["MinimumPasswordLength"], found["RequireSymbols"], found["ExpirePasswords"]) == (6, False, False)
    assert "MaxPasswordAge" not in found
    iam.delete_account_password_policy()
    assert code(iam.get_account_password_policy) == "NoSuchEntity"


@pytest.mark.parametrize(
    "given",
    [{"MinimumPasswordLength": 5}, {"MinimumPasswordLength": 129}, {"MaxPasswordAge": 0}, {"MaxPasswordAge": 1096},
     {"PasswordReusePrevention": 25}, {"PasswordReusePrevention": -1}],
)  # fmt: skip
def test_password_policies_that_cannot_be(iam: Any, given: dict[str, int]) -> None:
    assert code(iam.update_account_password_policy, **given) == "ValidationError"


def test_get_account_summary(region: LocalRegion, iam: Any) -> None:
    key = new_key()
    iam.create_user(UserName="ann")
    put_group(region, "g", "ann")
    put_role(region, "r")
    put_policy(region, "p", "{}")
    iam.create_virtual_mfa_device(VirtualMFADeviceName="m")
    iam.create_open_id_connect_provider(Url="https://a.example")
    iam.upload_server_certificate(
        ServerCertificateName="c", CertificateBody=pem(certificate(key)), PrivateKey=key_pem(key)
    )
    found = iam.get_account_summary()["SummaryMap"]
    ones = [
        "Users",
        "Groups",
        "Roles",
        "Policies",
        "PolicyVersionsInUse",
        "MFADevices",
        "Providers",
        "ServerCertificates",
    ]
    assert {name: found[name] for name in ones} == dict.fromkeys(ones, 1)
    assert (found["MFADevicesInUse"], found["InstanceProfiles"], found["AccountMFAEnabled"]) == (0, 0, 0)
    assert (found["UsersQuota"], found["AccessKeysPerUserQuota"], found["PolicySizeQuota"]) == (5000, 2, 6144)
