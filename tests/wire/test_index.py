"""The index of services: generated, current, small and quick."""

from __future__ import annotations

from fogbank.wire.indexing import INDEX, build, load_index, service_names


def test_the_index_is_what_the_models_say() -> None:
    assert INDEX.read_bytes() == build(), "run python -m fogbank.wire.indexing"


def test_the_index_is_small_and_complete() -> None:
    assert INDEX.stat().st_size < 150_000
    assert sorted(load_index()) == service_names()


def test_entries_have_what_identifies_a_service() -> None:
    index = load_index()
    assert index["s3"].signing == index["s3control"].signing == "s3"
    assert {"s3express", "s3-object-lambda"} <= set(index["s3"].scopes)
    assert index["elbv2"].version == "2015-12-01"
    assert index["dynamodb"].target == "DynamoDB_20120810"
    assert index["sqs"].query
    assert not index["dynamodb"].query
    assert index["cloudwatch"].protocols == ("smithy-rpc-v2-cbor", "json", "query")
    assert index["sns"].namespace == "http://sns.amazonaws.com/doc/2010-03-31/"


def test_no_target_prefix_has_another_service_except_timestream() -> None:
    targets: dict[str, list[str]] = {}
    for name, entry in load_index().items():
        if entry.target:
            targets.setdefault(entry.target, []).append(name)
    shared = [names for names in targets.values() if len(names) > 1]
    assert shared == [["timestream-query", "timestream-write"]]
