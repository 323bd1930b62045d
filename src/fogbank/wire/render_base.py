"""What the renderers of all protocols share: their types, response headers, member tables.

A renderer is compiled once per operation and protocol, from the model's output shape, into nested closures; it goes over what
the handler returned, not over the shape, and a member that the shape does not have is a programming error (KeyError).
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.wire.errors import AwsError
    from fogbank.wire.http import HttpResponse
    from fogbank.wire.model import Shape, Traits

T = TypeVar("T")
Headers = list[tuple[str, str]]


class Renderer(Protocol):
    """Renders a handler's result. The request id, where it is not empty, goes into headers and, in query and ec2, the body."""

    def __call__(self, result: Mapping[str, Any], request_id: str = "", host_id: str = "", /) -> HttpResponse: ...


class ErrorRenderer(Protocol):
    """Renders an error; `resource` and `host_id` are shown by S3 only."""

    def __call__(
        self, error: AwsError, request_id: str = "", resource: str = "", host_id: str = "", /
    ) -> HttpResponse: ...


class MemberTable(dict[str, T]):
    """What to do with each member of a structure, by the member's name; compiled when a member is first seen.

    Compiling late makes recursive shapes finite and leaves the large unused parts of models alone.
    """

    __slots__ = ("_compile", "_shape")

    def __init__(self, shape: Shape, compile_member: Callable[[str, Shape], T]) -> None:
        super().__init__()
        self._shape = shape
        self._compile = compile_member

    def __missing__(self, name: str) -> T:
        member = self._shape.members.get(name)
        if member is None:
            raise KeyError(f"{self._shape.name} has no member {name!r}")
        compiled = self[name] = self._compile(name, member)
        return compiled


def check_union(shape: Shape, value: Mapping[str, Any]) -> None:
    """A union has exactly one member, in every protocol."""
    present = [name for name, item in value.items() if item is not None]
    if len(present) != 1:
        raise ValueError(f"the union {shape.name} must have exactly one member, not {present}")


def request_id_headers(model: Traits) -> Callable[[Headers, str, str], None]:
    """Adds the request id's header, and S3's second one, under the names that the service uses (overlay of the model)."""
    metadata = model["metadata"]
    name: str = metadata.get("requestIdHeader", "x-amzn-RequestId")
    host_name: str = metadata.get("hostIdHeader", "")

    def add(headers: Headers, request_id: str, host_id: str) -> None:
        if request_id:
            headers.append((name, request_id))
        if host_id and host_name:
            headers.append((host_name, host_id))

    return add


_FORBIDDEN = re.compile("[\r\n\0]").search
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


def header_value(text: str) -> str:
    """A header's value: printable ASCII as it is, the rest as S3 sends it, one RFC 2047 word of Base64.

    Source: S3 user guide, "Working with object metadata" (values that are not US-ASCII come back as `=?UTF-8?B?…?=`).
    Raises ValueError for CR, LF and NUL, so that nothing can add headers to a response.
    """
    if text.isascii() and text.isprintable():
        return text
    if _FORBIDDEN(text):
        raise ValueError(f"a header value must not contain CR, LF or NUL: {text!r}")
    if text.isascii() and text.replace("\t", "").isprintable():
        return text
    return f"=?UTF-8?B?{b64encode(text.encode()).decode()}?="


def header_name(name: str) -> str:
    """A header's name made from data (prefix maps); raises ValueError for what is not an RFC 9110 token."""
    if _TOKEN(name) is None:
        raise ValueError(f"not a header name: {name!r}")
    return name
