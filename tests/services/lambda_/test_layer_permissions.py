"""Layers in functions of other accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal, user_client
from services.lambda_.conftest import TRUST
from services.lambda_.packages import hello, zipped
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

pytestmark = pytest.mark.usefixtures("sound")
OTHER = "111122223333"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:shared:1"


@pytest.fixture
def layer(client: Any) -> str:
    """A layer's version."""
    content = {"ZipFile": zipped({"python/shared.py": "value = 1\n"})}
    return str(client.publish_layer_version(LayerName="shared", Content=content)["LayerVersionArn"])


def add(client: Any, name: str = "s", principal: str = OTHER, **arguments: Any) -> dict[str, Any]:
    """Add a permission."""
    answer: dict[str, Any] = client.add_layer_version_permission(
        LayerName="shared",
        VersionNumber=1,
        StatementId=name,
        Action="lambda:GetLayerVersion",
        Principal=principal,
        **arguments,
    )
    return answer


@pytest.mark.usefixtures("layer")
def test_add_layer_version_permission(client: Any) -> None:
    answer = add(client)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert json.loads(answer["Statement"]) == {
        "Sid": "s", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "lambda:GetLayerVersion", "Resource": ARN,
    }  # fmt: skip
    told = client.get_layer_version_policy(LayerName="shared", VersionNumber=1)
    assert told["RevisionId"] == answer["RevisionId"]
    assert json.loads(told["Policy"])["Statement"] == [json.loads(answer["Statement"])]


@pytest.mark.usefixtures("layer")
def test_a_permission_of_an_organization(client: Any) -> None:
    answer = add(client, principal="*", OrganizationId="o-abcdefghij")
    statement = json.loads(answer["Statement"])
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}
    assert code(add, client=client, name="t", OrganizationId="o-abcdefghij") == "InvalidParameterValueException"


@pytest.mark.usefixtures("layer")
def test_remove_layer_version_permission(client: Any) -> None:
    first = add(client)
    stale = "00000000-0000-4000-8000-000000000000"
    asked = {"LayerName": "shared", "VersionNumber": 1, "StatementId": "s"}
    assert code(client.remove_layer_version_permission, **asked, RevisionId=stale) == "PreconditionFailedException"
    client.remove_layer_version_permission(**asked, RevisionId=first["RevisionId"])
    assert code(client.remove_layer_version_permission, **asked) == "ResourceNotFoundException"
    assert code(client.get_layer_version_policy, LayerName="shared", VersionNumber=1) == "ResourceNotFoundException"


@pytest.mark.usefixtures("layer")
def test_what_is_refused(client: Any) -> None:
    add(client)
    assert code(add, client=client) == "ResourceConflictException"
    assert code(add, client=client, name="t", principal="ann") == "ValidationException"
    asked = {"LayerName": "shared", "VersionNumber": 1, "StatementId": "t", "Principal": OTHER}
    assert code(client.add_layer_version_permission, **asked, Action="lambda:InvokeFunction") == "ValidationException"
    missing = asked | {"VersionNumber": 2, "Action": "lambda:GetLayerVersion"}
    assert code(client.add_layer_version_permission, **missing) == "ResourceNotFoundException"


@pytest.mark.usefixtures("layer")
def test_a_policy_that_is_too_large(client: Any) -> None:
    for number in range(200):
        try:
            add(client, name=f"{number:099d}")
        except client.exceptions.PolicyLengthExceededException:
            assert number > 50
            return
    pytest.fail("it has no limit")


@pytest.mark.usefixtures("layer")
def test_another_account_reads_a_layer_that_it_may(region: LocalRegion, client: Any) -> None:
    other = dev(region, OTHER, "lambda")
    refused = refusal(other.get_layer_version_by_arn, Arn=ARN)
    assert (refused["Code"], refused["Status"]) == ("AccessDeniedException", 403)
    add(client)
    assert other.get_layer_version_by_arn(Arn=ARN)["LayerVersionArn"] == ARN
    assert code(other.delete_layer_version, LayerName=ARN[:-2], VersionNumber=1) == "AccessDeniedException"
    third = dev(region, "444455556666", "lambda")
    assert code(third.get_layer_version_by_arn, Arn=ARN) == "AccessDeniedException"


@pytest.mark.usefixtures("layer")
def test_another_account_uses_a_layer_that_it_may(region: LocalRegion, client: Any) -> None:
    other, iam = dev(region, OTHER, "lambda"), dev(region, OTHER, "iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    asked = {
        "FunctionName": "f",
        "Runtime": "python3.11",
        "Handler": "a.h",
        "Role": role,
        "Code": {"ZipFile": hello()},
        "Layers": [ARN],
    }
    refused = refusal(other.create_function, **asked)
    assert refused["Code"] == "AccessDeniedException"
    assert f"is not authorized to perform: lambda:GetLayerVersion on resource: {ARN}" in refused["Message"]
    add(client, principal="*")
    assert other.create_function(**asked)["Layers"][0]["Arn"] == ARN


@pytest.mark.usefixtures("layer")
def test_a_user_needs_the_permission_to_read_a_layer(region: LocalRegion, client: Any, role: str) -> None:
    user = user_client(region, "lambda")
    asked = {
        "FunctionName": "f",
        "Runtime": "python3.11",
        "Handler": "a.h",
        "Role": role,
        "Code": {"ZipFile": hello()},
        "Layers": [ARN],
    }
    permit(region, allow(["lambda:CreateFunction", "iam:PassRole"]))
    assert code(user.create_function, **asked) == "AccessDeniedException"
    permit(region, allow(["lambda:CreateFunction", "iam:PassRole"]), allow("lambda:GetLayerVersion", ARN))
    assert user.create_function(**asked)["Layers"][0]["Arn"] == ARN
