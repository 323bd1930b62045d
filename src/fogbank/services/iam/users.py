"""Users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import User, arn_of, groups_of, key_of, keys_of, users, when
from fogbank.core.identity.used import forget
from fogbank.services.iam.account_records import held
from fogbank.services.iam.arns import renaming, tagging
from fogbank.services.iam.entities import check_bare, check_new, open_user, told_boundary
from fogbank.services.iam.identifiers import index
from fogbank.services.iam.listing import named, paged
from fogbank.services.iam.policies import check_boundary
from fogbank.services.iam.rename import rename_user
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import told_tags, with_tags

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateUserRequestTypeDef,
        DeleteUserPermissionsBoundaryRequestTypeDef,
        DeleteUserRequestTypeDef,
        GetUserRequestTypeDef,
        ListUsersRequestTypeDef,
        PutUserPermissionsBoundaryRequestTypeDef,
        UpdateUserRequestTypeDef,
    )

    from fogbank.core.call import Call

__all__ = ["open_user", "own_name"]


def own_name(call: Call) -> str | None:
    """The name of the user who calls; None for any other caller."""
    return call.principal.name if call.principal.kind == "user" else None


@iam.operation("write", "new_user", takes="UserName Path PermissionsBoundary Tags", also=tagging("TagUser", "new_user"))
def create_user(call: Call, req: CreateUserRequestTypeDef) -> dict[str, Any]:
    """Make a user without any permission."""
    name, boundary = req["UserName"], req.get("PermissionsBoundary", "")
    check_new(call, users, "user", name)
    user = User(
        name=name,
        id=call.ids.unique("AIDA"),
        path=req.get("Path", "/"),
        created=int(call.now.timestamp()),
        tags=with_tags({}, req.get("Tags", [])),
        boundary=check_boundary(call, boundary, "User") if boundary else "",
    )
    keep(call, user)
    return {"User": told(call, user)}


@iam.operation("read", "user", takes="UserName")
def get_user(call: Call, req: GetUserRequestTypeDef) -> dict[str, Any]:
    """A user; the caller, if no name is given."""
    name = req.get("UserName") or own_name(call)
    if name is not None:
        return {"User": told(call, open_user(call, name))}
    if call.principal.kind != "root":
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    arn = call.principal.arn
    return {"User": {"Path": "/", "UserName": "root", "UserId": call.account, "Arn": arn, "CreateDate": when(0)}}


@iam.operation("scan", "*", takes="PathPrefix Marker MaxItems")
def list_users(call: Call, req: ListUsersRequestTypeDef) -> dict[str, Any]:
    """The account's users, by name."""
    prefix = req.get("PathPrefix", "/")
    found = ((key, user) for key, user in named(call, req, users) if user.path.startswith(prefix))
    page, more = paged(req, found)
    return {"Users": [told(call, user, brief=True) for user in page], **more}


@iam.operation("write", "user", takes="UserName NewPath NewUserName", also=renaming("UpdateUser", "user"))
def update_user(call: Call, req: UpdateUserRequestTypeDef) -> dict[str, Any]:
    """Rename a user, or give it another path; it keeps its id, and all that it has."""
    user = open_user(call, req["UserName"])
    name = req.get("NewUserName", user.name)
    if key_of(name) != key_of(user.name):
        check_new(call, users, "user", name)
    changed = msgspec.structs.replace(user, name=name, path=req.get("NewPath", user.path))
    if name != user.name:
        rename_user(call, user.name, name)
        index(call.tx, call.account, "user", user, None)
        users.delete(call.tx, call.account, key_of(user.name))
    if arn_of(call.account, changed) != arn_of(call.account, user):
        forget(call.tx, call.account, arn_of(call.account, user))
    keep(call, changed)
    return {}


@iam.operation("write", "user", takes="UserName")
def delete_user(call: Call, req: DeleteUserRequestTypeDef) -> dict[str, Any]:
    """Delete a user who has nothing left."""
    user = open_user(call, req["UserName"])
    for _ in keys_of.scan(call.tx, call.account, user.name, limit=1):
        raise AwsError("DeleteConflict", "Cannot delete entity, must delete access keys first.")
    check_bare(call, "user", user.name)
    for _ in groups_of.scan(call.tx, call.account, key_of(user.name), limit=1):
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove users from group first.")
    if what := held(call.tx, call.account, user.name):
        raise AwsError("DeleteConflict", f"Cannot delete entity, must delete {what} first.")
    index(call.tx, call.account, "user", user, None)
    users.delete(call.tx, call.account, key_of(user.name))
    forget(call.tx, call.account, arn_of(call.account, user))
    return {}


@iam.operation("write", "user", takes="UserName PermissionsBoundary")
def put_user_permissions_boundary(call: Call, req: PutUserPermissionsBoundaryRequestTypeDef) -> dict[str, Any]:
    """Set the most that a user may do."""
    user = open_user(call, req["UserName"])
    keep(call, msgspec.structs.replace(user, boundary=check_boundary(call, req["PermissionsBoundary"], "User")))
    return {}


@iam.operation("write", "user", takes="UserName")
def delete_user_permissions_boundary(call: Call, req: DeleteUserPermissionsBoundaryRequestTypeDef) -> dict[str, Any]:
    """Take a user's boundary away."""
    user = open_user(call, req["UserName"])
    if not user.boundary:
        raise AwsError("NoSuchEntity", f"The user with name {user.name} does not have a permissions boundary.")
    keep(call, msgspec.structs.replace(user, boundary=""))
    return {}


def keep(call: Call, user: User) -> None:
    """Store a user."""
    index(call.tx, call.account, "user", users.get(call.tx, call.account, key_of(user.name)), user)
    users.put(call.tx, user, call.account, key_of(user.name))


def told(call: Call, user: User, *, brief: bool = False) -> dict[str, Any]:
    """A user as IAM tells it; listings leave tags and boundary out."""
    member: dict[str, Any] = {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": arn_of(call.account, user),
        "CreateDate": when(user.created),
    }
    if brief:
        return member
    tags = {"Tags": told_tags(user.tags)} if user.tags else {}
    return member | tags | told_boundary(user.boundary)
