"""Errors on the wire: one AwsError in the shape of each protocol, with the status and the members that the model knows.

The model's error shape is found by the error's code, or by the shape's name; the operation's own errors go first. The status is
`error.status`, else the shape's, else the model's `errorStatus` (overlay: codes that the model lacks), else AWS's common errors
(`overlay/_errors.json`), else 400.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpResponse
from fogbank.wire.model import OVERLAY, Shape
from fogbank.wire.render_base import Headers, MemberTable, header_name, header_value, request_id_headers
from fogbank.wire.render_cbor import CBOR_HEADERS, CborConverter, dumps
from fogbank.wire.render_json import JSON_TYPE, JsonConverter, encode, json_content_type
from fogbank.wire.render_query import EC2_TYPE, QUERY_TYPE
from fogbank.wire.render_rest import XML_TYPE, compile_place, in_head
from fogbank.wire.xml_write import DECLARATION, XmlWriter, element_name, escape, namespace_attribute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.wire.model import Traits
    from fogbank.wire.render_base import ErrorRenderer

# What a body is made from: the error, what the model knows of it, and the two ids and the resource that some bodies show.
Body = Callable[["AwsError", "Known", Headers, str, str, str], bytes]
NO_BODY = frozenset({204, 304})


class Known:
    """What the model and the overlays know about an error code."""

    __slots__ = ("code", "modelled", "query_code", "shape", "status", "type_name")

    def __init__(self, code: str, shape: Shape | None, status: int) -> None:
        trait: Traits = shape.traits.get("error", {}) if shape else {}
        self.shape = shape
        self.modelled = shape is not None
        self.query_code: str = trait.get("code", "")
        self.code = self.query_code or (shape.name if shape else code)
        self.type_name = shape.name if shape else code
        self.status = status


@lru_cache(maxsize=1)
def common_statuses() -> dict[str, dict[str, int]]:
    """AWS's common errors by protocol; what is under `any` holds where the protocol says nothing else."""
    statuses: dict[str, dict[str, int]] = msgspec.json.decode((OVERLAY / "_errors.json").read_bytes())
    return statuses


def compile_error_renderer(model: Traits, operation_name: str | None) -> ErrorRenderer:
    """The renderer of an operation's errors, or (None) of errors from before the operation is known."""
    protocol = model["metadata"]["protocol"]
    lookup = _lookup(model, operation_name, protocol)
    write_body = BODIES[protocol](model)
    add_request_id = request_id_headers(model)

    def render(error: AwsError, request_id: str = "", resource: str = "", host_id: str = "", /) -> HttpResponse:
        known = lookup(error.code)
        headers: Headers = []
        status = error.status or known.status
        body = write_body(error, known, headers, request_id, resource, host_id)
        if status in NO_BODY:
            headers, body = [header for header in headers if header[0] != "Content-Type"], b""
        add_request_id(headers, request_id, host_id)
        return HttpResponse(status, headers, body)

    return render


def _lookup(model: Traits, operation_name: str | None, protocol: str) -> Callable[[str], Known]:
    common = common_statuses()
    statuses = {**common["any"], **common.get(protocol, {}), **model.get("errorStatus", {})}
    known: dict[str, Known] = {}
    for shape in _error_shapes(model, operation_name):
        found = Known(shape.name, shape, _shape_status(shape, statuses))
        known[shape.name] = found
        known[found.code] = found

    def lookup(code: str) -> Known:
        found = known.get(code)
        return found if found is not None else Known(code, None, statuses.get(code, 400))

    return lookup


def _error_shapes(model: Traits, operation_name: str | None) -> list[Shape]:
    """The model's error shapes; the operation's last, so that they prevail where two have the same code."""
    shapes = model["shapes"]
    found = [Shape(shapes, {"shape": name}) for name, traits in shapes.items() if traits.get("exception")]
    if operation_name is not None:
        found += [Shape(shapes, reference) for reference in model["operations"][operation_name].get("errors", ())]
    return found


def _shape_status(shape: Shape, statuses: Mapping[str, int]) -> int:
    trait: Traits = shape.traits.get("error", {})
    status = trait.get("httpStatusCode") or statuses.get(trait.get("code", shape.name)) or statuses.get(shape.name)
    return int(status or (500 if shape.traits.get("fault") else 400))


def fault(error: AwsError, known: Known) -> str:
    """Whose fault it is, in the query protocols' words."""
    return "Receiver" if (error.status or known.status) >= 500 else "Sender"


