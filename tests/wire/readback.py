"""What the tests of responses share: botocore's parsers as the client that reads our responses back."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParserFactory

from fogbank.wire import render_cbor, render_errors, render_json, render_query, render_rest
from fogbank.wire.model import Shape, Traits

if TYPE_CHECKING:
    from fogbank.wire.http import HttpResponse
    from fogbank.wire.render_base import ErrorRenderer, Renderer

VECTORS = Path(__file__).parents[3] / "shared/vectors/protocols/output"
RENDERERS = {
    "query": render_query,
    "ec2": render_query,
    "json": render_json,
    "rest-json": render_rest,
    "rest-xml": render_rest,
    "smithy-rpc-v2-cbor": render_cbor,
}


def in_protocol(model: Traits, protocol: str) -> Traits:
    """The model as it is where a request came in one of several protocols."""
    return {**model, "metadata": {**model["metadata"], "protocol": protocol}}


def renderer(model: Traits, name: str) -> Renderer:
    """The compiled renderer of one operation, in the model's protocol."""
    reference = model["operations"][name].get("output")
    output = Shape(model["shapes"], reference) if reference else None
    compiled: Renderer = RENDERERS[model["metadata"]["protocol"]].compile_renderer(model, name, output)
    return compiled


def error_renderer(model: Traits, name: str | None) -> ErrorRenderer:
    """The compiled renderer of one operation's errors."""
    return render_errors.compile_error_renderer(model, name)


class Headers(dict[str, Any]):
    """Headers as botocore sees them: names in any case."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__({name.lower(): value for name, value in pairs})

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def read(model: Traits, name: str, status: int, headers: list[tuple[str, str]], body: Any) -> Any:
    """What botocore's parser makes of a response to the operation; an error where the status says so."""
    metadata = model["metadata"]
    operation = OperationModel(model["operations"][name], ServiceModel(model, "test"), name)
    factory = ResponseParserFactory()
    factory.set_parser_defaults(blob_parser=base64.b64decode)
    parser = factory.create_parser(metadata["protocol"])
    response = {"status_code": status, "headers": Headers(headers), "body": body, "context": {"operation_name": name}}
    return parser.parse(response, operation.output_shape)  # type: ignore[arg-type]


def read_response(model: Traits, name: str, response: HttpResponse) -> Any:
    """What botocore makes of one of our responses."""
    return read(model, name, response.status, response.headers, response.body)


def read_error_members(model: Traits, shape_name: str, response: HttpResponse) -> Any:
    """The modelled members of an error, as botocore's client reads them in a second pass."""
    parser = ResponseParserFactory().create_parser(model["metadata"]["protocol"])
    shape = ServiceModel(model, "test").shape_for(shape_name)
    return parser.parse(
        {"status_code": response.status, "headers": Headers(response.headers), "body": response.body, "context": {}},
        shape,
    )


def python_value(shape: Shape, value: Any) -> Any:
    """A value of the vectors (JSON) as a handler would give it."""
    if value is None:
        return None
    if shape.type == "structure" and not shape.traits.get("document"):
        return {name: python_value(shape.members[name], item) for name, item in value.items()}
    if shape.type == "list":
        return [python_value(shape.member, item) for item in value]
    if shape.type == "map":
        return {key: python_value(shape.value, item) for key, item in value.items()}
    if shape.type == "timestamp":
        return datetime.fromtimestamp(value, UTC)
    if shape.type == "blob":
        return value.encode()
    if shape.type in ("float", "double"):
        return float(value)
    return value


def suites(protocol: str) -> list[Any]:
    """The published output cases of one file, each with the model that it implies; skips where they are not there."""
    path = VECTORS / f"{protocol}.json"
    if not path.exists():
        pytest.skip(f"no protocol vectors at {path}", allow_module_level=True)
    cases = []
    for suite in json.loads(path.read_text()):
        for case in suite["cases"]:
            metadata = {"endpointPrefix": "test", **suite["metadata"]}
            name = case["given"]["name"]
            if metadata["protocol"] == "query" and "output" in case["given"]:
                case["given"]["output"]["resultWrapper"] = f"{name}Result"  # Smithy implies what models say
            model = {"metadata": metadata, "operations": {name: case["given"]}, "shapes": suite["shapes"]}
            cases.append((case, model, name))
    return cases


def body_of(case: Any, model: Traits) -> bytes:
    """The case's own body."""
    body = case["response"].get("body", "")
    if model["metadata"]["protocol"] == "smithy-rpc-v2-cbor":
        return base64.b64decode(body)
    encoded: bytes = body.encode()
    return encoded
