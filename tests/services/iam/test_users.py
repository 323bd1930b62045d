"""Users and their boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal, status, user_client
from services.iam.test_policies import ADMIN, HERE, text

if TYPE_CHECKING:
    from support.region import LocalRegion

ACCOUNT = "123456789012"


def test_create_user(iam: Any) -> None:
    made = iam.create_user(UserName="Ann.Lee@x", Path="/team/a/", Tags=[{"Key": "k", "Value": "v"}])["User"]
    assert made["UserName"] == "Ann.Lee@x"
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/a/Ann.Lee@x"
    assert (made["UserId"][:4], len(made["UserId"])) == ("AIDA", 20)
    assert made["CreateDate"].tzinfo is not None
    assert iam.get_user(UserName="Ann.Lee@x")["User"] == made
    assert made["Tags"] == [{"Key": "k", "Value": "v"}]


@pytest.mark.parametrize("name", ["a", "A" * 64, "a_b", "a+b=c,d.e@f-g", "0"])
def test_names_that_can_be(iam: Any, name: str) -> None:
    assert iam.create_user(UserName=name)["User"]["UserName"] == name


@pytest.mark.parametrize("name", ["A" * 65, "a b", "a/b", "ü", "a:b", "*", "a\n", "<a>"])
def test_names_that_cannot_be(iam: Any, name: str) -> None:
    error = refusal(iam.create_user, UserName=name)
    assert (error["Code"], error["Status"]) == ("ValidationError", 400)
    assert iam.list_users()["Users"] == []


@pytest.mark.parametrize("path", ["team/", "/team", "team", "/ü/", "/a b/", "/" + "a" * 511 + "/"])
def test_paths_that_cannot_be(iam: Any, path: str) -> None:
    assert code(iam.create_user, UserName="ann", Path=path) == "ValidationError"


@pytest.mark.parametrize("other", ["ann", "ANN", "Ann"])
def test_names_are_unique_in_any_case(iam: Any, other: str) -> None:
    iam.create_user(UserName="ann", Path="/a/")
    error = refusal(iam.create_user, UserName=other, Path="/b/")
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)
    assert iam.get_user(UserName=other)["User"]["UserName"] == "ann"


@pytest.mark.parametrize(
    "tags",
    [
        [("k", "1"), ("k", "2")],
        [(f"k{index}", "") for index in range(51)],
        [("k", "1"), ("K", "2")],
        [("k" * 129, "v")],
        [("k", "v" * 257)],
    ],
)
def test_tags_that_cannot_be(iam: Any, tags: list[tuple[str, str]]) -> None:
    error = refusal(iam.create_user, UserName="ann", Tags=[{"Key": key, "Value": value} for key, value in tags])
    assert error["Status"] == 400 or error["Code"] == "LimitExceeded"
    assert iam.list_users()["Users"] == []


def test_get_user_of_nobody(iam: Any) -> None:
    error = refusal(iam.get_user, UserName="nobody")
    assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)
    assert error["Message"] == "The user with name nobody cannot be found."


def test_get_user_without_a_name_is_the_caller(iam: Any) -> None:
    root = iam.get_user()["User"]
    assert (root["Arn"], root["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)


def test_list_users(iam: Any) -> None:
    assert iam.list_users()["Users"] == []
    for name in ("carl", "Ann", "bob"):
        iam.create_user(UserName=name, Path=f"/{name[0].lower()}/")
    found = iam.list_users()
    assert [user["UserName"] for user in found["Users"]] == ["Ann", "bob", "carl"]
    assert found["IsTruncated"] is False
    assert "Marker" not in found
    assert [user["UserName"] for user in iam.list_users(PathPrefix="/b")["Users"]] == ["bob"]
    assert iam.list_users(PathPrefix="/x/")["Users"] == []


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 1000])
def test_list_users_in_pages(iam: Any, size: int) -> None:
    names = [f"user-{index}" for index in range(4)]
    for name in names:
        iam.create_user(UserName=name)
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": size}))
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    assert len(pages) == -(-4 // size)


def test_pages_of_a_path_are_full(iam: Any) -> None:
    for index in range(6):
        iam.create_user(UserName=f"user-{index}", Path="/odd/" if index % 2 else "/even/")
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/odd/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 1]


@pytest.mark.parametrize("marker", ["nonsense", "MQ", "é", "x" * 1000])
def test_a_bad_marker(iam: Any, marker: str) -> None:
    error = refusal(iam.list_users, Marker=marker)
    assert (error["Code"], error["Status"]) == ("ValidationError", 400)


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_a_bad_page_size(region: LocalRegion, size: int) -> None:
    unchecked = region.client("iam", parameter_validation=False)
    assert code(unchecked.list_users, MaxItems=size) == "ValidationError"


def test_delete_user(iam: Any) -> None:
    iam.create_user(UserName="Ann")
    assert status(iam.delete_user(UserName="aNN")) == 200
    assert code(iam.get_user, UserName="Ann") == "NoSuchEntity"
    assert code(iam.delete_user, UserName="Ann") == "NoSuchEntity"
    iam.create_user(UserName="Ann")


def test_delete_user_with_access_keys(iam: Any) -> None:
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    error = refusal(iam.delete_user, UserName="ann")
    assert (error["Code"], error["Status"]) == ("DeleteConflict", 409)
    iam.delete_access_key(UserName="ann", AccessKeyId=key)
    iam.delete_user(UserName="ann")


def test_a_user_who_comes_back_is_another_one(iam: Any) -> None:
    first = iam.create_user(UserName="ann")["User"]["UserId"]
    iam.delete_user(UserName="ann")
    assert iam.create_user(UserName="ann")["User"]["UserId"] != first


def test_accounts_know_nothing_of_each_others_users(region: LocalRegion, iam: Any) -> None:
    other = dev(region, "111122223333", "iam")
    iam.create_user(UserName="ann")
    assert other.list_users()["Users"] == []
    assert code(other.get_user, UserName="ann") == "NoSuchEntity"
    assert code(other.delete_user, UserName="ann") == "NoSuchEntity"
    assert other.create_user(UserName="ann")["User"]["Arn"] == "arn:aws:iam::111122223333:user/ann"
    other.delete_user(UserName="ann")
    iam.get_user(UserName="ann")


def test_a_user_may_not_even_look_at_itself(region: LocalRegion) -> None:
    user = user_client(region, "iam")
    for call in (user.get_user, user.list_users, user.list_access_keys, user.create_access_key):
        error = refusal(call)
        assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
        assert "is not authorized to perform: iam:" in error["Message"]
        assert f"arn:aws:iam::{ACCOUNT}:user/ann" in error["Message"]


def test_put_user_permissions_boundary(region: LocalRegion, iam: Any) -> None:
    s3 = user_client(region, "s3")
    iam.attach_user_policy(UserName="ann", PolicyArn=ADMIN)
    s3.list_buckets()
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=text("ec2:*"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=boundary)
    found = iam.get_user(UserName="ann")["User"]["PermissionsBoundary"]
    assert found == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    assert "no permissions boundary allows" in refusal(s3.list_buckets)["Message"]
    iam.create_policy_version(PolicyArn=boundary, PolicyDocument=text(), SetAsDefault=True)
    s3.list_buckets()


def test_delete_user_permissions_boundary(iam: Any) -> None:
    iam.create_user(UserName="ann", PermissionsBoundary=ADMIN)
    assert iam.get_policy(PolicyArn=ADMIN)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    iam.delete_user_permissions_boundary(UserName="ann")
    assert "PermissionsBoundary" not in iam.get_user(UserName="ann")["User"]
    assert iam.get_policy(PolicyArn=ADMIN)["Policy"]["PermissionsBoundaryUsageCount"] == 0
    assert code(iam.delete_user_permissions_boundary, UserName="nobody") == "NoSuchEntity"


def test_update_user(region: LocalRegion, iam: Any) -> None:
    s3 = user_client(region, "s3")
    user = iam.get_user(UserName="ann")["User"]
    iam.tag_user(UserName="ann", Tags=[{"Key": "k", "Value": "v"}])
    iam.create_group(GroupName="red")
    iam.add_user_to_group(GroupName="red", UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=text())
    iam.attach_user_policy(UserName="ann", PolicyArn=ADMIN)
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=ADMIN)
    iam.update_user(UserName="ann", NewUserName="Anna", NewPath="/x/")
    assert code(iam.get_user, UserName="ann") == "NoSuchEntity"
    found = iam.get_user(UserName="anna")["User"]
    assert (found["UserId"], found["UserName"], found["Path"]) == (user["UserId"], "Anna", "/x/")
    assert (found["Arn"], found["Tags"]) == (f"{HERE}:user/x/Anna", [{"Key": "k", "Value": "v"}])
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == ADMIN
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="anna")["Groups"]] == ["red"]
    assert [each["UserName"] for each in iam.get_group(GroupName="red")["Users"]] == ["Anna"]
    assert iam.list_user_policies(UserName="anna")["PolicyNames"] == ["own"]
    assert len(iam.list_attached_user_policies(UserName="anna")["AttachedPolicies"]) == 1
    assert [key["UserName"] for key in iam.list_access_keys(UserName="anna")["AccessKeyMetadata"]] == ["Anna"]
    entities = iam.list_entities_for_policy(PolicyArn=ADMIN)["PolicyUsers"]
    assert entities == [{"UserName": "Anna", "UserId": user["UserId"]}]
    s3.list_buckets()
    sts = region.client("sts", **credentials(s3))
    assert sts.get_caller_identity()["Arn"] == f"{HERE}:user/x/Anna"


def credentials(client: Any) -> dict[str, str]:
    """The keys of a client."""
    found = client._request_signer._credentials
    return {"key": found.access_key, "secret": found.secret_key}


def test_update_user_to_another_case(iam: Any) -> None:
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    iam.update_user(UserName="ann", NewUserName="ANN")
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["ANN"]
    assert [each["AccessKeyId"] for each in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]] == [key]


def test_update_user_to_what_is_taken(iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.create_user(UserName="bob")
    assert code(iam.update_user, UserName="ann", NewUserName="BOB") == "EntityAlreadyExists"
    assert code(iam.update_user, UserName="nobody", NewUserName="x") == "NoSuchEntity"
    iam.update_user(UserName="ann")
    iam.update_user(UserName="ann", NewUserName="ann")


def test_renaming_needs_the_right_to_both_names(region: LocalRegion, iam: Any) -> None:
    client = user_client(region, "iam")
    iam.create_user(UserName="bob")
    permit(region, allow("iam:UpdateUser", f"{HERE}:user/bob"))
    assert code(client.update_user, UserName="bob", NewUserName="admin") == "AccessDenied"
    assert code(client.update_user, UserName="bob", NewPath="/admins/") == "AccessDenied"
    permit(region, allow("iam:UpdateUser", [f"{HERE}:user/bob", f"{HERE}:user/x/robert"]))
    client.update_user(UserName="bob", NewUserName="robert", NewPath="/x/")


def test_delete_user_with_something_left(iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.create_group(GroupName="red")
    iam.add_user_to_group(GroupName="red", UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=text())
    iam.attach_user_policy(UserName="ann", PolicyArn=ADMIN)
    iam.create_login_profile(UserName="ann", Password="Quite-a-1-password")
    messages = set()
    for undo in (
        lambda: iam.detach_user_policy(UserName="ann", PolicyArn=ADMIN),
        lambda: iam.delete_user_policy(UserName="ann", PolicyName="own"),
        lambda: iam.remove_user_from_group(GroupName="red", UserName="ann"),
        lambda: iam.delete_login_profile(UserName="ann"),
    ):
        error = refusal(iam.delete_user, UserName="ann")
        assert (error["Code"], error["Status"]) == ("DeleteConflict", 409)
        messages.add(error["Message"])
        undo()
    assert messages == {
        "Cannot delete entity, must detach all policies first.",
        "Cannot delete entity, must delete policies first.",
        "Cannot delete entity, must remove users from group first.",
        "Cannot delete entity, must delete login profile first.",
    }
    iam.delete_user(UserName="ann")


def test_listings_leave_tags_and_boundaries_out(iam: Any) -> None:
    iam.create_user(UserName="ann", PermissionsBoundary=ADMIN, Tags=[{"Key": "k", "Value": "v"}])
    [user] = iam.list_users()["Users"]
    assert not {"Tags", "PermissionsBoundary"} & user.keys()


def test_listing_needs_the_right_to_all(region: LocalRegion) -> None:
    client = user_client(region, "iam")
    permit(region, allow("iam:ListUsers", f"{HERE}:user/*"))
    assert code(client.list_users) == "AccessDenied"
    permit(region, allow("iam:ListUsers"))
    assert len(client.list_users()["Users"]) == 1


@pytest.mark.parametrize("operation", ["accept_delegation_request", "get_account_properties"])
def test_other_operations_are_not_implemented(iam: Any, operation: str) -> None:
    unchecked = {"DelegationRequestId": "x" * 20} if "delegation" in operation else {}
    error = refusal(getattr(iam, operation), **unchecked)
    assert (error["Code"], error["Status"]) == ("NotImplemented", 501)
