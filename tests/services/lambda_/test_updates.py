"""Changes of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_.records import packages
from services.helpers import code, refusal
from services.lambda_.packages import hello
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
OTHER = hello("other = 1\n")
STALE = "00000000-0000-4000-8000-000000000000"


def told(client: Any, **arguments: Any) -> dict[str, Any]:
    """A function's configuration."""
    found: dict[str, Any] = client.get_function_configuration(FunctionName="f", **arguments)
    return found


def test_update_function_code(region: LocalRegion, client: Any, make: Make) -> None:
    before = make()
    answer = client.update_function_code(FunctionName="f", ZipFile=OTHER)
    assert answer["CodeSize"] == len(OTHER)
    assert answer["CodeSha256"] != before["CodeSha256"]
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert (answer["LastUpdateStatusReason"], answer["LastUpdateStatusReasonCode"]) == (
        "The function is being created.",
        "Creating",
    )
    region.settle()
    after = told(client)
    assert after["LastUpdateStatus"] == "Successful"
    assert "LastUpdateStatusReason" not in after
    assert len({before["RevisionId"], answer["RevisionId"], after["RevisionId"]}) == 3
    with region.region.store.snapshot() as tx:
        assert [one.size for _, one in packages.scan(tx)] == [len(OTHER)]


def test_update_function_code_from_s3(region: LocalRegion, s3: Any, bucket: str, client: Any, make: Make) -> None:
    make()
    s3.put_object(Bucket=bucket, Key="k", Body=OTHER)
    assert client.update_function_code(FunctionName="f", S3Bucket=bucket, S3Key="k")["CodeSize"] == len(OTHER)
    region.settle()
    assert told(client)["CodeSize"] == len(OTHER)


def test_the_same_code_again(region: LocalRegion, client: Any, make: Make) -> None:
    before = make()
    assert client.update_function_code(FunctionName="f", ZipFile=hello())["CodeSha256"] == before["CodeSha256"]
    region.settle()
    with region.region.store.snapshot() as tx:
        assert [one.refs for _, one in packages.scan(tx)] == [1]


def test_a_dry_run_changes_nothing(client: Any, make: Make) -> None:
    before = make()
    answer = client.update_function_code(FunctionName="f", ZipFile=OTHER, DryRun=True)
    assert answer["CodeSize"] == len(OTHER)
    assert {**told(client), "ResponseMetadata": 0} == {**before, "ResponseMetadata": 0}
    assert (
        code(client.update_function_code, FunctionName="f", ZipFile=b"no", DryRun=True)
        == "InvalidParameterValueException"
    )


def test_code_is_published_at_once(client: Any, make: Make) -> None:
    make(Publish=True)
    answer = client.update_function_code(FunctionName="f", ZipFile=OTHER, Publish=True)
    assert (answer["Version"], answer["FunctionArn"], answer["CodeSize"]) == ("2", f"{ARN}:2", len(OTHER))
    assert told(client, Qualifier="1")["CodeSize"] == len(hello())


def test_update_function_configuration(region: LocalRegion, client: Any, make: Make) -> None:
    make(Description="one", Environment={"Variables": {"AA": "1"}}, Timeout=10)
    answer = client.update_function_configuration(
        FunctionName="f", Description="two", MemorySize=256, Handler="app.other", Runtime="provided.al2023"
    )
    assert answer["LastUpdateStatus"] == "InProgress"
    region.settle()
    after = told(client)
    assert (after["Description"], after["MemorySize"], after["Handler"], after["Runtime"]) == (
        "two",
        256,
        "app.other",
        "provided.al2023",
    )
    assert (after["Timeout"], after["Environment"]) == (10, {"Variables": {"AA": "1"}})


def test_what_is_given_empty_is_taken_away(region: LocalRegion, client: Any, make: Make) -> None:
    make(Description="one", Environment={"Variables": {"AA": "1"}})
    client.update_function_configuration(
        FunctionName="f", Description="", Environment={}, Layers=[], KMSKeyArn="", DeadLetterConfig={"TargetArn": ""},
        FileSystemConfigs=[], VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
    )  # fmt: skip
    region.settle()
    after = told(client)
    assert after["Description"] == ""
    assert "Environment" not in after


def test_logging(region: LocalRegion, client: Any, make: Make) -> None:
    make(LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    client.update_function_configuration(FunctionName="f", LoggingConfig={"LogGroup": "mine"})
    region.settle()
    assert told(client)["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": "mine",
    }  # fmt: skip
    client.update_function_configuration(FunctionName="f", LoggingConfig={"LogFormat": "Text"})
    region.settle()
    assert told(client)["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "mine"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"Timeout": 901}, "ValidationException"),
        ({"MemorySize": 10241}, "InvalidParameterValueException"),
        ({"Runtime": "nodejs12.x"}, "InvalidParameterValueException"),
        ({"Role": f"arn:aws:iam::{ACCOUNT}:role/none"}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "NotImplemented"),
        ({"ImageConfig": {"Command": ["x"]}}, "NotImplemented"),
        ({"RevisionId": STALE}, "PreconditionFailedException"),
        ({"FunctionName": "g"}, "ResourceNotFoundException"),
        ({"FunctionName": "f:1"}, "InvalidParameterValueException"),
    ],
)
def test_what_is_refused(client: Any, make: Make, arguments: dict[str, Any], error: str) -> None:
    before = make()
    refused = refusal(client.update_function_configuration, **({"FunctionName": "f", "Description": "x"} | arguments))
    assert refused["Code"] == error
    assert told(client)["RevisionId"] == before["RevisionId"]


def test_revisions(client: Any, make: Make) -> None:
    before = make()
    refused = refusal(client.update_function_code, FunctionName="f", ZipFile=OTHER, RevisionId=STALE)
    assert (refused["Code"], refused["Status"]) == ("PreconditionFailedException", 412)
    assert refused["Message"].startswith("The RevisionId provided does not match the latest RevisionId.")
    client.update_function_code(FunctionName="f", ZipFile=OTHER, RevisionId=before["RevisionId"])


def test_one_change_at_a_time(region: LocalRegion, client: Any, make: Make) -> None:
    make()
    client.update_function_configuration(FunctionName="f", Description="x")
    changes = (
        (client.update_function_code, {"ZipFile": OTHER}),
        (client.update_function_configuration, {"Description": "y"}),
        (client.publish_version, {}),
    )
    for change, arguments in changes:
        refused = refusal(change, FunctionName="f", **arguments)
        assert (refused["Code"], refused["Status"]) == ("ResourceConflictException", 409)
        assert refused["Message"] == (
            f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}"
        )
    region.settle()
    for change, arguments in changes:
        change(FunctionName="f", **arguments)
        region.settle()


def test_no_change_before_the_function_is_active(region: LocalRegion, client: Any, role: str) -> None:
    client.create_function(FunctionName="f", Runtime="python3.11", Handler="a.h", Role=role, Code={"ZipFile": hello()})
    refused = refusal(client.update_function_configuration, FunctionName="f", Description="x")
    assert refused["Message"] == (
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )
    client.delete_function(FunctionName="f")
    region.settle()
    assert code(client.get_function, FunctionName="f") == "ResourceNotFoundException"
