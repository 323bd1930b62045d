"""Managed policies attached to users, groups and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.identity import records
from fogbank.core.identity.records import attach, attached, attached_to, detach, key_of
from fogbank.services.iam.entities import open_owner
from fogbank.services.iam.identifiers import bounded
from fogbank.services.iam.listing import paged
from fogbank.services.iam.policies import check_attachable, open_policy
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_iam.type_defs import (
        AttachGroupPolicyRequestTypeDef,
        AttachRolePolicyRequestTypeDef,
        AttachUserPolicyRequestTypeDef,
        DetachGroupPolicyRequestTypeDef,
        DetachRolePolicyRequestTypeDef,
        DetachUserPolicyRequestTypeDef,
        ListAttachedGroupPoliciesRequestTypeDef,
        ListAttachedRolePoliciesRequestTypeDef,
        ListAttachedUserPoliciesRequestTypeDef,
        ListEntitiesForPolicyRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.identity.records import Owner
    from fogbank.core.service import Input
    from fogbank.store.table import Table

PER_ENTITY = 10
KINDS: dict[str, Owner] = {"User": "user", "Group": "group", "Role": "role"}
_TABLES: dict[str, Table[Any]] = {"user": records.users, "group": records.groups, "role": records.roles}


def attach_policy(call: Call, owner: Owner, name: str, arn: str) -> dict[str, Any]:
    """Attach a policy; one that is attached stays so."""
    record = open_owner(call, owner, name, change=True)
    check_attachable(call, arn, "Policy", owner.capitalize())
    there = {str(parts[3]) for parts, _ in attached.scan(call.tx, call.account, owner, key_of(record.name))}
    if arn not in there and len(there) >= PER_ENTITY:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for PoliciesPer{owner.capitalize()}: {PER_ENTITY}")
    attach(call.tx, call.account, owner, record.name, arn)
    return {}


def detach_policy(call: Call, owner: Owner, name: str, arn: str) -> dict[str, Any]:
    """Detach a policy that is attached."""
    record = open_owner(call, owner, name, change=True)
    if attached.get(call.tx, call.account, owner, key_of(record.name), arn) is None:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.")
    detach(call.tx, call.account, owner, record.name, arn)
    return {}


def list_attached(call: Call, owner: Owner, name: str, req: Input) -> dict[str, Any]:
    """A page of what is attached."""
    record = open_owner(call, owner, name)
    prefix = req.get("PathPrefix", "/")
    arns = (str(parts[3]) for parts, _ in attached.scan(call.tx, call.account, owner, key_of(record.name)))
    wanted = [(_by_name(arn), arn) for arn in arns if arn.partition(":policy")[2].startswith(prefix)]
    page, more = paged(req, sorted(wanted))
    told = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in page]
    return {"AttachedPolicies": told, **more}


def _by_name(arn: str) -> str:
    """A policy's name and account: short enough for a marker, which an ARN is not."""
    return f"{key_of(arn.rpartition('/')[2])} {arn.split(':')[4]}"


@iam.operation("write", "user", takes="UserName PolicyArn")
def attach_user_policy(call: Call, req: AttachUserPolicyRequestTypeDef) -> dict[str, Any]:
    """Attach a managed policy to a user."""
    return attach_policy(call, "user", req["UserName"], req["PolicyArn"])


@iam.operation("write", "user", takes="UserName PolicyArn")
def detach_user_policy(call: Call, req: DetachUserPolicyRequestTypeDef) -> dict[str, Any]:
    """Detach a managed policy from a user."""
    return detach_policy(call, "user", req["UserName"], req["PolicyArn"])


@iam.operation("scan", "user", takes="UserName PathPrefix Marker MaxItems")
def list_attached_user_policies(call: Call, req: ListAttachedUserPoliciesRequestTypeDef) -> dict[str, Any]:
    """The managed policies attached to a user."""
    return list_attached(call, "user", req["UserName"], req)


@iam.operation("write", "group", takes="GroupName PolicyArn")
def attach_group_policy(call: Call, req: AttachGroupPolicyRequestTypeDef) -> dict[str, Any]:
    """Attach a managed policy to a group."""
    return attach_policy(call, "group", req["GroupName"], req["PolicyArn"])


@iam.operation("write", "group", takes="GroupName PolicyArn")
def detach_group_policy(call: Call, req: DetachGroupPolicyRequestTypeDef) -> dict[str, Any]:
    """Detach a managed policy from a group."""
    return detach_policy(call, "group", req["GroupName"], req["PolicyArn"])


@iam.operation("scan", "group", takes="GroupName PathPrefix Marker MaxItems")
def list_attached_group_policies(call: Call, req: ListAttachedGroupPoliciesRequestTypeDef) -> dict[str, Any]:
    """The managed policies attached to a group."""
    return list_attached(call, "group", req["GroupName"], req)


@iam.operation("write", "role", takes="RoleName PolicyArn")
def attach_role_policy(call: Call, req: AttachRolePolicyRequestTypeDef) -> dict[str, Any]:
    """Attach a managed policy to a role."""
    return attach_policy(call, "role", req["RoleName"], req["PolicyArn"])


@iam.operation("write", "role", takes="RoleName PolicyArn")
def detach_role_policy(call: Call, req: DetachRolePolicyRequestTypeDef) -> dict[str, Any]:
    """Detach a managed policy from a role."""
    return detach_policy(call, "role", req["RoleName"], req["PolicyArn"])


@iam.operation("scan", "role", takes="RoleName PathPrefix Marker MaxItems")
def list_attached_role_policies(call: Call, req: ListAttachedRolePoliciesRequestTypeDef) -> dict[str, Any]:
    """The managed policies attached to a role."""
    return list_attached(call, "role", req["RoleName"], req)


@iam.operation("scan", "policy", takes="PolicyArn EntityFilter PathPrefix PolicyUsageFilter Marker MaxItems")
def list_entities_for_policy(call: Call, req: ListEntitiesForPolicyRequestTypeDef) -> dict[str, Any]:
    """The users, groups and roles that a policy is attached to, or is the boundary of."""
    open_policy(call, req["PolicyArn"])
    page, more = paged(req, sorted(_entities(call, req), key=lambda pair: pair[0]))
    result: dict[str, Any] = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
    for owner, record in page:
        name = owner.capitalize()
        result[f"Policy{name}s"].append({f"{name}Name": record.name, f"{name}Id": record.id})
    return result | more


def _entities(call: Call, req: Input) -> Iterator[tuple[str, tuple[Owner, Any]]]:
    """What the policy is used for, with a key to sort by."""
    arn, usage, wanted = req["PolicyArn"], req.get("PolicyUsageFilter", ""), req.get("EntityFilter")
    prefix = req.get("PathPrefix", "/")
    uses = {"PermissionsPolicy": (attached_to,), "PermissionsBoundary": (bounded,)}.get(usage, (attached_to, bounded))
    found = {(str(parts[2]), str(parts[3])) for table in uses for parts, _ in table.scan(call.tx, arn, call.account)}
    for kind, owner in KINDS.items():
        for name in (name for of, name in found if of == owner and wanted in (None, kind)):
            record = _TABLES[owner].get(call.tx, call.account, name)
            if record is not None and record.path.startswith(prefix):
                yield f"{owner}/{name}", (owner, record)
