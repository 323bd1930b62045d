"""rest-json and rest-xml requests: labels, query arguments, headers and the body, each bound to members of the input.

Smithy's HTTP bindings (https://smithy.io/2.0/spec/http-bindings.html), compiled once per operation. What is absent is not
looked for: the parser walks what the request has, and asks tables whether the model knows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from fogbank.wire import parse_json, parse_xml, scalars
from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from fogbank.wire.http import HttpRequest
    from fogbank.wire.model import Shape, Traits

Parser = Callable[["HttpRequest", Mapping[str, str]], dict[str, Any]]
Binder = Callable[["HttpRequest", Mapping[str, str], dict[str, Any]], None]
Read = Callable[[str], Any]

# What a presigned URL adds to the query; never an argument of the operation.
SIGNATURE_ARGUMENTS = frozenset(
    f"X-Amz-{name}"
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token")
)
# RFC 9110, 13.1.3: a recipient must ignore conditions whose date is not valid.
IGNORED_IF_INVALID = frozenset({"if-modified-since", "if-unmodified-since"})


class Field(NamedTuple):
    """A member bound to a header, an argument or a label: its name in the input, and how its text is read (None: as it is)."""

    member: str
    read: Read | None
    shape: Shape
    is_xml: bool

    def invalid(self, name: str, value: str) -> AwsError:
        """The error for text that is not of the member's type, or that comes twice."""
        if not self.is_xml:
            return AwsError("SerializationException", f"Value '{value[:256]}' of '{name}' could not be deserialized")
        if self.shape.type in scalars.INT_RANGES:
            message = f"Provided {name} not an integer or within integer range"
        else:
            message = f"Invalid value for {name}"
        return AwsError("InvalidArgument", message, fields={"ArgumentName": name, "ArgumentValue": value[:256]})


def compile_parser(model: Traits, operation_name: str, shape: Shape | None) -> Parser:
    """The parser of an operation's requests: (request, decoded URI labels) to the input, as botocore's clients take it."""
    if shape is None:
        return lambda request, labels: {}
    is_xml = model["metadata"]["protocol"] == "rest-xml"
    uri = model["operations"][operation_name]["http"]["requestUri"]
    binders = [*_compile_bindings(shape, uri, is_xml), *_compile_body(shape, is_xml)]
    if len(binders) == 1:
        return partial(_parse_one, binders[0])

    def parse(request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for bind in binders:
            bind(request, labels, out)
        return out

    return parse


def _parse_one(bind: Binder, request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    bind(request, labels, out)
    return out


# Labels, query arguments and headers


def _compile_bindings(shape: Shape, uri: str, is_xml: bool) -> list[Binder]:
    labels: dict[str, Field] = {}
    arguments: dict[str, Field] = {}
    headers: dict[str, Field] = {}
    prefixes: list[tuple[str, str]] = []
    argument_map: tuple[str, bool] | None = None
    for name, member in shape.members.items():
        location, wire = member.traits.get("location"), member.wire_name(name)
        if location == "uri":
            labels[wire] = Field(name, _text_reader(member, "iso8601"), member, is_xml)
        elif location == "querystring" and member.type == "map":
            argument_map = (name, member.value.type == "list")
        elif location == "querystring":
            item = member.member if member.type == "list" else member
            arguments[wire] = Field(name, _text_reader(item, "iso8601"), member, is_xml)
        elif location == "header":
            headers[wire.lower()] = Field(name, _header_reader(member), member, is_xml)
        elif location == "headers":
            prefixes.append((wire.lower() if "locationName" in member.traits else "", name))
    bound = _static_arguments(uri) | SIGNATURE_ARGUMENTS | arguments.keys()
    return [
        *([_bind_labels(labels)] if labels else ()),
        *([_bind_headers(headers, prefixes)] if headers or prefixes else ()),
        *([_bind_arguments(arguments, headers, prefixes)] if arguments or headers else ()),
        *([_bind_argument_map(*argument_map, bound)] if argument_map else ()),
    ]


def _static_arguments(uri: str) -> frozenset[str]:
    return frozenset(part.partition("=")[0] for part in uri.partition("?")[2].split("&") if part)


def _text_reader(shape: Shape, timestamp_format: str) -> Read | None:
    return scalars.text_reader(shape.type, shape.traits.get("timestampFormat", timestamp_format))


def _read(field: Field, name: str, value: str) -> Any:
    if field.read is None:
        return value
    try:
        return field.read(value)
    except ValueError:
        raise field.invalid(name, value) from None


def _bind_labels(fields: dict[str, Field]) -> Binder:
    items = list(fields.items())

    def bind(request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]) -> None:
        for name, field in items:
            value = labels[name]
            # The server gives bytes that are not UTF-8 as U+FFFD: two different keys would become one.
            if "\ufffd" in value:
                raise AwsError("InvalidURI", "Couldn't parse the specified URI.")
            out[field.member] = value if field.read is None else _read(field, name, value)

    return bind


def _bind_headers(fields: dict[str, Field], prefixes: list[tuple[str, str]]) -> Binder:
    find = fields.get

    def bind(request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]) -> None:
        for name, value in request.headers.items():
            field = find(name)
            if field is not None:
                if value:
                    _set_header(field, name, value, out)
            elif prefixes:
                _set_prefixed(prefixes, name, value, out)

    return bind


