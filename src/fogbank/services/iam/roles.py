"""Roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import Role, arn_of, key_of, profiles, roles, when
from fogbank.core.identity.used import forget, last_use
from fogbank.services.iam import trust
from fogbank.services.iam.arns import tagging
from fogbank.services.iam.entities import (
    check_bare,
    check_new,
    encoded,
    open_changeable_role,
    open_role,
    told_boundary,
)
from fogbank.services.iam.identifiers import index
from fogbank.services.iam.listing import named, paged
from fogbank.services.iam.policies import check_boundary
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import told_tags, with_tags

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateRoleRequestTypeDef,
        DeleteRolePermissionsBoundaryRequestTypeDef,
        DeleteRoleRequestTypeDef,
        GetRoleRequestTypeDef,
        ListRolesRequestTypeDef,
        PutRolePermissionsBoundaryRequestTypeDef,
        UpdateAssumeRolePolicyRequestTypeDef,
        UpdateRoleDescriptionRequestTypeDef,
        UpdateRoleRequestTypeDef,
    )

    from fogbank.core.call import Call

CREATED_WITH = "Path RoleName AssumeRolePolicyDocument Description MaxSessionDuration PermissionsBoundary Tags"
DEFAULT_SESSION = 3600  # seconds


@iam.operation("write", "new_role", takes=CREATED_WITH, also=tagging("TagRole", "new_role"))
def create_role(call: Call, req: CreateRoleRequestTypeDef) -> dict[str, Any]:
    """Make a role, which those may assume whom its trust policy names."""
    name, path, boundary = req["RoleName"], req.get("Path", "/"), req.get("PermissionsBoundary", "")
    if path.startswith("/aws-service-role/"):
        raise AwsError("InvalidInput", "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")
    check_new(call, roles, "role", name)
    role = Role(
        name=name,
        id=call.ids.unique("AROA"),
        path=path,
        created=int(call.now.timestamp()),
        tags=with_tags({}, req.get("Tags", [])),
        trust=trust.checked(call, req["AssumeRolePolicyDocument"]),
        trust_given=req["AssumeRolePolicyDocument"],
        description=req.get("Description", ""),
        session=req.get("MaxSessionDuration", DEFAULT_SESSION),
        boundary=check_boundary(call, boundary, "Role") if boundary else "",
    )
    keep(call, role)
    return {"Role": told(call, role)}


@iam.operation("read", "role", takes="RoleName")
def get_role(call: Call, req: GetRoleRequestTypeDef) -> dict[str, Any]:
    """A role, with its trust policy."""
    role = open_role(call, req["RoleName"])
    used = last_use(call.tx, call.account, arn_of(call.account, role))
    last = {"LastUsedDate": when(used.at), "Region": used.region} if used else {}
    return {"Role": told(call, role) | {"RoleLastUsed": last}}


@iam.operation("scan", "*", takes="PathPrefix Marker MaxItems")
def list_roles(call: Call, req: ListRolesRequestTypeDef) -> dict[str, Any]:
    """The account's roles, by name."""
    prefix = req.get("PathPrefix", "/")
    found = ((key, role) for key, role in named(call, req, roles) if role.path.startswith(prefix))
    page, more = paged(req, found)
    return {"Roles": [told(call, role, brief=True) for role in page], **more}


@iam.operation("write", "role", takes="RoleName Description MaxSessionDuration")
def update_role(call: Call, req: UpdateRoleRequestTypeDef) -> dict[str, Any]:
    """Change a role's description or its longest session; what is left out stays. Of a service-linked role only the description
    may be changed."""
    if "MaxSessionDuration" in req:
        open_changeable_role(call, req["RoleName"])
    role = open_role(call, req["RoleName"])
    session = req.get("MaxSessionDuration", role.session)
    keep(call, msgspec.structs.replace(role, description=req.get("Description", role.description), session=session))
    return {}


@iam.operation("write", "role", takes="RoleName Description")
def update_role_description(call: Call, req: UpdateRoleDescriptionRequestTypeDef) -> dict[str, Any]:
    """Change a role's description; a service-linked role's, too."""
    role = msgspec.structs.replace(open_role(call, req["RoleName"]), description=req["Description"])
    keep(call, role)
    return {"Role": told(call, role)}


@iam.operation("write", "role", takes="RoleName PolicyDocument")
def update_assume_role_policy(call: Call, req: UpdateAssumeRolePolicyRequestTypeDef) -> dict[str, Any]:
    """Replace a role's trust policy."""
    role = open_changeable_role(call, req["RoleName"])
    trusted = trust.checked(call, req["PolicyDocument"])
    keep(call, msgspec.structs.replace(role, trust=trusted, trust_given=req["PolicyDocument"]))
    return {}


@iam.operation("write", "role", takes="RoleName")
def delete_role(call: Call, req: DeleteRoleRequestTypeDef) -> dict[str, Any]:
    """Delete a role that has nothing left; its sessions end with it."""
    role = open_changeable_role(call, req["RoleName"])
    if any(key_of(profile.role) == key_of(role.name) for _, profile in profiles.scan(call.tx, call.account)):
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    check_bare(call, "role", role.name)
    remove(call, role)
    return {}


@iam.operation("write", "role", takes="RoleName PermissionsBoundary")
def put_role_permissions_boundary(call: Call, req: PutRolePermissionsBoundaryRequestTypeDef) -> dict[str, Any]:
    """Set the most that a role may do."""
    role = open_changeable_role(call, req["RoleName"])
    keep(call, msgspec.structs.replace(role, boundary=check_boundary(call, req["PermissionsBoundary"], "Role")))
    return {}


@iam.operation("write", "role", takes="RoleName")
def delete_role_permissions_boundary(call: Call, req: DeleteRolePermissionsBoundaryRequestTypeDef) -> dict[str, Any]:
    """Take a role's boundary away."""
    role = open_changeable_role(call, req["RoleName"])
    if not role.boundary:
        raise AwsError("NoSuchEntity", f"The role with name {role.name} does not have a permissions boundary.")
    keep(call, msgspec.structs.replace(role, boundary=""))
    return {}


def keep(call: Call, role: Role) -> None:
    """Store a role."""
    index(call.tx, call.account, "role", roles.get(call.tx, call.account, key_of(role.name)), role)
    roles.put(call.tx, role, call.account, key_of(role.name))


def remove(call: Call, role: Role) -> None:
    """Forget a role, and what it used."""
    index(call.tx, call.account, "role", role, None)
    roles.delete(call.tx, call.account, key_of(role.name))
    forget(call.tx, call.account, arn_of(call.account, role))


def told(call: Call, role: Role, *, brief: bool = False) -> dict[str, Any]:
    """A role as IAM tells it; listings leave tags and boundary out."""
    member: dict[str, Any] = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": arn_of(call.account, role),
        "CreateDate": when(role.created),
        "AssumeRolePolicyDocument": encoded(trust.told(call.tx, role)),
        "MaxSessionDuration": role.session,
    }
    if role.description:
        member["Description"] = role.description
    if brief:
        return member
    tags = {"Tags": told_tags(role.tags)} if role.tags else {}
    return member | tags | told_boundary(role.boundary)
