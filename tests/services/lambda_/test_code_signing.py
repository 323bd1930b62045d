"""Code signing configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, refusal
from services.lambda_.packages import hello
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
PROFILE = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/mine/abcdef1234"
PUBLISHERS = {"SigningProfileVersionArns": [PROFILE]}
NONE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-{'0' * 17}"


def config(client: Any, policy: str = "Warn", **arguments: Any) -> str:
    """Make a configuration; its ARN."""
    policies = {"UntrustedArtifactOnDeployment": policy}
    answer = client.create_code_signing_config(AllowedPublishers=PUBLISHERS, CodeSigningPolicies=policies, **arguments)
    return str(answer["CodeSigningConfig"]["CodeSigningConfigArn"])


def test_create_code_signing_config(client: Any) -> None:
    answer = client.create_code_signing_config(AllowedPublishers=PUBLISHERS, Description="mine", Tags={"a": "b"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    made = answer["CodeSigningConfig"]
    assert (
        made["CodeSigningConfigArn"]
        == f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:{made['CodeSigningConfigId']}"
    )
    assert (made["Description"], made["AllowedPublishers"]) == ("mine", PUBLISHERS)
    assert made["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert (
        client.get_code_signing_config(CodeSigningConfigArn=made["CodeSigningConfigArn"])["CodeSigningConfig"] == made
    )
    assert client.list_tags(Resource=made["CodeSigningConfigArn"])["Tags"] == {"a": "b"}


@pytest.mark.parametrize("arns", [[], ["x"], [f"arn:aws:s3:::{ACCOUNT}"], [PROFILE] * 21, [PROFILE[:-1]]])
def test_publishers_that_are_none(client: Any, arns: list[str]) -> None:
    refused = code(client.create_code_signing_config, AllowedPublishers={"SigningProfileVersionArns": arns})
    assert refused in ("ValidationException", "InvalidParameterValueException")


def test_update_code_signing_config(client: Any) -> None:
    arn = config(client, Description="one")
    answer = client.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}
    )["CodeSigningConfig"]
    assert (answer["Description"], answer["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"]) == ("one", "Enforce")


def test_configurations_that_are_not_there(region: LocalRegion, client: Any) -> None:
    for call in (client.get_code_signing_config, client.update_code_signing_config, client.delete_code_signing_config):
        assert code(call, CodeSigningConfigArn=NONE) == "ResourceNotFoundException"
    assert code(client.list_functions_by_code_signing_config, CodeSigningConfigArn=NONE) == "ResourceNotFoundException"
    arn = config(client)
    assert (
        code(region.client("lambda", region="eu-west-1").get_code_signing_config, CodeSigningConfigArn=arn)
        == "ResourceNotFoundException"
    )


def test_list_code_signing_configs(client: Any) -> None:
    arns = sorted(config(client) for _ in range(3))
    pages = client.get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 2})
    assert [one["CodeSigningConfigArn"] for page in pages for one in page["CodeSigningConfigs"]] == arns


def test_functions_of_a_configuration(client: Any, make: Make) -> None:
    arn = config(client)
    make("a", CodeSigningConfigArn=arn)
    make("b")
    answer = client.put_function_code_signing_config(FunctionName="b", CodeSigningConfigArn=arn)
    assert (answer["CodeSigningConfigArn"], answer["FunctionName"]) == (arn, "b")
    for name in ("a", "b"):
        assert client.get_function_code_signing_config(FunctionName=name)["CodeSigningConfigArn"] == arn
    found = client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]
    assert [one.rpartition(":")[2] for one in found] == ["a", "b"]
    refused = refusal(client.delete_code_signing_config, CodeSigningConfigArn=arn)
    assert (refused["Code"], refused["Status"]) == ("ResourceConflictException", 409)
    assert client.delete_function_code_signing_config(FunctionName="a")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "CodeSigningConfigArn" not in client.get_function_code_signing_config(FunctionName="a")
    client.delete_function(FunctionName="b")
    client.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []


def test_a_function_without_a_configuration(client: Any, make: Make) -> None:
    make()
    assert client.get_function_code_signing_config(FunctionName="f")["FunctionName"] == "f"
    client.delete_function_code_signing_config(FunctionName="f")
    refused = refusal(client.put_function_code_signing_config, FunctionName="f", CodeSigningConfigArn=NONE)
    assert (refused["Code"], refused["Status"]) == ("CodeSigningConfigNotFoundException", 404)
    for call in (client.get_function_code_signing_config, client.delete_function_code_signing_config):
        assert code(call, FunctionName="g") == "ResourceNotFoundException"


def test_code_that_is_not_signed_is_not_deployed_where_that_is_enforced(
    region: LocalRegion, client: Any, make: Make, role: str
) -> None:
    arn = config(client, "Enforce")
    asked = {"Runtime": "python3.11", "Handler": "a.h", "Role": role, "Code": {"ZipFile": hello()}}
    refused = refusal(client.create_function, FunctionName="f", CodeSigningConfigArn=arn, **asked)
    assert (refused["Code"], refused["Status"]) == ("CodeVerificationFailedException", 400)
    assert (
        code(client.create_function, FunctionName="f", CodeSigningConfigArn=NONE, **asked)
        == "CodeSigningConfigNotFoundException"
    )
    make()
    client.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=arn)
    assert (
        code(client.update_function_code, FunctionName="f", ZipFile=hello("x = 1\n"))
        == "CodeVerificationFailedException"
    )
    client.update_function_configuration(FunctionName="f", Description="x")
    region.settle()
    client.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"}
    )
    client.update_function_code(FunctionName="f", ZipFile=hello("x = 1\n"))


def test_a_layer_that_is_not_signed_is_not_added_where_that_is_enforced(
    region: LocalRegion, client: Any, make: Make
) -> None:
    layer = client.publish_layer_version(LayerName="l", Content={"ZipFile": hello()})["LayerVersionArn"]
    make(Layers=[layer])
    client.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=config(client, "Enforce"))
    more = client.publish_layer_version(LayerName="m", Content={"ZipFile": hello("x = 1\n")})["LayerVersionArn"]
    for layers in ([more], [layer, more]):
        refused = code(client.update_function_configuration, FunctionName="f", Layers=layers)
        assert refused == "CodeVerificationFailedException"
    for layers in ([layer], []):
        client.update_function_configuration(FunctionName="f", Layers=layers)
        region.settle()
