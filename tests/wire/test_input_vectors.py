"""The published protocol cases: from the request of each, the parser gets the parameters that the client was given."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from tests.wire.client import route

from fogbank.wire.http import HttpRequest
from fogbank.wire.service import Model

if TYPE_CHECKING:
    from fogbank.wire.model import Shape, Traits

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "protocols" / "input"

# What cannot hold for a server, each with its reason.
LEFT_OUT = {
    # The client makes up a token; the server sees a token that was given.
    "Ec2ProtocolIdempotencyTokenAutoFill": "idempotency token filled in by the client",
    "QueryProtocolIdempotencyTokenAutoFill": "idempotency token filled in by the client",
    "RestJsonQueryIdempotencyTokenAutoFill": "idempotency token filled in by the client",
    "QueryIdempotencyTokenAutoFill": "idempotency token filled in by the client",
    # What is empty is not sent, and so is absent for the server.
    "Ec2EmptyQueryLists": "an empty list is not sent",
    "QueryEmptyQueryMaps": "an empty map is not sent",
    "RestJsonHttpPrefixHeadersAreNotPresent": "an empty map is not sent",
    "HttpPrefixHeadersAreNotPresent": "an empty map is not sent",
    "RestJsonNullAndEmptyHeaders": "empty headers are not sent",
    "NullAndEmptyHeaders": "empty headers are not sent",
    "RestJsonOmitsEmptyListQueryValues": "empty lists are not sent",
    # The client sends `{}` for a payload that it was not given.
    "RestJsonHttpWithEmptyStructurePayload": "no payload is sent as an empty one",
    "RestJsonHttpWithHeadersButNoPayload": "no payload is sent as an empty one",
    # An argument named twice: the client drops the map's.
    "RestJsonQueryPrecedence": "the client drops an argument of the map",
    "RestXmlQueryPrecedence": "the client drops an argument of the map",
    # The case gives a JSON document as text; botocore's clients take its value.
    "MediaTypeHeaderInputBase64": "jsonvalue given as text",
    # The HTTP server decodes the path, and so an escaped slash is one more separator.
    "RestJsonHttpRequestLabelEscaping": "escaped slash in a label",
    "HttpRequestLabelEscaping": "escaped slash in a label",
    # The endpoint has a path, which is not the service's.
    "RestJsonHostWithPath": "path of a custom endpoint",
    # The case says only which headers are sent, not the body.
    "SDKAppliedContentEncoding_ec2Query": "body not given",
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_ec2Query": "body not given",
    "SDKAppliedContentEncoding_awsJson1_0": "body not given",
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0": "body not given",
    "SDKAppliedContentEncoding_awsJson1_1": "body not given",
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1": "body not given",
    "SDKAppliedContentEncoding_awsQuery": "body not given",
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery": "body not given",
    "SDKAppliedContentEncoding_restJson1": "body not given",
    "SDKAppendedGzipAfterProvidedEncoding_restJson1": "body not given",
    "SDKAppliedContentEncoding_restXml": "body not given",
    "SDKAppendedGzipAfterProvidedEncoding_restXml": "body not given",
}

# Arguments that are given both in a map of arguments and in a member of their own: the map gets those that no member has.
# These cases' client gives all of them twice, or the case expects them twice.
ARGUMENT_MAPS = {
    "RestJsonAllQueryStringTypes": "queryParamsMapOfStringList",
    "RestJsonQueryStringEscaping": "queryParamsMapOfStringList",
    "RestJsonSupportsNaNFloatQueryValues": "queryParamsMapOfStringList",
    "RestJsonSupportsInfinityFloatQueryValues": "queryParamsMapOfStringList",
    "RestJsonSupportsNegativeInfinityFloatQueryValues": "queryParamsMapOfStringList",
    "RestJsonZeroAndFalseQueryValues": "queryParamsMapOfStringList",
}


def cases() -> list[Any]:
    found = []
    for path in sorted(VECTORS.glob("*.json")):
        for index, suite in enumerate(json.loads(path.read_text())):
            for number, case in enumerate(suite["cases"]):
                name = case.get("id", f"{suite.get('description', index)} {number}")
                found.append(pytest.param(path.stem, suite, case, id=f"{path.stem}-{index}-{number}-{name}"))
    return found


CASES = cases()


def model_of(suite: dict[str, Any], given: Traits) -> Model:
    metadata = {"endpointPrefix": "vectors", "apiVersion": "2020-01-01", **suite["metadata"]}
    return Model("vectors", {"metadata": metadata, "shapes": suite["shapes"], "operations": {given["name"]: given}})


def request_of(file: str, serialized: dict[str, Any]) -> HttpRequest:
    path, _, query = serialized["uri"].partition("?")
    body = serialized.get("body") or ""
    data = base64.b64decode(body) if "cbor" in file else body.encode()
    headers = {name.lower(): value for name, value in serialized.get("headers", {}).items()}
    return HttpRequest(serialized["method"], unquote(path), query, headers, data)


def python_value(shape: Shape, value: Any) -> Any:
    """A case's parameter as botocore's clients take it; None is left out, as they leave it out."""
    if shape.traits.get("document") or shape.traits.get("jsonvalue"):
        return value
    if shape.type == "structure":
        return {name: python_value(shape.members[name], item) for name, item in value.items() if item is not None}
    if shape.type == "list":
        return [None if item is None else python_value(shape.member, item) for item in value]
    if shape.type == "map":
        return {key: None if item is None else python_value(shape.value, item) for key, item in value.items()}
    return SCALARS.get(shape.type, lambda same: same)(value)


SCALARS: dict[str, Any] = {
    "timestamp": lambda value: datetime.fromtimestamp(value, UTC),
    "blob": lambda value: value.encode() if isinstance(value, str) else value,
    "float": float,
    "double": float,
}


def comparable(value: Any) -> Any:
    """NaN equals itself."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return "NaN" if value != value else value


def test_vectors_are_there() -> None:
    if not VECTORS.is_dir():
        pytest.skip(f"no vectors at {VECTORS}")
    assert len(CASES) > 360
    names = {case.values[2].get("id") for case in CASES}
    assert names >= {*LEFT_OUT, *ARGUMENT_MAPS}


@pytest.mark.parametrize(("file", "suite", "case"), CASES)
def test_parses_case(file: str, suite: dict[str, Any], case: dict[str, Any]) -> None:
    if case.get("id") in LEFT_OUT:
        pytest.skip(LEFT_OUT[case["id"]])
    given = case["given"]
    model = model_of(suite, given)
    operation = model.operations[given["name"]]
    request = request_of(file, case["serialized"])
    labels: dict[str, str] = {}
    if model.protocol.startswith("rest"):
        routed, labels = route(model, request)
        assert routed == operation.name
    got = operation.unvalidated(model.protocol)(request, labels)
    want = python_value(operation.input, case.get("params") or {}) if operation.input else {}
    if case.get("id") in ARGUMENT_MAPS:
        del want[ARGUMENT_MAPS[case["id"]]]
    assert comparable(got) == comparable(want)
