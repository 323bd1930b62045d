"""TagResource, UntagResource, ListTagsForResource; TagLogGroup, UntagLogGroup, ListTagsLogGroup."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, refusal
from services.logs.made import GROUP, make, raw

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"


def test_tags_are_given_changed_and_taken(logs: Any) -> None:
    make(logs, tags={"a": "1"})
    logs.tag_resource(resourceArn=ARN, tags={"b": "2", "a": "3"})
    assert logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {"a": "3", "b": "2"}
    logs.untag_resource(resourceArn=ARN, tagKeys=["a", "none"])
    assert logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {"b": "2"}


def test_the_old_ways_do_the_same(logs: Any) -> None:
    make(logs)
    logs.tag_log_group(logGroupName=GROUP, tags={"a": "1", "b": ""})
    assert logs.list_tags_log_group(logGroupName=GROUP)["tags"] == {"a": "1", "b": ""}
    logs.untag_log_group(logGroupName=GROUP, tags=["a"])
    assert logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {"b": ""}


def test_a_group_has_fifty_tags_at_most(logs: Any) -> None:
    make(logs, tags={f"k{number}": "v" for number in range(50)})
    found = refusal(logs.tag_resource, resourceArn=ARN, tags={"one more": "v"})
    assert found["Code"] == "TooManyTagsException"
    logs.tag_resource(resourceArn=ARN, tags={"k0": "another"})


@pytest.mark.parametrize(
    "tags", [{"aws:mine": "v"}, {"AWS:mine": "v"}, {"a*": "v"}, {"a": "v" * 257}, {"k" * 129: "v"}, {"": "v"}]
)
def test_tags_that_cannot_be(region: LocalRegion, logs: Any, tags: dict[str, str]) -> None:
    make(logs)
    body = json.dumps({"resourceArn": ARN, "tags": tags}).encode()
    assert raw(region, "TagResource", body) == (400, "InvalidParameterException")
    assert logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {}


def test_what_is_tagged_has_to_be_there(logs: Any) -> None:
    for arn in (ARN, "arn:aws:logs:us-east-1:123456789012:destination:d"):
        found = code(logs.list_tags_for_resource, resourceArn=arn)
        assert found in ("ResourceNotFoundException", "InvalidParameterException")
    assert code(logs.tag_log_group, logGroupName=GROUP, tags={"a": "b"}) == "ResourceNotFoundException"
