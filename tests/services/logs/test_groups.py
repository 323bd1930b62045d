"""CreateLogGroup, DeleteLogGroup, DescribeLogGroups, PutLogGroupDeletionProtection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.logs import records
from services.helpers import code, refusal
from services.logs.made import GROUP, events, filtered, make, now_of, put, raw, seal_all

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:"


def names(answer: dict[str, Any]) -> list[str]:
    return [group["logGroupName"] for group in answer["logGroups"]]


def test_a_group_is_told_as_it_was_made(region: LocalRegion, logs: Any) -> None:
    now = now_of(region)
    logs.create_log_group(logGroupName=GROUP, tags={"team": "race"}, deletionProtectionEnabled=False)
    (told,) = logs.describe_log_groups()["logGroups"]
    assert now <= told.pop("creationTime") <= now_of(region)
    assert told == {
        "logGroupName": GROUP,
        "arn": f"{ARN}{GROUP}:*",
        "logGroupArn": f"{ARN}{GROUP}",
        "metricFilterCount": 0,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
    }


def test_a_name_is_taken_once_in_an_account_and_region(region: LocalRegion, logs: Any) -> None:
    make(logs)
    found = refusal(logs.create_log_group, logGroupName=GROUP)
    assert found["Code"] == "ResourceAlreadyExistsException"
    assert found["Message"] == "The specified log group already exists"
    region.client("logs", region="eu-central-1").create_log_group(logGroupName=GROUP)
    region.client("logs", key="111122223333", secret="test").create_log_group(logGroupName=GROUP)


@pytest.mark.parametrize("name", ["aws/mine", "with space", "", "a" * 513, "a:b", "a*", "ä", "a\0"])
def test_names_that_cannot_be(region: LocalRegion, name: str) -> None:
    found = raw(region, "CreateLogGroup", json.dumps({"logGroupName": name}).encode())
    assert found == (400, "InvalidParameterException")


@pytest.mark.parametrize("kind", ["DELIVERY", "ESSENTIALS"])
def test_classes_that_do_not_work_here_are_refused(logs: Any, kind: str) -> None:
    assert code(logs.create_log_group, logGroupName=GROUP, logGroupClass=kind) == "NotImplemented"


def test_groups_are_listed_by_name_and_page(logs: Any) -> None:
    for name in ("b", "a/2", "B", "a/1", "c"):
        logs.create_log_group(logGroupName=name)
    assert names(logs.describe_log_groups()) == ["B", "a/1", "a/2", "b", "c"]
    assert names(logs.describe_log_groups(logGroupNamePrefix="a/")) == ["a/1", "a/2"]
    pages = list(logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert [names(page) for page in pages] == [["B", "a/1"], ["a/2", "b"], ["c"]]


def test_a_pattern_finds_names_and_tells_little(logs: Any) -> None:
    for name in ("DataLogs", "aws/DataLogs", "GroupDataLogs", "datalogs"):
        logs.create_log_group(logGroupName=name.replace("aws/", "x/"))
    found = logs.describe_log_groups(logGroupNamePattern="DataLogs")["logGroups"]
    assert [group["logGroupName"] for group in found] == ["DataLogs", "GroupDataLogs", "x/DataLogs"]
    assert set(found[0]) == {"logGroupName", "creationTime", "arn"}


def test_groups_are_listed_by_class_and_identifier(logs: Any) -> None:
    make(logs, "usual")
    make(logs, "rare", logGroupClass="INFREQUENT_ACCESS")
    assert names(logs.describe_log_groups(logGroupClass="INFREQUENT_ACCESS")) == ["rare"]
    assert names(logs.describe_log_groups(logGroupIdentifiers=["usual", ARN + "rare"])) == ["rare", "usual"]
    assert code(logs.describe_log_groups, logGroupIdentifiers=["none"]) == "ResourceNotFoundException"


def test_groups_are_searched_by_several_patterns(logs: Any) -> None:
    for name in ("/aws/lambda/a", "/aws/x", "my/aws/lambda", "discovery-1", "other"):
        logs.create_log_group(logGroupName=name)
    found = logs.list_log_groups(logGroupNamePattern="^/aws/lambda|discovery")
    assert names(found) == ["/aws/lambda/a", "discovery-1"]
    assert found["logGroups"][0] == {
        "logGroupName": "/aws/lambda/a",
        "logGroupArn": f"{ARN}/aws/lambda/a",
        "logGroupClass": "STANDARD",
    }
    assert names(logs.list_log_groups(logGroupClass="INFREQUENT_ACCESS")) == []
    first = logs.list_log_groups(limit=3)
    rest = logs.list_log_groups(limit=3, nextToken=first["nextToken"])
    assert names(first) + names(rest) == ["/aws/lambda/a", "/aws/x", "discovery-1", "my/aws/lambda", "other"]
    assert "nextToken" not in rest
    for wrong in ("abc|", "abc*", "^^abc", "abc|" * 5 + "abc"):
        assert code(logs.list_log_groups, logGroupNamePattern=wrong) == "InvalidParameterException"


def test_a_prefix_and_a_pattern_exclude_each_other(logs: Any) -> None:
    found = code(logs.describe_log_groups, logGroupNamePrefix="a", logGroupNamePattern="a")
    assert found == "InvalidParameterException"


@pytest.mark.parametrize("token", ["x", "MQ", "AAAA", "*", "é"])
def test_a_token_of_somebody_elses_is_refused(logs: Any, token: str) -> None:
    assert code(logs.describe_log_groups, nextToken=token) == "InvalidParameterException"


def test_the_bytes_of_a_group_are_counted(region: LocalRegion, logs: Any) -> None:
    make(logs)
    put(logs, events("12345", "ä", at=now_of(region)))
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 5 + 2 + 2 * 26


def test_a_deleted_group_is_gone_with_all_it_held(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs)
    put(logs, events("sealed", at=now_of(region)))
    seal_all(region, monkeypatch)
    put(logs, events("in a chunk", at=now_of(region)))
    logs.delete_log_group(logGroupName=GROUP)
    assert code(logs.describe_log_streams, logGroupName=GROUP) == "ResourceNotFoundException"
    region.settle()
    with region.region.store.snapshot() as tx:
        for table in (records.chunks, records.segments, records.indexes, records.streams, records.tallies):
            assert not list(table.scan(tx))
    region.advance(minutes=2)
    region.settle()
    assert not [path for path in (region.directory / "blobs").rglob("*") if path.is_file()]


def test_a_group_that_is_made_again_has_nothing_of_the_old_one(region: LocalRegion, logs: Any) -> None:
    make(logs)
    put(logs, events("old", at=now_of(region)))
    logs.delete_log_group(logGroupName=GROUP)
    make(logs)
    assert filtered(logs) == []
    region.settle()
    put(logs, events("new", at=now_of(region)))
    assert filtered(logs) == ["new"]


def test_a_protected_group_is_not_deleted(logs: Any) -> None:
    make(logs, deletionProtectionEnabled=True)
    assert code(logs.delete_log_group, logGroupName=GROUP) == "ValidationException"
    assert code(logs.delete_log_stream, logGroupName=GROUP, logStreamName="a-stream") == "ValidationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier=ARN + GROUP, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=GROUP)
    assert names(logs.describe_log_groups()) == []


def test_a_group_that_is_not_there_cannot_be_deleted(logs: Any) -> None:
    found = refusal(logs.delete_log_group, logGroupName="none")
    assert found["Code"] == "ResourceNotFoundException"
    assert found["Message"] == "The specified log group does not exist."
