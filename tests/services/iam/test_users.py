"""CreateUser, GetUser, ListUsers, DeleteUser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, refusal, status, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

ACCOUNT = "123456789012"


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root."""
    return region.client("iam")


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


def test_a_permissions_boundary_is_not_implemented(iam: Any) -> None:
    assert code(iam.create_user, UserName="ann", PermissionsBoundary="arn:aws:iam::aws:policy/x") == "NotImplemented"


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


@pytest.mark.parametrize("operation", ["list_roles", "list_groups", "list_policies", "get_account_summary"])
def test_other_operations_are_not_implemented(iam: Any, operation: str) -> None:
    error = refusal(getattr(iam, operation))
    assert (error["Code"], error["Status"]) == ("NotImplemented", 501)
