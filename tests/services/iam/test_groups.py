"""Groups and their members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal, user_client
from services.iam.test_policies import ADMIN, HERE, text

if TYPE_CHECKING:
    from support.region import LocalRegion


def members(iam: Any, name: str = "red") -> list[str]:
    return [user["UserName"] for user in iam.get_group(GroupName=name)["Users"]]


def groups_of(iam: Any, name: str) -> list[str]:
    return [group["GroupName"] for group in iam.list_groups_for_user(UserName=name)["Groups"]]


def test_create_group(iam: Any) -> None:
    made = iam.create_group(GroupName="Red", Path="/teams/")["Group"]
    assert made["Arn"] == f"{HERE}:group/teams/Red"
    assert re.fullmatch(r"AGPA[A-Z2-7]{16}", made["GroupId"])
    assert iam.get_group(GroupName="rED")["Group"] == made


@pytest.mark.parametrize("name", ["red", "RED"])
def test_create_group_twice(iam: Any, name: str) -> None:
    iam.create_group(GroupName="red")
    error = refusal(iam.create_group, GroupName=name, Path="/x/")
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)
    assert error["Message"] == f"Group with name {name} already exists."


def test_get_group_of_nobody(iam: Any) -> None:
    error = refusal(iam.get_group, GroupName="nobody")
    assert (error["Code"], error["Message"]) == ("NoSuchEntity", "The group with name nobody cannot be found.")


def test_get_group_in_pages(iam: Any) -> None:
    iam.create_group(GroupName="red")
    for name in ("carl", "Ann", "bob"):
        iam.create_user(UserName=name, Tags=[{"Key": "k", "Value": "v"}])
        iam.add_user_to_group(GroupName="red", UserName=name)
    pages = list(iam.get_paginator("get_group").paginate(GroupName="red", PaginationConfig={"PageSize": 2}))
    assert [[user["UserName"] for user in page["Users"]] for page in pages] == [["Ann", "bob"], ["carl"]]
    assert all(page["Group"]["GroupName"] == "red" for page in pages)
    assert "Tags" not in pages[0]["Users"][0]


def test_list_groups(iam: Any) -> None:
    for name in ("c", "A", "b"):
        iam.create_group(GroupName=name, Path=f"/{name}/")
    assert [group["GroupName"] for group in iam.list_groups()["Groups"]] == ["A", "b", "c"]
    assert [group["GroupName"] for group in iam.list_groups(PathPrefix="/b")["Groups"]] == ["b"]
    pages = list(iam.get_paginator("list_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Groups"]) for page in pages] == [2, 1]


def test_add_user_to_group(iam: Any) -> None:
    iam.create_group(GroupName="red")
    iam.create_user(UserName="ann")
    for _ in range(2):
        iam.add_user_to_group(GroupName="RED", UserName="ANN")
    assert members(iam) == ["ann"]
    assert groups_of(iam, "ann") == ["red"]
    for arguments in ({"GroupName": "red", "UserName": "nobody"}, {"GroupName": "nobody", "UserName": "ann"}):
        assert code(iam.add_user_to_group, **arguments) == "NoSuchEntity"
        assert code(iam.remove_user_from_group, **arguments) == "NoSuchEntity"


def test_remove_user_from_group(iam: Any) -> None:
    iam.create_group(GroupName="red")
    iam.create_user(UserName="ann")
    iam.add_user_to_group(GroupName="red", UserName="ann")
    iam.remove_user_from_group(GroupName="red", UserName="ann")
    assert members(iam) == []
    assert groups_of(iam, "ann") == []


def test_a_user_is_in_ten_groups_at_most(iam: Any) -> None:
    iam.create_user(UserName="ann")
    for number in range(11):
        iam.create_group(GroupName=f"g{number:02}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number:02}", UserName="ann")
    error = refusal(iam.add_user_to_group, GroupName="g10", UserName="ann")
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    assert error["Message"] == "Cannot exceed quota for GroupsPerUser: 10"
    iam.add_user_to_group(GroupName="g00", UserName="ann")  # is in it
    pages = list(iam.get_paginator("list_groups_for_user").paginate(UserName="ann", PaginationConfig={"PageSize": 4}))
    assert [len(page["Groups"]) for page in pages] == [4, 4, 2]


def test_list_groups_for_user_of_nobody(iam: Any) -> None:
    assert code(iam.list_groups_for_user, UserName="nobody") == "NoSuchEntity"


def test_update_group(region: LocalRegion, iam: Any) -> None:
    made = iam.create_group(GroupName="red")["Group"]
    s3 = user_client(region, "s3")
    iam.add_user_to_group(GroupName="red", UserName="ann")
    iam.put_group_policy(GroupName="red", PolicyName="own", PolicyDocument=text())
    iam.attach_group_policy(GroupName="red", PolicyArn=ADMIN)
    iam.update_group(GroupName="red", NewGroupName="Blue", NewPath="/teams/")
    assert code(iam.get_group, GroupName="red") == "NoSuchEntity"
    found = iam.get_group(GroupName="blue")
    assert found["Group"]["Arn"] == f"{HERE}:group/teams/Blue"
    assert found["Group"]["GroupId"] == made["GroupId"]
    assert members(iam, "blue") == ["ann"]
    assert groups_of(iam, "ann") == ["Blue"]
    assert iam.list_group_policies(GroupName="blue")["PolicyNames"] == ["own"]
    assert len(iam.list_attached_group_policies(GroupName="blue")["AttachedPolicies"]) == 1
    entities = iam.list_entities_for_policy(PolicyArn=ADMIN)["PolicyGroups"]
    assert [group["GroupName"] for group in entities] == ["Blue"]
    s3.list_buckets()
    iam.update_group(GroupName="blue", NewGroupName="BLUE")
    assert groups_of(iam, "ann") == ["BLUE"]


def test_update_group_to_a_name_that_is_taken(iam: Any) -> None:
    iam.create_group(GroupName="red")
    iam.create_group(GroupName="blue")
    assert code(iam.update_group, GroupName="red", NewGroupName="BLUE") == "EntityAlreadyExists"
    assert code(iam.update_group, GroupName="nobody", NewGroupName="x") == "NoSuchEntity"


def test_renaming_needs_the_right_to_both_names(region: LocalRegion, iam: Any) -> None:
    client = user_client(region, "iam")
    iam.create_group(GroupName="red")
    permit(region, allow("iam:UpdateGroup", f"{HERE}:group/red"))
    assert code(client.update_group, GroupName="red", NewGroupName="admins") == "AccessDenied"
    permit(region, allow("iam:UpdateGroup", [f"{HERE}:group/red", f"{HERE}:group/blue"]))
    client.update_group(GroupName="red", NewGroupName="blue")


def test_delete_group(iam: Any) -> None:
    iam.create_group(GroupName="red")
    iam.create_user(UserName="ann")
    iam.add_user_to_group(GroupName="red", UserName="ann")
    iam.put_group_policy(GroupName="red", PolicyName="own", PolicyDocument=text())
    iam.attach_group_policy(GroupName="red", PolicyArn=ADMIN)
    messages = set()
    for undo in (
        lambda: iam.remove_user_from_group(GroupName="red", UserName="ann"),
        lambda: iam.delete_group_policy(GroupName="red", PolicyName="own"),
        lambda: iam.detach_group_policy(GroupName="red", PolicyArn=ADMIN),
    ):
        error = refusal(iam.delete_group, GroupName="red")
        assert (error["Code"], error["Status"]) == ("DeleteConflict", 409)
        messages.add(error["Message"])
        undo()
    assert "Cannot delete entity, must remove users from group first." in messages
    iam.delete_group(GroupName="red")
    assert code(iam.delete_group, GroupName="red") == "NoSuchEntity"


def test_accounts_have_their_own_groups(region: LocalRegion, iam: Any) -> None:
    other = dev(region, "111122223333", "iam")
    iam.create_group(GroupName="red")
    assert other.list_groups()["Groups"] == []
    assert code(other.get_group, GroupName="red") == "NoSuchEntity"
    assert code(other.delete_group, GroupName="red") == "NoSuchEntity"
