"""Instance profiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, refusal
from services.iam.test_policies import HERE
from services.iam.test_roles import make

if TYPE_CHECKING:
    from support.region import LocalRegion


def profile(iam: Any, name: str = "p") -> Any:
    return iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]


def names(found: Any) -> list[str]:
    return [each["InstanceProfileName"] for each in found["InstanceProfiles"]]


def test_create_instance_profile(iam: Any) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    made = iam.create_instance_profile(InstanceProfileName="Work", Path="/a/", Tags=tags)["InstanceProfile"]
    assert made["Arn"] == f"{HERE}:instance-profile/a/Work"
    assert re.fullmatch(r"AIPA[A-Z2-7]{16}", made["InstanceProfileId"])
    assert (made["Roles"], made["Tags"]) == ([], tags)
    assert profile(iam, "work") == made


@pytest.mark.parametrize("name", ["p", "P"])
def test_create_instance_profile_twice(iam: Any, name: str) -> None:
    iam.create_instance_profile(InstanceProfileName="p")
    error = refusal(iam.create_instance_profile, InstanceProfileName=name)
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)
    assert error["Message"] == f"Instance Profile {name} already exists."


def test_get_instance_profile_of_nothing(iam: Any) -> None:
    error = refusal(iam.get_instance_profile, InstanceProfileName="p")
    assert (error["Code"], error["Message"]) == ("NoSuchEntity", "Instance Profile p cannot be found.")


def test_add_role_to_instance_profile(iam: Any) -> None:
    role = make(iam, Path="/r/")
    make(iam, "other")
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="P", RoleName="WORK")
    [found] = profile(iam)["Roles"]
    assert (found["RoleName"], found["RoleId"], found["Arn"]) == ("work", role["RoleId"], role["Arn"])
    assert found["AssumeRolePolicyDocument"] == role["AssumeRolePolicyDocument"]
    error = refusal(iam.add_role_to_instance_profile, InstanceProfileName="p", RoleName="other")
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    assert error["Message"] == "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
    assert code(iam.add_role_to_instance_profile, InstanceProfileName="p", RoleName="nobody") == "NoSuchEntity"
    assert code(iam.add_role_to_instance_profile, InstanceProfileName="x", RoleName="work") == "NoSuchEntity"


def test_remove_role_from_instance_profile(iam: Any) -> None:
    make(iam)
    iam.create_instance_profile(InstanceProfileName="p")
    assert code(iam.remove_role_from_instance_profile, InstanceProfileName="p", RoleName="work") == "NoSuchEntity"
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="work")
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="Work")
    assert profile(iam)["Roles"] == []


def test_list_instance_profiles(iam: Any) -> None:
    for name in ("c", "A", "b"):
        iam.create_instance_profile(InstanceProfileName=name, Path=f"/{name}/", Tags=[{"Key": "k", "Value": "v"}])
    assert names(iam.list_instance_profiles()) == ["A", "b", "c"]
    assert names(iam.list_instance_profiles(PathPrefix="/b")) == ["b"]
    assert "Tags" not in iam.list_instance_profiles()["InstanceProfiles"][0]
    pages = list(iam.get_paginator("list_instance_profiles").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["InstanceProfiles"]) for page in pages] == [2, 1]


def test_list_instance_profiles_for_role(iam: Any) -> None:
    make(iam)
    for name in ("b", "a", "c"):
        iam.create_instance_profile(InstanceProfileName=name)
    for name in ("a", "b"):
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="work")
    found = iam.list_instance_profiles_for_role(RoleName="Work")
    assert names(found) == ["a", "b"]
    assert found["InstanceProfiles"][0]["Roles"][0]["RoleName"] == "work"
    assert code(iam.list_instance_profiles_for_role, RoleName="nobody") == "NoSuchEntity"


def test_delete_instance_profile(iam: Any) -> None:
    make(iam)
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="work")
    error = refusal(iam.delete_instance_profile, InstanceProfileName="p")
    assert (error["Code"], error["Status"]) == ("DeleteConflict", 409)
    assert error["Message"] == "Cannot delete entity, must remove roles from instance profile first."
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="work")
    iam.delete_instance_profile(InstanceProfileName="P")
    assert code(iam.delete_instance_profile, InstanceProfileName="p") == "NoSuchEntity"


def test_accounts_have_their_own(region: LocalRegion, iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="p")
    other = dev(region, "111122223333", "iam")
    assert names(other.list_instance_profiles()) == []
    assert code(other.delete_instance_profile, InstanceProfileName="p") == "NoSuchEntity"
