"""Responses of the REST protocols: rest-xml and rest-json. Members go to headers, the status and the body as the model says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fogbank.wire.http import HttpResponse
from fogbank.wire.render_base import (
    Headers,
    MemberTable,
    header_name,
    header_value,
    request_id_headers,
)
from fogbank.wire.render_events import EVENT_STREAM_TYPE, EventEncoder, framed, xml_payload
from fogbank.wire.render_json import JSON_TYPE, JsonConverter, encode, json_payload, no_members, whole
from fogbank.wire.render_scalars import STRINGS, base64, string, text_function
from fogbank.wire.xml_write import DECLARATION, XmlWriter, namespace_attribute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.wire.model import Shape, Traits
    from fogbank.wire.render_base import Renderer

Place = Callable[[Any, Headers], None]
Body = Callable[["Mapping[str, Any]", Headers], Any]


def compile_renderer(model: Traits, operation_name: str, output: Shape | None) -> Renderer:
    """The renderer of one operation, in rest-xml or rest-json as the model says."""
    status = int(model["operations"][operation_name].get("http", {}).get("responseCode", 200))
    add_request_id = request_id_headers(model)
    if output is None:
        return _without_output(operation_name, status, add_request_id)
    body = xml_body(model, output) if model["metadata"]["protocol"] == "rest-xml" else json_body(output)
    places = MemberTable(output, compile_place)
    located = {name for name, member in output.members.items() if in_head(member)}
    status_member = next((n for n, m in output.members.items() if m.traits.get("location") == "statusCode"), None)

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        headers: Headers = []
        rest: dict[str, Any] = {}
        for name, item in result.items():
            if item is not None:
                if name in located:
                    places[name](item, headers)
                else:
                    rest[name] = item
        content = body(rest, headers)
        add_request_id(headers, request_id, host_id)
        given = None if status_member is None else result.get(status_member)
        return HttpResponse(status if given is None else whole(given), headers, content)

    return render


def in_head(member: Shape) -> bool:
    """Whether a member is in the headers or the status; a location that only requests have (uri) means the body."""
    return member.traits.get("location") in ("header", "headers", "statusCode")


def _without_output(operation_name: str, status: int, add_request_id: Callable[[Headers, str, str], None]) -> Renderer:
    check = no_members(operation_name)

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        check(result)
        headers: Headers = []
        add_request_id(headers, request_id, host_id)
        return HttpResponse(status, headers)

    return render


# Headers


def compile_place(name: str, shape: Shape) -> Place:
    """What puts a located member into the headers."""
    location = shape.traits["location"]
    if location == "header":
        return _header(shape.wire_name(name), header_text(shape))
    if location == "headers":
        return _prefixed_headers(shape.traits.get("locationName", ""))
    return _nowhere


def _header(name: str, text: Callable[[Any], str]) -> Place:
    def place(value: Any, headers: Headers) -> None:
        headers.append((name, text(value)))

    return place


def _prefixed_headers(prefix: str) -> Place:
    def place(value: Mapping[str, str], headers: Headers) -> None:
        for name, item in value.items():
            headers.append((header_name(prefix + name), header_value(item)))

    return place


def _nowhere(value: Any, headers: Headers) -> None:
    """The status code, which the renderer reads."""


def header_text(shape: Shape) -> Callable[[Any], str]:
    """The function that gives a member's header value."""
    if shape.type == "list":
        item_text, quoted = header_text(shape.member), shape.member.type in STRINGS
        return lambda value: ", ".join([_quote(item_text(item)) if quoted else item_text(item) for item in value])
    if shape.traits.get("jsonvalue"):
        return lambda value: base64(encode(value))
    if shape.type in STRINGS:
        return lambda value: header_value(value)
    return text_function(shape, "rfc822")


def _quote(text: str) -> str:
    """An element of a list in a header: quoted where it holds a comma or a quote (Smithy, httpHeader trait)."""
    if "," not in text and '"' not in text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# Bodies


def xml_body(model: Traits, output: Shape) -> Body:
    """What makes the body of a rest-xml response from the members that have no other place."""
    writer = XmlWriter("iso8601-milliseconds")
    namespace = output.traits.get("xmlNamespace", model["metadata"].get("xmlNamespace"))
    attribute = namespace_attribute(namespace)
    if output.payload is not None:
        payload = output.members[output.payload]
        if payload.traits.get("eventstream"):
            return _event_stream(output.payload, EventEncoder(payload, xml_payload))
        if payload.type not in ("structure", "list", "map"):
            return raw_body(output, payload)
        tag = payload.traits.get("locationName", payload.name)
        own = namespace_attribute(payload.traits.get("xmlNamespace")) or attribute
        return _xml_payload(output.payload, writer.element(payload, tag, own))
    if all(in_head(member) for member in output.members.values()):
        return _no_body
    if output.traits.get("unwrappedXml"):
        return _unwrapped(writer, output, attribute)
    return _xml_document(writer.element(output, output.traits.get("locationName", output.name), attribute))


