"""Put, Get, List and Delete of inline policies of users, groups and roles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from services.helpers import code, refusal, user_client
from services.iam.test_policies import text
from services.iam.test_roles import EC2

if TYPE_CHECKING:
    from support.region import LocalRegion

SIZES = {"user": 2048, "group": 5120, "role": 10240}


class Owner(NamedTuple):
    """What has inline policies."""

    kind: str

    def ask(self, iam: Any, verb: str, **arguments: Any) -> Any:
        """put_user_policy, get_user_policy, delete_user_policy, list_user_policies, and those of groups and roles:
        put_group_policy, get_group_policy, delete_group_policy, list_group_policies,
        put_role_policy, get_role_policy, delete_role_policy, list_role_policies."""
        name = f"{verb}_{self.kind}_{'policies' if verb == 'list' else 'policy'}"
        return getattr(iam, name)(**({f"{self.kind.capitalize()}Name": "some"} | arguments))


@pytest.fixture(params=["user", "group", "role"])
def owner(iam: Any, request: pytest.FixtureRequest) -> Owner:
    """A user, a group or a role."""
    found = Owner(request.param)
    trust = {"AssumeRolePolicyDocument": EC2} if found.kind == "role" else {}
    getattr(iam, f"create_{found.kind}")(**{f"{found.kind.capitalize()}Name": "some"}, **trust)
    return found


def test_put_and_get(iam: Any, owner: Owner) -> None:
    owner.ask(iam, "put", PolicyName="Own", PolicyDocument=text())
    found = owner.ask(iam, "get", PolicyName="own")
    assert (found[f"{owner.kind.capitalize()}Name"], found["PolicyName"]) == ("some", "Own")
    assert found["PolicyDocument"] == json.loads(text())
    owner.ask(iam, "put", PolicyName="Own", PolicyDocument=text("ec2:*"))
    assert owner.ask(iam, "get", PolicyName="Own")["PolicyDocument"] == json.loads(text("ec2:*"))
    assert owner.ask(iam, "list")["PolicyNames"] == ["Own"]


def test_list(iam: Any, owner: Owner) -> None:
    assert owner.ask(iam, "list")["PolicyNames"] == []
    for name in ("c", "A", "b"):
        owner.ask(iam, "put", PolicyName=name, PolicyDocument=text())
    found = owner.ask(iam, "list")
    assert (found["PolicyNames"], found["IsTruncated"]) == (["A", "b", "c"], False)
    first = owner.ask(iam, "list", MaxItems=2)
    assert (first["PolicyNames"], first["IsTruncated"]) == (["A", "b"], True)
    assert owner.ask(iam, "list", Marker=first["Marker"])["PolicyNames"] == ["c"]


def test_delete(iam: Any, owner: Owner) -> None:
    owner.ask(iam, "put", PolicyName="own", PolicyDocument=text())
    owner.ask(iam, "delete", PolicyName="own")
    assert owner.ask(iam, "list")["PolicyNames"] == []
    for verb in ("get", "delete"):
        error = refusal(lambda verb=verb: owner.ask(iam, verb, PolicyName="own"))
        assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)
        assert error["Message"] == f"The {owner.kind} policy with name own cannot be found."


def test_of_nobody(iam: Any, owner: Owner) -> None:
    name = {f"{owner.kind.capitalize()}Name": "nobody"}
    for verb, more in (
        ("put", {"PolicyName": "own", "PolicyDocument": text()}),
        ("get", {"PolicyName": "own"}),
        ("delete", {"PolicyName": "own"}),
        ("list", {}),
    ):
        error = refusal(lambda verb=verb, more=more: owner.ask(iam, verb, **name, **more))
        assert (error["Code"], error["Message"]) == (
            "NoSuchEntity",
            f"The {owner.kind} with name nobody cannot be found.",
        )


@pytest.mark.parametrize("document", ["nonsense", "{}", text(Principal="*"), "[" * 10_000])
def test_documents_that_are_no_policies(iam: Any, owner: Owner, document: str) -> None:
    error = refusal(lambda: owner.ask(iam, "put", PolicyName="own", PolicyDocument=document))
    assert (error["Code"], error["Status"]) == ("MalformedPolicyDocument", 400)
    assert owner.ask(iam, "list")["PolicyNames"] == []


def test_the_size_of_all_together(iam: Any, owner: Owner) -> None:
    most, empty = SIZES[owner.kind], len(text(Sid="").replace(" ", ""))
    half = most // 2 - empty
    owner.ask(iam, "put", PolicyName="a", PolicyDocument=text(Sid="a" * half))
    owner.ask(iam, "put", PolicyName="b", PolicyDocument=text(Sid="a" * half).replace(",", ", " + " " * 3000))
    owner.ask(
        iam, "put", PolicyName="b", PolicyDocument=text(Sid="b" * half)
    )  # the one that it replaces does not count
    error = refusal(lambda: owner.ask(iam, "put", PolicyName="b", PolicyDocument=text(Sid="b" * (half + 1))))
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    assert error["Message"] == f"Maximum policy size of {most} bytes exceeded for {owner.kind} some"
    assert owner.ask(iam, "get", PolicyName="b")["PolicyDocument"]["Statement"][0]["Sid"] == "b" * half


def test_they_count_at_once(region: LocalRegion, iam: Any) -> None:
    s3 = user_client(region, "s3")
    iam.create_group(GroupName="red")
    iam.add_user_to_group(GroupName="red", UserName="ann")
    assert code(s3.list_buckets) == "AccessDenied"
    iam.put_group_policy(GroupName="red", PolicyName="own", PolicyDocument=text())
    s3.list_buckets()
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=text().replace("Allow", "Deny"))
    assert code(s3.list_buckets) == "AccessDenied"
    iam.delete_user_policy(UserName="ann", PolicyName="own")
    s3.list_buckets()
    iam.remove_user_from_group(GroupName="red", UserName="ann")
    assert code(s3.list_buckets) == "AccessDenied"
