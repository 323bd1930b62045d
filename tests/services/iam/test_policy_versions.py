"""CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion, DeletePolicyVersion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, refusal, user_client
from services.iam.test_policies import make, text

if TYPE_CHECKING:
    from support.region import LocalRegion


def version(iam: Any, arn: str, action: str = "s3:*", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(action), **more)
    return made["PolicyVersion"]


def default(iam: Any, arn: str) -> str:
    found: str = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return found


@pytest.fixture
def arn(iam: Any) -> str:
    """A policy's."""
    return make(iam)


def test_create_policy_version(region: LocalRegion, iam: Any, arn: str) -> None:
    region.advance(seconds=60)
    made = version(iam, arn)
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v2", False)
    assert "Document" not in made
    assert default(iam, arn) == "v1"
    assert version(iam, arn, SetAsDefault=True)["IsDefaultVersion"] is True
    assert default(iam, arn) == "v3"
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    assert found["UpdateDate"] > found["CreateDate"]


def test_a_policy_has_five_versions_at_most(iam: Any, arn: str) -> None:
    for _ in range(4):
        version(iam, arn)
    error = refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=text())
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    assert error["Message"].startswith("A managed policy can have up to 5 versions.")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert version(iam, arn)["VersionId"] == "v6"


def test_create_policy_version_of_nothing(iam: Any, arn: str) -> None:
    assert code(iam.create_policy_version, PolicyArn=f"{arn}x", PolicyDocument=text()) == "NoSuchEntity"


def test_get_policy_version(iam: Any, arn: str) -> None:
    version(iam, arn, "ec2:*")
    found = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert found["Document"] == json.loads(text("ec2:*"))
    assert (found["VersionId"], found["IsDefaultVersion"]) == ("v2", False)


@pytest.mark.parametrize("number", ["v2", "v99999999999999999999", "v1.a"])
def test_versions_that_are_not_there(iam: Any, arn: str, number: str) -> None:
    for call in (iam.get_policy_version, iam.set_default_policy_version, iam.delete_policy_version):
        error = refusal(call, PolicyArn=arn, VersionId=number)
        assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)


@pytest.mark.parametrize("number", ["v0", "1", "v01", "v-1", "", "v1 "])
def test_versions_that_cannot_be(iam: Any, arn: str, number: str) -> None:
    assert code(iam.get_policy_version, PolicyArn=arn, VersionId=number) == "ValidationError"


def test_documents_are_url_encoded(region: LocalRegion, iam: Any) -> None:
    given = text("s3:*", Sid="a").replace("}", "} \n")
    arn = iam.create_policy(PolicyName="spaces", PolicyDocument=given)["Policy"]["Arn"]
    seen: list[bytes] = []
    iam.meta.events.register(
        "after-call.iam.GetPolicyVersion", lambda http_response, **_: seen.append(http_response.content)
    )
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == json.loads(given)
    assert b"%7B%22Version%22%3A%20%222012-10-17%22%2C%20" in seen[0]
    assert b"%0A" in seen[0]


def test_list_policy_versions(iam: Any, arn: str) -> None:
    for _ in range(3):
        version(iam, arn, SetAsDefault=True)
    found = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [each["VersionId"] for each in found] == ["v4", "v3", "v2", "v1"]
    assert [each["IsDefaultVersion"] for each in found] == [True, False, False, False]
    assert not any("Document" in each for each in found)
    pages = list(iam.get_paginator("list_policy_versions").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 3}))
    assert [each["VersionId"] for page in pages for each in page["Versions"]] == ["v4", "v3", "v2", "v1"]


def test_versions_are_listed_by_number(iam: Any, arn: str) -> None:
    for number in range(2, 12):
        version(iam, arn, SetAsDefault=True)
        if number > 4:
            iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{number - 4}")
    pages = list(iam.get_paginator("list_policy_versions").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 1}))
    assert [page["Versions"][0]["VersionId"] for page in pages] == ["v11", "v10", "v9", "v8"]


def test_set_default_policy_version(iam: Any, arn: str) -> None:
    version(iam, arn)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert default(iam, arn) == "v2"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["IsDefaultVersion"] is False


def test_delete_policy_version(iam: Any, arn: str) -> None:
    version(iam, arn)
    error = refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v1")
    assert (error["Code"], error["Message"]) == ("DeleteConflict", "Cannot delete the default version of a policy.")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    assert code(iam.get_policy_version, PolicyArn=arn, VersionId="v2") == "NoSuchEntity"
    assert version(iam, arn)["VersionId"] == "v3"


def test_a_change_counts_at_once(region: LocalRegion, iam: Any) -> None:
    arn = make(iam)
    s3 = user_client(region, "s3")
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    s3.list_buckets()
    version(iam, arn, "ec2:*", SetAsDefault=True)
    assert code(s3.list_buckets) == "AccessDenied"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    s3.list_buckets()
    iam.detach_user_policy(UserName="ann", PolicyArn=arn)
    assert code(s3.list_buckets) == "AccessDenied"


def test_accounts_have_their_own(region: LocalRegion, iam: Any, arn: str) -> None:
    other = dev(region, "111122223333", "iam")
    assert code(other.create_policy_version, PolicyArn=arn, PolicyDocument=text()) in ("NoSuchEntity", "AccessDenied")
    assert code(other.set_default_policy_version, PolicyArn=arn, VersionId="v1") in ("NoSuchEntity", "AccessDenied")
    assert [each["VersionId"] for each in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v1"]
