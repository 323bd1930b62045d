"""Smithy's RPC v2 CBOR requests (https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html).

Of CBOR's tags only 1 (a timestamp) has a meaning here; all others are refused before they build anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import cbor2

from fogbank.wire import scalars
from fogbank.wire.errors import AwsError
from fogbank.wire.parse_json import boolean, make_integer, make_list, make_map, string, structure, unexpected

if TYPE_CHECKING:
    from fogbank.wire.http import HttpRequest
    from fogbank.wire.model import Shape, Traits

Parser = Callable[["HttpRequest", Mapping[str, str]], dict[str, Any]]
Convert = Callable[[Any], Any]

MAX_DEPTH = 128


def compile_parser(model: Traits, operation_name: str, shape: Shape | None) -> Parser:
    """The parser of an operation's requests in RPC v2 CBOR; an empty body is an empty input."""
    if shape is None:
        return lambda request, labels: {}
    convert = converter(shape)

    def parse(request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
        value: dict[str, Any] = convert(decode(request.body)) if request.body else {}
        return value

    return parse


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("a tag that has no meaning here")


# Every tag that cbor2 knows and that is not a timestamp: bignums, decimals, shared references, sets, …
_REFUSED = dict.fromkeys((0, *range(2, 301), 1004, 43000), _refuse_tag)


def decode(body: bytes) -> Any:
    """Any CBOR value; SerializationException if it is not one, is too deep, or has a tag other than 1."""
    try:
        return cbor2.loads(
            body,
            tag_hook=_refuse_tag,
            semantic_decoders=_REFUSED,
            max_depth=MAX_DEPTH,
            strict_hashable_types=True,
        )
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError):
        raise AwsError("SerializationException", "The request could not be parsed as CBOR") from None


def converter(shape: Shape) -> Convert:
    """What turns a decoded CBOR value, not null, into this shape's value; raises SerializationException if it is not one."""
    convert: Convert | None = shape.memo.get("cbor")
    if convert is None:
        convert = shape.memo["cbor"] = _COMPILERS[shape.type](shape)
    return convert


def _compile_structure(shape: Shape) -> Convert:
    members: dict[str, tuple[str, Convert]] = {}
    convert = shape.memo["cbor"] = structure(members)
    for name, member in shape.members.items():
        members[member.wire_name(name)] = (name, converter(member))
    return convert


def _compile_map(shape: Shape) -> Convert:
    convert = make_map(converter(shape.value))

    def convert_map(value: Any) -> dict[str, Any]:
        if type(value) is dict and not all(type(key) is str for key in value):
            raise AwsError("SerializationException", "The keys of a map must be strings")
        out: dict[str, Any] = convert(value)
        return out

    return convert_map


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)  # CBOR's integers are below 2**64
    raise unexpected(value, "double")


def _blob(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    raise unexpected(value, "blob")


def _timestamp(value: Any) -> datetime:
    if type(value) is datetime:
        return value
    try:
        if type(value) is int or type(value) is float:
            return scalars.parse_epoch(value)
    except ValueError:
        pass
    raise unexpected(value, "timestamp")


_COMPILERS: dict[str, Callable[[Shape], Convert]] = {
    "structure": _compile_structure,
    "list": lambda shape: make_list(converter(shape.member)),
    "map": _compile_map,
    "string": lambda shape: string,
    "integer": lambda shape: make_integer("integer"),
    "long": lambda shape: make_integer("long"),
    "float": lambda shape: _number,
    "double": lambda shape: _number,
    "boolean": lambda shape: boolean,
    "blob": lambda shape: _blob,
    "timestamp": lambda shape: _timestamp,
}
