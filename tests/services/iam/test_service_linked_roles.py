"""CreateServiceLinkedRole, DeleteServiceLinkedRole, GetServiceLinkedRoleDeletionStatus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import managed
from fogbank.services.iam.linked_services import SERVICES
from fogbank.services.iam.service_linked_roles import DeletionTask, deletion_tasks
from services.helpers import allow, code, dev, permit, refusal, user_client
from services.iam.test_policies import ADMIN, HERE, text
from services.iam.test_roles import EC2, make
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

SCALING = "autoscaling.amazonaws.com"
NAME = "AWSServiceRoleForAutoScaling"


def linked(iam: Any, service: str = SCALING, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = iam.create_service_linked_role(AWSServiceName=service, **more)["Role"]
    return made


def test_create_service_linked_role(iam: Any) -> None:
    made = linked(iam, Description="Scales")
    assert made["Arn"] == f"{HERE}:role/aws-service-role/{SCALING}/{NAME}"
    assert made["Path"] == f"/aws-service-role/{SCALING}/"
    found = iam.get_role(RoleName=NAME)["Role"]
    assert found["Description"] == "Scales"
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": SCALING}}
    assert found["AssumeRolePolicyDocument"] == {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize("service", SERVICES)
def test_it_has_the_policy_of_its_service(iam: Any, service: str) -> None:
    name, policy, _ = SERVICES[service]
    arn = f"arn:aws:iam::aws:policy/aws-service-role/{policy}"
    if managed.find(arn) is None:
        assert code(iam.create_service_linked_role, AWSServiceName=service) == "NotImplemented"
        return
    assert linked(iam, service)["RoleName"] == name
    [found] = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert found == {"PolicyName": policy, "PolicyArn": arn}
    make(iam)
    assert code(iam.attach_role_policy, RoleName="work", PolicyArn=arn) == "PolicyNotAttachable"
    iam.delete_service_linked_role(RoleName=name)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0


def test_with_a_suffix(iam: Any) -> None:
    assert linked(iam, CustomSuffix="x")["RoleName"] == f"{NAME}_x"
    assert linked(iam)["RoleName"] == NAME
    error = refusal(iam.create_service_linked_role, AWSServiceName=SCALING, CustomSuffix="x")
    assert (error["Code"], error["Status"]) == ("InvalidInput", 400)
    assert (
        error["Message"] == f"Service role name {NAME}_x has been taken in this account, please try a different suffix."
    )
    error = refusal(iam.create_service_linked_role, AWSServiceName="es.amazonaws.com", CustomSuffix="x")
    assert (error["Code"], error["Message"]) == ("InvalidInput", "Custom suffix is not allowed for es.amazonaws.com")
    assert code(iam.create_service_linked_role, AWSServiceName=SCALING, CustomSuffix="x" * 64) == "InvalidInput"


@pytest.mark.parametrize(
    "service", ["nothing.amazonaws.com", "autoscaling", "AutoScaling.amazonaws.com", ".", "x" * 128]
)
def test_services_without_such_roles(iam: Any, service: str) -> None:
    error = refusal(iam.create_service_linked_role, AWSServiceName=service)
    assert (error["Code"], error["Status"]) == ("InvalidInput", 400)


def test_only_the_service_changes_it(iam: Any) -> None:
    linked(iam)
    iam.create_instance_profile(InstanceProfileName="p")
    changes: list[tuple[Any, dict[str, Any]]] = [
        (iam.delete_role, {}),
        (iam.attach_role_policy, {"PolicyArn": ADMIN}),
        (iam.detach_role_policy, {"PolicyArn": ADMIN}),
        (iam.put_role_policy, {"PolicyName": "own", "PolicyDocument": text()}),
        (iam.delete_role_policy, {"PolicyName": "own"}),
        (iam.update_assume_role_policy, {"PolicyDocument": EC2}),
        (iam.put_role_permissions_boundary, {"PermissionsBoundary": ADMIN}),
        (iam.delete_role_permissions_boundary, {}),
        (iam.update_role, {"MaxSessionDuration": 7200}),
        (iam.add_role_to_instance_profile, {"InstanceProfileName": "p"}),
    ]
    for call, more in changes:
        error = refusal(call, RoleName=NAME, **more)
        assert (error["Code"], error["Status"]) == ("UnmodifiableEntity", 400)
        assert error["Message"] == (
            f"Cannot perform the operation on the protected role '{NAME}' - this role is only modifiable by AWS"
        )
    iam.update_role(RoleName=NAME, Description="mine")
    iam.update_role_description(RoleName=NAME, Description="mine again")
    iam.tag_role(RoleName=NAME, Tags=[{"Key": "k", "Value": "v"}])
    assert iam.get_role(RoleName=NAME)["Role"]["Description"] == "mine again"


def test_nobody_else_makes_one(iam: Any) -> None:
    path = f"/aws-service-role/{SCALING}/"
    assert code(iam.create_role, RoleName="x", Path=path, AssumeRolePolicyDocument=EC2) == "InvalidInput"


def test_delete_service_linked_role(iam: Any) -> None:
    linked(iam)
    task = iam.delete_service_linked_role(RoleName=NAME)["DeletionTaskId"]
    assert task.startswith(f"task/aws-service-role/{SCALING}/{NAME}/")
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    assert code(iam.get_role, RoleName=NAME) == "NoSuchEntity"
    linked(iam)
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def test_what_is_no_service_linked_role_is_not_deleted_so(iam: Any) -> None:
    make(iam)
    assert code(iam.delete_service_linked_role, RoleName="work") == "InvalidInput"
    assert code(iam.delete_service_linked_role, RoleName="nobody") == "NoSuchEntity"
    iam.get_role(RoleName="work")


@pytest.mark.parametrize("task", ["x", "task/aws-service-role/x/y/z", "a/b/c/d/e", "/////", "task/" + "x" * 990])
def test_deletions_that_were_not(iam: Any, task: str) -> None:
    error = refusal(iam.get_service_linked_role_deletion_status, DeletionTaskId=task)
    assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)


def test_deletions_are_remembered_for_a_day_by_their_account(region: LocalRegion, iam: Any) -> None:
    linked(iam)
    task = iam.delete_service_linked_role(RoleName=NAME)["DeletionTaskId"]
    other = dev(region, "111122223333", "iam")
    assert code(other.get_service_linked_role_deletion_status, DeletionTaskId=task) == "NoSuchEntity"
    old = DeletionTask(created=1_700_000_000)
    region.run(region.region.store.write(lambda tx: deletion_tasks.put(tx, old, ACCOUNT, task)))
    linked(iam)
    iam.delete_service_linked_role(RoleName=NAME)
    assert code(iam.get_service_linked_role_deletion_status, DeletionTaskId=task) == "NoSuchEntity"


def test_which_services_can_be_limited(region: LocalRegion) -> None:
    client = user_client(region, "iam")
    permit(region, allow("iam:CreateServiceLinkedRole", StringLike={"iam:AWSServiceName": SCALING}))
    assert code(client.create_service_linked_role, AWSServiceName="ecs.amazonaws.com") == "AccessDenied"
    linked(client)
    own = "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    permit(region, allow("iam:CreateServiceLinkedRole", f"{HERE}:role/{own}"))
    linked(client, "ecs.amazonaws.com")
    assert code(client.create_service_linked_role, AWSServiceName="rds.amazonaws.com") == "AccessDenied"
