"""iam:PassRole: who gives a role to a service has to be allowed to, for that service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, permit, refusal, user_client
from services.iam.test_policies import HERE
from services.iam.test_roles import make

if TYPE_CHECKING:
    from support.region import LocalRegion

ADD = allow("iam:AddRoleToInstanceProfile")


@pytest.fixture
def client(region: LocalRegion, iam: Any) -> Any:
    """A user's, of an account with a role and an instance profile."""
    make(iam, Path="/r/", Tags=[{"Key": "Team", "Value": "red"}])
    iam.create_instance_profile(InstanceProfileName="p")
    return user_client(region, "iam")


def add(client: Any) -> Any:
    return client.add_role_to_instance_profile(InstanceProfileName="p", RoleName="work")


def test_without_it(region: LocalRegion, client: Any) -> None:
    permit(region, ADD)
    error = refusal(lambda: add(client))
    assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
    assert "iam:PassRole" in error["Message"]
    assert f"{HERE}:role/r/work" in error["Message"]


@pytest.mark.parametrize(
    "statement",
    [
        allow("iam:PassRole"),
        allow("iam:PassRole", f"{HERE}:role/r/work"),
        allow("iam:PassRole", StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}),
        allow("iam:PassRole", StringEquals={"iam:ResourceTag/Team": "red"}),
    ],
)
def test_with_it(region: LocalRegion, client: Any, iam: Any, statement: Any) -> None:
    permit(region, ADD, statement)
    add(client)
    assert iam.get_instance_profile(InstanceProfileName="p")["InstanceProfile"]["Roles"][0]["RoleName"] == "work"


@pytest.mark.parametrize(
    "statement",
    [
        allow("iam:PassRole", f"{HERE}:role/work"),
        allow("iam:PassRole", f"{HERE}:role/r/other"),
        allow("iam:PassRole", StringEquals={"iam:PassedToService": "lambda.amazonaws.com"}),
        allow("iam:PassRole", StringEquals={"iam:ResourceTag/Team": "blue"}),
    ],
)
def test_with_another(region: LocalRegion, client: Any, statement: Any) -> None:
    permit(region, ADD, statement)
    assert code(lambda: add(client)) == "AccessDenied"


def test_it_is_not_enough(region: LocalRegion, client: Any) -> None:
    permit(region, allow("iam:PassRole"))
    assert code(lambda: add(client)) == "AccessDenied"
