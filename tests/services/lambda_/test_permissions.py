"""Permissions: the policies of functions, versions and aliases, and what they allow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from fogbank.core.principal import service_of
from fogbank.core.service import Permission
from services.lambda_.planted import ACCOUNT, ARN, plant

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def functions(region: LocalRegion) -> Any:
    """boto3's client, and a function f with a version and an alias."""
    plant(region, published=1, alias="live")
    return region.client("lambda")


def add(client: Any, sid: str = "s", **given: Any) -> dict[str, Any]:
    fields = {"FunctionName": "f", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"} | given
    found: dict[str, Any] = json.loads(client.add_permission(StatementId=sid, **fields)["Statement"])
    return found


def refused(code: str, act: Any, *given: Any, **fields: Any) -> str:
    with pytest.raises(ClientError) as caught:
        act(*given, **fields)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def may(
    region: LocalRegion, source: str, account: str = ACCOUNT, service: str = "s3.amazonaws.com", name: str = "f"
) -> bool:
    """Whether a service may invoke a function for a resource."""
    background = region.background
    with region.region.store.snapshot() as tx:
        names = {"FunctionName": name}
        call = background.call(tx, service_of(service, account, source), background.bound("lambda", "GetPolicy"), names)
        return call.may(Permission("lambda:InvokeFunction", ARN + name, names), ACCOUNT)


def test_add_permission_and_get_policy(functions: Any) -> None:
    statement = add(functions, SourceArn="arn:aws:s3:::b", SourceAccount=ACCOUNT)
    assert statement == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN + "f",
        "Condition": {"StringEquals": {"AWS:SourceAccount": ACCOUNT}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}},
    }
    found = functions.get_policy(FunctionName="f")
    assert json.loads(found["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    assert found["RevisionId"]


def test_principals_and_conditions_as_lambda_writes_them(functions: Any) -> None:
    assert add(functions, "a", Principal="111122223333")["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    anyone = add(functions, "b", Principal="*", PrincipalOrgID="o-abcdefghij")
    assert anyone["Principal"] == "*"
    assert anyone["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}
    url = add(functions, "c", Principal="*", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
    assert url["Condition"] == {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}
    via = add(functions, "d", Principal="*", InvokedViaFunctionUrl=True)
    assert via["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    token = add(functions, "e", Principal="alexa-appkit.amazon.com", EventSourceToken="token")
    assert token["Condition"] == {"StringEquals": {"lambda:EventSourceToken": "token"}}


def test_a_policy_allows_a_service_for_a_source(region: LocalRegion, functions: Any) -> None:
    assert not may(region, "arn:aws:s3:::b")
    add(functions, SourceArn="arn:aws:s3:::b", SourceAccount=ACCOUNT)
    assert may(region, "arn:aws:s3:::b")
    assert not may(region, "arn:aws:s3:::other")
    assert not may(region, "arn:aws:s3:::b", account="111122223333")
    assert not may(region, "arn:aws:s3:::b", service="events.amazonaws.com")
    functions.remove_permission(FunctionName="f", StatementId="s")
    assert not may(region, "arn:aws:s3:::b")


def test_versions_and_aliases_have_policies_of_their_own(region: LocalRegion, functions: Any) -> None:
    assert add(functions, Qualifier="live")["Resource"] == ARN + "f:live"
    assert add(functions, FunctionName="f:1")["Resource"] == ARN + "f:1"
    assert "does not exist" in refused("ResourceNotFoundException", functions.get_policy, FunctionName="f")
    assert json.loads(functions.get_policy(FunctionName="f", Qualifier="live")["Policy"])["Statement"]
    assert not may(region, "arn:aws:s3:::b")


def test_a_statement_id_is_there_once(functions: Any) -> None:
    add(functions)
    told = refused("ResourceConflictException", add, functions)
    assert told.startswith("The statement id (s) provided already exists.")


def test_remove_permission_of_what_is_not_there(functions: Any) -> None:
    remove = functions.remove_permission
    told = refused("ResourceNotFoundException", remove, FunctionName="f", StatementId="x")
    assert told == "No policy is associated with the given resource."
    add(functions)
    told = refused("ResourceNotFoundException", remove, FunctionName="f", StatementId="x")
    assert told == "Statement x is not found in resource policy."
    remove(FunctionName="f", StatementId="s")
    refused("ResourceNotFoundException", functions.get_policy, FunctionName="f")


def test_changes_by_revision(functions: Any) -> None:
    add(functions)
    first = functions.get_policy(FunctionName="f")["RevisionId"]
    add(functions, "t", RevisionId=first)
    refused("PreconditionFailedException", add, functions, "u", RevisionId=first)
    gone = {"FunctionName": "f", "StatementId": "s", "RevisionId": first}
    refused("PreconditionFailedException", functions.remove_permission, **gone)


@pytest.mark.parametrize(
    "principal",
    [
        "nobody",
        "example.com",
        "arn:aws:iam::123456789012:user/nobody",
        "arn:aws:iam::123456789012:role/nobody",
        "12345",
        "*.amazonaws.com",
    ],
)
def test_principals_that_there_are_not(functions: Any, principal: str) -> None:
    told = refused("InvalidParameterValueException", add, functions, Principal=principal)
    assert told == "The provided principal was invalid. Please check the principal and try again."


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException"),
        ({"FunctionName": "g"}, "ResourceNotFoundException"),
        ({"Qualifier": "7"}, "ResourceNotFoundException"),
        ({"Qualifier": "dead"}, "ResourceNotFoundException"),
        ({"FunctionUrlAuthType": "NONE"}, "InvalidParameterValueException"),
        ({"Action": "s3:GetObject"}, "ValidationException"),
        ({"Action": "lambda:Invoke*"}, "ValidationException"),
        ({"SourceAccount": "1"}, "ValidationException"),
        ({"SourceArn": "b"}, "ValidationException"),
        ({"PrincipalOrgID": "o-ABCDEFGHIJ"}, "ValidationException"),
    ],
)
def test_what_cannot_be_a_permission(functions: Any, given: dict[str, str], code: str) -> None:
    refused(code, add, functions, **given)


def test_a_policy_has_an_end(functions: Any) -> None:
    for number in range(16):
        add(functions, f"s{number}", SourceArn="arn:aws:s3:::" + "b" * 1000)
    told = refused("PolicyLengthExceededException", add, functions, "more", SourceArn="arn:aws:s3:::" + "b" * 5000)
    assert "is bigger than the limit (20480)" in told


def test_a_user_that_is_gone_shows_by_its_id(region: LocalRegion, functions: Any) -> None:
    iam = region.client("iam")
    made = iam.create_user(UserName="u")["User"]
    assert add(functions, Principal=made["Arn"])["Principal"] == {"AWS": made["Arn"]}
    iam.delete_user(UserName="u")
    shown = json.loads(functions.get_policy(FunctionName="f")["Policy"])["Statement"][0]
    assert shown["Principal"] == {"AWS": made["UserId"]}


def test_policies_go_with_their_functions(region: LocalRegion, functions: Any) -> None:
    from fogbank.services.lambda_ import gone, granted
    from fogbank.services.lambda_.names import Name

    add(functions)
    add(functions, Qualifier="live")

    async def delete(qualifier: str) -> None:
        await region.region.store.write(lambda tx: gone.tell(tx, Name(ACCOUNT, "us-east-1", "f", qualifier)))

    region.run(delete("live"))
    assert functions.get_policy(FunctionName="f")
    refused("ResourceNotFoundException", functions.get_policy, FunctionName="f", Qualifier="live")
    region.run(delete(""))
    with region.region.store.snapshot() as tx:
        assert not list(granted.policies.scan(tx))
