"""Service-linked roles: roles that a service makes for itself, and that only it may assume.

Source: IAM User Guide, "AWS services that work with IAM" and "Create a service-linked role"; names and policies are those of the
services' own user guides.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fogbank.core import managed
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.identity.records import Role, arn_of, attach, attached, detach, key_of, roles
from fogbank.services.iam import roles as role_operations
from fogbank.services.iam.entities import check_new, open_role
from fogbank.services.iam.linked_services import SERVICES, role_name
from fogbank.services.iam.service import iam
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateServiceLinkedRoleRequestTypeDef,
        DeleteServiceLinkedRoleRequestTypeDef,
        GetServiceLinkedRoleDeletionStatusRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

TRUST: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
LONGEST = 64  # characters of a role's name
KEPT = 86_400  # seconds that a deletion is remembered


class DeletionTask(Record, version=1):
    """A deletion that was done."""

    created: int


deletion_tasks = Table("iam.deletion_task", DeletionTask)  # account, task's id


@iam.operation("write", "service_linked_role", takes="AWSServiceName Description CustomSuffix")
def create_service_linked_role(call: Call, req: CreateServiceLinkedRoleRequestTypeDef) -> dict[str, Any]:
    """Make a service's own role."""
    service, (name, policy) = req["AWSServiceName"], name_and_policy(req)
    if len(name) > LONGEST:
        raise AwsError("InvalidInput", f"The role name {name} is longer than {LONGEST} characters.")
    if roles.get(call.tx, call.account, key_of(name)) is not None:
        raise AwsError(
            "InvalidInput", f"Service role name {name} has been taken in this account, please try a different suffix."
        )
    check_new(call, roles, "role", name)
    trust = json.dumps(TRUST | {"Statement": [TRUST["Statement"][0] | {"Principal": {"Service": service}}]})
    role = Role(
        name=name,
        id=call.ids.unique("AROA"),
        path=f"/aws-service-role/{service}/",
        created=int(call.now.timestamp()),
        tags={},
        trust=trust,
        trust_given=trust,
        description=req.get("Description", ""),
        service=service,
    )
    role_operations.keep(call, role)
    attach(call.tx, call.account, "role", name, policy)
    return {"Role": role_operations.told(call, role)}


def name_and_policy(req: Input) -> tuple[str, str]:
    """The name of the role that a service makes for itself, and the ARN of its policy. A role is not made without that."""
    service, suffix = req["AWSServiceName"], req.get("CustomSuffix", "")
    if service not in SERVICES:
        raise AwsError("InvalidInput", f"Service role for service {service} is unknown or cannot be created here.")
    _, policy, may_have_suffix = SERVICES[service]
    if suffix and not may_have_suffix:
        raise AwsError("InvalidInput", f"Custom suffix is not allowed for {service}")
    arn = f"{managed.ARN}/aws-service-role/{policy}"
    if managed.find(arn) is None:
        raise not_implemented(f"The service-linked role of {service}")
    return role_name(service, suffix), arn


@iam.operation("write", "role", takes="RoleName")
def delete_service_linked_role(call: Call, req: DeleteServiceLinkedRoleRequestTypeDef) -> dict[str, Any]:
    """Delete a service's role. No service here keeps one in use, so it is gone at once."""
    role = open_role(call, req["RoleName"])
    if not role.service:
        raise AwsError("InvalidInput", f"The role {role.name} is not a service-linked role.")
    for _, one in list(attached.scan(call.tx, call.account, "role", key_of(role.name))):
        detach(call.tx, call.account, "role", role.name, one.arn)
    role_operations.remove(call, role)
    path = arn_of(call.account, role).partition(":role/")[2]
    return {"DeletionTaskId": new_task(call, path)}


@iam.operation("read", "deletion_task", takes="DeletionTaskId")
def get_service_linked_role_deletion_status(
    call: Call, req: GetServiceLinkedRoleDeletionStatusRequestTypeDef
) -> dict[str, Any]:
    """How far a deletion is: it was done when it was asked for."""
    if deletion_tasks.get(call.tx, call.account, req["DeletionTaskId"]) is None:
        raise AwsError("NoSuchEntity", f"The deletion task with id {req['DeletionTaskId']} cannot be found.")
    return {"Status": "SUCCEEDED"}


def new_task(call: Call, path: str) -> str:
    """The id of a deletion of the role at a path. Those of a day ago and earlier are forgotten."""
    now = int(call.now.timestamp())
    for parts, task in list(deletion_tasks.scan(call.tx, call.account)):
        if task.created < now - KEPT:
            deletion_tasks.delete(call.tx, *parts)
    unique = f"task/{path}/{call.ids.token(32)}"
    deletion_tasks.put(call.tx, DeletionTask(created=now), call.account, unique)
    return unique
