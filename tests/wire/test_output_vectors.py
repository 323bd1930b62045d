"""The published protocol cases: what we render, botocore reads back as the case's result, as it reads the case's own body."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.wire.readback import (
    VECTORS,
    body_of,
    error_renderer,
    python_value,
    read,
    read_error_members,
    read_response,
    renderer,
    suites,
)

from fogbank.wire.errors import AwsError
from fogbank.wire.model import Shape, Traits

FILES = sorted(path.stem for path in VECTORS.glob("*.json"))
CASES = [(file, *case) for file in FILES for case in suites(file)]
IDS = [f"{case[0]}-{case[1]['id']}" for case in CASES]

SAME_NAME = (
    "in botocore's form of the model two flattened lists have the same element, so that no client of it can part them"
)
EMPTY_PAYLOAD = "botocore reads an absent blob payload as an empty string"
UNSET_UNION = "botocore reads the absent payload as a union without a member, which it refuses"
DATE_LIST = "botocore splits a list of HTTP dates at the commas inside them"
LEFT_OUT = {
    "Ec2XmlLists": SAME_NAME,
    "QueryXmlLists": SAME_NAME,
    "XmlLists": SAME_NAME,
    "RestJsonHttpPayloadTraitsWithNoBlobBody": EMPTY_PAYLOAD,
    "HttpPayloadTraitsWithNoBlobBody": EMPTY_PAYLOAD,
    "RestJsonHttpPayloadWithUnsetUnion": UNSET_UNION,
    "RestXmlHttpPayloadWithUnsetUnion": UNSET_UNION,
    "RestJsonInputAndOutputWithQuotedStringHeaders": "botocore does not know quotes in header lists",
    "RestJsonInputAndOutputWithTimestampHeaders": DATE_LIST,
    "InputAndOutputWithTimestampHeaders": DATE_LIST,
    "RestJsonDeserializesDenseSetMapAndSkipsNull": "how a client drops nulls that a server should not send; botocore fails",
    "RpcV2CborDeserializesDenseSetMapAndSkipsNull": "how a client drops nulls that a server should not send",
    "BodyWithXmlName": "botocore takes the payload shape's XML name for the member's, against Smithy; no real model has both",
}


def normalise(value: Any) -> Any:
    """NaN compares as itself, and botocore leaves JSON's names for such floats as they are, and gives blob payloads as str."""
    if isinstance(value, dict):
        return {name: normalise(item) for name, item in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [normalise(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, bytes):
        return value.decode()
    return value


@pytest.mark.skipif(not CASES, reason=f"no protocol vectors at {VECTORS}")
@pytest.mark.parametrize(("file", "case", "model", "name"), CASES, ids=IDS)
def test_output_case(file: str, case: Any, model: Traits, name: str) -> None:
    if case["id"] in LEFT_OUT:
        pytest.skip(LEFT_OUT[case["id"]])
    if "error" in case:
        check_error(case, model, name)
    else:
        check_result(case, model, name)


def check_result(case: Any, model: Traits, name: str) -> None:
    reference = case["given"].get("output")
    expected = python_value(Shape(model["shapes"], reference), case["result"]) if reference else {}
    response = renderer(model, name)(expected)
    assert response.status == case["response"]["status_code"]
    ours = read_response(model, name, response)
    assert normalise(ours) == normalise(expected)
    if case["response"].get("body"):
        headers = list(case["response"].get("headers", {}).items())
        assert normalise(ours) == normalise(read(model, name, response.status, headers, body_of(case, model)))


def check_error(case: Any, model: Traits, name: str) -> None:
    shape = model["operations"][name]["errors"][0]["shape"]
    fields = python_value(Shape(model["shapes"], {"shape": shape}), case["error"])
    message = case.get("errorMessage", "")
    others = {member: value for member, value in fields.items() if member.lower() != "message"}
    error = AwsError(shape, message, status=case["response"]["status_code"], fields=others)
    response = error_renderer(model, name)(error, "rid")
    read_back = read_response(model, name, response)
    assert read_back["Error"]["Code"] == case["errorCode"]
    assert (read_back["Error"].get("Message") or "") == message
    assert read_back["ResponseMetadata"]["RequestId"] == "rid"
    assert {k: v for k, v in read_error_members(model, shape, response).items() if k in fields} == fields
