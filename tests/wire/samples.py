"""Requests as botocore's serializer makes them from the least input that an operation takes."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from botocore.model import OperationModel, ServiceModel
from botocore.serialize import create_serializer

from fogbank.wire.http import HttpRequest
from fogbank.wire.service import load

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = {"integer": 1, "long": 1, "float": 1.5, "double": 1.5, "boolean": True}


def sample(shape: Any, label: str = "x") -> Any:
    """The least value of a shape; strings are made of `label`."""
    if shape.type_name == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [sample(shape.member)]
    if shape.type_name == "map":
        return {sample(shape.key): sample(shape.value)}
    if shape.type_name == "timestamp":
        return datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    if shape.type_name == "blob":
        return b"x"
    return NUMBERS.get(shape.type_name) or sample_text(shape, label)


def sample_text(shape: Any, label: str) -> str:
    enum = shape.metadata.get("enum")
    return str(enum[0]) if enum else label


def sample_input(operation: OperationModel, label: str = "x") -> dict[str, Any]:
    """The least input; members that are URI labels are made of `label`."""
    shape = operation.input_shape
    if shape is None:
        return {}
    labels = [name for name, member in shape.members.items() if member.serialization.get("location") == "uri"]
    names = dict.fromkeys((*shape.required_members, *labels))
    return {name: sample(shape.members[name], label if name in labels else "x") for name in names}


def request_of(operation: OperationModel, params: dict[str, Any], protocol: str) -> tuple[HttpRequest, str]:
    """A request as a server gives it, and the raw path that it came with."""
    serialized = create_serializer(protocol, include_validation=False).serialize_to_request(params, operation)
    raw_path, _, static = serialized["url_path"].partition("?")
    query = serialized["query_string"] or {}
    given = urlencode(query if isinstance(query, list) else list(query.items()), doseq=True)
    headers = {name.lower(): str(value) for name, value in serialized["headers"].items()}
    body = serialized["body"]
    if isinstance(body, dict):
        body, headers["content-type"] = urlencode(body).encode(), "application/x-www-form-urlencoded; charset=utf-8"
    query_string = "&".join(filter(None, (static, given)))
    method, body = serialized["method"], body.encode() if isinstance(body, str) else body
    return HttpRequest(method, unquote(raw_path), query_string, headers, body), raw_path


def operations(service: str) -> Iterator[OperationModel]:
    """botocore's view of all of a service's operations."""
    model = ServiceModel(load(service).raw, service)
    for name in model.operation_names:
        if not load(service).operations[name].synthetic:  # AWS's SDKs do not have it
            yield model.operation_model(name)
