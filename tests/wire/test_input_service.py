"""Models: loaded once, compiled on first use, shared shapes, and safe in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest
from fogbank.wire.model import read_model
from fogbank.wire.service import Model, load


def test_models_are_loaded_once() -> None:
    assert load("sqs") is load("sqs")
    with pytest.raises(FileNotFoundError):
        load("no-such-service")


def test_operations_are_made_on_first_use() -> None:
    model = load("sqs")
    assert "SendMessage" in model.operations
    assert "sendmessage" not in model.operations
    assert len(model.operations) == len(list(model.operations))
    assert model.operations["SendMessage"] is model.operations["SendMessage"]
    with pytest.raises(KeyError):
        model.operations["sendmessage"]


def test_threads_get_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: load("kms"), range(32)))
        operations = list(pool.map(lambda _: load("kms").operations["Encrypt"], range(32)))
        parsers = list(pool.map(lambda _: load("kms").operations["Encrypt"].parser("json"), range(32)))
    assert len({id(model) for model in models}) == 1
    assert len({id(operation) for operation in operations}) == 1
    assert len({id(parser) for parser in parsers}) == 1


def test_threads_never_see_what_is_half_compiled() -> None:
    body = b'{"TableName": "table", "Item": {"a": {"L": [{"M": {"b": {"S": "x"}}}]}}}'
    for _ in range(20):
        model = Model("dynamodb", read_model("dynamodb"))
        names = ["PutItem", "TransactWriteItems", "BatchWriteItem", "Query", "Scan", "UpdateItem"]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda name, model=model: model.operations[name].parser("json"), names))
            got = pool.submit(model.operations["PutItem"].parser("json"), HttpRequest("POST", "/", "", {}, body), {})
        assert got.result()["Item"] == {"a": {"L": [{"M": {"b": {"S": "x"}}}]}}


def test_shapes_are_shared() -> None:
    operations = load("ec2").operations
    run, start = operations["RunInstances"].input, operations["StartInstances"].input
    assert run is not None
    assert start is not None
    images = operations["CreateImage"].input
    assert images is not None
    assert images.members["BlockDeviceMappings"].member.members["Ebs"].members["Iops"].type == "integer"
    names = {name: shape for name, shape in run.members.items() if len(shape.traits) == 1}
    assert all(shape.traits is load("ec2").raw["shapes"][shape.name] for shape in names.values())


def test_traits_of_operations() -> None:
    s3 = load("s3").operations
    assert (s3["PutObject"].streaming_input, s3["PutObject"].streaming_output) == ("Body", None)
    assert (s3["GetObject"].streaming_input, s3["GetObject"].streaming_output) == (None, "Body")
    assert s3["SelectObjectContent"].event_stream_output == "Payload"
    assert s3["HeadObject"].http_method == "HEAD"
    assert [shape.name for shape in s3["CreateBucket"].errors] == ["BucketAlreadyExists", "BucketAlreadyOwnedByYou"]
    assert load("iam").operations["GetUser"].errors
    assert load("logs").signing_name == "logs"


def test_codecs_render_results_and_errors() -> None:
    operation = load("iam").operations["GetUser"]
    codec = operation.codec("query")
    assert codec is operation.codec("query")
    assert codec.render({}).status == 200
    assert codec.render_error(AwsError("NoSuchEntity", "none"), "id").status == 404
    assert load("s3").render_unknown(AwsError("AccessDenied", "no"), "id").status == 403