_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def readable(text: str) -> str:
    """Text that may echo a hostile request: what no parser takes becomes U+FFFD, so that every client can read the error."""
    return text if text.isprintable() else _UNREADABLE.sub("\ufffd", text)


# XML: query, ec2, rest-xml


def _xml_fields(timestamp_format: str) -> Callable[[AwsError, Known, Headers], str]:
    """What writes an error's further members: modelled ones as their shapes say, others (most of S3's) as plain text."""
    writer = XmlWriter(timestamp_format)
    tables: dict[str, MemberTable[Callable[[Any], str]]] = {}

    def write(error: AwsError, known: Known, headers: Headers) -> str:
        parts = []
        for name, value in error.fields.items():
            member = known.shape.members.get(name) if known.shape else None
            if value is None:
                continue
            if member is None or known.shape is None:
                tag = element_name(name)
                parts.append(f"<{tag}>{escape(plain_text(value))}</{tag}>")
            elif in_head(member):
                compile_place(name, member)(value, headers)
            else:
                table = tables.get(known.shape.name) or MemberTable(known.shape, writer.member)
                tables[known.shape.name] = table
                parts.append(table[name](value))
        return "".join(parts)

    return write


def plain_text(value: str | int | float | bool) -> str:
    """A field that no model describes, as text that every client can read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return readable(str(value))
    raise TypeError(f"an error's field without a shape must be a string or a number, not {value!r}")


def _query_body(model: Traits) -> Body:
    return _wrapped_body(model, QUERY_TYPE, "iso8601", "")


def _rest_xml_body(model: Traits) -> Body:
    if model["metadata"].get("noErrorWrapping"):
        return _unwrapped_body()
    return _wrapped_body(model, XML_TYPE, "iso8601-milliseconds", DECLARATION)


def _wrapped_body(model: Traits, content_type: tuple[str, str], timestamp_format: str, declaration: str) -> Body:
    start = f"{declaration}<ErrorResponse{namespace_attribute(model['metadata'].get('xmlNamespace'))}><Error><Type>"
    fields = _xml_fields(timestamp_format)

    def body(error: AwsError, known: Known, headers: Headers, request_id: str, _resource: str, _host_id: str) -> bytes:
        headers.append(content_type)
        return (
            f"{start}{fault(error, known)}</Type><Code>{escape(known.code)}</Code>"
            f"<Message>{escape(readable(error.message))}</Message>{fields(error, known, headers)}</Error>"
            f"<RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
        ).encode()

    return body


def _unwrapped_body() -> Body:
    """S3's form (Smithy: restXml with noErrorWrapping)."""
    fields = _xml_fields("iso8601-milliseconds")

    def body(error: AwsError, known: Known, headers: Headers, request_id: str, resource: str, host_id: str) -> bytes:
        headers.append(XML_TYPE)
        shown = f"<Resource>{escape(readable(resource))}</Resource>" if resource else ""
        return (
            f"{DECLARATION}<Error><Code>{escape(known.code)}</Code><Message>{escape(readable(error.message))}</Message>"
            f"{fields(error, known, headers)}{shown}"
            f"<RequestId>{escape(request_id)}</RequestId><HostId>{escape(host_id)}</HostId></Error>"
        ).encode()

    return body


def _website_body(_model: Traits) -> Body:
    """The page that S3's website endpoints answer, and the error in headers. `__cause__`: why there is no page of the bucket's.

    Source: Amazon S3 User Guide, "Configuring a custom error document"; headers as AWS's endpoints send them.
    """

    def body(error: AwsError, known: Known, headers: Headers, request_id: str, _resource: str, host_id: str) -> bytes:
        headers.append(("Content-Type", "text/html; charset=utf-8"))
        status = HTTPStatus(error.status or known.status)
        title = f"{status.value} {status.phrase}"
        headers.append(("x-amz-error-code", header_value(known.code)))
        headers.append(("x-amz-error-message", header_value(_line(error.message))))
        for name, value in error.fields.items():
            headers.append((f"x-amz-error-detail-{header_name(name)}", header_value(_line(plain_text(value)))))
        why = error.__cause__
        tried = f"{_NO_DOCUMENT}\n{_items(why.code, why.message, why.fields)}" if isinstance(why, AwsError) else ""
        ids = {"RequestId": request_id, "HostId": host_id}
        return (
            f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n"
            f"{_items(known.code, error.message, {**error.fields, **ids})}{tried}<hr/>\n</body>\n</html>\n"
        ).encode()

    return body


_NO_DOCUMENT = "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>"


