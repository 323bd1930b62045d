"""Responses in CBOR: the Smithy RPC v2 protocol (https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cbor2

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
from fogbank.wire.render_json import list_of, map_of, no_members, truth, whole
from fogbank.wire.render_scalars import FLOATS, INTEGERS, STRINGS, epoch, real, string

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fogbank.wire.model import Shape, Traits
    from fogbank.wire.render_base import Headers, Renderer

Convert = Callable[[Any], Any]
PROTOCOL_HEADER = ("smithy-protocol", "rpc-v2-cbor")
CBOR_HEADERS = (("Content-Type", "application/cbor"), PROTOCOL_HEADER)
EPOCH_TAG = 1  # RFC 8949, 3.4.2


def dumps(value: Any) -> bytes:
    """CBOR of a converted value; floats are doubles."""
    return cbor2.dumps(value)


def compile_renderer(model: Traits, operation_name: str, output: Shape | None) -> Renderer:
    """The renderer of one operation in the rpc-v2-cbor protocol. An operation without output has an empty body."""
    add_request_id = request_id_headers(model)
    if event_stream_member(output) is not None and output is not None:
        return _compile_stream(model, output)
    convert = CborConverter().structure(output) if output else no_members(operation_name)
    has_output = output is not None

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        content = convert(result)
        headers: Headers = list(CBOR_HEADERS) if has_output else [PROTOCOL_HEADER]
        add_request_id(headers, request_id, host_id)
        return HttpResponse(200, headers, dumps(content) if has_output else b"")

    return render


def _compile_stream(model: Traits, output: Shape) -> Renderer:
    """Members beside the event stream go into its first message, initial-response."""
    stream = event_stream_member(output) or ""
    convert = CborConverter().structure(output)
    encoder = EventEncoder(output.members[stream], _payload)
    add_request_id = request_id_headers(model)

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        headers: Headers = [EVENT_STREAM_TYPE, PROTOCOL_HEADER]
        add_request_id(headers, request_id, host_id)
        beside = {name: item for name, item in result.items() if name != stream}
        first = initial_response("application/cbor", dumps(convert(beside)))
        return HttpResponse(200, headers, framed(encoder, result[stream], first))

    return render


def _payload(shape: Shape) -> Payload:
    convert = CborConverter().value(shape)
    return "application/cbor", lambda value: dumps(convert(value))


class CborConverter:
    """Compiles, per shape, the conversion of a handler's value into what the CBOR encoder takes."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def value(self, shape: Shape) -> Convert:
        """The conversion of a value of any shape."""
        if shape.type == "structure":
            return self.structure(shape)
        if shape.type == "list":
            return list_of(self.value(shape.member))
        if shape.type == "map":
            return map_of(self.value(shape.value))
        return _scalar(shape)

    def structure(self, shape: Shape) -> Convert:
        """The conversion of a structure; members that are None are left out. CBOR knows no locationName."""
        known = self._structures.get(shape.name)
        if known is None:
            table = MemberTable(shape, lambda _name, member: self.value(member))
            known = self._structures[shape.name] = _structure(shape, table)
        return known


def _structure(shape: Shape, table: MemberTable[Convert]) -> Convert:
    union = bool(shape.traits.get("union"))

    def convert(value: Mapping[str, Any]) -> dict[str, Any]:
        if union:
            check_union(shape, value)
        return {name: table[name](item) for name, item in value.items() if item is not None}

    return convert


def _scalar(shape: Shape) -> Convert:
    kind = shape.type
    if kind in STRINGS:
        return string
    if kind in INTEGERS:
        return whole
    if kind == "boolean":
        return truth
    if kind in FLOATS:
        return real
    if kind == "timestamp":
        return _time
    if kind == "blob":
        return _bytes
    raise ValueError(f"{shape.name} ({kind}) is not a scalar")


def _time(value: datetime) -> cbor2.CBORTag:
    return cbor2.CBORTag(EPOCH_TAG, epoch(value))


def _bytes(value: bytes) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"not bytes: {value!r}")
