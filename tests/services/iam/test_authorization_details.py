"""GetAccountAuthorizationDetails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity import records
from fogbank.core.identity.used import Use, note
from services.helpers import allow
from services.iam.made import document, put_group, put_inline, put_policy, put_role, write
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
TEXT = document(allow("s3:*"))


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root: an account with one of everything."""
    client = region.client("iam")
    client.create_user(UserName="ann", Tags=[{"Key": "k", "Value": "v"}])
    put_group(region, "g", "ann")
    put_role(region, "r", trust=TEXT, trust_given=TEXT, boundary=f"arn:aws:iam::{ACCOUNT}:policy/p")
    put_policy(region, "p", TEXT, ("user", "ann"), ("role", "r"))
    put_inline(region, "group", "g", "in", TEXT)
    profile = records.InstanceProfile(name="ip", id="AIPA" + "A" * 16, path="/", created=1, role="r", tags={})

    def change(tx: Any) -> None:
        records.profiles.put(tx, profile, ACCOUNT, "ip")
        records.attach(tx, ACCOUNT, "group", "g", ADMIN)
        note(tx, [Use(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/r", "", "s3", "GetObject", "us-east-1", 500)])

    write(region, change)
    return client


def test_all_of_it(iam: Any) -> None:
    found = iam.get_account_authorization_details()
    (user,), (group,), (role,) = found["UserDetailList"], found["GroupDetailList"], found["RoleDetailList"]
    assert (user["GroupList"], user["Tags"]) == (["g"], [{"Key": "k", "Value": "v"}])
    assert user["AttachedManagedPolicies"] == [{"PolicyName": "p", "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/p"}]
    assert group["GroupPolicyList"] == [{"PolicyName": "in", "PolicyDocument": json.loads(TEXT)}]
    assert group["AttachedManagedPolicies"] == [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMIN}]
    assert role["AssumeRolePolicyDocument"] == json.loads(TEXT)
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/p")
    assert role["RoleLastUsed"]["LastUsedDate"].timestamp() == 500
    (profile,) = role["InstanceProfileList"]
    assert (profile["InstanceProfileName"], profile["Roles"][0]["RoleName"]) == ("ip", "r")
    local, aws = sorted(found["Policies"], key=lambda each: each["PolicyName"], reverse=True)
    assert (local["AttachmentCount"], local["PermissionsBoundaryUsageCount"]) == (2, 1)
    assert local["PolicyVersionList"][0]["Document"] == json.loads(TEXT)
    assert (local["PolicyVersionList"][0]["VersionId"], local["DefaultVersionId"]) == ("v1", "v1")
    assert (aws["Arn"], aws["AttachmentCount"], aws["PolicyVersionList"][0]["IsDefaultVersion"]) == (ADMIN, 1, True)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (["User"], {"UserDetailList": 1}),
        (["Group", "Role"], {"GroupDetailList": 1, "RoleDetailList": 1}),
        (["LocalManagedPolicy"], {"Policies": 1}),
        (["AWSManagedPolicy"], {"Policies": 1}),
        (["LocalManagedPolicy", "AWSManagedPolicy"], {"Policies": 2}),
    ],
)
def test_filters(iam: Any, wanted: list[str], there: dict[str, int]) -> None:
    found = iam.get_account_authorization_details(Filter=wanted)
    lists = {name: len(value) for name, value in found.items() if isinstance(value, list)}
    assert lists == dict.fromkeys(lists, 0) | there


def test_pages(iam: Any) -> None:
    paginator = iam.get_paginator("get_account_authorization_details")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
    counts = [sum(len(value) for value in page.values() if isinstance(value, list)) for page in pages]
    assert counts == [2, 2, 1]
