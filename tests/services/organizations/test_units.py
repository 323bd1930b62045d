"""Organizational units: CreateOrganizationalUnit, DescribeOrganizationalUnit, UpdateOrganizationalUnit, DeleteOrganizationalUnit,
ListOrganizationalUnitsForParent, ListAccountsForParent, ListChildren, ListParents, TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code
from support.region import ACCOUNT

if TYPE_CHECKING:
    from services.organizations.made import House


def test_the_life_of_a_unit(house: House) -> None:
    client = house.client
    made = client.create_organizational_unit(ParentId=house.root, Name="a")["OrganizationalUnit"]
    assert made["Id"].startswith(f"ou-{house.root[2:]}-")
    assert made["Arn"] == f"arn:aws:organizations::{ACCOUNT}:ou/{house.organization['Id']}/{made['Id']}"
    assert client.describe_organizational_unit(OrganizationalUnitId=made["Id"])["OrganizationalUnit"] == made
    again = {"ParentId": house.root, "Name": "a"}
    assert code(client.create_organizational_unit, **again) == "DuplicateOrganizationalUnitException"
    inner = house.unit("a", made["Id"])
    assert [
        each["Id"] for each in client.list_organizational_units_for_parent(ParentId=made["Id"])["OrganizationalUnits"]
    ] == [inner]
    children = client.list_children(ParentId=house.root, ChildType="ORGANIZATIONAL_UNIT")["Children"]
    assert children == [{"Id": made["Id"], "Type": "ORGANIZATIONAL_UNIT"}]
    renamed = client.update_organizational_unit(OrganizationalUnitId=inner, Name="b")["OrganizationalUnit"]
    assert renamed["Name"] == "b"
    assert (
        code(client.delete_organizational_unit, OrganizationalUnitId=made["Id"])
        == "OrganizationalUnitNotEmptyException"
    )
    for unit in (inner, made["Id"]):
        client.delete_organizational_unit(OrganizationalUnitId=unit)
    gone = {"OrganizationalUnitId": inner}
    assert code(client.describe_organizational_unit, **gone) == "OrganizationalUnitNotFoundException"
    assert code(client.delete_organizational_unit, **gone) == "OrganizationalUnitNotFoundException"


def test_units_are_at_most_five_deep(house: House) -> None:
    parent = house.root
    for name in "abcde":
        parent = house.unit(name, parent)
    assert code(house.client.create_organizational_unit, ParentId=parent, Name="f") == "ConstraintViolationException"


def test_parents_and_children_that_are_not_there(house: House) -> None:
    other = "ou-" + house.root[2:] + "-" + "a" * 8
    client = house.client
    assert code(client.create_organizational_unit, ParentId=other, Name="x") == "ParentNotFoundException"
    assert code(client.list_children, ParentId=other, ChildType="ACCOUNT") == "ParentNotFoundException"
    assert code(client.list_accounts_for_parent, ParentId="r-none") == "ParentNotFoundException"
    assert code(client.list_organizational_units_for_parent, ParentId=other) == "ParentNotFoundException"
    assert code(client.list_parents, ChildId="444455556666") == "ChildNotFoundException"


def test_a_unit_with_an_account_is_not_empty(house: House) -> None:
    number, unit = house.account(), house.unit()
    house.move(number, unit)
    assert (
        code(house.client.delete_organizational_unit, OrganizationalUnitId=unit)
        == "OrganizationalUnitNotEmptyException"
    )


def test_tags(house: House) -> None:
    client = house.client
    unit = client.create_organizational_unit(ParentId=house.root, Name="u", Tags=[{"Key": "a", "Value": "1"}])
    name = unit["OrganizationalUnit"]["Id"]
    for resource in (name, house.root, ACCOUNT, house.policy(house_wide())):
        client.tag_resource(ResourceId=resource, Tags=[{"Key": "b", "Value": "2"}, {"Key": "c", "Value": ""}])
        client.untag_resource(ResourceId=resource, TagKeys=["c", "none"])
    assert client.list_tags_for_resource(ResourceId=ACCOUNT)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert client.list_tags_for_resource(ResourceId=name)["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]


def house_wide() -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([{"Key": "a", "Value": ""}, {"Key": "a", "Value": ""}], "InvalidInputException"),
        ([{"Key": "aws:a", "Value": ""}], "InvalidInputException"),
        ([{"Key": f"k{number}", "Value": ""} for number in range(51)], "ConstraintViolationException"),
    ],
    ids=["twice", "aws", "many"],
)
def test_tags_that_are_none(house: House, tags: Any, expected: str) -> None:
    assert code(house.client.tag_resource, ResourceId=house.root, Tags=tags) == expected
    assert code(house.client.create_organizational_unit, ParentId=house.root, Name="u", Tags=tags) == expected


def test_a_resource_that_is_not_there(house: House) -> None:
    for name in ("444455556666", "r-none", "p-" + "a" * 8):
        assert code(house.client.tag_resource, ResourceId=name, Tags=[]) == "TargetNotFoundException"
        assert code(house.client.list_tags_for_resource, ResourceId=name) == "TargetNotFoundException"
        assert code(house.client.untag_resource, ResourceId=name, TagKeys=["a"]) == "TargetNotFoundException"


def test_tag_keys_that_differ_in_case_alone(house: House) -> None:
    """A condition on aws:RequestTag/team sees one of them, so both together would get past it."""
    both = [{"Key": "Team", "Value": "sec"}, {"Key": "team", "Value": "dev"}]
    assert code(house.client.tag_resource, ResourceId=house.root, Tags=both) == "InvalidInputException"
    house.client.tag_resource(ResourceId=house.root, Tags=both[:1])
    assert code(house.client.tag_resource, ResourceId=house.root, Tags=both[1:]) == "InvalidInputException"
    assert house.client.list_tags_for_resource(ResourceId=house.root)["Tags"] == both[:1]