def _set_header(field: Field, name: str, value: str, out: dict[str, Any]) -> None:
    if field.read is None:
        out[field.member] = value
        return
    try:
        out[field.member] = field.read(value)
    except ValueError:
        if name not in IGNORED_IF_INVALID:
            raise field.invalid(name, value) from None


def _set_prefixed(prefixes: list[tuple[str, str]], name: str, value: str, out: dict[str, Any]) -> None:
    for prefix, member in prefixes:
        if name.startswith(prefix):
            out.setdefault(member, {})[name[len(prefix) :]] = value


def _bind_arguments(fields: dict[str, Field], headers: dict[str, Field], prefixes: list[tuple[str, str]]) -> Binder:
    find = fields.get

    def bind(request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]) -> None:
        if not request.query:
            return
        check_encoding(request.query)
        for name, values in request.args.items():
            field = find(name)
            if field is None:
                continue
            if field.shape.type == "list":
                out[field.member] = [_read(field, name, value) for value in values]
            elif len(values) > 1:
                raise field.invalid(name, ",".join(values[:3]))
            else:
                out[field.member] = values[0] if field.read is None else _read(field, name, values[0])
        if "X-Amz-Signature" in request.args:
            _bind_hoisted(headers, prefixes, request.args, out)

    return bind


def _bind_hoisted(
    headers: dict[str, Field], prefixes: list[tuple[str, str]], args: dict[str, list[str]], out: dict[str, Any]
) -> None:
    """SDKs for Go and JavaScript move x-amz-* headers into the query of a URL that they presign."""
    for name, values in args.items():
        lower = name.lower()
        if not lower.startswith("x-amz-") or not values[0]:
            continue
        field = headers.get(lower)
        if field is None:
            _set_prefixed(prefixes, lower, values[0], out)
        elif field.member not in out:
            _set_header(field, lower, values[0], out)


def check_encoding(query: str) -> None:
    """InvalidURI where a query is not UTF-8: `HttpRequest.args` would replace what it cannot decode."""
    if "%" in query:
        try:
            unquote_to_bytes(query).decode("utf-8")
        except UnicodeDecodeError:
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None


def _bind_argument_map(member: str, is_list: bool, skipped: frozenset[str]) -> Binder:
    def bind(request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]) -> None:
        check_encoding(request.query)
        found = {name: values if is_list else values[0] for name, values in request.args.items() if name not in skipped}
        if found:
            out[member] = found

    return bind


def _header_reader(shape: Shape) -> Read | None:
    if shape.type == "list":
        item = _text_reader(shape.member, "rfc822")
        split = split_dates if shape.member.type == "timestamp" else split_list
        return lambda text: [value if item is None else item(value) for value in split(text)]
    if shape.traits.get("jsonvalue"):
        return parse_json.parse_json_header
    return _text_reader(shape, "rfc822")


_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')


def split_list(text: str) -> list[str]:
    """The items of a header's list: separated by commas, and in double quotes where they contain one."""
    if '"' not in text:
        return [item.strip() for item in text.split(",")]
    items, position = [], 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        if quoted:
            items.append(re.sub(r"\\(.)", r"\1", quoted[1]))
            position = quoted.end()
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            items.append(text[position:end].strip())
            position = end + 1
    return items


def split_dates(text: str) -> list[str]:
    """The items of a header's list of timestamps: an HTTP date has one comma of its own."""
    parts = [part.strip() for part in text.split(",")]
    items: list[str] = []
    for part in parts:
        if items and items[-1].isalpha():
            items[-1] = f"{items[-1]}, {part}"
        else:
            items.append(part)
    return items


# Bodies


def _compile_body(shape: Shape, is_xml: bool) -> list[Binder]:
    payload = shape.payload
    if payload is not None:
        return _compile_payload(payload, shape.members[payload], is_xml)
    members = [name for name, member in shape.members.items() if "location" not in member.traits]
    if not members:
        return []
    if is_xml:
        parse = parse_xml.compile_body(shape, shape.root_names())
    else:
        parse = parse_json.compile_body(shape)

    def bind(request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]) -> None:
        if request.body:
            out.update(parse(request.body))

    return [bind]


def _compile_payload(name: str, member: Shape, is_xml: bool) -> list[Binder]:
    if member.traits.get("streaming") or member.traits.get("eventstream"):
        return []
    parse: Callable[[bytes], Any]
    if member.type == "blob":
        parse = bytes
    elif member.type == "string":
        parse = _decode
    elif is_xml:
        parse = parse_xml.compile_body(member, member.root_names(name))
    else:
        parse = parse_json.compile_value(member)

    def bind(request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]) -> None:
        if request.body:
            value = parse(request.body)
            if value is not None:
                out[name] = value

    return [bind]


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise AwsError("SerializationException", "The request body is not UTF-8") from None
