"""JSON bodies by shape: json 1.0 and 1.1, and the bodies of rest-json.

Messages are those of AWS's JSON services, which name the kind of JSON value that came and the type that was wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.wire import scalars
from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from fogbank.wire.http import HttpRequest
    from fogbank.wire.model import Shape, Traits

Parser = Callable[["HttpRequest", Mapping[str, str]], dict[str, Any]]
Convert = Callable[[Any], Any]

MAX_DEPTH = 128  # objects and lists within each other; DynamoDB's 32 levels of attributes are 64 here

_decode = msgspec.json.decode
_KINDS = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    type(None): "NULL_VALUE",
}
_NAMES = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "timestamp": "Timestamp",
    "blob": "Blob",
}


def compile_parser(model: Traits, operation_name: str, shape: Shape | None) -> Parser:
    """The parser of an operation's requests in json 1.0 or 1.1; an empty body is an empty input."""
    if shape is None:
        return _parse_nothing
    parse_body = compile_body(shape)

    def parse(request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
        body = request.body
        return parse_body(body) if body else {}

    return parse


def _parse_nothing(request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
    if request.body:
        decode(request.body)
    return {}


def compile_body(shape: Shape) -> Callable[[bytes], dict[str, Any]]:
    """A parser of a body that is one JSON object."""
    convert = converter(shape)

    def parse(body: bytes) -> dict[str, Any]:
        value: dict[str, Any] = convert(decode(body))
        return value

    return parse


def compile_value(shape: Shape) -> Callable[[bytes], Any]:
    """A parser of a body that is one JSON value of any shape; None for null."""
    convert = converter(shape)

    def parse(body: bytes) -> Any:
        value = decode(body)
        return None if value is None else convert(value)

    return parse


def decode(body: bytes) -> Any:
    """Any JSON value; SerializationException if it is not JSON in UTF-8, too deep, or has numbers out of range."""
    try:
        value = _decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, UnicodeError):
        raise AwsError("SerializationException", "The request could not be parsed as JSON") from None
    # Few brackets cannot nest deeply: most requests need no look.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deep(value):
        raise _too_deep()
    return value


def _too_deep() -> AwsError:
    return AwsError("SerializationException", "The request is nested too deeply")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return False
    return True


def parse_json_header(text: str) -> Any:
    """A jsonvalue header: base64 of a JSON document. ValueError if it is not."""
    try:
        return decode(scalars.parse_blob(text))
    except AwsError as error:
        raise ValueError(error.message) from None


def unexpected(value: Any, type_name: str) -> AwsError:
    """SerializationException for a value that is not of a scalar type."""
    if isinstance(value, dict):
        message = "Start of structure or map found where not expected."
    elif isinstance(value, list):
        message = "Start of list found where not expected"
    else:
        message = f"{_KINDS.get(type(value), 'VALUE')} can not be converted to a {_NAMES[type_name]}"
    return AwsError("SerializationException", message)


def converter(shape: Shape) -> Convert:
    """What turns a decoded JSON value, not null, into this shape's value; raises SerializationException if it is not one."""
    convert: Convert | None = shape.memo.get("json")
    if convert is None:
        convert = shape.memo["json"] = _COMPILERS[shape.type](shape)
    return convert


def _compile_structure(shape: Shape) -> Convert:
    if shape.traits.get("document"):
        return _document
    members: dict[str, tuple[str, Convert]] = {}
    convert = structure(members)
    shape.memo["json"] = convert  # before its members, which may contain it
    for name, member in shape.members.items():
        if "location" not in member.traits:
            members[member.wire_name(name)] = (name, converter(member))
    return convert


def _document(value: Any) -> Any:
    return value


def structure(members: dict[str, tuple[str, Convert]]) -> Convert:
    """A converter of objects, by the members' names on the wire; nulls and unknown names are left out."""
    find = members.get

    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise AwsError("SerializationException", "Expected a structure or null")
        out: dict[str, Any] = {}
        for wire, item in value.items():
            found = find(wire)
            if found is not None and item is not None:
                out[found[0]] = found[1](item)
        return out

    return convert


def make_list(convert_item: Convert) -> Convert:
    """A converter of arrays; nulls in them stay, for sparse lists, and validation refuses the others."""

    def convert(value: Any) -> list[Any]:
        if type(value) is not list:
            raise AwsError("SerializationException", "Expected list or null")
        return [None if item is None else convert_item(item) for item in value]

    return convert


def make_map(convert_value: Convert) -> Convert:
    """A converter of objects with any names; nulls in them stay."""

    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise AwsError("SerializationException", "Expected a structure or null")
        return {key: None if item is None else convert_value(item) for key, item in value.items()}

    return convert


def string(value: Any) -> str:
    """A string, as it is."""
    if type(value) is str:
        return value
    raise unexpected(value, "string")


def boolean(value: Any) -> bool:
    """A boolean, as it is."""
    if type(value) is bool:
        return value
    raise unexpected(value, "boolean")


def make_integer(type_name: str) -> Convert:
    """A converter of whole numbers within the type's range; `1.0` is one."""
    low, high = scalars.INT_RANGES[type_name]

    def convert(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and low <= value <= high:
            return value
        raise unexpected(value, type_name)

    return convert


def number(value: Any) -> float:
    """A number, or one of the strings NaN, Infinity, -Infinity."""
    try:
        if type(value) is float or type(value) is int:
            return float(value)
        if type(value) is str and not value[-1:].isdigit():
            return scalars.parse_float(value)
    except (ValueError, OverflowError):
        pass
    raise unexpected(value, "double")


def _blob(value: Any) -> bytes:
    if type(value) is str:
        try:
            return scalars.parse_blob(value)
        except ValueError:
            raise AwsError("SerializationException", "A blob is not valid base64") from None
    raise unexpected(value, "blob")


def _compile_timestamp(shape: Shape) -> Convert:
    parse_text = scalars.TIMESTAMP_PARSERS[shape.traits.get("timestampFormat", "unixTimestamp")]

    def convert(value: Any) -> Any:
        try:
            if type(value) is int or type(value) is float:
                return scalars.parse_epoch(value)
            if type(value) is str:
                return parse_text(value)
        except ValueError:
            pass
        raise unexpected(value, "timestamp")

    return convert


_COMPILERS: dict[str, Callable[[Shape], Convert]] = {
    "structure": _compile_structure,
    "list": lambda shape: make_list(converter(shape.member)),
    "map": lambda shape: make_map(converter(shape.value)),
    "string": lambda shape: string,
    "integer": lambda shape: make_integer("integer"),
    "long": lambda shape: make_integer("long"),
    "float": lambda shape: number,
    "double": lambda shape: number,
    "boolean": lambda shape: boolean,
    "blob": lambda shape: _blob,
    "timestamp": _compile_timestamp,
}
