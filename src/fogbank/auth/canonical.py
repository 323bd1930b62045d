"""The canonical request: method, path, query, headers and payload hash in the one form that both sides sign.

Source: AWS General Reference, "Create a canonical request"; Amazon S3 API Reference, "Signature Calculations for the
Authorization Header: Transferring Payload in a Single Chunk".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

from fogbank.auth.signing import to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Nothing to encode, and no dot segment or empty segment to remove: nearly every path of a service that is not S3 is "/".
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?").fullmatch
_PLAIN_KEY = re.compile(r"[A-Za-z0-9._~/-]*").fullmatch
# A query whose escapes are already those that RFC 3986 asks for (upper case, and none for an unreserved character).
_CANONICAL_QUERY = re.compile(
    r"(?:[A-Za-z0-9._~&=-]|%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF]))*"
).fullmatch
# RFC 3986's characters that a path segment may hold unescaped and that are not unreserved.
_RESERVED = "!$&'()*+,;=:@"
_HAS_RESERVED = re.compile(f"[{_RESERVED}]").search
_SPACES = re.compile(r"[ \t\r\n\f\v]+")


def canonical_path(path: str, *, s3: bool, raw_path: str | None = None) -> str:
    """The path as it is signed.

    `path` is percent-decoded. S3 encodes it once and leaves dot segments and double slashes alone; other services normalise
    it and encode it twice. `raw_path` is the percent-encoded path where the decoded one is ambiguous (`%2F` inside a label).
    """
    if s3:
        return _encode_once(path, raw_path)
    if raw_path is None:
        if _PLAIN_PATH(path):
            return path or "/"
        raw_path = _encode(to_bytes(path), "/~")
    return _encode(to_bytes(_normalise(raw_path)), "/~")


def reserved_path(path: str) -> str | None:
    """How a service other than S3 sees `path` if its reserved characters came unescaped (`/@connections/…`, or from curl).

    None where there are none. It cannot be mistaken for `canonical_path`'s form of any other path, because that one escapes
    every reserved character twice: a signature still stands for one path only.
    """
    if not _HAS_RESERVED(path):
        return None
    return _encode(to_bytes(_normalise(_encode(to_bytes(path), f"/~{_RESERVED}"))), "/~")


def _encode_once(path: str, raw_path: str | None) -> str:
    if raw_path is not None:
        return "/".join(_encode(unquote_to_bytes(to_bytes(part)), "~") for part in raw_path.split("/")) or "/"
    if _PLAIN_KEY(path):
        return path or "/"
    return _encode(to_bytes(path), "/~")


def _encode(data: bytes, safe: str) -> str:
    return quote_from_bytes(data, safe)


def _normalise(path: str) -> str:
    """Dot segments removed, empty segments dropped; a trailing slash stays, but a last `.` or `..` leaves none (as in the SDKs)."""
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part and part != ".":
            kept.append(part)
    if not kept:
        return "/"
    return "/" + "/".join(kept) + ("" if parts[-1] else "/")


def canonical_query(query: str, *, leave_out: str | None = None) -> str:
    """The raw `query` decoded, encoded as RFC 3986 says, sorted by name and then value.

    A raw `+` is a space, as it is to whoever parses the arguments: what is signed is what will be understood. `leave_out` is
    the decoded name that is not signed (X-Amz-Signature of a presigned URL).
    """
    if not query:
        return ""
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    if not _CANONICAL_QUERY(query) or any("=" in value for _, value in pairs):
        pairs = [(_recode(name), _recode(value)) for name, value in pairs]
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs if name != leave_out])


def _recode(text: str) -> str:
    return quote_from_bytes(unquote_to_bytes(to_bytes(text.replace("+", " "))), "~")


def canonical_headers(headers: Mapping[str, str], names: Iterable[str]) -> str:
    """One `name:value` line for each of `names` that is present, values trimmed and inner white space collapsed.

    A header that is named as signed but is missing has no line at all, so that taking one away is noticed even if it was empty.
    """
    lines = []
    for name in names:
        value = headers.get("host" if name == ":authority" else name)
        if value is not None:
            if "  " in value or value != value.strip() or "\t" in value or "\n" in value:
                value = _SPACES.sub(" ", value).strip(" ")
            lines.append(f"{name}:{value}\n")
    return "".join(lines)


def canonical_request(method: str, path: str, query: str, headers: str, names: str, payload_hash: str) -> str:
    """The canonical request from its canonical parts; `names` are the signed header names joined with semicolons."""
    return f"{method}\n{path}\n{query}\n{headers}\n{names}\n{payload_hash}"
