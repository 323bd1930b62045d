"""Query definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.helpers import code

if TYPE_CHECKING:
    from support.region import LocalRegion


def test_a_definition_is_kept_changed_and_deleted(region: LocalRegion, logs: Any) -> None:
    made = logs.put_query_definition(name="a/b", queryString="limit 5", logGroupNames=["g"])["queryDefinitionId"]
    region.advance(seconds=1)
    same = logs.put_query_definition(name="a/c", queryString="limit 6", queryDefinitionId=made)["queryDefinitionId"]
    assert made == same
    (found,) = logs.describe_query_definitions()["queryDefinitions"]
    assert (found["name"], found["queryString"], found.get("logGroupNames", [])) == ("a/c", "limit 6", [])
    assert logs.delete_query_definition(queryDefinitionId=made)["success"]
    assert logs.describe_query_definitions()["queryDefinitions"] == []
    assert code(logs.delete_query_definition, queryDefinitionId=made) == "ResourceNotFoundException"


def test_a_request_that_comes_again_makes_no_second_one(logs: Any) -> None:
    token = "x" * 36
    made = {
        logs.put_query_definition(name="a", queryString="limit 5", clientToken=token)["queryDefinitionId"] for _ in "12"
    }
    assert len(made) == 1
    assert len(logs.describe_query_definitions()["queryDefinitions"]) == 1


def test_definitions_are_listed_by_name_in_pages(logs: Any) -> None:
    for name in ("b/2", "a", "b/1"):
        logs.put_query_definition(name=name, queryString="limit 5")
    page = logs.describe_query_definitions(maxResults=2)
    rest = logs.describe_query_definitions(nextToken=page["nextToken"])
    assert [each["name"] for each in page["queryDefinitions"] + rest["queryDefinitions"]] == ["a", "b/1", "b/2"]
    assert "nextToken" not in rest
    found = logs.describe_query_definitions(queryDefinitionNamePrefix="b/")["queryDefinitions"]
    assert [each["name"] for each in found] == ["b/1", "b/2"]


def test_what_is_refused(logs: Any) -> None:
    assert code(logs.put_query_definition, name="a", queryString="x", queryLanguage="PPL") == "NotImplemented"
    assert code(logs.put_query_definition, name="a", queryString="x", parameters=[{"name": "p"}]) == "NotImplemented"
    missing = code(logs.put_query_definition, name="a", queryString="x", queryDefinitionId="none")
    assert missing == "ResourceNotFoundException"
    assert code(logs.describe_query_definitions, nextToken="x") == "InvalidParameterException"
