"""CreateAccount, DescribeCreateAccountStatus, ListCreateAccountStatus, ListAccounts, DescribeAccount, CloseAccount, MoveAccount,
RemoveAccountFromOrganization, LeaveOrganization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, refusal, user_client
from services.organizations.made import document
from services.sts.made import assume, make_role, session, trust
from support.region import ACCOUNT

if TYPE_CHECKING:
    from services.organizations.made import House
    from support.region import LocalRegion


def created(house: House, name: str = "team", **more: Any) -> Any:
    return house.client.create_account(Email=f"{name}@example.com", AccountName=name, **more)["CreateAccountStatus"]


def test_create_account(house: House) -> None:
    told = created(house, Tags=[{"Key": "team", "Value": "blue"}])
    assert (told["State"], told["AccountName"]) == ("SUCCEEDED", "team")
    number = told["AccountId"]
    assert len(number) == 12
    client = house.client
    assert client.describe_create_account_status(CreateAccountRequestId=told["Id"])["CreateAccountStatus"] == told
    account = client.describe_account(AccountId=number)["Account"]
    assert (account["Name"], account["Email"], account["Status"]) == ("team", "team@example.com", "ACTIVE")
    assert account["JoinedMethod"] == "CREATED"
    assert account["Arn"] == f"arn:aws:organizations::{ACCOUNT}:account/{house.organization['Id']}/{number}"
    assert {each["Id"] for each in client.list_accounts()["Accounts"]} == {ACCOUNT, number}
    assert client.list_parents(ChildId=number)["Parents"] == [{"Id": house.root, "Type": "ROOT"}]
    assert client.list_tags_for_resource(ResourceId=number)["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_the_management_account_administers_a_new_one(region: LocalRegion, house: House) -> None:
    number = created(house)["AccountId"]
    s3 = house.administrator("s3", number)
    s3.create_bucket(Bucket="theirs")
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["theirs"]
    assert region.client("s3").list_buckets()["Buckets"] == []


def test_its_role_may_have_another_name(house: House) -> None:
    number = created(house, RoleName="Admin")["AccountId"]
    identity = house.administrator("sts", number, "Admin").get_caller_identity()
    assert (identity["Account"], "/Admin/" in identity["Arn"]) == (number, True)


def test_an_address_is_one_accounts(house: House) -> None:
    created(house)
    told = created(house, "TEAM")
    assert (told["State"], told["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    assert "AccountId" not in told
    lists = house.client.list_create_account_status
    assert len(lists()["CreateAccountStatuses"]) == 2
    assert [each["Id"] for each in lists(States=["FAILED"])["CreateAccountStatuses"]] == [told["Id"]]
    unknown = house.client.describe_create_account_status
    assert code(unknown, CreateAccountRequestId="car-" + "a" * 32) == "CreateAccountStatusNotFoundException"


@pytest.mark.parametrize("email", ["none-at-all", "a b@c.de", "x" * 60 + "@example.com"])
def test_an_address_that_is_none(house: House, email: str) -> None:
    error = code(house.client.create_account, Email=email, AccountName="x")
    assert error in ("InvalidInputException", "ValidationException")


def test_pages(house: House) -> None:
    numbers = {house.account(f"n{index}") for index in range(5)} | {ACCOUNT}
    pages = list(house.client.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Accounts"]) for page in pages] == [2, 2, 2]
    assert {each["Id"] for page in pages for each in page["Accounts"]} == numbers


def test_close_account(region: LocalRegion, house: House) -> None:
    """Nobody of a closed account may do anything: root, users, sessions, nor may its roles be assumed."""
    number = house.account()
    iam = house.root_of(number, "iam")
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    iam.put_user_policy(UserName="bob", PolicyName="a", PolicyDocument=document(allow("*")))
    bob = region.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document(trust(ACCOUNT), trust(number)))
    role = f"arn:aws:iam::{number}:role/r"
    mine = user_client(region, "sts", "admin")
    region.client("iam").put_user_policy(UserName="admin", PolicyName="a", PolicyDocument=document(allow("sts:*")))
    sessions = [
        session(region, credentials, "sts")
        for credentials in (
            assume(mine, role)["Credentials"],
            bob.get_session_token()["Credentials"],
            house.root_of(number, "sts").get_session_token()["Credentials"],
            bob.get_federation_token(Name="app")["Credentials"],
        )
    ]
    assert all(client.get_caller_identity()["Account"] == number for client in sessions)
    house.client.close_account(AccountId=number)
    for client in (house.root_of(number, "sts"), bob, *sessions):
        assert code(client.get_caller_identity) == "InvalidClientTokenId"
    assert code(mine.assume_role, RoleArn=role, RoleSessionName="s1") == "AccessDenied"
    assert house.client.describe_account(AccountId=number)["Account"]["Status"] == "SUSPENDED"
    assert code(house.client.close_account, AccountId=number) == "AccountAlreadyClosedException"


def test_the_management_account_stays(house: House) -> None:
    assert code(house.client.close_account, AccountId=ACCOUNT) == "ConstraintViolationException"
    for call in (house.client.leave_organization,):
        assert code(call) == "MasterCannotLeaveOrganizationException"
    call = house.client.remove_account_from_organization
    assert code(call, AccountId=ACCOUNT) == "MasterCannotLeaveOrganizationException"


def test_remove_account_from_organization(house: House) -> None:
    number = house.account()
    house.client.remove_account_from_organization(AccountId=number)
    assert code(house.client.describe_account, AccountId=number) == "AccountNotFoundException"
    assert house.root_of(number, "sts").get_caller_identity()["Account"] == number


def test_move_account(house: House) -> None:
    number, unit = house.account(), house.unit()
    move = house.client.move_account
    given = {"AccountId": number, "SourceParentId": house.root, "DestinationParentId": unit}
    other = "ou-" + house.root[2:] + "-" + "a" * 8
    assert code(move, **{**given, "AccountId": "444455556666"}) == "AccountNotFoundException"
    assert code(move, **{**given, "SourceParentId": unit}) == "SourceParentNotFoundException"
    assert code(move, **{**given, "DestinationParentId": other}) == "DestinationParentNotFoundException"
    assert code(move, **{**given, "DestinationParentId": house.root}) == "DuplicateAccountException"
    move(**given)
    assert house.client.list_parents(ChildId=number)["Parents"] == [{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}]
    assert [each["Id"] for each in house.client.list_accounts_for_parent(ParentId=unit)["Accounts"]] == [number]
    children = house.client.list_children(ParentId=house.root, ChildType="ACCOUNT")["Children"]
    assert children == [{"Id": ACCOUNT, "Type": "ACCOUNT"}]


def test_accounts_are_isolated(region: LocalRegion, house: House) -> None:
    """Users of one name in two accounts are two; a role is assumed across accounts only if both sides allow it."""
    number = house.account()
    clients = {}
    for account, iam in ((ACCOUNT, region.client("iam")), (number, house.root_of(number, "iam"))):
        iam.create_user(UserName="ann")
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        clients[account] = (key["AccessKeyId"], key["SecretAccessKey"])
    region.client("iam").put_user_policy(UserName="ann", PolicyName="a", PolicyDocument=document(allow("*")))
    own = region.client("sts", *clients[ACCOUNT])
    theirs = region.client("sts", *clients[number])
    assert own.get_caller_identity()["UserId"] != theirs.get_caller_identity()["UserId"]
    assert code(region.client("s3", *clients[number]).list_buckets) == "AccessDenied"
    region.client("s3").create_bucket(Bucket="mine")
    assert code(house.root_of(number, "s3").list_objects_v2, Bucket="mine") == "AccessDenied"
    role = make_role(region, trust(number))
    error = refusal(theirs.assume_role, RoleArn=role, RoleSessionName="s1")
    assert "no identity-based policy allows" in error["Message"]
    permission = document(allow("sts:AssumeRole", role))
    house.root_of(number, "iam").put_user_policy(UserName="ann", PolicyName="a", PolicyDocument=permission)
    assert assume(theirs, role)
    closed = make_role(region, trust("444455556666"), name="closed")
    house.root_of(number, "iam").put_user_policy(UserName="ann", PolicyName="a", PolicyDocument=document(allow("*")))
    assert code(theirs.assume_role, RoleArn=closed, RoleSessionName="s1") == "AccessDenied"
