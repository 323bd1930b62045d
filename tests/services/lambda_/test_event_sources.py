"""Event source mappings: no service that can be polled is here yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import sources
from services.helpers import dev, refusal
from services.lambda_.planted import plant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.region import LocalRegion

UUID = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"


@pytest.fixture
def functions(region: LocalRegion) -> Any:
    plant(region)
    return region.client("lambda")


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        (QUEUE, "AWS.SimpleQueueService.NonExistentQueue"),
        ("arn:aws:kinesis:us-east-1:123456789012:stream/s", "Stream not found: "),
        ("arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/1", "Stream not found: "),
        ("arn:aws:sns:us-east-1:123456789012:t", "Unrecognized event source"),
        ("arn:aws:s3:::b", "Unrecognized event source"),
    ],
)
def test_create_event_source_mapping_of_what_is_not_there(functions: Any, arn: str, message: str) -> None:
    create = functions.create_event_source_mapping
    told = refusal(create, FunctionName="f", EventSourceArn=arn, StartingPosition="LATEST")
    assert told["Code"] == "InvalidParameterValueException"
    assert message in told["Message"]
    assert functions.list_event_source_mappings()["EventSourceMappings"] == []


def test_create_event_source_mapping_for_no_function(functions: Any) -> None:
    create = functions.create_event_source_mapping
    assert refusal(create, FunctionName="g", EventSourceArn=QUEUE)["Code"] == "ResourceNotFoundException"
    stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    assert "startingPosition" in refusal(create, FunctionName="f", EventSourceArn=stream)["Message"]


class Queues:
    """Queues that there are."""

    def exists(self, _tx: Any, _arn: str) -> bool:
        return True


@pytest.fixture
def queues() -> Iterator[None]:
    sources.register("sqs", Queues())
    yield
    sources.forget("sqs")


def test_a_mapping_that_would_not_be_polled_is_not_kept(functions: Any, queues: None) -> None:
    told = refusal(functions.create_event_source_mapping, FunctionName="f", EventSourceArn=QUEUE)
    assert told["Code"] == "NotImplemented"


def test_get_update_delete_and_list_event_source_mappings(functions: Any) -> None:
    for name in ("get_event_source_mapping", "update_event_source_mapping", "delete_event_source_mapping"):
        assert refusal(getattr(functions, name), UUID=UUID)["Code"] == "ResourceNotFoundException"
    assert functions.list_event_source_mappings(FunctionName="f")["EventSourceMappings"] == []
    assert refusal(functions.list_event_source_mappings, FunctionName="g")["Code"] == "ResourceNotFoundException"


def test_nobody_learns_here_which_functions_others_have(region: LocalRegion, functions: Any) -> None:
    theirs = dev(region, "111122223333", "lambda")
    for name in ("f", "nothing"):
        arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
        asked = [
            refusal(theirs.create_event_source_mapping, FunctionName=arn, EventSourceArn=QUEUE),
            refusal(theirs.list_event_source_mappings, FunctionName=arn),
        ]
        assert [told["Message"] for told in asked] == [f"Function not found: {arn}"] * 2
