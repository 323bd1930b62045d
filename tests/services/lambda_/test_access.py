"""Who may make and change functions: passed roles, condition keys, other accounts; and what events say of it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal, user_client
from services.lambda_.packages import hello
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
OTHER = "111122223333"


def given(role: str, **arguments: Any) -> dict[str, Any]:
    """What it takes to make a function."""
    return {
        "FunctionName": "f",
        "Runtime": "python3.11",
        "Handler": "a.h",
        "Role": role,
        "Code": {"ZipFile": hello()},
    } | arguments


def test_whoever_makes_a_function_passes_its_role(region: LocalRegion, role: str) -> None:
    user = user_client(region, "lambda")
    permit(region, allow("lambda:CreateFunction", ARN))
    refused = refusal(user.create_function, **given(role))
    assert (refused["Code"], refused["Status"]) == ("AccessDeniedException", 403)
    assert f"is not authorized to perform: iam:PassRole on resource: {role}" in refused["Message"]
    permit(
        region,
        allow("lambda:CreateFunction", ARN),
        allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}),
    )
    assert code(user.create_function, **given(role)) == "AccessDeniedException"
    passing = allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "lambda.amazonaws.com"})
    permit(region, allow("lambda:CreateFunction", ARN), passing)
    user.create_function(**given(role))


def test_whoever_changes_a_role_passes_it(region: LocalRegion, make: Make, role: str) -> None:
    make()
    user = user_client(region, "lambda")
    permit(region, allow("lambda:UpdateFunctionConfiguration", ARN))
    assert code(user.update_function_configuration, FunctionName="f", Role=role) == "AccessDeniedException"
    user.update_function_configuration(FunctionName="f", Description="x")
    region.settle()
    passing = allow("iam:PassRole", role, ArnEquals={"iam:AssociatedResourceArn": ARN})
    permit(region, allow("lambda:UpdateFunctionConfiguration", ARN), passing)
    user.update_function_configuration(FunctionName="f", Role=role)


def test_the_layers_of_a_function_are_a_condition(region: LocalRegion, client: Any, role: str) -> None:
    good, bad = (
        client.publish_layer_version(LayerName=name, Content={"ZipFile": hello()})["LayerVersionArn"]
        for name in ("good", "bad")
    )
    user = user_client(region, "lambda")
    may = allow(
        ["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"],
        **{"ForAllValues:StringLike": {"lambda:Layer": [f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:good:*"]}},
    )
    permit(region, may, allow(["iam:PassRole", "lambda:GetLayerVersion"]))
    assert code(user.create_function, **given(role, Layers=[good, bad])) == "AccessDeniedException"
    user.create_function(**given(role, Layers=[good]))
    region.settle()
    assert code(user.update_function_configuration, FunctionName="f", Layers=[bad]) == "AccessDeniedException"


def test_the_signing_configuration_of_a_function_is_a_condition(region: LocalRegion, client: Any, role: str) -> None:
    publishers = {
        "SigningProfileVersionArns": [f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/mine/abcdef1234"]
    }
    good, bad = (
        client.create_code_signing_config(AllowedPublishers=publishers)["CodeSigningConfig"]["CodeSigningConfigArn"]
        for _ in range(2)
    )
    user = user_client(region, "lambda")
    actions = ["lambda:CreateFunction", "lambda:PutFunctionCodeSigningConfig"]
    permit(region, allow(actions, StringEquals={"lambda:CodeSigningConfigArn": good}), allow("iam:PassRole"))
    for refused in ({}, {"CodeSigningConfigArn": bad}):
        assert code(user.create_function, **given(role, **refused)) == "AccessDeniedException"
    user.create_function(**given(role, CodeSigningConfigArn=good))
    assert (
        code(user.put_function_code_signing_config, FunctionName="f", CodeSigningConfigArn=bad)
        == "AccessDeniedException"
    )


def test_a_qualified_arn_is_another_resource(region: LocalRegion, client: Any, make: Make) -> None:
    make(Publish=True)
    user = user_client(region, "lambda")
    permit(region, allow("lambda:GetFunctionConfiguration", ARN))
    user.get_function_configuration(FunctionName="f")
    assert code(user.get_function_configuration, FunctionName="f", Qualifier="1") == "AccessDeniedException"
    permit(region, allow("lambda:GetFunctionConfiguration", f"{ARN}:*"))
    assert user.get_function_configuration(FunctionName="f:1")["Version"] == "1"
    assert code(user.get_function_configuration, FunctionName="f") == "AccessDeniedException"


def test_other_accounts(region: LocalRegion, client: Any, make: Make) -> None:
    make()
    other = dev(region, OTHER, "lambda", parameter_validation=False)
    for call, arguments in (
        (other.get_function, {}),
        (other.update_function_code, {"ZipFile": hello()}),
        (other.delete_function, {}),
        (other.create_alias, {"Name": "a", "FunctionVersion": "$LATEST"}),
    ):
        assert code(call, FunctionName=ARN, **arguments) == "AccessDeniedException"
    client.add_permission(FunctionName="f", StatementId="s", Action="lambda:GetFunction", Principal=OTHER)
    assert other.get_function(FunctionName=ARN)["Configuration"]["FunctionArn"] == ARN
    assert code(other.get_function_configuration, FunctionName=ARN) == "AccessDeniedException"
    assert code(other.tag_resource, Resource=ARN, Tags={"a": "b"}) == "AccessDeniedException"


def test_code_is_read_from_s3_as_the_caller_through_lambda(
    region: LocalRegion, s3: Any, bucket: str, role: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=hello())
    user = user_client(region, "lambda")
    reading = allow(
        "s3:GetObject",
        f"arn:aws:s3:::{bucket}/k",
        **{"ForAnyValue:StringEquals": {"aws:CalledVia": "lambda.amazonaws.com"}},
    )
    permit(region, allow(["lambda:*", "iam:PassRole"]), reading)
    user.create_function(**given(role, Code={"S3Bucket": bucket, "S3Key": "k"}))


def test_events_say_what_was_done_and_no_secrets(region: LocalRegion, client: Any, make: Make) -> None:
    make(Environment={"Variables": {"PASSWORD": "correct horse"}})
    client.publish_layer_version(LayerName="l", Content={"ZipFile": hello()})
    client.get_function(FunctionName="f")
    names = [event["eventName"] for event in region.events()]
    assert {"CreateFunction20150331", "PublishLayerVersion20181031", "GetFunction20150331v2"} <= set(names)
    lines = b"\n".join(region.lines)
    assert b"correct horse" not in lines
    assert b"X-Amz-Signature" not in lines
    assert b64encode(hello()) not in lines


def test_signing_configurations_have_actions_of_their_own(region: LocalRegion, client: Any) -> None:
    publishers = {
        "SigningProfileVersionArns": [f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/mine/abcdef1234"]
    }
    arn = client.create_code_signing_config(AllowedPublishers=publishers, Tags={"team": "fog"})["CodeSigningConfig"][
        "CodeSigningConfigArn"
    ]
    user = user_client(region, "lambda")
    permit(region, allow("lambda:GetCodeSigningConfig", arn, StringEquals={"aws:ResourceTag/team": "fog"}))
    assert user.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]["CodeSigningConfigArn"] == arn
    assert code(user.delete_code_signing_config, CodeSigningConfigArn=arn) == "AccessDeniedException"


@pytest.mark.parametrize("qualifier", ["0", "00", "01", "0000000001"])
def test_a_version_has_one_qualifier_so_that_no_policy_is_evaded(
    region: LocalRegion, make: Make, qualifier: str
) -> None:
    make(Publish=True)
    user = user_client(region, "lambda")
    denied = allow("lambda:*", [ARN, f"{ARN}:1", f"{ARN}:$LATEST"]) | {"Effect": "Deny"}
    permit(region, allow("lambda:*"), denied)
    for operation in (user.get_function, user.invoke):
        assert code(operation, FunctionName="f", Qualifier=qualifier) == "ResourceNotFoundException"
        assert code(operation, FunctionName=f"{ARN}:{qualifier}") == "ResourceNotFoundException"
    assert code(user.delete_function, FunctionName="f", Qualifier=qualifier) == "InvalidParameterValueException"
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    assert code(user.add_permission, FunctionName="f", Qualifier=qualifier, **permission) == "ResourceNotFoundException"
    permit(region, allow("lambda:*"))
    assert user.get_function_configuration(FunctionName="f", Qualifier="1")["Version"] == "1"


@pytest.mark.parametrize("name", ["f:$LATEST", f"{ARN}:$LATEST", f"{ACCOUNT}:function:f"])
def test_another_form_of_its_name_does_not_get_round_what_is_denied(region: LocalRegion, make: Make, name: str) -> None:
    make()
    user = user_client(region, "lambda")
    permit(region, allow("*"), {"Effect": "Deny", "Action": "lambda:*", "Resource": ARN})
    for call, arguments in (
        (user.update_function_code, {"ZipFile": hello()}),
        (user.update_function_configuration, {"Description": "x"}),
        (user.publish_version, {}),
        (user.create_alias, {"Name": "a", "FunctionVersion": "$LATEST"}),
        (user.put_function_concurrency, {"ReservedConcurrentExecutions": 1}),
        (user.put_function_recursion_config, {"RecursiveLoop": "Allow"}),
    ):
        if call == user.put_function_recursion_config and "$" in name:
            continue  # the model does not let it have a qualifier
        assert code(call, FunctionName=name, **arguments) == "AccessDeniedException"


def test_another_form_of_a_layers_arn_does_not_get_round_what_is_denied(
    region: LocalRegion, client: Any, role: str
) -> None:
    client.publish_layer_version(LayerName="bad", Content={"ZipFile": hello()})
    user = user_client(region, "lambda")
    layer = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:bad"
    denied = {"Effect": "Deny", "Action": "lambda:CreateFunction", "Resource": "*"}
    permit(region, allow("*"), denied | {"Condition": {"ForAnyValue:StringLike": {"lambda:Layer": f"{layer}:*"}}})
    for arn in (f"{layer}:1", f"{layer}:01", f"{layer}:1".replace("arn:aws:", "arn:aws-cn:")):
        assert code(user.create_function, **given(role, Layers=[arn])) == "AccessDeniedException"
