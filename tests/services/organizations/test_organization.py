"""CreateOrganization, DescribeOrganization, DeleteOrganization, ListRoots, ListAWSServiceAccessForOrganization, and membership."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal, user_client
from services.organizations.made import CONTROL
from support.region import ACCOUNT

if TYPE_CHECKING:
    from services.organizations.made import House
    from support.region import LocalRegion


def test_there_is_none_until_it_is_made(region: LocalRegion) -> None:
    client = region.client("organizations")
    for call in (client.describe_organization, client.list_accounts, client.list_roots, client.leave_organization):
        assert code(call) == "AWSOrganizationsNotInUseException"
    made = client.create_organization(FeatureSet="ALL")["Organization"]
    assert made == client.describe_organization()["Organization"]
    assert made["Id"].startswith("o-")
    assert made["Arn"] == f"arn:aws:organizations::{ACCOUNT}:organization/{made['Id']}"
    assert made["MasterAccountId"] == ACCOUNT
    assert made["MasterAccountArn"] == f"arn:aws:organizations::{ACCOUNT}:account/{made['Id']}/{ACCOUNT}"
    assert code(client.create_organization) == "AlreadyInOrganizationException"
    root = client.list_roots()["Roots"][0]
    assert (root["Name"], root["PolicyTypes"]) == ("Root", [])
    assert root["Arn"] == f"arn:aws:organizations::{ACCOUNT}:root/{made['Id']}/{root['Id']}"
    assert client.list_aws_service_access_for_organization()["EnabledServicePrincipals"] == []


def test_billing_alone_is_not_offered(region: LocalRegion) -> None:
    client = region.client("organizations")
    assert code(client.create_organization, FeatureSet="CONSOLIDATED_BILLING") == "NotImplemented"


def test_delete_organization(region: LocalRegion, house: House) -> None:
    account = house.account()
    assert code(house.client.delete_organization) == "OrganizationNotEmptyException"
    house.client.remove_account_from_organization(AccountId=account)
    unit = house.unit()
    assert code(house.client.delete_organization) == "OrganizationNotEmptyException"
    house.client.delete_organizational_unit(OrganizationalUnitId=unit)
    house.client.delete_organization()
    assert code(house.client.describe_organization) == "AWSOrganizationsNotInUseException"
    again = house.client.create_organization()["Organization"]
    assert again["Id"] != house.organization["Id"]
    assert {each["Id"] for each in house.client.list_accounts()["Accounts"]} == {ACCOUNT, account}


def test_members_see_that_they_are_in_it_and_no_more(house: House) -> None:
    client = house.root_of(house.account(), "organizations")
    assert client.describe_organization()["Organization"] == house.organization
    assert code(client.create_organization) == "AlreadyInOrganizationException"
    for call in (client.list_accounts, client.list_roots, client.delete_organization):
        error = refusal(call)
        assert (error["Code"], error["Status"]) == ("AccessDeniedException", 400)
    assert code(client.list_policies, Filter=CONTROL) == "AccessDeniedException"
    client.leave_organization()
    assert code(client.describe_organization) == "AWSOrganizationsNotInUseException"


def test_another_account_is_outside(region: LocalRegion, house: House) -> None:
    client = dev(region, "111122223333", "organizations")
    assert code(client.describe_organization) == "AWSOrganizationsNotInUseException"
    other = client.create_organization()["Organization"]
    assert other["MasterAccountId"] == "111122223333"
    account = house.account()
    assert [each["Id"] for each in client.list_accounts()["Accounts"]] == ["111122223333"]
    for call in (client.describe_account, client.close_account, client.remove_account_from_organization):
        assert code(call, AccountId=account) == "AccountNotFoundException"
    assert code(client.describe_organizational_unit, OrganizationalUnitId=house.unit()) == (
        "OrganizationalUnitNotFoundException"
    )


def test_permissions_are_on_what_is_addressed(region: LocalRegion, house: House) -> None:
    account, unit = house.account(), house.unit()
    client = user_client(region, "organizations")
    head = f"arn:aws:organizations::{ACCOUNT}"
    permit(region, allow("organizations:*", f"{head}:account/{house.organization['Id']}/{account}"))
    assert client.describe_account(AccountId=account)
    for call, arguments in (
        (client.describe_account, {"AccountId": ACCOUNT}),
        (client.describe_organizational_unit, {"OrganizationalUnitId": unit}),
        (client.move_account, {"AccountId": account, "SourceParentId": house.root, "DestinationParentId": unit}),
        (client.list_accounts, {}),
    ):
        assert code(call, **arguments) == "AccessDeniedException"
    permit(region, allow("organizations:*", f"{head}:*/{house.organization['Id']}/*"))
    client.move_account(AccountId=account, SourceParentId=house.root, DestinationParentId=unit)


def test_organizations_are_in_conditions(region: LocalRegion, house: House) -> None:
    """aws:PrincipalOrgID, aws:PrincipalOrgPaths and aws:ResourceOrgID."""
    account, unit = house.account(), house.unit()
    s3 = region.client("s3")
    s3.create_bucket(Bucket="shared")
    theirs = house.root_of(account, "s3")

    def share(**conditions: Any) -> str:
        statement = allow("s3:ListBucket", "arn:aws:s3:::shared", **conditions)
        permit(region, statement)
        return "ok" if user.list_objects_v2(Bucket="shared") else ""

    user = user_client(region, "s3")
    assert share(StringEquals={"aws:ResourceOrgID": "${aws:PrincipalOrgID}"})
    assert share(StringEquals={"aws:PrincipalOrgID": house.organization["Id"]})
    path = {"aws:PrincipalOrgPaths": [f"{house.organization['Id']}/{house.root}/"]}
    assert share(**{"ForAnyValue:StringEquals": path})
    house.move(account, unit)
    assert code(theirs.list_objects_v2, Bucket="shared") == "AccessDenied"


@pytest.mark.parametrize("token", ["x", "!", "MQ", "é"])
def test_a_marker_that_is_none(house: House, token: str) -> None:
    assert code(house.client.list_accounts, NextToken=token) == "InvalidInputException"