XML_TYPE = ("Content-Type", "application/xml")


def _xml_document(write: Callable[[Any], str]) -> Callable[[Any, Headers], bytes]:
    def body(value: Any, headers: Headers) -> bytes:
        headers.append(XML_TYPE)
        return f"{DECLARATION}{write(value)}".encode()

    return body


def _xml_payload(name: str, write: Callable[[Any], str]) -> Body:
    document = _xml_document(write)

    def body(rest: Mapping[str, Any], headers: Headers) -> bytes:
        check_payload(name, rest)
        return document(rest[name], headers) if rest else b""

    return body


def _unwrapped(writer: XmlWriter, output: Shape, attribute: str) -> Body:
    """Smithy's s3UnwrappedXmlOutput: the only member is the root (S3's GetBucketLocation); empty where it is None."""
    ((name, member),) = ((n, m) for n, m in output.members.items() if not in_head(m))
    tag = member.wire_name(name)
    document = _xml_document(writer.element(member, tag, attribute))

    def body(rest: Mapping[str, Any], headers: Headers) -> bytes:
        check_payload(name, rest)
        if rest:
            return document(rest[name], headers)
        headers.append(XML_TYPE)
        return f"{DECLARATION}<{tag}{attribute}/>".encode()

    return body


def json_body(output: Shape) -> Body:
    """What makes the body of a rest-json response from the members that have no other place."""
    converter = JsonConverter()
    if output.payload is not None:
        payload = output.members[output.payload]
        if payload.traits.get("eventstream"):
            return _event_stream(output.payload, EventEncoder(payload, json_payload("application/json")))
        if payload.type not in ("structure", "list", "map"):
            return raw_body(output, payload)
        return _json_payload(output.payload, converter.value(payload), bool(payload.traits.get("document")))
    if output.members and all(in_head(member) for member in output.members.values()):
        return _no_body
    convert = converter.structure(output)

    def body(rest: Mapping[str, Any], headers: Headers) -> bytes:
        headers.append(JSON_TYPE)
        return encode(convert(rest))

    return body


def _json_payload(name: str, convert: Callable[[Any], Any], document: bool) -> Body:
    empty = b"" if document else b"{}"

    def body(rest: Mapping[str, Any], headers: Headers) -> bytes:
        check_payload(name, rest)
        headers.append(JSON_TYPE)
        return encode(convert(rest[name])) if rest else empty

    return body


def check_payload(name: str, rest: Mapping[str, Any]) -> None:
    """Where one member is the body, nothing else can be in it."""
    if rest and (len(rest) > 1 or name not in rest):
        raise KeyError(f"only {name} can be in the body, not {sorted(rest)}")


def _no_body(rest: Mapping[str, Any], headers: Headers) -> bytes:
    check_payload("nothing", rest)
    return b""


def _event_stream(name: str, encoder: EventEncoder) -> Body:
    def body(rest: Mapping[str, Any], headers: Headers) -> Any:
        check_payload(name, rest)
        headers.append(EVENT_STREAM_TYPE)
        return framed(encoder, rest[name])

    return body


def raw_body(output: Shape, payload: Shape) -> Body:
    """A body that is a blob, streaming or not, or a string: what the handler gave, and a content type unless a member sets it."""
    name = output.payload or ""
    content_type = ("Content-Type", _media_type(payload))
    typed = any(
        member.traits.get("locationName", member_name).lower() == "content-type"
        for member_name, member in output.members.items()
        if member.traits.get("location") == "header"
    )
    is_text = payload.type in STRINGS

    def body(rest: Mapping[str, Any], headers: Headers) -> Any:
        check_payload(name, rest)
        if not rest:
            return b""
        if not typed:
            headers.append(content_type)
        return string(rest[name]).encode() if is_text else rest[name]

    return body


def _media_type(payload: Shape) -> str:
    default = "text/plain" if payload.type in STRINGS else "application/octet-stream"
    media_type: str = payload.traits.get("mediaType", default)
    return media_type
