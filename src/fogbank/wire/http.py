"""HTTP requests and responses as the house passes them around: plain, and independent of the server that carries them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping


def split_query(query: str) -> list[tuple[str, str]]:
    """The decoded name-value pairs of a raw query string or form, in order; `+` is a space, bad UTF-8 becomes U+FFFD."""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((unquote_form(name), unquote_form(value)))
    return pairs


def unquote_form(text: str) -> str:
    """One percent-encoded name or value of a query string or form, decoded."""
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    return unquote_to_bytes(text).decode("utf-8", "replace")


class HttpRequest:
    """A request with its head, and its body where it has been read. Treat it as immutable.

    `path` is percent-decoded, as HTTP servers give it; `query` is the raw query string without `?`; `headers` have lower-case
    names, repeated ones joined with a comma; `body` is the whole body, or empty where the operation streams it;
    `client` is the address of the peer, without a port.
    """

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        client: str = "",
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.client = client
        self.scheme = scheme

    @cached_property
    def args(self) -> dict[str, list[str]]:
        """Decoded query arguments; a name that comes several times has several values, in order."""
        if not self.query:
            return {}
        args: dict[str, list[str]] = {}
        for name, value in split_query(self.query):
            args.setdefault(name, []).append(value)
        return args

    def at(self, path: str) -> HttpRequest:
        """The same request at another path; what has been computed of it is kept."""
        request = object.__new__(type(self))
        request.__dict__.update(self.__dict__)
        request.path = path
        return request


class HttpResponse:
    """A response: status, headers in order, and a body: bytes, or whatever the handler gave for a streaming member."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: Any = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body
