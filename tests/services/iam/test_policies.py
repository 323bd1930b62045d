"""CreatePolicy, GetPolicy, ListPolicies, DeletePolicy: customers' managed policies, and AWS's."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, refusal
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

HERE = f"arn:aws:iam::{ACCOUNT}"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def text(action: str = "s3:*", **more: Any) -> str:
    """A policy document."""
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make(iam: Any, name: str = "own", **more: Any) -> str:
    arn: str = iam.create_policy(PolicyName=name, PolicyDocument=text(), **more)["Policy"]["Arn"]
    return arn


def test_create_policy(iam: Any) -> None:
    made = iam.create_policy(
        PolicyName="Own", Path="/a/b/", PolicyDocument=text(), Description="Mine", Tags=[{"Key": "k", "Value": "v"}]
    )["Policy"]
    assert made["Arn"] == f"{HERE}:policy/a/b/Own"
    assert re.fullmatch(r"ANPA[A-Z2-7]{16}", made["PolicyId"])
    assert (made["PolicyName"], made["Path"], made["DefaultVersionId"]) == ("Own", "/a/b/", "v1")
    assert (made["AttachmentCount"], made["PermissionsBoundaryUsageCount"], made["IsAttachable"]) == (0, 0, True)
    assert made["CreateDate"] == made["UpdateDate"]
    assert made["Tags"] == [{"Key": "k", "Value": "v"}]


def test_get_policy(iam: Any) -> None:
    arn = make(iam, Path="/a/", Description="Mine", Tags=[{"Key": "k", "Value": "v"}])
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (found["Arn"], found["Description"], found["Tags"]) == (arn, "Mine", [{"Key": "k", "Value": "v"}])
    make(iam, "bare")
    assert "Description" not in iam.get_policy(PolicyArn=f"{HERE}:policy/bare")["Policy"]


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"{HERE}:policy/nothing", "NoSuchEntity"),
        (f"{HERE}:policy/own", "NoSuchEntity"),  # it is below a path
        (f"{HERE}:policy/a/OWN", "NoSuchEntity"),
        ("arn:aws:iam::aws:policy/NoSuchPolicy", "NoSuchEntity"),
        ("arn:aws:iam::aws:policy/wrong/AdministratorAccess", "NoSuchEntity"),
        ("arn:aws:iam::aws:policy/../../records", "NoSuchEntity"),
        ("x" * 20, "InvalidInput"),
        (f"{HERE}:role/a/own/there", "InvalidInput"),
        ("arn:aws:s3:::bucket/policy/a/own", "InvalidInput"),
        (f"{HERE}:policy/", "InvalidInput"),
        (f"{HERE}:policy/a\nb", "InvalidInput"),
    ],
)
def test_policies_that_are_not_there(iam: Any, arn: str, expected: str) -> None:
    make(iam, Path="/a/")
    error = refusal(iam.get_policy, PolicyArn=arn)
    assert error["Code"] == expected
    assert (error["Status"], error["Message"]) == (
        (404, f"Policy {arn} was not found.") if expected == "NoSuchEntity" else (400, f"ARN {arn} is not valid.")
    )
    assert code(iam.delete_policy, PolicyArn=arn) in (expected, "AccessDenied")
    assert code(iam.list_policy_versions, PolicyArn=arn) == expected


def test_another_accounts_policies(region: LocalRegion, iam: Any) -> None:
    arn = make(dev(region, "111122223333", "iam"))
    for call in (iam.get_policy, iam.delete_policy, iam.list_policy_versions, iam.list_entities_for_policy):
        assert code(call, PolicyArn=arn) in ("NoSuchEntity", "AccessDenied")
    iam.create_user(UserName="ann")
    assert code(iam.attach_user_policy, UserName="ann", PolicyArn=arn) == "NoSuchEntity"


@pytest.mark.parametrize("name", ["own", "OWN"])
def test_create_policy_twice(iam: Any, name: str) -> None:
    make(iam, Path="/a/")
    error = refusal(iam.create_policy, PolicyName=name, PolicyDocument=text())
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)
    assert error["Message"] == f"A policy called {name} already exists. Duplicate names are not allowed."


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("nonsense", "Syntax errors in policy."),
        (text(Principal="*"), "Policy document should not specify a principal."),
        (json.dumps({"Statement": []}), "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*"}}), None),
        (text("nonsense"), None),
        (text(Sid="a b"), None),
        ("{" * 10_000, "Syntax errors in policy."),
    ],
)
def test_documents_that_are_no_policies(iam: Any, document: str, message: str | None) -> None:
    error = refusal(iam.create_policy, PolicyName="own", PolicyDocument=document)
    assert (error["Code"], error["Status"]) == ("MalformedPolicyDocument", 400)
    assert message is None or error["Message"] == message
    arn = make(iam)
    assert code(iam.create_policy_version, PolicyArn=arn, PolicyDocument=document) == "MalformedPolicyDocument"


def test_the_size_of_a_policy(iam: Any) -> None:
    empty = len(text(Sid="").replace(" ", ""))
    full = text(Sid="a" * (6144 - empty))
    iam.create_policy(PolicyName="full", PolicyDocument=full.replace(",", ",\n" + " " * 2000))
    error = refusal(iam.create_policy, PolicyName="more", PolicyDocument=text(Sid="a" * (6145 - empty)))
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    assert error["Message"] == "Cannot exceed quota for PolicySize: 6144"


def test_list_policies(iam: Any) -> None:
    for name in ("carl", "Ann", "bob"):
        make(iam, name, Path=f"/{name[0].lower()}/", Description="x", Tags=[{"Key": "k", "Value": "v"}])
    found = iam.list_policies(Scope="Local")
    assert [each["PolicyName"] for each in found["Policies"]] == ["Ann", "bob", "carl"]
    assert not any({"Tags", "Description"} & each.keys() for each in found["Policies"])
    assert [each["PolicyName"] for each in iam.list_policies(Scope="Local", PathPrefix="/b/")["Policies"]] == ["bob"]
    aws = {each["Arn"] for page in pages(iam, Scope="AWS") for each in page["Policies"]}
    assert ADMIN in aws
    assert all(arn.startswith("arn:aws:iam::aws:policy/") for arn in aws)
    every = [each["Arn"] for page in pages(iam) for each in page["Policies"]]
    assert len(every) == len(set(every)) == len(aws) + 3


def pages(iam: Any, **more: Any) -> Any:
    return iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 1000}, **more)


def test_list_policies_in_pages(iam: Any) -> None:
    for number in range(5):
        make(iam, f"own-{number}")
    found = list(iam.get_paginator("list_policies").paginate(Scope="Local", PaginationConfig={"PageSize": 2}))
    assert [len(page["Policies"]) for page in found] == [2, 2, 1]
    assert code(iam.list_policies, Marker="nonsense") == "ValidationError"


def test_list_policies_that_are_used(iam: Any) -> None:
    own, boundary = make(iam, "own"), make(iam, "boundary")
    make(iam, "unused")
    iam.create_user(UserName="ann", PermissionsBoundary=boundary)
    iam.attach_user_policy(UserName="ann", PolicyArn=own)
    iam.attach_user_policy(UserName="ann", PolicyArn=ADMIN)

    def arns(**more: Any) -> set[str]:
        return {each["Arn"] for page in pages(iam, **more) for each in page["Policies"]}

    assert arns(OnlyAttached=True, PolicyUsageFilter="PermissionsPolicy") == {own, ADMIN}
    assert arns(PolicyUsageFilter="PermissionsBoundary", Scope="Local") == {boundary}
    assert arns(OnlyAttached=True, Scope="AWS") == {ADMIN}
    assert {own} <= arns(OnlyAttached=True, Scope="Local") <= {own, boundary}


def test_delete_policy(iam: Any) -> None:
    arn = make(iam)
    iam.delete_policy(PolicyArn=arn)
    assert code(iam.get_policy, PolicyArn=arn) == "NoSuchEntity"
    assert code(iam.get_policy_version, PolicyArn=arn, VersionId="v1") == "NoSuchEntity"
    make(iam)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"


def test_delete_policy_that_is_used(iam: Any) -> None:
    arn = make(iam)
    iam.create_user(UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    error = refusal(iam.delete_policy, PolicyArn=arn)
    assert (error["Code"], error["Status"]) == ("DeleteConflict", 409)
    assert error["Message"] == "Cannot delete a policy attached to entities."
    iam.detach_user_policy(UserName="ann", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=text())
    error = refusal(iam.delete_policy, PolicyArn=arn)
    assert error["Code"] == "DeleteConflict"
    assert error["Message"].startswith("This policy has more than one version.")


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("delete_policy", {}),
        ("create_policy_version", {"PolicyDocument": text()}),
        ("delete_policy_version", {"VersionId": "v1"}),
        ("set_default_policy_version", {"VersionId": "v1"}),
        ("tag_policy", {"Tags": [{"Key": "k", "Value": "v"}]}),
    ],
)
def test_awss_policies_are_not_changed(iam: Any, operation: str, arguments: dict[str, Any]) -> None:
    before = iam.get_policy(PolicyArn=ADMIN)["Policy"]
    error = refusal(getattr(iam, operation), PolicyArn=ADMIN, **arguments)
    assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
    assert iam.get_policy(PolicyArn=ADMIN)["Policy"] == before


def test_get_policy_of_aws(iam: Any) -> None:
    found = iam.get_policy(PolicyArn=ADMIN)["Policy"]
    assert (found["PolicyName"], found["Path"], found["AttachmentCount"]) == ("AdministratorAccess", "/", 0)
    assert found["CreateDate"].year == 2015
    version = iam.get_policy_version(PolicyArn=ADMIN, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    assert version["Document"]["Statement"][0] == {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert version["IsDefaultVersion"] is True
    listed = iam.list_policy_versions(PolicyArn=ADMIN)["Versions"]
    assert [each["VersionId"] for each in listed] == [found["DefaultVersionId"]]
    assert code(iam.get_policy_version, PolicyArn=ADMIN, VersionId="v999") == "NoSuchEntity"
