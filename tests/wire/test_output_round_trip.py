"""Every operation of the large services: a random result, rendered, and read back the same by botocore's parsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from tests.wire.generate import FULL, MINIMAL, RANDOM, Generator
from tests.wire.readback import Headers, in_protocol, renderer

from fogbank.wire.model import Shape, Traits, read_model

if TYPE_CHECKING:
    from fogbank.wire.http import HttpResponse

SERVICES = (
    *("s3", "ec2", "iam", "sts", "sqs", "sns", "lambda", "rds", "ecs", "cloudwatch", "logs", "machinelearning"),
    *("workspaces", "cloudformation", "dynamodb", "route53", "cloudfront", "kinesis", "apigateway"),
)
SEEDS = ((MINIMAL, 20), (RANDOM, 60), (RANDOM, 200), (FULL, 150))
PROTOCOLS = {"cloudwatch": ("smithy-rpc-v2-cbor", "json", "query"), "workspaces": ("smithy-rpc-v2-cbor", "json")}
CASES = [
    (service, protocol, size, budget)
    for service in SERVICES
    for protocol in PROTOCOLS.get(service, ("",))
    for size, budget in SEEDS
]
LEFT_OUT = {
    ("s3", "GetBucketNotification"): "deprecated: its Event and Events have the same name on the wire",
    ("s3", "GetBucketLocation"): "botocore reads its one text with a handler, not with its parser; see test_output",
}


@pytest.mark.parametrize(("service", "protocol", "size", "budget"), CASES)
def test_every_operation(service: str, protocol: str, size: str, budget: int) -> None:
    model = read_model(service)
    model = in_protocol(model, protocol or model["metadata"]["protocol"])
    service_model = ServiceModel(model, service)
    parser = create_parser(model["metadata"]["protocol"])
    for name, operation in model["operations"].items():
        if (service, name) in LEFT_OUT or _has_event_stream(model, operation):
            continue
        output = Shape(model["shapes"], operation["output"]) if "output" in operation else None
        status = operation["http"].get("responseCode", 200)
        result = make_result(output, status, Generator(f"{service} {name} {size}", size, budget=budget))
        response = renderer(model, name)(result, "rid", "hid")
        parsed = parse(parser, OperationModel(operation, service_model, name), response)
        check_head(response, status)
        parsed.pop("ResponseMetadata")
        assert normalise(output, parsed) == normalise(output, result), name


def _has_event_stream(model: Traits, operation: Traits) -> bool:
    """Streams of events are tested in test_eventstream."""
    if "output" not in operation:
        return False
    members = Shape(model["shapes"], operation["output"]).members.values()
    return any(member.traits.get("eventstream") for member in members)


def check_head(response: HttpResponse, status: int) -> None:
    """The status, and a request id in a header, once."""
    assert response.status == status
    names = [name.lower() for name, _ in response.headers]
    assert len({"x-amzn-requestid", "x-amz-request-id"}.intersection(names)) == 1
    assert len(names) == len(set(names))


def make_result(output: Shape | None, status: int, generator: Generator) -> dict[str, Any]:
    """A random result; a status member is the operation's status, which botocore always reads; keys in headers are tokens."""
    if output is None:
        return {}
    result: dict[str, Any] = generator.value(output)
    for name, member in output.members.items():
        if member.traits.get("location") == "statusCode":
            result[name] = status
        if member.traits.get("location") == "headers" and name in result:
            result[name] = {f"Key-{number}": f"value {number}" for number in range(len(result[name]))}
    return result


def parse(parser: Any, operation: OperationModel, response: HttpResponse) -> Any:
    """What botocore's parser makes of a response; a blob payload reaches it as a stream, which it leaves as it is."""
    body = bytearray(response.body) if operation.has_streaming_output else response.body
    return parser.parse(
        {"status_code": response.status, "headers": Headers(response.headers), "body": body, "context": {}},
        operation.output_shape,
    )


def normalise(shape: Shape | None, value: Any) -> Any:
    """A result without what the wire cannot tell apart, each for the reason given where it is done."""
    if shape is None:
        return value
    if shape.type == "structure" and not shape.traits.get("document"):
        members = {name: normalise(shape.members[name], item) for name, item in value.items()}
        return {name: item for name, item in members.items() if not _invisible(shape, name, item)}
    if shape.type == "list":
        return [normalise(shape.member, item) for item in value]
    if shape.type == "map":
        # Header names, and so the keys of maps in headers, have no case.
        lower = shape.traits.get("location") == "headers"
        return {key.lower() if lower else key: normalise(shape.value, item) for key, item in value.items()}
    return bytes(value) if isinstance(value, bytearray) else value


def _invisible(shape: Shape, name: str, item: Any) -> bool:
    member = shape.members[name]
    if member.traits.get("flattened") and item in ([], {}):
        return True  # a flattened list without elements leaves no trace
    if member.traits.get("location") == "headers" and not item:
        return True  # botocore always makes a map of the headers with a prefix
    if member.traits.get("location") == "header" and item in ([], [""]):
        return True  # a list in a header cannot be empty: it is read as one empty string
    # No payload, an empty blob or string, and a structure without members are the same empty body.
    return shape.payload == name and item in (b"", "", {}, None)
