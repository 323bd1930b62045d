"""GetAccountAuthorizationDetails: all users, groups, roles and policies, and how they hang together."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fogbank.core import managed
from fogbank.core.identity.records import (
    arn_of,
    attached,
    attached_to,
    groups,
    groups_of,
    inlines,
    key_of,
    policies,
    profiles,
    roles,
    users,
    versions,
    when,
)
from fogbank.core.identity.used import last_use
from fogbank.services.iam import trust
from fogbank.services.iam.listing import paged
from fogbank.services.iam.policy_sources import AWS
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import told_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_iam.type_defs import GetAccountAuthorizationDetailsRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.identity.records import Group, InstanceProfile, ManagedPolicy, Owner, Role, User

# Kinds of entities, in the order of the pages, and the lists of the answer that have them.
LISTS: Final = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}


@iam.operation("scan", "*", takes="Filter MaxItems Marker")
def get_account_authorization_details(call: Call, req: GetAccountAuthorizationDetailsRequestTypeDef) -> dict[str, Any]:
    """A page of the account's entities; AWS's policies are those that are attached."""
    details = Details(call)
    wanted = [kind for kind in LISTS if kind in req.get("Filter", LISTS)] or list(LISTS)
    page, more = paged(
        req,
        (
            (f"{list(LISTS).index(kind)}/{key}", (kind, record))
            for kind in wanted
            for key, record in details.all_of(kind)
        ),
    )
    result: dict[str, Any] = {name: [] for name in LISTS.values()}
    for kind, record in page:
        result[LISTS[kind]].append(details.told(kind, record))
    return {**result, **more}


class Details:
    """Details of one account's entities, in one snapshot."""

    def __init__(self, call: Call) -> None:
        self.tx, self.account = call.tx, call.account

    def all_of(self, kind: str) -> Iterator[tuple[str, Any]]:
        """The entities of a kind, each with its key, in order."""
        if kind == "AWSManagedPolicy":
            found = {parts[3] for parts, _ in attached.scan(self.tx, self.account)}
            yield from ((str(arn), arn) for arn in sorted(str(arn) for arn in found) if arn.startswith(AWS))
            return
        table: Any = {"User": users, "Group": groups, "Role": roles, "LocalManagedPolicy": policies}[kind]
        for _, record in table.scan(self.tx, self.account):
            yield key_of(record.name), record

    def told(self, kind: str, record: Any) -> dict[str, Any]:
        """An entity's details."""
        if kind == "User":
            return self.user(record)
        if kind == "Group":
            return self.group(record)
        if kind == "Role":
            return self.role(record)
        return self.aws(record) if kind == "AWSManagedPolicy" else self.policy(record)

    def user(self, user: User) -> dict[str, Any]:
        """A UserDetail."""
        member_of = [member.group for _, member in groups_of.scan(self.tx, self.account, key_of(user.name))]
        return {
            "UserName": user.name,
            "UserId": user.id,
            **self.common(user),
            "UserPolicyList": self.inline("user", user.name),
            "GroupList": member_of,
            "AttachedManagedPolicies": self.attached("user", user.name),
            **boundary(user.boundary),
            "Tags": told_tags(user.tags),
        }

    def group(self, group: Group) -> dict[str, Any]:
        """A GroupDetail."""
        return {
            "GroupName": group.name,
            "GroupId": group.id,
            **self.common(group),
            "GroupPolicyList": self.inline("group", group.name),
            "AttachedManagedPolicies": self.attached("group", group.name),
        }

    def role(self, role: Role) -> dict[str, Any]:
        """A RoleDetail."""
        last = last_use(self.tx, self.account, arn_of(self.account, role))
        return {
            **self.short_role(role),
            "InstanceProfileList": [self.profile(each, role) for each in self.profiles.get(key_of(role.name), [])],
            "RolePolicyList": self.inline("role", role.name),
            "AttachedManagedPolicies": self.attached("role", role.name),
            **boundary(role.boundary),
            "Tags": told_tags(role.tags),
            "RoleLastUsed": {"LastUsedDate": when(last.at), "Region": last.region} if last else {},
        }

    def short_role(self, role: Role) -> dict[str, Any]:
        """A role as an instance profile has it."""
        return {
            "RoleName": role.name,
            "RoleId": role.id,
            **self.common(role),
            "AssumeRolePolicyDocument": quote(trust.told(self.tx, role), safe=""),
        }

    def profile(self, profile: InstanceProfile, role: Role) -> dict[str, Any]:
        """An instance profile with its role."""
        return {
            "InstanceProfileName": profile.name,
            "InstanceProfileId": profile.id,
            **self.common(profile),
            "Roles": [self.short_role(role)],
            "Tags": told_tags(profile.tags),
        }

    def policy(self, policy: ManagedPolicy) -> dict[str, Any]:
        """A ManagedPolicyDetail of a customer managed policy, with all its versions, the latest first."""
        arn = arn_of(self.account, policy)
        kept = [(parts[2], each) for parts, each in versions.scan(self.tx, self.account, key_of(policy.name))]
        described = {"Description": policy.description} if policy.description else {}
        return {
            "PolicyName": policy.name,
            "PolicyId": policy.id,
            **self.common(policy),
            "DefaultVersionId": f"v{policy.default}",
            **self.use_of(arn),
            **described,
            "UpdateDate": when(policy.updated),
            "PolicyVersionList": [
                version(each.document, f"v{int(number)}", number == policy.default, when(each.created))
                for number, each in reversed(kept)
            ],
        }

    def aws(self, arn: str) -> dict[str, Any]:
        """A ManagedPolicyDetail of one of AWS's policies, with its version in force."""
        found = managed.find(arn)
        if found is None:  # attached in a release that had it
            return {"PolicyName": arn.rpartition("/")[2], "Arn": arn, **self.use_of(arn)}
        return {
            "PolicyName": found.name,
            "PolicyId": found.id,
            "Arn": arn,
            "Path": found.path,
            "DefaultVersionId": found.version,
            **self.use_of(arn),
            "CreateDate": datetime.fromisoformat(found.created),
            "UpdateDate": datetime.fromisoformat(found.updated),
            "PolicyVersionList": [version(found.document, found.version, True, datetime.fromisoformat(found.updated))],
        }

    def common(self, record: Any) -> dict[str, Any]:
        """What all entities have."""
        return {"Path": record.path, "Arn": arn_of(self.account, record), "CreateDate": when(record.created)}

    def inline(self, owner: Owner, name: str) -> list[dict[str, str]]:
        """Inline policies."""
        found = inlines.scan(self.tx, self.account, owner, key_of(name))
        return [{"PolicyName": each.name, "PolicyDocument": quote(each.document, safe="")} for _, each in found]

    def attached(self, owner: Owner, name: str) -> list[dict[str, str]]:
        """Attached policies."""
        found = attached.scan(self.tx, self.account, owner, key_of(name))
        return [{"PolicyName": each.arn.rpartition("/")[2], "PolicyArn": each.arn} for _, each in found]

    def use_of(self, arn: str) -> dict[str, Any]:
        """How often a policy is attached, and is a boundary."""
        return {
            "AttachmentCount": sum(1 for _ in attached_to.scan(self.tx, arn, self.account)),
            "PermissionsBoundaryUsageCount": self.boundaries[arn],
            "IsAttachable": True,
        }

    @cached_property
    def boundaries(self) -> Counter[str]:
        """How many users and roles have each policy as their boundary."""
        bounded = (users.scan(self.tx, self.account), roles.scan(self.tx, self.account))
        return Counter(record.boundary for scan in bounded for _, record in scan)

    @cached_property
    def profiles(self) -> dict[str, list[InstanceProfile]]:
        """Instance profiles, by the keys of their roles."""
        found: dict[str, list[InstanceProfile]] = {}
        for _, profile in profiles.scan(self.tx, self.account):
            found.setdefault(key_of(profile.role), []).append(profile)
        return found


def boundary(arn: str) -> dict[str, Any]:
    """A permissions boundary, if there is one."""
    if not arn:
        return {}
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}}


def version(document: str, number: str, default: bool, created: Any) -> dict[str, Any]:
    """A PolicyVersion."""
    return {
        "Document": quote(document, safe=""),
        "VersionId": number,
        "IsDefaultVersion": default,
        "CreateDate": created,
    }
