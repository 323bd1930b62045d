"""Users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.iam.records import User, keys_of, user_arn, users, when
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateUserRequestTypeDef,
        DeleteUserRequestTypeDef,
        GetUserRequestTypeDef,
        ListUsersRequestTypeDef,
    )

    from fogbank.core.call import Call

USERS_PER_ACCOUNT = 5000
PAGE = 100


def open_user(call: Call, name: str) -> User:
    """The user of this name; names are found in any case."""
    user = users.get(call.tx, call.account, name.lower())
    if user is None:
        raise AwsError("NoSuchEntity", f"The user with name {name} cannot be found.")
    return user


def own_name(call: Call) -> str | None:
    """The name of the user who calls; None for the account's root."""
    return call.principal.arn.rpartition("/")[2] if call.principal.kind == "user" else None


@iam.operation("write", "user", takes="UserName Path Tags")
def create_user(call: Call, req: CreateUserRequestTypeDef) -> dict[str, Any]:
    """Make a user without any permission."""
    name = req["UserName"]
    if users.get(call.tx, call.account, name.lower()) is not None:
        raise AwsError("EntityAlreadyExists", f"User with name {name} already exists.")
    if sum(1 for _ in users.scan(call.tx, call.account, limit=USERS_PER_ACCOUNT)) == USERS_PER_ACCOUNT:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for UsersPerAccount: {USERS_PER_ACCOUNT}")
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags", [])}
    if len({key.lower() for key in tags}) != len(req.get("Tags", [])):
        raise AwsError("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    user = User(
        name=name, id=call.ids.unique("AIDA"), path=req.get("Path", "/"), created=int(call.now.timestamp()), tags=tags
    )
    users.put(call.tx, user, call.account, name.lower())
    return {"User": told(call, user)}


@iam.operation("read", "user", takes="UserName")
def get_user(call: Call, req: GetUserRequestTypeDef) -> dict[str, Any]:
    """A user; the caller, if no name is given."""
    name = req.get("UserName") or own_name(call)
    if name is None:
        return {
            "User": {
                "Path": "/",
                "UserName": "root",
                "UserId": call.account,
                "Arn": call.principal.arn,
                "CreateDate": when(0),
            }
        }
    return {"User": told(call, open_user(call, name))}


@iam.operation("scan", "*", takes="PathPrefix Marker MaxItems")
def list_users(call: Call, req: ListUsersRequestTypeDef) -> dict[str, Any]:
    """The account's users, by name."""
    prefix, most = req.get("PathPrefix", "/"), req.get("MaxItems", PAGE)
    after = read_marker(req.get("Marker"))
    found: list[User] = []
    for _, user in users.scan(call.tx, call.account, start_after=after):
        if user.path.startswith(prefix):
            if len(found) == most:
                return {
                    "Users": [told(call, user) for user in found],
                    "IsTruncated": True,
                    "Marker": write_marker(found[-1].name.lower()),
                }
            found.append(user)
    return {"Users": [told(call, user) for user in found], "IsTruncated": False}


@iam.operation("write", "user", takes="UserName")
def delete_user(call: Call, req: DeleteUserRequestTypeDef) -> dict[str, Any]:
    """Delete a user who has no access keys left."""
    user = open_user(call, req["UserName"])
    for _ in keys_of.scan(call.tx, call.account, user.name, limit=1):
        raise AwsError("DeleteConflict", "Cannot delete entity, must delete access keys first.")
    users.delete(call.tx, call.account, user.name.lower())
    return {}


def told(call: Call, user: User) -> dict[str, Any]:
    """A user as IAM tells it."""
    member: dict[str, Any] = {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user_arn(call.account, user),
        "CreateDate": when(user.created),
    }
    if user.tags:
        member["Tags"] = [{"Key": key, "Value": value} for key, value in user.tags.items()]
    return member
