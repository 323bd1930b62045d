"""Users' passwords for the console: login profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.auth.policy import parse_policy
from fogbank.core.errors import AwsError
from fogbank.core.identity.records import LoginProfile, key_of, login_profiles, when
from fogbank.services.iam.account_records import PasswordHistory, password_histories, password_policies
from fogbank.services.iam.passwords import hashed, lacking, same
from fogbank.services.iam.service import iam
from fogbank.services.iam.users import open_user, own_name

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        ChangePasswordRequestTypeDef,
        CreateLoginProfileRequestTypeDef,
        DeleteLoginProfileRequestTypeDef,
        GetLoginProfileRequestTypeDef,
        UpdateLoginProfileRequestTypeDef,
    )

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input

REMEMBERED = 24  # passwords: the most that a policy may forbid to use again


def holder(call: Call, req: Input) -> str:
    """The name of the user that a request is about: the named one, or the caller."""
    name = req.get("UserName") or own_name(call)
    if name is None:
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    return open_user(call, name).name


@iam.operation("bulk", "user", takes="UserName Password PasswordResetRequired")
def create_login_profile(call: Call, req: CreateLoginProfileRequestTypeDef) -> dict[str, Any]:
    """Give a user a password."""
    name = holder(call, req)
    if login_profiles.get(call.tx, call.account, key_of(name)) is not None:
        raise AwsError("EntityAlreadyExists", f"Login Profile for user {name} already exists.")
    password = req.get("Password")
    if password is None:
        raise AwsError("ValidationError", "Password is required for a login profile of an IAM user.")
    profile = new_password(call, name, password, None, req.get("PasswordResetRequired", False))
    return {"LoginProfile": told(name, profile)}


@iam.operation("read", "user", takes="UserName")
def get_login_profile(call: Call, req: GetLoginProfileRequestTypeDef) -> dict[str, Any]:
    """Whether a user has a password, and since when."""
    name = holder(call, req)
    return {"LoginProfile": told(name, open_profile(call, name))}


@iam.operation("bulk", "user", takes="UserName Password PasswordResetRequired")
def update_login_profile(call: Call, req: UpdateLoginProfileRequestTypeDef) -> dict[str, Any]:
    """Set another password, or say whether the user has to."""
    name = holder(call, req)
    profile = open_profile(call, name)
    reset = req.get("PasswordResetRequired", profile.reset_required)
    if "Password" in req:
        new_password(call, name, req["Password"], profile, reset)
    else:
        changed = msgspec.structs.replace(profile, reset_required=reset)
        login_profiles.put(call.tx, changed, call.account, key_of(name))
    return {}


@iam.operation("write", "user", takes="UserName")
def delete_login_profile(call: Call, req: DeleteLoginProfileRequestTypeDef) -> dict[str, Any]:
    """Take a user's password away."""
    name = holder(call, req)
    open_profile(call, name)
    login_profiles.delete(call.tx, call.account, key_of(name))
    password_histories.delete(call.tx, call.account, key_of(name))
    return {}


def lets_change(call: Call, _req: ChangePasswordRequestTypeDef) -> Policy | None:
    """What the account's password policy grants: users may change their own passwords without any policy of theirs."""
    policy = password_policies.get(call.tx, call.account)
    if policy is None or not policy.change or call.principal.kind != "user":
        return None
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": call.principal.arn},
        "Action": "iam:ChangePassword",
        "Resource": "*",
    }
    document = msgspec.json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()
    return parse_policy(document, "resource", "the account's password policy")


@iam.operation("bulk", "own", takes="OldPassword NewPassword", policy=lets_change)
def change_password(call: Call, req: ChangePasswordRequestTypeDef) -> dict[str, Any]:
    """Change the caller's own password."""
    name = own_name(call)
    if name is None:
        raise AwsError("InvalidUserType", "Only IAM Users can change their own password.")
    profile = open_profile(call, name)
    if not same(hashed(req["OldPassword"], profile.salt), profile.hash):
        raise AwsError("AccessDenied", "The old password was incorrect.", status=403)
    new_password(call, name, req["NewPassword"], profile, False)
    return {}


def new_password(call: Call, name: str, password: str, old: LoginProfile | None, reset: bool) -> LoginProfile:
    """Set a password that the account's policy allows. The salt stays, so that one hash tells whether it was used before."""
    policy = password_policies.get(call.tx, call.account)
    lacks = lacking(password, policy, call.account)
    if lacks:
        raise AwsError("PasswordPolicyViolation", lacks)
    key = key_of(name)
    history = password_histories.get(call.tx, call.account, key)
    earlier = (*((old.hash,) if old else ()), *(history.hashes if history else ()))[:REMEMBERED]
    salt = old.salt if old else call.ids.token(24).encode()
    made = hashed(password, salt)
    if policy and any(same(made, each) for each in earlier[: policy.reuse]):
        raise AwsError("PasswordPolicyViolation", "Password has been used before.")
    now = int(call.now.timestamp())
    profile = LoginProfile(salt=salt, hash=made, created=old.created if old else now, reset_required=reset)
    login_profiles.put(call.tx, profile, call.account, key)
    password_histories.put(call.tx, PasswordHistory(hashes=earlier, changed=now), call.account, key)
    return profile


def open_profile(call: Call, name: str) -> LoginProfile:
    """A user's login profile."""
    profile = login_profiles.get(call.tx, call.account, key_of(name))
    if profile is None:
        raise AwsError("NoSuchEntity", f"Login Profile for User {name} cannot be found.")
    return profile


def told(name: str, profile: LoginProfile) -> dict[str, Any]:
    """A login profile as IAM tells it."""
    return {
        "UserName": name,
        "CreateDate": when(profile.created),
        "PasswordResetRequired": profile.reset_required,
    }
