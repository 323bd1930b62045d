"""Attach, Detach and ListAttached for users, groups and roles, and ListEntitiesForPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from services.helpers import allow, code, permit, refusal, user_client
from services.iam.test_policies import ADMIN, HERE, make
from services.iam.test_roles import EC2

if TYPE_CHECKING:
    from support.region import LocalRegion


class Owner(NamedTuple):
    """What policies are attached to: a kind, and what is called to attach, detach and list."""

    kind: str

    def arguments(self, name: str = "some") -> dict[str, str]:
        return {f"{self.kind.capitalize()}Name": name}

    def attach(self, iam: Any, arn: str, name: str = "some") -> Any:
        # attach_user_policy, attach_group_policy, attach_role_policy
        return getattr(iam, f"attach_{self.kind}_policy")(**self.arguments(name), PolicyArn=arn)

    def detach(self, iam: Any, arn: str, name: str = "some") -> Any:
        # detach_user_policy, detach_group_policy, detach_role_policy
        return getattr(iam, f"detach_{self.kind}_policy")(**self.arguments(name), PolicyArn=arn)

    def listed(self, iam: Any, **more: Any) -> Any:
        # list_attached_user_policies, list_attached_group_policies, list_attached_role_policies
        return getattr(iam, f"list_attached_{self.kind}_policies")(**self.arguments(), **more)

    def arns(self, iam: Any, **more: Any) -> list[str]:
        return [each["PolicyArn"] for each in self.listed(iam, **more)["AttachedPolicies"]]


@pytest.fixture(params=["user", "group", "role"])
def owner(iam: Any, request: pytest.FixtureRequest) -> Owner:
    """A user, a group or a role."""
    found = Owner(request.param)
    trust = {"AssumeRolePolicyDocument": EC2} if found.kind == "role" else {}
    getattr(iam, f"create_{found.kind}")(**found.arguments(), Path="/p/", **trust)
    return found


def test_attach_and_detach(iam: Any, owner: Owner) -> None:
    own = make(iam, Path="/a/")
    for _ in range(2):  # again is no error
        owner.attach(iam, own)
        owner.attach(iam, ADMIN)
    assert set(owner.arns(iam)) == {own, ADMIN}
    assert {each["PolicyName"] for each in owner.listed(iam)["AttachedPolicies"]} == {"own", "AdministratorAccess"}
    assert iam.get_policy(PolicyArn=own)["Policy"]["AttachmentCount"] == 1
    assert iam.get_policy(PolicyArn=ADMIN)["Policy"]["AttachmentCount"] == 1
    assert owner.arns(iam, PathPrefix="/a/") == [own]
    owner.detach(iam, own)
    assert owner.arns(iam) == [ADMIN]
    error = refusal(lambda: owner.detach(iam, own))
    assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)
    assert error["Message"] == f"Policy {own} was not found."
    assert iam.get_policy(PolicyArn=own)["Policy"]["AttachmentCount"] == 0


def test_attached_policies_in_pages(iam: Any, owner: Owner) -> None:
    arns = {make(iam, f"own-{number}", Path="/" + "p" * 510 + "/") for number in range(5)}
    for arn in arns:
        owner.attach(iam, arn)
    pages = iam.get_paginator(f"list_attached_{owner.kind}_policies").paginate(
        **owner.arguments(), PaginationConfig={"PageSize": 2}
    )
    found = [[each["PolicyArn"] for each in page["AttachedPolicies"]] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    assert {arn for page in found for arn in page} == arns


def test_ten_policies_at_most(iam: Any, owner: Owner) -> None:
    for number in range(10):
        owner.attach(iam, make(iam, f"own-{number}"))
    last = make(iam, "last")
    error = refusal(lambda: owner.attach(iam, last))
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    assert error["Message"] == f"Cannot exceed quota for PoliciesPer{owner.kind.capitalize()}: 10"
    owner.attach(iam, f"{HERE}:policy/own-0")
    owner.detach(iam, f"{HERE}:policy/own-0")
    owner.attach(iam, last)


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"{HERE}:policy/nothing", "NoSuchEntity"),
        ("arn:aws:iam::aws:policy/NoSuchPolicy", "NoSuchEntity"),
        ("arn:aws:s3:::bucket/policy/own", "InvalidInput"),
        ("x" * 20, "InvalidInput"),
    ],
)
def test_attach_what_is_not_there(iam: Any, owner: Owner, arn: str, expected: str) -> None:
    error = refusal(lambda: owner.attach(iam, arn))
    assert error["Code"] == expected
    words = "does not exist or is not attachable." if expected == "NoSuchEntity" else "is not valid."
    assert error["Message"].endswith(words)
    assert owner.arns(iam) == []


def test_attach_to_nobody(iam: Any, owner: Owner) -> None:
    error = refusal(lambda: owner.attach(iam, ADMIN, "nobody"))
    assert (error["Code"], error["Message"]) == (
        "NoSuchEntity",
        f"The {owner.kind} with name nobody cannot be found.",
    )
    assert code(lambda: owner.detach(iam, ADMIN, "nobody")) == "NoSuchEntity"


def test_what_may_be_attached_can_be_limited(region: LocalRegion, iam: Any, owner: Owner) -> None:
    client = user_client(region, "iam")
    own, other = make(iam), make(iam, "other")
    action = f"iam:Attach{owner.kind.capitalize()}Policy"
    permit(region, allow(action, f"{HERE}:{owner.kind}/p/*", ArnEquals={"iam:PolicyARN": own}))
    owner.attach(client, own)
    assert code(lambda: owner.attach(client, other)) == "AccessDenied"


def entities(iam: Any, arn: str, **more: Any) -> dict[str, list[str]]:
    found = iam.list_entities_for_policy(PolicyArn=arn, **more)
    names = {"PolicyUsers": "UserName", "PolicyGroups": "GroupName", "PolicyRoles": "RoleName"}
    return {kind: [each[name] for each in found[kind]] for kind, name in names.items() if found[kind]}


def test_list_entities_for_policy(iam: Any) -> None:
    arn = make(iam)
    user = iam.create_user(UserName="ann", Path="/a/")["User"]
    iam.create_user(UserName="bob", PermissionsBoundary=arn)
    group = iam.create_group(GroupName="red")["Group"]
    role = iam.create_role(RoleName="work", AssumeRolePolicyDocument=EC2, Path="/a/")["Role"]
    iam.attach_user_policy(UserName="Ann", PolicyArn=arn)
    iam.attach_group_policy(GroupName="red", PolicyArn=arn)
    iam.attach_role_policy(RoleName="work", PolicyArn=arn)
    every = {"PolicyUsers": ["ann", "bob"], "PolicyGroups": ["red"], "PolicyRoles": ["work"]}
    assert entities(iam, arn) == every
    attached = {**every, "PolicyUsers": ["ann"]}
    assert entities(iam, arn, PolicyUsageFilter="PermissionsPolicy") == attached
    assert entities(iam, arn, PolicyUsageFilter="PermissionsBoundary") == {"PolicyUsers": ["bob"]}
    assert entities(iam, arn, EntityFilter="Group") == {"PolicyGroups": ["red"]}
    assert entities(iam, arn, PathPrefix="/a/") == {"PolicyUsers": ["ann"], "PolicyRoles": ["work"]}
    found = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsPolicy")
    assert found["PolicyUsers"] == [{"UserName": "ann", "UserId": user["UserId"]}]
    assert found["PolicyGroups"] == [{"GroupName": "red", "GroupId": group["GroupId"]}]
    assert found["PolicyRoles"] == [{"RoleName": "work", "RoleId": role["RoleId"]}]
    pages = list(
        iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 1})
    )
    assert len(pages) == 4
    assert entities(iam, ADMIN) == {}


def test_deleted_entities_are_gone(iam: Any) -> None:
    arn = make(iam)
    iam.create_user(UserName="ann", PermissionsBoundary=arn)
    iam.delete_user(UserName="ann")
    assert entities(iam, arn) == {}
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 0
    iam.delete_policy(PolicyArn=arn)


def test_a_boundary_is_attached_too(iam: Any) -> None:
    arn = make(iam)
    iam.create_user(UserName="ann", PermissionsBoundary=arn)
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    assert entities(iam, arn) == {"PolicyUsers": ["ann"]}


def test_service_role_policies_are_not_for_others(iam: Any, owner: Owner) -> None:
    arn = "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"
    assert code(lambda: owner.attach(iam, arn)) in ("PolicyNotAttachable", "NoSuchEntity")
    assert owner.arns(iam) == []