def _items(code: str, message: str, fields: Mapping[str, Any]) -> str:
    """An error as a list of its members."""
    members = {"Code": code, "Message": message, **fields}
    lines = [f"<li>{name}: {escape(plain_text(value))}</li>\n" for name, value in members.items()]
    return f"<ul>\n{''.join(lines)}</ul>\n"


def _line(text: str) -> str:
    """Text that may echo a hostile request, as a header can hold it."""
    return readable(text).replace("\r", " ").replace("\n", " ")


def _ec2_body(_model: Traits) -> Body:
    fields = _xml_fields("iso8601-milliseconds")

    def body(error: AwsError, known: Known, headers: Headers, request_id: str, _resource: str, _host_id: str) -> bytes:
        headers.append(EC2_TYPE)
        return (
            f"{DECLARATION}<Response><Errors><Error><Code>{escape(known.code)}</Code>"
            f"<Message>{escape(readable(error.message))}</Message>{fields(error, known, headers)}</Error></Errors>"
            f"<RequestID>{escape(request_id)}</RequestID></Response>"
        ).encode()

    return body


# JSON and CBOR


def _members(converter: JsonConverter | CborConverter) -> Callable[[AwsError, Known, Headers], dict[str, Any]]:
    """What converts an error's message and further members for a JSON or CBOR body."""

    def members(error: AwsError, known: Known, headers: Headers) -> dict[str, Any]:
        shape = known.shape
        found = {}
        if error.message:
            found[_message_name(shape)] = readable(error.message)
        for name, value in error.fields.items():
            member = shape.members.get(name) if shape else None
            if value is None:
                continue
            if member is None:
                text = plain_text(value)
                found[name] = text if isinstance(value, str) else value
            elif in_head(member):
                compile_place(name, member)(value, headers)
            else:
                found[member.wire_name(name)] = converter.value(member)(value)
        return found

    return members


def _message_name(shape: Shape | None) -> str:
    for name, member in shape.members.items() if shape else ():
        if name.lower() == "message":
            return member.wire_name(name)
    return "message"


def type_name(model: Traits) -> Callable[[Known], str]:
    """`com.amazonaws.dynamodb.v20120810#ResourceNotFoundException`; errors that no model has come from AWS's framework."""
    metadata = model["metadata"]
    service = metadata.get("signingName", metadata.get("endpointPrefix", "service"))
    namespace = metadata.get("errorNamespace", f"com.amazonaws.{service}")

    def name(known: Known) -> str:
        return f"{namespace if known.modelled else 'com.amazon.coral.service'}#{known.type_name}"

    return name


def _query_error_header(model: Traits) -> Callable[[AwsError, Known, Headers], None]:
    """`x-amzn-query-error`, by which clients of services that once spoke query know the codes of those days."""
    compatible = "awsQueryCompatible" in model["metadata"]

    def add(error: AwsError, known: Known, headers: Headers) -> None:
        if compatible and known.query_code:
            headers.append(("x-amzn-query-error", f"{known.query_code};{fault(error, known)}"))

    return add


def _json_body(model: Traits) -> Body:
    content_type = ("Content-Type", json_content_type(model))
    full_name = type_name(model) if model["metadata"].get("jsonVersion", "1.0") == "1.0" else _bare_name
    members = _members(JsonConverter())
    add_query_error = _query_error_header(model)

    def body(error: AwsError, known: Known, headers: Headers, *_ids: str) -> bytes:
        headers.append(content_type)
        add_query_error(error, known, headers)
        return encode({"__type": full_name(known), **members(error, known, headers)})

    return body


def _bare_name(known: Known) -> str:
    return known.type_name


def _rest_json_body(_model: Traits) -> Body:
    members = _members(JsonConverter())

    def body(error: AwsError, known: Known, headers: Headers, *_ids: str) -> bytes:
        headers.append(JSON_TYPE)
        headers.append(("x-amzn-ErrorType", header_value(known.type_name)))
        return encode(members(error, known, headers))

    return body


def _cbor_body(model: Traits) -> Body:
    full_name = type_name(model)
    members = _members(CborConverter())
    add_query_error = _query_error_header(model)

    def body(error: AwsError, known: Known, headers: Headers, *_ids: str) -> bytes:
        headers.extend(CBOR_HEADERS)
        add_query_error(error, known, headers)
        return dumps({"__type": full_name(known), **members(error, known, headers)})

    return body


BODIES: dict[str, Callable[[Traits], Body]] = {
    "query": _query_body,
    "ec2": _ec2_body,
    "rest-xml": _rest_xml_body,
    "website": _website_body,
    "json": _json_body,
    "rest-json": _rest_json_body,
    "smithy-rpc-v2-cbor": _cbor_body,
}
