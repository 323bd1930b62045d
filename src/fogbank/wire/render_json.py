"""Responses in JSON: the json protocol (1.0 and 1.1) and the bodies of rest-json."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.wire.http import HttpResponse
from fogbank.wire.render_base import MemberTable, check_union, request_id_headers
from fogbank.wire.render_events import (
    EVENT_STREAM_TYPE,
    EventEncoder,
    Payload,
    event_stream_member,
    framed,
    initial_response,
)
from fogbank.wire.render_scalars import FLOATS, INTEGERS, STRINGS, TIMESTAMPS, base64, epoch, non_finite, real, string

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.wire.model import Shape, Traits
    from fogbank.wire.render_base import Renderer

Convert = Callable[[Any], Any]
encode = msgspec.json.Encoder().encode


JSON_TYPE = ("Content-Type", "application/json")


def compile_renderer(model: Traits, operation_name: str, output: Shape | None) -> Renderer:
    """The renderer of one operation in the json protocol."""
    content_type = ("Content-Type", json_content_type(model))
    add_request_id = request_id_headers(model)
    if event_stream_member(output) is not None and output is not None:
        return _compile_stream(model, output)
    convert = JsonConverter().structure(output) if output else no_members(operation_name)

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        headers = [content_type]
        add_request_id(headers, request_id, host_id)
        return HttpResponse(200, headers, encode(convert(result)))

    return render


def _compile_stream(model: Traits, output: Shape) -> Renderer:
    """Members beside the event stream go into its first message, initial-response."""
    stream = event_stream_member(output) or ""
    content_type = json_content_type(model)
    convert = JsonConverter().structure(output)
    encoder = EventEncoder(output.members[stream], json_payload(content_type))
    add_request_id = request_id_headers(model)

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        headers = [EVENT_STREAM_TYPE]
        add_request_id(headers, request_id, host_id)
        beside = {name: item for name, item in result.items() if name != stream}
        first = initial_response(content_type, encode(convert(beside)))
        return HttpResponse(200, headers, framed(encoder, result[stream], first))

    return render


def json_payload(content_type: str) -> Callable[[Shape], Payload]:
    """Payloads of event streams in JSON."""

    def payload(shape: Shape) -> Payload:
        convert = JsonConverter().value(shape)
        return content_type, lambda value: encode(convert(value))

    return payload


def json_content_type(model: Traits) -> str:
    """`application/x-amz-json-1.0` or 1.1, as the model says."""
    return f"application/x-amz-json-{model['metadata'].get('jsonVersion', '1.0')}"


def no_members(operation_name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """For operations without output: refuses a result that holds anything."""

    def convert(result: Mapping[str, Any]) -> dict[str, Any]:
        if any(item is not None for item in result.values()):
            raise KeyError(f"{operation_name} has no output, but its result has {sorted(result)}")
        return {}

    return convert


class JsonConverter:
    """Compiles, per shape, the conversion of a handler's value into what the JSON encoder takes."""

    def __init__(self, timestamp_format: str = "unixTimestamp") -> None:
        self._timestamp_format = timestamp_format
        self._structures: dict[str, Convert] = {}

    def value(self, shape: Shape) -> Convert:
        """The conversion of a value of any shape."""
        if shape.type == "structure":
            return _document if shape.traits.get("document") else self.structure(shape)
        if shape.type == "list":
            return list_of(self.value(shape.member))
        if shape.type == "map":
            return map_of(self.value(shape.value))
        if shape.type == "timestamp":
            return self._timestamp(shape)
        return scalar(shape)

    def structure(self, shape: Shape) -> Convert:
        """The conversion of a structure; members that are None are left out."""
        known = self._structures.get(shape.name)
        if known is None:
            known = self._structures[shape.name] = _structure(shape, MemberTable(shape, self._member))
        return known

    def _member(self, name: str, shape: Shape) -> tuple[str, Convert]:
        return shape.wire_name(name), self.value(shape)

    def _timestamp(self, shape: Shape) -> Convert:
        form = shape.traits.get("timestampFormat", self._timestamp_format)
        return epoch if form == "unixTimestamp" else TIMESTAMPS[form]


def _structure(shape: Shape, table: MemberTable[tuple[str, Convert]]) -> Convert:
    union = bool(shape.traits.get("union"))

    def convert(value: Mapping[str, Any]) -> dict[str, Any]:
        if union:
            check_union(shape, value)
        converted = {}
        for name, item in value.items():
            if item is not None:
                wire_name, convert_item = table[name]
                converted[wire_name] = convert_item(item)
        return converted

    return convert


def list_of(convert_item: Convert) -> Convert:
    """The conversion of a list; its nulls stay."""

    def convert(value: list[Any]) -> list[Any]:
        return [None if item is None else convert_item(item) for item in value]

    return convert


def map_of(convert_item: Convert) -> Convert:
    """The conversion of a map; its nulls stay."""

    def convert(value: Mapping[str, Any]) -> dict[str, Any]:
        return {string(key): None if item is None else convert_item(item) for key, item in value.items()}

    return convert


def scalar(shape: Shape) -> Convert:
    """The conversion of a scalar other than a time: refuses what is not of its type."""
    kind = shape.type
    if kind in STRINGS:
        return _json_string if shape.traits.get("jsonvalue") else string
    if kind in INTEGERS:
        return whole
    if kind == "boolean":
        return truth
    if kind in FLOATS:
        return _number
    if kind == "blob":
        return base64
    raise ValueError(f"{shape.name} ({kind}) is not a scalar")


def whole(value: int) -> int:
    """An integer, and not a bool."""
    if type(value) is int:
        return value
    raise TypeError(f"not an integer: {value!r}")


def truth(value: bool) -> bool:
    """A bool."""
    if value is True or value is False:
        return value
    raise TypeError(f"not a bool: {value!r}")


def _number(value: float) -> float | str:
    number = real(value)
    return number if number - number == 0 else non_finite(number)


def _json_string(value: Any) -> str:
    return encode(value).decode()


def _document(value: Any) -> Any:
    return value
