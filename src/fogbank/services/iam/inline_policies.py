"""Inline policies of users, groups and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import Inline, inlines, key_of
from fogbank.services.iam.entities import SIZES, encoded, open_owner, parse, size
from fogbank.services.iam.listing import named, paged
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        DeleteGroupPolicyRequestTypeDef,
        DeleteRolePolicyRequestTypeDef,
        DeleteUserPolicyRequestTypeDef,
        GetGroupPolicyRequestTypeDef,
        GetRolePolicyRequestTypeDef,
        GetUserPolicyRequestTypeDef,
        ListGroupPoliciesRequestTypeDef,
        ListRolePoliciesRequestTypeDef,
        ListUserPoliciesRequestTypeDef,
        PutGroupPolicyRequestTypeDef,
        PutRolePolicyRequestTypeDef,
        PutUserPolicyRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.identity.records import Owner
    from fogbank.core.service import Input


def put(call: Call, owner: Owner, name: str, req: Input) -> dict[str, Any]:
    """Set an inline policy. All those of one owner together have a limit."""
    record = open_owner(call, owner, name, change=True)
    document, policy = req["PolicyDocument"], req["PolicyName"]
    parse(document, "identity")
    others = (one for _, one in inlines.scan(call.tx, call.account, owner, key_of(record.name)))
    total = size(document) + sum(size(one.document) for one in others if key_of(one.name) != key_of(policy))
    if total > SIZES[owner]:
        raise AwsError(
            "LimitExceeded", f"Maximum policy size of {SIZES[owner]} bytes exceeded for {owner} {record.name}"
        )
    inline = Inline(name=policy, document=document)
    inlines.put(call.tx, inline, call.account, owner, key_of(record.name), key_of(policy))
    return {}


def open_inline(call: Call, owner: Owner, name: str, policy: str) -> Inline:
    """An inline policy."""
    found = inlines.get(call.tx, call.account, owner, key_of(name), key_of(policy))
    if found is None:
        raise AwsError("NoSuchEntity", f"The {owner} policy with name {policy} cannot be found.")
    return found


def get(call: Call, owner: Owner, name: str, req: Input) -> dict[str, Any]:
    """An inline policy, with its document."""
    record = open_owner(call, owner, name)
    found = open_inline(call, owner, record.name, req["PolicyName"])
    named = {f"{owner.capitalize()}Name": record.name}
    return {**named, "PolicyName": found.name, "PolicyDocument": encoded(found.document)}


def delete(call: Call, owner: Owner, name: str, req: Input) -> dict[str, Any]:
    """Delete an inline policy."""
    record = open_owner(call, owner, name, change=True)
    found = open_inline(call, owner, record.name, req["PolicyName"])
    inlines.delete(call.tx, call.account, owner, key_of(record.name), key_of(found.name))
    return {}


def listed(call: Call, owner: Owner, name: str, req: Input) -> dict[str, Any]:
    """A page of the names of inline policies."""
    record = open_owner(call, owner, name)
    found = named(call, req, inlines, owner, key_of(record.name))
    page, more = paged(req, ((key, one.name) for key, one in found))
    return {"PolicyNames": page, **more}


@iam.operation("write", "user", takes="UserName PolicyName PolicyDocument")
def put_user_policy(call: Call, req: PutUserPolicyRequestTypeDef) -> dict[str, Any]:
    """Set an inline policy of a user."""
    return put(call, "user", req["UserName"], req)


@iam.operation("read", "user", takes="UserName PolicyName")
def get_user_policy(call: Call, req: GetUserPolicyRequestTypeDef) -> dict[str, Any]:
    """An inline policy of a user."""
    return get(call, "user", req["UserName"], req)


@iam.operation("write", "user", takes="UserName PolicyName")
def delete_user_policy(call: Call, req: DeleteUserPolicyRequestTypeDef) -> dict[str, Any]:
    """Delete an inline policy of a user."""
    return delete(call, "user", req["UserName"], req)


@iam.operation("scan", "user", takes="UserName Marker MaxItems")
def list_user_policies(call: Call, req: ListUserPoliciesRequestTypeDef) -> dict[str, Any]:
    """The names of a user's inline policies."""
    return listed(call, "user", req["UserName"], req)


@iam.operation("write", "group", takes="GroupName PolicyName PolicyDocument")
def put_group_policy(call: Call, req: PutGroupPolicyRequestTypeDef) -> dict[str, Any]:
    """Set an inline policy of a group."""
    return put(call, "group", req["GroupName"], req)


@iam.operation("read", "group", takes="GroupName PolicyName")
def get_group_policy(call: Call, req: GetGroupPolicyRequestTypeDef) -> dict[str, Any]:
    """An inline policy of a group."""
    return get(call, "group", req["GroupName"], req)


@iam.operation("write", "group", takes="GroupName PolicyName")
def delete_group_policy(call: Call, req: DeleteGroupPolicyRequestTypeDef) -> dict[str, Any]:
    """Delete an inline policy of a group."""
    return delete(call, "group", req["GroupName"], req)


@iam.operation("scan", "group", takes="GroupName Marker MaxItems")
def list_group_policies(call: Call, req: ListGroupPoliciesRequestTypeDef) -> dict[str, Any]:
    """The names of a group's inline policies."""
    return listed(call, "group", req["GroupName"], req)


@iam.operation("write", "role", takes="RoleName PolicyName PolicyDocument")
def put_role_policy(call: Call, req: PutRolePolicyRequestTypeDef) -> dict[str, Any]:
    """Set an inline policy of a role."""
    return put(call, "role", req["RoleName"], req)


@iam.operation("read", "role", takes="RoleName PolicyName")
def get_role_policy(call: Call, req: GetRolePolicyRequestTypeDef) -> dict[str, Any]:
    """An inline policy of a role."""
    return get(call, "role", req["RoleName"], req)


@iam.operation("write", "role", takes="RoleName PolicyName")
def delete_role_policy(call: Call, req: DeleteRolePolicyRequestTypeDef) -> dict[str, Any]:
    """Delete an inline policy of a role."""
    return delete(call, "role", req["RoleName"], req)


@iam.operation("scan", "role", takes="RoleName Marker MaxItems")
def list_role_policies(call: Call, req: ListRolePoliciesRequestTypeDef) -> dict[str, Any]:
    """The names of a role's inline policies."""
    return listed(call, "role", req["RoleName"], req)
