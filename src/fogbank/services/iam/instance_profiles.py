"""Instance profiles: how an EC2 instance gets its role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import InstanceProfile, arn_of, key_of, profiles, roles, when
from fogbank.core.service import Permission
from fogbank.services.iam import roles as role_operations
from fogbank.services.iam.arns import arn, tagging
from fogbank.services.iam.entities import check_new, open_changeable_role, open_role
from fogbank.services.iam.listing import named, paged
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import told_tags, with_tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_iam.type_defs import (
        AddRoleToInstanceProfileRequestTypeDef,
        CreateInstanceProfileRequestTypeDef,
        DeleteInstanceProfileRequestTypeDef,
        GetInstanceProfileRequestTypeDef,
        ListInstanceProfilesForRoleRequestTypeDef,
        ListInstanceProfilesRequestTypeDef,
        RemoveRoleFromInstanceProfileRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

TAGS = tagging("TagInstanceProfile", "new_profile")


@iam.operation("write", "new_profile", takes="InstanceProfileName Path Tags", also=TAGS)
def create_instance_profile(call: Call, req: CreateInstanceProfileRequestTypeDef) -> dict[str, Any]:
    """Make an instance profile, without a role."""
    name = req["InstanceProfileName"]
    check_new(call, profiles, "instance-profile", name)
    profile = InstanceProfile(
        name=name,
        id=call.ids.unique("AIPA"),
        path=req.get("Path", "/"),
        created=int(call.now.timestamp()),
        role="",
        tags=with_tags({}, req.get("Tags", [])),
    )
    keep(call, profile)
    return {"InstanceProfile": told(call, profile)}


@iam.operation("read", "profile", takes="InstanceProfileName")
def get_instance_profile(call: Call, req: GetInstanceProfileRequestTypeDef) -> dict[str, Any]:
    """An instance profile, with its role."""
    return {"InstanceProfile": told(call, open_profile(call, req["InstanceProfileName"]))}


@iam.operation("scan", "*", takes="PathPrefix Marker MaxItems")
def list_instance_profiles(call: Call, req: ListInstanceProfilesRequestTypeDef) -> dict[str, Any]:
    """The account's instance profiles, by name."""
    prefix = req.get("PathPrefix", "/")
    return listed(call, req, (one for _, one in named(call, req, profiles) if one.path.startswith(prefix)))


@iam.operation("scan", "role", takes="RoleName Marker MaxItems")
def list_instance_profiles_for_role(call: Call, req: ListInstanceProfilesForRoleRequestTypeDef) -> dict[str, Any]:
    """The instance profiles that have a role."""
    role = open_role(call, req["RoleName"])
    every = (one for _, one in named(call, req, profiles))
    return listed(call, req, (one for one in every if key_of(one.role) == key_of(role.name)))


def pass_role(call: Call, req: Input) -> list[Permission]:
    """Whoever gives a role to instances has to be allowed to."""
    role = arn(call, "role", req["RoleName"])
    return [Permission("iam:PassRole", role, req, {"iam:passedtoservice": "ec2.amazonaws.com"})]


@iam.operation("write", "profile", takes="InstanceProfileName RoleName", also=pass_role)
def add_role_to_instance_profile(call: Call, req: AddRoleToInstanceProfileRequestTypeDef) -> dict[str, Any]:
    """Give an instance profile its role; it has at most one."""
    profile, role = open_profile(call, req["InstanceProfileName"]), open_changeable_role(call, req["RoleName"])
    if profile.role:
        raise AwsError("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
    keep(call, msgspec.structs.replace(profile, role=role.name))
    return {}


@iam.operation("write", "profile", takes="InstanceProfileName RoleName")
def remove_role_from_instance_profile(call: Call, req: RemoveRoleFromInstanceProfileRequestTypeDef) -> dict[str, Any]:
    """Take an instance profile's role away."""
    profile = open_profile(call, req["InstanceProfileName"])
    if key_of(profile.role) != key_of(req["RoleName"]):
        raise AwsError("NoSuchEntity", f"The role {req['RoleName']} is not in the instance profile {profile.name}.")
    keep(call, msgspec.structs.replace(profile, role=""))
    return {}


@iam.operation("write", "profile", takes="InstanceProfileName")
def delete_instance_profile(call: Call, req: DeleteInstanceProfileRequestTypeDef) -> dict[str, Any]:
    """Delete an instance profile that has no role."""
    profile = open_profile(call, req["InstanceProfileName"])
    if profile.role:
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    profiles.delete(call.tx, call.account, key_of(profile.name))
    return {}


def open_profile(call: Call, name: str) -> InstanceProfile:
    """The instance profile of this name."""
    found = profiles.get(call.tx, call.account, key_of(name))
    if found is None:
        raise AwsError("NoSuchEntity", f"Instance Profile {name} cannot be found.")
    return found


def keep(call: Call, profile: InstanceProfile) -> None:
    """Store an instance profile."""
    profiles.put(call.tx, profile, call.account, key_of(profile.name))


def listed(call: Call, req: Input, found: Iterable[InstanceProfile]) -> dict[str, Any]:
    """A page of instance profiles."""
    page, more = paged(req, ((key_of(one.name), one) for one in found))
    return {"InstanceProfiles": [told(call, one, brief=True) for one in page], **more}


def told(call: Call, profile: InstanceProfile, *, brief: bool = False) -> dict[str, Any]:
    """An instance profile as IAM tells it; listings leave tags out."""
    role = roles.get(call.tx, call.account, key_of(profile.role)) if profile.role else None
    member: dict[str, Any] = {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": arn_of(call.account, profile),
        "CreateDate": when(profile.created),
        "Roles": [role_operations.told(call, role, brief=True)] if role else [],
    }
    return member | ({"Tags": told_tags(profile.tags)} if profile.tags and not brief else {})
