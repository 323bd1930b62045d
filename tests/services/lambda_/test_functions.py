"""Functions: made, told, listed and deleted."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_.records import packages
from services.helpers import code, refusal
from services.lambda_.packages import HELLO, hello, zipped
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


def given(role: str, **arguments: Any) -> dict[str, Any]:
    """What it takes to make a function."""
    code = {"ZipFile": hello()}
    return {
        "FunctionName": "f",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": role,
        "Code": code,
    } | arguments


def test_create_function(client: Any, role: str) -> None:
    answer = client.create_function(**given(role, Description="says hello"))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {
        "FunctionName": "f",
        "FunctionArn": ARN,
        "Runtime": "python3.11",
        "Role": role,
        "Handler": "app.handler",
        "CodeSize": len(hello()),
        "Description": "says hello",
        "Timeout": 3,
        "MemorySize": 128,
        "CodeSha256": b64encode(sha256(hello()).digest()).decode(),
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
    }
    assert {name: answer[name] for name in expected} == expected
    assert answer["LastModified"].endswith("+0000")
    assert not answer.keys() & {
        "Environment",
        "Layers",
        "VpcConfig",
        "LastUpdateStatus",
        "KMSKeyArn",
        "DeadLetterConfig",
    }


def test_a_function_becomes_active(region: LocalRegion, client: Any, role: str) -> None:
    before = client.create_function(**given(role))
    region.settle()
    after = client.get_function_configuration(FunctionName="f")
    assert (after["State"], after["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in after
    assert before["RevisionId"] != after["RevisionId"]


def test_waiters(region: LocalRegion, client: Any, role: str) -> None:
    client.create_function(**given(role), Publish=True)
    region.settle()
    for name in ("function_active", "function_active_v2", "function_exists", "function_updated", "function_updated_v2"):
        client.get_waiter(name).wait(FunctionName="f", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    client.get_waiter("published_version_active").wait(
        FunctionName="f", Qualifier="1", WaiterConfig={"Delay": 0, "MaxAttempts": 1}
    )


def test_all_of_the_configuration(make: Make) -> None:
    told = make(
        Timeout=900,
        MemorySize=10240,
        EphemeralStorage={"Size": 10240},
        Environment={"Variables": {"NAME": "value"}},
        Architectures=["x86_64"],
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "LogGroup": "mine"},
        TracingConfig={"Mode": "PassThrough"},
        SnapStart={"ApplyOn": "None"},
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
    )
    assert (told["Timeout"], told["MemorySize"], told["EphemeralStorage"]) == (900, 10240, {"Size": 10240})
    assert told["Environment"] == {"Variables": {"NAME": "value"}}
    assert told["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "INFO", "LogGroup": "mine",
    }  # fmt: skip


def test_a_name_that_is_taken(client: Any, role: str, make: Make) -> None:
    make()
    refused = refusal(client.create_function, **given(role))
    assert (refused["Code"], refused["Status"]) == ("ResourceConflictException", 409)
    assert refused["Message"] == "Function already exist: f"


@pytest.mark.parametrize(
    "name",
    [
        "f",
        f"{ACCOUNT}:f",
        f"{ACCOUNT}:function:f",
        "function:f",
        f"us-east-1:{ACCOUNT}:function:f",
        ARN,
        f"{ARN}:$LATEST",
        "f:$LATEST",
    ],
)
def test_forms_of_a_name(client: Any, make: Make, name: str) -> None:
    make()
    assert client.get_function(FunctionName=name)["Configuration"]["FunctionName"] == "f"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("g", "ResourceNotFoundException", f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:g"),
        ("f:1", "ResourceNotFoundException", f"Function not found: {ARN}:1"),
        ("f:live", "ResourceNotFoundException", f"Function not found: {ARN}:live"),
        ("f:99999999999999999999", "ResourceNotFoundException", f"Function not found: {ARN}:99999999999999999999"),
        (
            f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f", "ResourceNotFoundException",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
        ),
        ("f g", "ValidationException", "failed to satisfy constraint: Member must satisfy regular expression pattern"),
        ("f" * 65, "ValidationException", "Member must have length less than or equal to 64"),
        ("f" * 257, "ValidationException", "Member must have length less than or equal to 256"),
        ("", "ParamValidationError", ""),
    ],
)  # fmt: skip
def test_names_that_find_nothing(client: Any, make: Make, name: str, error: str, message: str) -> None:
    make()
    if not name:
        return
    refused = refusal(client.get_function, FunctionName=name)
    assert refused["Code"] == error
    assert message in refused["Message"]


def test_a_qualifier_in_two_places(client: Any, make: Make) -> None:
    make(Publish=True)
    assert client.get_function(FunctionName="f:1", Qualifier="1")["Configuration"]["Version"] == "1"
    refused = refusal(client.get_function, FunctionName="f:1", Qualifier="$LATEST")
    assert refused["Message"] == "The derived qualifier from the function name does not match the specified qualifier."


def test_arns_say_how_a_version_was_addressed(client: Any, make: Make) -> None:
    make(Publish=True)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    told = {
        qualifier: client.get_function_configuration(
            FunctionName="f", **({"Qualifier": qualifier} if qualifier else {})
        )
        for qualifier in ("", "$LATEST", "1", "live")
    }
    assert {qualifier: one["FunctionArn"] for qualifier, one in told.items()} == {
        "": ARN, "$LATEST": f"{ARN}:$LATEST", "1": f"{ARN}:1", "live": f"{ARN}:live",
    }  # fmt: skip
    assert [one["Version"] for one in told.values()] == ["$LATEST", "$LATEST", "1", "1"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"Handler": None}, "InvalidParameterValueException", "Runtime and Handler are mandatory parameters"),
        ({"Runtime": None}, "InvalidParameterValueException", "Runtime and Handler are mandatory parameters"),
        (
            {"Runtime": "python2.7"},
            "InvalidParameterValueException",
            "python2.7 is no longer supported for creating or updating",
        ),
        ({"Runtime": "cobol"}, "ValidationException", "Member must satisfy enum value set"),
        ({"Runtime": "java21"}, "NotImplemented", "The runtime java21, for which this machine has no interpreter (see"),
        ({"Role": "nobody"}, "ValidationException", "Member must satisfy regular expression pattern"),
        ({"Timeout": 0}, "ValidationException", "Member must have value greater than or equal to 1"),
        ({"Timeout": 901}, "ValidationException", "Value '901' at 'timeout' failed to satisfy constraint"),
        ({"MemorySize": 127}, "ValidationException", "Member must have value greater than or equal to 128"),
        ({"MemorySize": 10241}, "InvalidParameterValueException", "'MemorySize' value failed to satisfy constraint"),
        ({"EphemeralStorage": {"Size": 10241}}, "InvalidParameterValueException", "'EphemeralStorage' value failed"),
        ({"Handler": "two words"}, "ValidationException", "regular expression"),
        ({"Description": "x" * 257}, "ValidationException", "Member must have length less than or equal to 256"),
        ({"Architectures": ["arm64"]}, "NotImplemented", "The architecture arm64"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "NotImplemented", "A function in a VPC"),
        ({"TracingConfig": {"Mode": "Active"}}, "NotImplemented", "Active tracing"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "NotImplemented", "SnapStart"),
        ({"FileSystemConfigs": [{"Arn": "a", "LocalMountPath": "/mnt/a"}]}, "ValidationException", "fileSystemConfigs"),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "x"}, "Runtime": None, "Handler": None},
            "NotImplemented",
            "A function of a container image",
        ),
        ({"LoggingConfig": {"SystemLogLevel": "WARN"}}, "InvalidParameterValueException", "JSON log format"),
        ({"LoggingConfig": {"LogGroup": "no spaces"}}, "ValidationException", "regular expression"),
        (
            {"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::b"}},
            "InvalidParameterValueException",
            "is not that of an SQS queue",
        ),
        (
            {"DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}},
            "NotImplemented",
            "A dead-letter target of sqs",
        ),
        ({"Tags": {"aws:mine": "x"}}, "InvalidParameterValueException", "reserved"),
        (
            {"Tags": {str(number): "" for number in range(51)}},
            "InvalidParameterValueException",
            "exceeds resource tag limit",
        ),
        ({"Tags": {"a": "1", "A": "2"}}, "InvalidParameterValueException", "unique without regard to case"),
        ({"CapacityProviderConfig": {}}, "ValidationException", ""),
        ({"FunctionName": "f:1"}, "InvalidParameterValueException", "permitted on Lambda functions only"),
    ],
)
def test_what_is_refused(
    client: Any, region: LocalRegion, role: str, arguments: dict[str, Any], error: str, message: str
) -> None:
    asked = {name: value for name, value in given(role, **arguments).items() if value is not None}
    refused = refusal(client.create_function, **asked)
    assert (refused["Code"], message in refused["Message"]) == (error, True), refused
    assert code(client.get_function, FunctionName="f") == "ResourceNotFoundException"
    with region.region.store.snapshot() as tx:
        assert not list(packages.scan(tx))


def test_a_role_that_is_not_there(client: Any, role: str) -> None:
    refused = refusal(client.create_function, **given(role + "-other"))
    assert (refused["Code"], refused["Status"]) == ("InvalidParameterValueException", 400)
    assert refused["Message"] == "The role defined for the function cannot be assumed by Lambda."


def test_a_role_that_trusts_another_service(region: LocalRegion, client: Any) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = region.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    refused = refusal(client.create_function, **given(role))
    assert refused["Message"] == "The role defined for the function cannot be assumed by Lambda."


def test_a_role_that_trusts_lambda_for_one_function(region: LocalRegion, client: Any) -> None:
    trust = {
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:SourceArn": ARN}},
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = region.client("iam").create_role(RoleName="narrow", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    assert client.create_function(**given(role))["Role"] == role
    assert code(client.create_function, **given(role, FunctionName="g")) == "InvalidParameterValueException"


def test_a_role_of_another_account(client: Any) -> None:
    refused = refusal(client.create_function, **given("arn:aws:iam::111122223333:role/r"))
    assert (refused["Code"], refused["Message"]) == ("AccessDeniedException", "Cross-account pass role is not allowed.")


def test_get_function(client: Any, make: Make) -> None:
    told = make(Tags={"team": "fog"})
    answer = client.get_function(FunctionName="f")
    assert answer["Tags"] == {"team": "fog"}
    assert answer["Configuration"] == {name: value for name, value in told.items() if name != "ResponseMetadata"}
    assert answer["Code"]["RepositoryType"] == "S3"


def test_get_function_tells_reserved_concurrency(client: Any, make: Make) -> None:
    make()
    assert "Concurrency" not in client.get_function(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=7)
    assert client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 7}


def test_list_functions(client: Any, make: Make) -> None:
    for name in ("b", "a", "c"):
        make(name)
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    names = [[one["FunctionName"] for one in page["Functions"]] for page in pages]
    assert names == [["a", "b"], ["c"]]
    one = client.list_functions()["Functions"][0]
    assert one["FunctionArn"] == ARN[:-1] + "a"
    assert not one.keys() & {"State", "LastUpdateStatus", "StateReason", "RuntimeVersionConfig"}


def test_list_functions_with_all_versions(client: Any, make: Make) -> None:
    make("a", Publish=True)
    make("b")
    pages = client.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 1})
    arns = [one["FunctionArn"] for page in pages for one in page["Functions"]]
    start = ARN[:-1]
    assert arns == [f"{start}a:$LATEST", f"{start}a:1", f"{start}b:$LATEST"]


def test_list_functions_of_a_master_region(client: Any, make: Make) -> None:
    make()
    assert client.list_functions(MasterRegion="us-east-1", FunctionVersion="ALL")["Functions"] == []
    assert code(client.list_functions, MasterRegion="us-east-1") == "InvalidParameterValueException"


@pytest.mark.parametrize("marker", ["nonsense", "MzI=", "é", "x" * 5000])
def test_markers_that_were_not_made_here(client: Any, marker: str) -> None:
    assert code(client.list_functions, Marker=marker) == "InvalidParameterValueException"


def test_functions_are_an_accounts_and_a_regions(region: LocalRegion, make: Make) -> None:
    make()
    for client in (
        region.client("lambda", key="111122223333", secret="test"),
        region.client("lambda", region="eu-west-1"),
    ):
        assert client.list_functions()["Functions"] == []
        assert code(client.get_function, FunctionName="f") == "ResourceNotFoundException"


def test_delete_function(region: LocalRegion, client: Any, make: Make) -> None:
    make(Publish=True)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    client.add_permission(
        FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=7)
    assert client.delete_function(FunctionName="f")["ResponseMetadata"]["HTTPStatusCode"] == 204
    for name in ("f", "f:1", "f:live"):
        assert code(client.get_function, FunctionName=name) == "ResourceNotFoundException"
    with region.region.store.snapshot() as tx:
        assert not list(packages.scan(tx))
    make()
    assert code(client.get_policy, FunctionName="f") == "ResourceNotFoundException"
    assert code(client.get_alias, FunctionName="f", Name="live") == "ResourceNotFoundException"
    assert "Concurrency" not in client.get_function(FunctionName="f")
    assert client.publish_version(FunctionName="f")["Version"] == "1"


def test_delete_a_function_that_is_not_there(client: Any) -> None:
    assert code(client.delete_function, FunctionName="f") == "ResourceNotFoundException"


def test_delete_a_version(client: Any, make: Make) -> None:
    make(Publish=True)
    client.delete_function(FunctionName="f", Qualifier="1")
    assert code(client.get_function, FunctionName="f", Qualifier="1") == "ResourceNotFoundException"
    assert client.get_function(FunctionName="f")["Configuration"]["State"] == "Active"
    client.delete_function(FunctionName="f", Qualifier="1")
    assert client.publish_version(FunctionName="f")["Version"] == "2"


def test_versions_that_cannot_be_deleted(client: Any, make: Make) -> None:
    make(Publish=True)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    refused = [refusal(client.delete_function, FunctionName="f", Qualifier=one) for one in ("$LATEST", "live", "1")]
    assert [(one["Code"], one["Message"]) for one in refused] == [
        ("InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."),
        ("InvalidParameterValueException", "Deletion of aliases is not currently supported."),
        ("ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]"),
    ]


def test_functions_of_the_same_code_share_it(region: LocalRegion, client: Any, make: Make) -> None:
    body = zipped({"app.py": HELLO, "data": bytes(range(256)) * 4000}, method=0)
    for name in ("a", "b"):
        make(name, Code={"ZipFile": body})
    with region.region.store.snapshot() as tx:
        assert [one.refs for _, one in packages.scan(tx)] == [2]
    client.delete_function(FunctionName="a")
    with region.region.store.snapshot() as tx:
        assert [one.refs for _, one in packages.scan(tx)] == [1]
    assert client.get_function(FunctionName="b")["Configuration"]["CodeSize"] == len(body)
