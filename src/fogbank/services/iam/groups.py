"""Groups of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import Group, arn_of, groups, groups_of, join, key_of, leave, members, users, when
from fogbank.services.iam import users as user_operations
from fogbank.services.iam.arns import renaming
from fogbank.services.iam.entities import check_bare, check_new, open_group, open_user
from fogbank.services.iam.listing import named, paged
from fogbank.services.iam.rename import rename_group
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        AddUserToGroupRequestTypeDef,
        CreateGroupRequestTypeDef,
        DeleteGroupRequestTypeDef,
        GetGroupRequestTypeDef,
        ListGroupsForUserRequestTypeDef,
        ListGroupsRequestTypeDef,
        RemoveUserFromGroupRequestTypeDef,
        UpdateGroupRequestTypeDef,
    )

    from fogbank.core.call import Call

GROUPS_PER_USER = 10


@iam.operation("write", "new_group", takes="Path GroupName")
def create_group(call: Call, req: CreateGroupRequestTypeDef) -> dict[str, Any]:
    """Make a group."""
    name = req["GroupName"]
    check_new(call, groups, "group", name)
    created = int(call.now.timestamp())
    group = Group(name=name, id=call.ids.unique("AGPA"), path=req.get("Path", "/"), created=created)
    groups.put(call.tx, group, call.account, key_of(name))
    return {"Group": told(call, group)}


@iam.operation("scan", "group", takes="GroupName Marker MaxItems")
def get_group(call: Call, req: GetGroupRequestTypeDef) -> dict[str, Any]:
    """A group, with its users."""
    group = open_group(call, req["GroupName"])
    page, more = paged(req, ((key, key) for key, _ in named(call, req, members, key_of(group.name))))
    inside = [user for name in page if (user := users.get(call.tx, call.account, name))]
    return {
        "Group": told(call, group),
        "Users": [user_operations.told(call, user, brief=True) for user in inside],
        **more,
    }


@iam.operation("scan", "*", takes="PathPrefix Marker MaxItems")
def list_groups(call: Call, req: ListGroupsRequestTypeDef) -> dict[str, Any]:
    """The account's groups, by name."""
    prefix = req.get("PathPrefix", "/")
    found = ((key, group) for key, group in named(call, req, groups) if group.path.startswith(prefix))
    page, more = paged(req, found)
    return {"Groups": [told(call, group) for group in page], **more}


@iam.operation("write", "group", takes="GroupName NewPath NewGroupName", also=renaming("UpdateGroup", "group"))
def update_group(call: Call, req: UpdateGroupRequestTypeDef) -> dict[str, Any]:
    """Rename a group, or give it another path."""
    group = open_group(call, req["GroupName"])
    name = req.get("NewGroupName", group.name)
    if key_of(name) != key_of(group.name):
        check_new(call, groups, "group", name)
    if name != group.name:
        rename_group(call, group.name, name)
        groups.delete(call.tx, call.account, key_of(group.name))
    changed = msgspec.structs.replace(group, name=name, path=req.get("NewPath", group.path))
    groups.put(call.tx, changed, call.account, key_of(name))
    return {}


@iam.operation("write", "group", takes="GroupName")
def delete_group(call: Call, req: DeleteGroupRequestTypeDef) -> dict[str, Any]:
    """Delete a group that is empty and has no policies."""
    group = open_group(call, req["GroupName"])
    for _ in members.scan(call.tx, call.account, key_of(group.name), limit=1):
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove users from group first.")
    check_bare(call, "group", group.name)
    groups.delete(call.tx, call.account, key_of(group.name))
    return {}


@iam.operation("write", "group", takes="GroupName UserName")
def add_user_to_group(call: Call, req: AddUserToGroupRequestTypeDef) -> dict[str, Any]:
    """Put a user into a group."""
    group, user = open_group(call, req["GroupName"]), open_user(call, req["UserName"])
    inside = {str(parts[2]) for parts, _ in groups_of.scan(call.tx, call.account, key_of(user.name))}
    if key_of(group.name) not in inside and len(inside) >= GROUPS_PER_USER:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER}")
    join(call.tx, call.account, user.name, group.name)
    return {}


@iam.operation("write", "group", takes="GroupName UserName")
def remove_user_from_group(call: Call, req: RemoveUserFromGroupRequestTypeDef) -> dict[str, Any]:
    """Take a user out of a group."""
    group, user = open_group(call, req["GroupName"]), open_user(call, req["UserName"])
    leave(call.tx, call.account, user.name, group.name)
    return {}


@iam.operation("scan", "user", takes="UserName Marker MaxItems")
def list_groups_for_user(call: Call, req: ListGroupsForUserRequestTypeDef) -> dict[str, Any]:
    """The groups that a user is in."""
    user = open_user(call, req["UserName"])
    page, more = paged(req, named(call, req, groups_of, key_of(user.name)))
    return {"Groups": [told(call, open_group(call, member.group)) for member in page], **more}


def told(call: Call, group: Group) -> dict[str, Any]:
    """A group as IAM tells it."""
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": arn_of(call.account, group),
        "CreateDate": when(group.created),
    }
