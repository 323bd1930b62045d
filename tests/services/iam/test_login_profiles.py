"""CreateLoginProfile, GetLoginProfile, UpdateLoginProfile, DeleteLoginProfile, ChangePassword."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.records import login_profiles
from services.helpers import allow, code, permit, refusal, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

GOOD = "Correct-Horse-1"


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and a user ann."""
    client = region.client("iam", parameter_validation=False)
    client.create_user(UserName="ann")
    return client


def test_a_login_profile(iam: Any) -> None:
    assert code(iam.get_login_profile, UserName="ann") == "NoSuchEntity"
    made = iam.create_login_profile(UserName="ann", Password=GOOD, PasswordResetRequired=True)["LoginProfile"]
    assert (made["UserName"], made["PasswordResetRequired"]) == ("ann", True)
    assert iam.get_login_profile(UserName="ANN")["LoginProfile"] == made
    error = refusal(iam.create_login_profile, UserName="ann", Password=GOOD)
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)
    iam.update_login_profile(UserName="ann", PasswordResetRequired=False)
    assert iam.get_login_profile(UserName="ann")["LoginProfile"]["PasswordResetRequired"] is False
    iam.delete_login_profile(UserName="ann")
    assert code(iam.delete_login_profile, UserName="ann") == "NoSuchEntity"
    assert code(iam.update_login_profile, UserName="ann", Password=GOOD) == "NoSuchEntity"
    assert code(iam.create_login_profile, UserName="bob", Password=GOOD) == "NoSuchEntity"


def test_passwords_are_hashed_with_their_own_salt(region: LocalRegion, iam: Any) -> None:
    iam.create_user(UserName="bob")
    iam.create_login_profile(UserName="ann", Password=GOOD)
    iam.create_login_profile(UserName="bob", Password=GOOD)
    with region.region.store.snapshot() as tx:
        ann, bob = (login_profiles.get(tx, ACCOUNT, name) for name in ("ann", "bob"))
        raw = b"".join(value for _, value in tx.scan(b"", b"\xff"))
    assert ann is not None
    assert bob is not None
    assert ann.salt != bob.salt
    assert ann.hash != bob.hash
    assert GOOD.encode() not in raw


# IAM User Guide, "Set an account password policy", default password policy: 8 characters, three of four kinds.
@pytest.mark.parametrize("password", ["Sh0rt!!", "alllowercase", "lower1234567", "UPPER1234567", "12345678!!!!"])
def test_the_default_policy_refuses(iam: Any, password: str) -> None:
    error = refusal(iam.create_login_profile, UserName="ann", Password=password)
    assert (error["Code"], error["Status"]) == ("PasswordPolicyViolation", 400)
    assert password not in error["Message"]


@pytest.mark.parametrize("password", ["Abcdefg1", "abcdefg1!", "ABCDEFG1!", "Abcdefgh'", "Ää1 bcde!"])
def test_the_default_policy_takes(iam: Any, password: str) -> None:
    assert iam.create_login_profile(UserName="ann", Password=password)["LoginProfile"]["UserName"] == "ann"


@pytest.mark.parametrize("password", ["", "x" * 129, "Abcdefg1☃", "Abcdefg1\0"])
def test_what_is_no_password(iam: Any, password: str) -> None:
    error = refusal(iam.create_login_profile, UserName="ann", Password=password)
    assert error["Code"] in ("ValidationError", "MalformedInput", "InvalidParameterValue")


@pytest.mark.parametrize(
    ("asked", "password"),
    [
        ({"MinimumPasswordLength": 16}, "Abcdefg1!"),
        ({"RequireSymbols": True}, "Abcdefg1"),
        ({"RequireNumbers": True}, "Abcdefg!"),
        ({"RequireUppercaseCharacters": True}, "abcdefg1!"),
        ({"RequireLowercaseCharacters": True}, "ABCDEFG1!"),
    ],
)
def test_the_accounts_policy_counts(iam: Any, asked: dict[str, Any], password: str) -> None:
    iam.update_account_password_policy(**asked)
    assert code(iam.create_login_profile, UserName="ann", Password=password) == "PasswordPolicyViolation"
    iam.create_login_profile(UserName="ann", Password="Abcdefg1!Abcdefg1!")


def test_change_password(region: LocalRegion) -> None:
    ann, root = user_client(region, "iam"), region.client("iam")
    root.create_login_profile(UserName="ann", Password=GOOD, PasswordResetRequired=True)
    assert code(ann.change_password, OldPassword=GOOD, NewPassword="Another-1") == "AccessDenied"
    permit(region, allow("iam:ChangePassword", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"))
    wrong = refusal(ann.change_password, OldPassword="Wrong-Horse-1", NewPassword="Another-1")
    assert (wrong["Code"], wrong["Message"]) == ("AccessDenied", "The old password was incorrect.")
    assert code(ann.change_password, OldPassword=GOOD, NewPassword="short") == "PasswordPolicyViolation"
    ann.change_password(OldPassword=GOOD, NewPassword="Another-1")
    assert root.get_login_profile(UserName="ann")["LoginProfile"]["PasswordResetRequired"] is False
    assert code(ann.change_password, OldPassword=GOOD, NewPassword="Third-one-1") == "AccessDenied"
    ann.change_password(OldPassword="Another-1", NewPassword=GOOD)
    assert code(root.change_password, OldPassword=GOOD, NewPassword="Another-1") == "InvalidUserType"


def test_the_account_may_let_users_change_their_own_passwords(region: LocalRegion) -> None:
    ann, root = user_client(region, "iam"), region.client("iam")
    root.create_login_profile(UserName="ann", Password=GOOD)
    root.update_account_password_policy(AllowUsersToChangePassword=True)
    ann.change_password(OldPassword=GOOD, NewPassword="Another-1")
    assert code(ann.update_login_profile, UserName="ann", Password=GOOD) == "AccessDenied"


def test_passwords_are_not_used_again(iam: Any) -> None:
    iam.update_account_password_policy(PasswordReusePrevention=2)
    iam.create_login_profile(UserName="ann", Password="First-one-1")
    assert code(iam.update_login_profile, UserName="ann", Password="First-one-1") == "PasswordPolicyViolation"
    iam.update_login_profile(UserName="ann", Password="Second-one-1")
    assert code(iam.update_login_profile, UserName="ann", Password="First-one-1") == "PasswordPolicyViolation"
    iam.update_login_profile(UserName="ann", Password="Third-one-1")
    iam.update_login_profile(UserName="ann", Password="First-one-1")
