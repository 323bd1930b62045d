"""Versions of functions."""

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
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
OTHER = hello("other = 1\n")


def test_publish_version(region: LocalRegion, client: Any, make: Make) -> None:
    latest = make(Description="of the function")
    answer = client.publish_version(FunctionName="f", Description="the first")
    assert (answer["Version"], answer["FunctionArn"], answer["Description"]) == ("1", f"{ARN}:1", "the first")
    assert answer["State"] == "Pending"
    assert answer["CodeSha256"] == latest["CodeSha256"]
    region.settle()
    told = client.get_function_configuration(FunctionName="f", Qualifier="1")
    assert (told["State"], told["LastUpdateStatus"]) == ("Active", "Successful")
    assert client.get_function_configuration(FunctionName="f")["Description"] == "of the function"


def test_a_version_stays_as_it_was(region: LocalRegion, client: Any, make: Make) -> None:
    make(Timeout=7, Publish=True)
    client.update_function_code(FunctionName="f", ZipFile=OTHER)
    region.settle()
    client.update_function_configuration(FunctionName="f", Timeout=9)
    region.settle()
    told = client.get_function_configuration(FunctionName="f", Qualifier="1")
    assert (told["Timeout"], told["CodeSize"]) == (7, len(hello()))


def test_nothing_new_is_no_new_version(region: LocalRegion, client: Any, make: Make) -> None:
    make(Publish=True)
    assert client.publish_version(FunctionName="f", Description="again")["Version"] == "1"
    client.update_function_configuration(FunctionName="f", Timeout=9)
    region.settle()
    assert client.publish_version(FunctionName="f")["Version"] == "2"
    client.update_function_configuration(FunctionName="f", Environment={"Variables": {"AA": "1"}})
    region.settle()
    assert client.publish_version(FunctionName="f")["Version"] == "3"
    client.update_function_configuration(FunctionName="f", Environment={"Variables": {"AA": "1"}})
    region.settle()
    assert client.publish_version(FunctionName="f")["Version"] == "3"


def test_numbers_are_not_given_again(region: LocalRegion, client: Any, make: Make) -> None:
    make(Publish=True)
    client.delete_function(FunctionName="f", Qualifier="1")
    assert client.publish_version(FunctionName="f")["Version"] == "2"


def test_conditions_of_publishing(client: Any, make: Make) -> None:
    latest = make()
    refused = refusal(client.publish_version, FunctionName="f", CodeSha256="other")
    assert refused["Code"] == "InvalidParameterValueException"
    assert refused["Message"] == (
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({latest['CodeSha256']}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    stale = "00000000-0000-4000-8000-000000000000"
    assert code(client.publish_version, FunctionName="f", RevisionId=stale) == "PreconditionFailedException"
    answer = client.publish_version(FunctionName="f", CodeSha256=latest["CodeSha256"], RevisionId=latest["RevisionId"])
    assert answer["Version"] == "1"


def test_what_cannot_be_published(client: Any, make: Make) -> None:
    make(Publish=True)
    assert code(client.publish_version, FunctionName="g") == "ResourceNotFoundException"
    assert code(client.publish_version, FunctionName="f:1") == "InvalidParameterValueException"
    assert code(client.publish_version, FunctionName="f", PublishTo="LATEST_PUBLISHED") == "NotImplemented"


def test_list_versions_by_function(region: LocalRegion, client: Any, make: Make) -> None:
    make(Publish=True)
    for timeout in range(10, 20):
        client.update_function_configuration(FunctionName="f", Timeout=timeout)
        region.settle()
        client.publish_version(FunctionName="f")
    pages = list(
        client.get_paginator("list_versions_by_function").paginate(FunctionName="f", PaginationConfig={"PageSize": 5})
    )
    assert [len(page["Versions"]) for page in pages] == [5, 5, 2]
    found = [one for page in pages for one in page["Versions"]]
    assert [one["Version"] for one in found] == ["$LATEST", *map(str, range(1, 12))]
    assert found[0]["FunctionArn"] == f"{ARN}:$LATEST"
    assert "State" not in found[1]


def test_versions_of_nothing(client: Any, make: Make) -> None:
    make()
    assert code(client.list_versions_by_function, FunctionName="g") == "ResourceNotFoundException"
    for marker in ("x", "MXg="):
        assert (
            code(client.list_versions_by_function, FunctionName="f", Marker=marker) == "InvalidParameterValueException"
        )
