"""Responses of the query protocol (IAM, STS, SNS, RDS, …) and of EC2's variant of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.wire.http import HttpResponse
from fogbank.wire.render_base import request_id_headers
from fogbank.wire.render_json import no_members
from fogbank.wire.xml_write import DECLARATION, XmlWriter, escape, namespace_attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.wire.model import Shape, Traits
    from fogbank.wire.render_base import Renderer

QUERY_TYPE = ("Content-Type", "text/xml")
EC2_TYPE = ("Content-Type", "text/xml;charset=UTF-8")


def compile_renderer(model: Traits, operation_name: str, output: Shape | None) -> Renderer:
    """The renderer of one operation: `<XResponse><XResult>…</XResult><ResponseMetadata>…`, or EC2's form without wrappers."""
    if model["metadata"]["protocol"] == "ec2":
        return _compile_ec2(model, operation_name, output)
    start = f"<{operation_name}Response{namespace_attribute(model['metadata'].get('xmlNamespace'))}>"
    wrapper = output.traits.get("resultWrapper") if output else None
    if wrapper:
        opening, closing = f"{start}<{wrapper}>", f"</{wrapper}><ResponseMetadata><RequestId>"
    else:
        opening, closing = start, "<ResponseMetadata><RequestId>"
    end = f"</RequestId></ResponseMetadata></{operation_name}Response>"
    write = _content(XmlWriter("iso8601"), operation_name, output)
    add_request_id = request_id_headers(model)

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        body = f"{opening}{write(result)}{closing}{escape(request_id)}{end}".encode()
        headers = [QUERY_TYPE]
        add_request_id(headers, request_id, host_id)
        return HttpResponse(200, headers, body)

    return render


def _compile_ec2(model: Traits, operation_name: str, output: Shape | None) -> Renderer:
    namespace = namespace_attribute(model["metadata"].get("xmlNamespace"))
    start = f"{DECLARATION}<{operation_name}Response{namespace}><requestId>"
    end = f"</{operation_name}Response>"
    write = _content(XmlWriter("iso8601-milliseconds"), operation_name, output)
    add_request_id = request_id_headers(model)

    def render(result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse:
        body = f"{start}{escape(request_id)}</requestId>{write(result)}{end}".encode()
        headers = [EC2_TYPE]
        add_request_id(headers, request_id, host_id)
        return HttpResponse(200, headers, body)

    return render


def _content(writer: XmlWriter, operation_name: str, output: Shape | None) -> Callable[[Mapping[str, Any]], str]:
    if output is not None:
        return writer.structure(output)
    check = no_members(operation_name)

    def nothing(result: Mapping[str, Any]) -> str:
        check(result)
        return ""

    return nothing
