"""Tags of users, roles, policies and instance profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.services.iam import instance_profiles, policies, roles, users
from fogbank.services.iam.entities import open_role, open_user
from fogbank.services.iam.instance_profiles import open_profile
from fogbank.services.iam.policies import open_own
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import listed_tags, with_tags, without_tags

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@iam.operation("write", "user", takes="UserName Tags")
def tag_user(call: Call, req: Input) -> dict[str, Any]:
    """Set tags of a user."""
    found = open_user(call, req["UserName"])
    users.keep(call, msgspec.structs.replace(found, tags=with_tags(found.tags, req["Tags"])))
    return {}


@iam.operation("write", "user", takes="UserName TagKeys")
def untag_user(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags of a user."""
    found = open_user(call, req["UserName"])
    users.keep(call, msgspec.structs.replace(found, tags=without_tags(found.tags, req["TagKeys"])))
    return {}


@iam.operation("read", "user", takes="UserName Marker MaxItems")
def list_user_tags(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a user."""
    return listed_tags(req, open_user(call, req["UserName"]).tags)


@iam.operation("write", "role", takes="RoleName Tags")
def tag_role(call: Call, req: Input) -> dict[str, Any]:
    """Set tags of a role."""
    found = open_role(call, req["RoleName"])
    roles.keep(call, msgspec.structs.replace(found, tags=with_tags(found.tags, req["Tags"])))
    return {}


@iam.operation("write", "role", takes="RoleName TagKeys")
def untag_role(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags of a role."""
    found = open_role(call, req["RoleName"])
    roles.keep(call, msgspec.structs.replace(found, tags=without_tags(found.tags, req["TagKeys"])))
    return {}


@iam.operation("read", "role", takes="RoleName Marker MaxItems")
def list_role_tags(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a role."""
    return listed_tags(req, open_role(call, req["RoleName"]).tags)


@iam.operation("write", "policy", takes="PolicyArn Tags")
def tag_policy(call: Call, req: Input) -> dict[str, Any]:
    """Set tags of a policy."""
    found = open_own(call, req["PolicyArn"])
    policies.keep(call, msgspec.structs.replace(found, tags=with_tags(found.tags, req["Tags"])))
    return {}


@iam.operation("write", "policy", takes="PolicyArn TagKeys")
def untag_policy(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags of a policy."""
    found = open_own(call, req["PolicyArn"])
    policies.keep(call, msgspec.structs.replace(found, tags=without_tags(found.tags, req["TagKeys"])))
    return {}


@iam.operation("read", "policy", takes="PolicyArn Marker MaxItems")
def list_policy_tags(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a policy."""
    return listed_tags(req, open_own(call, req["PolicyArn"]).tags)


@iam.operation("write", "profile", takes="InstanceProfileName Tags")
def tag_instance_profile(call: Call, req: Input) -> dict[str, Any]:
    """Set tags of an instance profile."""
    found = open_profile(call, req["InstanceProfileName"])
    instance_profiles.keep(call, msgspec.structs.replace(found, tags=with_tags(found.tags, req["Tags"])))
    return {}


@iam.operation("write", "profile", takes="InstanceProfileName TagKeys")
def untag_instance_profile(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags of an instance profile."""
    found = open_profile(call, req["InstanceProfileName"])
    instance_profiles.keep(call, msgspec.structs.replace(found, tags=without_tags(found.tags, req["TagKeys"])))
    return {}


@iam.operation("read", "profile", takes="InstanceProfileName Marker MaxItems")
def list_instance_profile_tags(call: Call, req: Input) -> dict[str, Any]:
    """The tags of an instance profile."""
    return listed_tags(req, open_profile(call, req["InstanceProfileName"]).tags)
