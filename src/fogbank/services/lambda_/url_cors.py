"""Pages of other origins that call a function's URL.

Source: Lambda API Reference, Cors; Lambda Developer Guide, "Cross-origin resource sharing (CORS)".
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "access-control-"


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request asks whether another would be allowed."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def headers(cors: Mapping[str, Any], request: Mapping[str, str], *, preflight: bool) -> list[tuple[str, str]]:
    """The headers that allow a page of the request's origin to see the answer; none if it may not."""
    origin = request.get("origin", "")
    allowed = cors.get("AllowOrigins") or ()
    if not origin or not any(fits(one, origin) for one in allowed):
        return []
    credentials = bool(cors.get("AllowCredentials"))
    anyone = "*" in allowed and not credentials
    found = [("access-control-allow-origin", "*" if anyone else origin)]
    if not anyone:
        found.append(("vary", "Origin"))
    if credentials:
        found.append(("access-control-allow-credentials", "true"))
    if exposed := cors.get("ExposeHeaders"):
        found.append(("access-control-expose-headers", ",".join(exposed)))
    if preflight:
        found += of_preflight(cors)
    return found


def of_preflight(cors: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a preflight is told besides."""
    found = []
    if methods := cors.get("AllowMethods"):
        found.append(("access-control-allow-methods", ",".join(methods)))
    if names := cors.get("AllowHeaders"):
        found.append(("access-control-allow-headers", ",".join(names)))
    if "MaxAge" in cors:
        found.append(("access-control-max-age", str(cors["MaxAge"])))
    return found


def fits(allowed: str, origin: str) -> bool:
    """Whether an origin is allowed: itself, or by a `*` in its host."""
    if "*" not in allowed:
        return allowed == origin
    return fnmatchcase(origin, allowed.replace("[", "[[]").replace("?", "[?]"))


def replaced(answer: list[tuple[str, str]], own: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """An answer's headers where the URL has CORS: what the function says of it does not count."""
    return [(name, value) for name, value in answer if not name.startswith(PREFIX)] + own
