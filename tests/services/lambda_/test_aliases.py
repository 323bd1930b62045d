"""Aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.resolving import resolve
from services.helpers import code, refusal
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


@pytest.fixture
def two(region: LocalRegion, client: Any, make: Make) -> None:
    """A function with two versions."""
    make(Publish=True)
    client.update_function_configuration(FunctionName="f", Timeout=9)
    region.settle()
    client.publish_version(FunctionName="f")
    region.settle()


@pytest.mark.usefixtures("two")
def test_create_alias(client: Any) -> None:
    answer = client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", Description="in use")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    told = {name: value for name, value in answer.items() if name not in ("ResponseMetadata", "RevisionId")}
    assert told == {"AliasArn": f"{ARN}:live", "Name": "live", "FunctionVersion": "1", "Description": "in use"}
    assert {**client.get_alias(FunctionName="f", Name="live"), "ResponseMetadata": 0} == {
        **answer,
        "ResponseMetadata": 0,
    }


@pytest.mark.usefixtures("two")
def test_an_alias_of_latest(client: Any) -> None:
    client.create_alias(FunctionName="f", Name="next", FunctionVersion="$LATEST")
    assert client.get_function_configuration(FunctionName="f:next")["Version"] == "$LATEST"


@pytest.mark.usefixtures("two")
def test_update_alias(client: Any) -> None:
    before = client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", Description="one")
    after = client.update_alias(FunctionName="f", Name="live", FunctionVersion="2", RevisionId=before["RevisionId"])
    assert (after["FunctionVersion"], after["Description"]) == ("2", "one")
    assert after["RevisionId"] != before["RevisionId"]
    refused = refusal(
        client.update_alias, FunctionName="f", Name="live", Description="x", RevisionId=before["RevisionId"]
    )
    assert (refused["Code"], refused["Status"]) == ("PreconditionFailedException", 412)
    assert client.update_alias(FunctionName="f", Name="live", Description="two")["Description"] == "two"


@pytest.mark.usefixtures("two")
def test_weights(region: LocalRegion, client: Any) -> None:
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights)
    assert client.get_alias(FunctionName="f", Name="live")["RoutingConfig"] == weights
    assert client.get_function_configuration(FunctionName="f", Qualifier="live")["Version"] == "1"
    with region.region.store.snapshot() as tx:
        name = Name(ACCOUNT, "us-east-1", "f", "live")
        chosen = [resolve(tx, name, draw / 100).version.number for draw in range(100)]
    assert (chosen.count(2), chosen.count(1)) == (25, 75)
    client.update_alias(FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in client.get_alias(FunctionName="f", Name="live")


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        (
            "1",
            {"1": 0.5},
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        ("$LATEST", {"1": 0.5}, "$LATEST is not supported for an alias pointing to more than 1 version"),
        ("1", {"2": 0.5, "3": 0.1}, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        ("1", {"3": 0.5}, f"Function not found: {ARN}:3"),
        ("1", {"2": 1.5}, "Member must have value less than or equal to 1"),
        ("1", {"2": -0.1}, "Member must have value greater than or equal to 0"),
        ("1", {"$LATEST": 0.1}, "regular expression"),
        ("3", {}, f"Function not found: {ARN}:3"),
        ("live", {}, "regular expression"),
    ],
)
def test_what_is_refused(client: Any, version: str, weights: dict[str, float], message: str) -> None:
    routing = {"AdditionalVersionWeights": weights}
    refused = refusal(
        client.create_alias, FunctionName="f", Name="live", FunctionVersion=version, RoutingConfig=routing
    )
    assert message in refused["Message"]
    assert code(client.get_alias, FunctionName="f", Name="live") == "ResourceNotFoundException"


@pytest.mark.usefixtures("two")
def test_names_of_aliases(client: Any) -> None:
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    refused = refusal(client.create_alias, FunctionName="f", Name="live", FunctionVersion="2")
    assert (refused["Code"], refused["Message"]) == ("ResourceConflictException", f"Alias already exists: {ARN}:live")
    for name in ("1", "two words", "x" * 129):
        assert code(client.create_alias, FunctionName="f", Name=name, FunctionVersion="1") == "ValidationException"


@pytest.mark.usefixtures("two")
def test_aliases_that_are_not_there(client: Any) -> None:
    for call in (client.get_alias, client.update_alias):
        refused = refusal(call, FunctionName="f", Name="no")
        assert (refused["Code"], refused["Message"]) == (
            "ResourceNotFoundException",
            f"Cannot find alias arn: {ARN}:no",
        )
        assert code(call, FunctionName="g", Name="no") == "ResourceNotFoundException"
    assert client.delete_alias(FunctionName="f", Name="no")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert code(client.create_alias, FunctionName="g", Name="a", FunctionVersion="1") == "ResourceNotFoundException"
    assert code(client.delete_alias, FunctionName="g", Name="a") == "ResourceNotFoundException"
    assert code(client.list_aliases, FunctionName="g") == "ResourceNotFoundException"


@pytest.mark.usefixtures("two")
def test_delete_alias(client: Any) -> None:
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    client.delete_alias(FunctionName="f", Name="live")
    assert code(client.get_function, FunctionName="f:live") == "ResourceNotFoundException"
    client.delete_function(FunctionName="f", Qualifier="1")


@pytest.mark.usefixtures("two")
def test_list_aliases(client: Any) -> None:
    for name, version in (("a", "1"), ("b", "2"), ("c", "$LATEST")):
        client.create_alias(FunctionName="f", Name=name, FunctionVersion=version)
    client.update_alias(FunctionName="f", Name="b", RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}})
    pages = client.get_paginator("list_aliases").paginate(FunctionName="f", PaginationConfig={"PageSize": 2})
    assert [[one["Name"] for one in page["Aliases"]] for page in pages] == [["a", "b"], ["c"]]
    of_1 = client.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"]
    assert [one["Name"] for one in of_1] == ["a", "b"]
    assert [one["Name"] for one in client.list_aliases(FunctionName="f", FunctionVersion="$LATEST")["Aliases"]] == ["c"]


@pytest.mark.usefixtures("two")
def test_a_version_that_is_a_part_of_an_alias_is_not_deleted(client: Any) -> None:
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights)
    assert code(client.delete_function, FunctionName="f", Qualifier="2") == "ResourceConflictException"
