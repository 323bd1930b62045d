"""The account: its alias, its password policy, and its summary.

Quotas' source: IAM User Guide, "IAM and AWS STS quotas".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import (
    groups,
    mfa_devices,
    oidc_providers,
    policies,
    profiles,
    roles,
    saml_providers,
    users,
    versions,
)
from fogbank.services.iam.account_records import (
    Alias,
    PasswordPolicy,
    alias_owners,
    aliases,
    password_policies,
    server_certificates,
)
from fogbank.services.iam.listing import paged
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateAccountAliasRequestTypeDef,
        DeleteAccountAliasRequestTypeDef,
        ListAccountAliasesRequestTypeDef,
        UpdateAccountPasswordPolicyRequestTypeDef,
    )

    from fogbank.core.call import Call

QUOTAS = {
    "UsersQuota": 5000,
    "GroupsQuota": 300,
    "RolesQuota": 1000,
    "InstanceProfilesQuota": 1000,
    "PoliciesQuota": 1500,
    "ServerCertificatesQuota": 20,
    "UserPolicySizeQuota": 2048,
    "GroupPolicySizeQuota": 5120,
    "RolePolicySizeQuota": 10240,
    "PolicySizeQuota": 6144,
    "AssumeRolePolicySizeQuota": 2048,
    "GroupsPerUserQuota": 10,
    "SigningCertificatesPerUserQuota": 2,
    "AccessKeysPerUserQuota": 2,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "PolicyVersionsInUseQuota": 10000,
    "VersionsPerPolicyQuota": 5,
}
SHORTEST = 6  # characters, where a policy says nothing


@iam.operation("write", "*", takes="AccountAlias")
def create_account_alias(call: Call, req: CreateAccountAliasRequestTypeDef) -> dict[str, Any]:
    """Give the account an alias, which no other account has, in place of the one that it had."""
    alias = req["AccountAlias"]
    owner = alias_owners.get(call.tx, alias)
    if owner is not None:
        raise AwsError("EntityAlreadyExists", f"The account alias {alias} already exists.")
    old = aliases.get(call.tx, call.account)
    if old is not None:
        alias_owners.delete(call.tx, old.alias)
    record = Alias(account=call.account, alias=alias)
    aliases.put(call.tx, record, call.account)
    alias_owners.put(call.tx, record, alias)
    return {}


@iam.operation("read", "*", takes="Marker MaxItems")
def list_account_aliases(call: Call, req: ListAccountAliasesRequestTypeDef) -> dict[str, Any]:
    """The account's alias, if it has one."""
    record = aliases.get(call.tx, call.account)
    found, more = paged(req, [(record.alias, record.alias)] if record else [])
    return {"AccountAliases": found, **more}


@iam.operation("write", "*", takes="AccountAlias")
def delete_account_alias(call: Call, req: DeleteAccountAliasRequestTypeDef) -> dict[str, Any]:
    """Take the account's alias away."""
    record = aliases.get(call.tx, call.account)
    if record is None or record.alias != req["AccountAlias"]:
        raise AwsError("NoSuchEntity", f"The account alias with name {req['AccountAlias']} cannot be found.")
    aliases.delete(call.tx, call.account)
    alias_owners.delete(call.tx, record.alias)
    return {}


@iam.operation(
    "write",
    "*",
    takes="MinimumPasswordLength RequireSymbols RequireNumbers RequireUppercaseCharacters RequireLowercaseCharacters "
    "AllowUsersToChangePassword MaxPasswordAge PasswordReusePrevention HardExpiry",
)
def update_account_password_policy(call: Call, req: UpdateAccountPasswordPolicyRequestTypeDef) -> dict[str, Any]:
    """Replace the account's password policy; what is not given goes back to its default."""
    policy = PasswordPolicy(
        length=req.get("MinimumPasswordLength", SHORTEST),
        symbols=req.get("RequireSymbols", False),
        numbers=req.get("RequireNumbers", False),
        upper=req.get("RequireUppercaseCharacters", False),
        lower=req.get("RequireLowercaseCharacters", False),
        change=req.get("AllowUsersToChangePassword", False),
        max_age=req.get("MaxPasswordAge", 0),
        reuse=req.get("PasswordReusePrevention", 0),
        hard=req.get("HardExpiry", False),
    )
    password_policies.put(call.tx, policy, call.account)
    return {}


@iam.operation("read", "*", takes="")
def get_account_password_policy(call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """The account's password policy."""
    policy = open_policy(call)
    told: dict[str, Any] = {
        "MinimumPasswordLength": policy.length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.upper,
        "RequireLowercaseCharacters": policy.lower,
        "AllowUsersToChangePassword": policy.change,
        "ExpirePasswords": policy.max_age > 0,
        "HardExpiry": policy.hard,
    }
    if policy.max_age:
        told["MaxPasswordAge"] = policy.max_age
    if policy.reuse:
        told["PasswordReusePrevention"] = policy.reuse
    return {"PasswordPolicy": told}


@iam.operation("write", "*", takes="")
def delete_account_password_policy(call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """Go back to AWS's default password policy."""
    open_policy(call)
    password_policies.delete(call.tx, call.account)
    return {}


@iam.operation("scan", "*", takes="")
def get_account_summary(call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """How much of everything the account has, and may have. A root user has an access key here, and nothing else."""
    tx, account = call.tx, call.account
    devices = [device for _, device in mfa_devices.scan(tx, account)]

    def count(table: Any) -> int:
        return sum(1 for _ in table.scan(tx, account))

    counts = {
        "Users": count(users),
        "Groups": count(groups),
        "Roles": count(roles),
        "InstanceProfiles": count(profiles),
        "Policies": count(policies),
        "PolicyVersionsInUse": count(versions),
        "ServerCertificates": count(server_certificates),
        "Providers": count(oidc_providers) + count(saml_providers),
        "MFADevices": len(devices),
        "MFADevicesInUse": sum(1 for device in devices if device.user),
        "AccountMFAEnabled": 0,
        "AccountAccessKeysPresent": 1,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "GlobalEndpointTokenVersion": 2,
    }
    return {"SummaryMap": counts | QUOTAS}


def open_policy(call: Call) -> PasswordPolicy:
    """The account's password policy."""
    policy = password_policies.get(call.tx, call.account)
    if policy is None:
        raise AwsError("NoSuchEntity", f"The Password Policy with domain name {call.account} cannot be found.")
    return policy
