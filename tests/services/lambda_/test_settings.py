"""Settings of functions beside their configuration, and of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code
from services.lambda_.packages import hello, zipped
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what is about the request."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_put_and_get_runtime_management_config(client: Any, make: Make) -> None:
    runtime = make(Publish=True)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    assert told(client.get_runtime_management_config(FunctionName="f")) == {
        "UpdateRuntimeOn": "Auto",
        "FunctionArn": ARN,
    }
    client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="FunctionUpdate")
    made = client.put_runtime_management_config(
        FunctionName="f", Qualifier="1", UpdateRuntimeOn="Manual", RuntimeVersionArn=runtime
    )
    assert told(made) == {"UpdateRuntimeOn": "Manual", "FunctionArn": f"{ARN}:1", "RuntimeVersionArn": runtime}
    assert told(client.get_runtime_management_config(FunctionName="f", Qualifier="1")) == told(made)
    assert client.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == "FunctionUpdate"


@pytest.mark.parametrize(
    "arguments",
    [
        {"UpdateRuntimeOn": "Manual"},
        {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": f"arn:aws:lambda:us-east-1::runtime:{'0' * 64}"},
        {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": f"arn:aws:lambda:us-east-1::runtime:{'0' * 64}"},
        {"UpdateRuntimeOn": "Auto", "Qualifier": "live"},
    ],
)
def test_runtime_management_that_is_refused(client: Any, make: Make, arguments: dict[str, str]) -> None:
    make(Publish=True)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert code(client.put_runtime_management_config, FunctionName="f", **arguments) == "InvalidParameterValueException"


def test_put_and_get_function_recursion_config(client: Any, make: Make) -> None:
    make()
    assert told(client.get_function_recursion_config(FunctionName="f")) == {"RecursiveLoop": "Terminate"}
    assert told(client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")) == {
        "RecursiveLoop": "Allow"
    }
    assert told(client.get_function_recursion_config(FunctionName=ARN)) == {"RecursiveLoop": "Allow"}
    assert code(client.put_function_recursion_config, FunctionName="f", RecursiveLoop="Maybe") == "ValidationException"


def test_settings_of_functions_that_are_not_there(client: Any) -> None:
    assert code(client.get_runtime_management_config, FunctionName="f") == "ResourceNotFoundException"
    assert (
        code(client.put_runtime_management_config, FunctionName="f", UpdateRuntimeOn="Auto")
        == "ResourceNotFoundException"
    )
    assert code(client.get_function_recursion_config, FunctionName="f") == "ResourceNotFoundException"
    assert (
        code(client.put_function_recursion_config, FunctionName="f", RecursiveLoop="Allow")
        == "ResourceNotFoundException"
    )


def test_get_account_settings(region: LocalRegion, client: Any, make: Make) -> None:
    assert client.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    make(Publish=True)
    layer = zipped({"a": "b"})
    client.publish_layer_version(LayerName="l", Content={"ZipFile": layer})
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=100)
    answer = client.get_account_settings()
    assert answer["AccountUsage"] == {"TotalCodeSize": 2 * len(hello()) + len(layer), "FunctionCount": 1}
    assert answer["AccountLimit"] == {
        "TotalCodeSize": 80530636800, "CodeSizeUnzipped": 262144000, "CodeSizeZipped": 52428800,
        "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900,
    }  # fmt: skip
    elsewhere = region.client("lambda", region="eu-west-1").get_account_settings()
    assert elsewhere["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    client.delete_function(FunctionName="f")
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    assert client.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}


def test_scaling_of_capacity_providers_is_not_here(client: Any, make: Make) -> None:
    make(Publish=True)
    assert code(client.get_function_scaling_config, FunctionName="f", Qualifier="1") == "NotImplemented"
    assert code(client.list_capacity_providers) == "NotImplemented"
