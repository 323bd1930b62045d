"""Configurations of asynchronous invocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_ import gone
from fogbank.services.lambda_.names import Name
from services.helpers import refusal
from services.lambda_.planted import ACCOUNT, ARN, ROLE, plant, role

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def functions(region: LocalRegion) -> Any:
    plant(region, published=1, alias="live")
    plant(region, "g")
    role(region, "lambda:InvokeFunction")
    return region.client("lambda")


def test_put_get_update_and_delete_function_event_invoke_config(functions: Any) -> None:
    put = functions.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": ARN + "g"}}
    )
    assert put["FunctionArn"] == ARN + "f:$LATEST"
    assert put["MaximumRetryAttempts"] == 1
    assert "MaximumEventAgeInSeconds" not in put
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": ARN + "g"}}
    assert put["LastModified"]
    updated = functions.update_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=60)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (1, 60)
    assert updated["DestinationConfig"]["OnFailure"] == {"Destination": ARN + "g"}
    found = functions.get_function_event_invoke_config(FunctionName="f")
    assert {name: value for name, value in found.items() if name != "ResponseMetadata"} == {
        name: value for name, value in updated.items() if name != "ResponseMetadata"
    }
    again = functions.put_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=61)
    assert "MaximumRetryAttempts" not in again
    functions.delete_function_event_invoke_config(FunctionName="f")
    told = refusal(functions.get_function_event_invoke_config, FunctionName="f")
    assert told["Code"] == "ResourceNotFoundException"
    assert told["Message"] == f"The function {ARN}f:$LATEST doesn't have an EventInvokeConfig"


def test_list_function_event_invoke_configs(functions: Any) -> None:
    for qualifier in ("1", "live", "$LATEST"):
        functions.put_function_event_invoke_config(FunctionName="f", Qualifier=qualifier, MaximumRetryAttempts=0)
    shown, marker = [], {}
    while True:
        page = functions.list_function_event_invoke_configs(FunctionName="f", MaxItems=2, **marker)
        shown += [one["FunctionArn"] for one in page["FunctionEventInvokeConfigs"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert shown == [ARN + "f:$LATEST", ARN + "f:1", ARN + "f:live"]
    told = refusal(functions.list_function_event_invoke_configs, FunctionName="f", Marker="!")
    assert told["Code"] == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        (ARN + "f", "You can't specify the function as a destination for itself."),
        (ARN + "f:live", "You can't specify the function as a destination for itself."),
        (ARN + "h", f"The destination ARN {ARN}h is invalid."),
        (
            "arn:aws:sqs:us-east-1:123456789012:q",
            "The destination ARN arn:aws:sqs:us-east-1:123456789012:q is invalid.",
        ),
    ],
)
def test_destinations_that_are_not_there(functions: Any, arn: str, message: str) -> None:
    put = functions.put_function_event_invoke_config
    told = refusal(put, FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}})
    assert (told["Code"], told["Message"]) == ("InvalidParameterValueException", message)


def test_a_destination_that_the_role_may_not_send_to(region: LocalRegion, functions: Any) -> None:
    region.client("iam").delete_role_policy(RoleName="execution", PolicyName="p")
    put = functions.put_function_event_invoke_config
    told = refusal(put, FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "g"}})
    assert told["Code"] == "InvalidParameterValueException"
    assert "doesn't have permissions to call InvokeFunction on" in told["Message"]
    functions.add_permission(FunctionName="g", StatementId="s", Action="lambda:InvokeFunction", Principal=ROLE)
    put(FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "g"}})


def test_nobody_learns_from_a_destination_whether_it_is_there(functions: Any) -> None:
    theirs = "arn:aws:lambda:us-east-1:111122223333:function:"
    put = functions.put_function_event_invoke_config
    told = refusal(put, FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": theirs + "nothing"}})
    assert "doesn't have permissions to call InvokeFunction on" in told["Message"]


@pytest.mark.parametrize("arn", ["kafka://topic", "arn:aws:lambda:us-east-1::function:g"])
def test_what_is_no_destination(functions: Any, arn: str) -> None:
    put = functions.put_function_event_invoke_config
    told = refusal(put, FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}})
    assert told["Code"] == "InvalidParameterValueException"
    assert "destination config" in told["Message"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "InvalidParameterValueException"),
        ({"MaximumRetryAttempts": 3}, "ValidationException"),
        ({"MaximumEventAgeInSeconds": 59}, "ValidationException"),
        ({"MaximumEventAgeInSeconds": 21601}, "ValidationException"),
        ({"FunctionName": "h", "MaximumRetryAttempts": 0}, "ResourceNotFoundException"),
        ({"Qualifier": "2", "MaximumRetryAttempts": 0}, "ResourceNotFoundException"),
    ],
)
def test_what_cannot_be_set(region: LocalRegion, functions: Any, given: dict[str, Any], code: str) -> None:
    client = region.client("lambda", parameter_validation=False)
    assert refusal(client.put_function_event_invoke_config, **({"FunctionName": "f"} | given))["Code"] == code


def test_only_what_is_there_is_updated(functions: Any) -> None:
    update = functions.update_function_event_invoke_config
    assert refusal(update, FunctionName="f", MaximumRetryAttempts=0)["Code"] == "ResourceNotFoundException"


def test_configurations_go_with_what_they_are_of(region: LocalRegion, functions: Any) -> None:
    for qualifier in ("1", "live"):
        functions.put_function_event_invoke_config(FunctionName="f", Qualifier=qualifier, MaximumRetryAttempts=0)

    async def delete(qualifier: str) -> None:
        await region.region.store.write(lambda tx: gone.tell(tx, Name(ACCOUNT, "us-east-1", "f", qualifier)))

    region.run(delete("live"))
    assert len(functions.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]) == 1
    region.run(delete(""))
    assert not functions.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]
