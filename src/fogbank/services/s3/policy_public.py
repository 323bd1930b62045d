"""Whether a bucket policy is public.

Source: S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of 'public'".
"""

from __future__ import annotations

import json
from functools import lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Keys that limit who is allowed, where their values are fixed.
_LIMITS: Final = frozenset(
    {f"aws:source{name}" for name in ("arn", "vpc", "vpce", "owner", "account", "orgid")}
    | {f"aws:principal{name}" for name in ("arn", "account", "orgid", "orgpaths", "servicename")}
    | {"aws:userid", "s3:dataaccesspointaccount", "s3:dataaccesspointarn"}
)
_EQUALS: Final = frozenset(
    ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "NumericEquals", "BinaryEquals"]
)
_LOCAL: Final = "fc00::/7"  # IPv6's private networks
_WIDEST: Final = {4: 8, 6: 32}  # bits of a prefix, by IP version: shorter ones are public


@lru_cache(maxsize=1024)
def is_public(document: str) -> bool:
    """Whether a valid policy allows anything to more than fixed principals, networks or sources."""
    found = json.loads(document, parse_int=str, parse_float=str)["Statement"]
    return any(_is_public(statement) for statement in (found if isinstance(found, list) else [found]))


def _is_public(statement: dict[str, Any]) -> bool:
    if statement["Effect"] != "Allow":
        return False
    if "NotPrincipal" in statement:
        return True
    named = statement["Principal"]
    everyone = named == "*" or any("*" in _texts(values) for values in named.values())
    return everyone and not any(_limits(*each) for each in _conditions(statement))


def _conditions(statement: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield operator.removeprefix("ForAnyValue:"), key.lower(), _texts(values)


def _limits(operator: str, key: str, values: list[str]) -> bool:
    """Whether a condition allows fixed values alone. `…IfExists` and `ForAllValues:` also hold where there is no value."""
    if operator == "IpAddress":
        return key == "aws:sourceip" and all(_is_narrow(value) for value in values)
    return operator in _EQUALS and key in _LIMITS and all(_is_fixed(key, value) for value in values)


def _is_narrow(network: str) -> bool:
    """Whether a network is small enough to be somebody's."""
    found = ip_network(network, strict=False)
    return found.prefixlen >= _WIDEST[found.version] or found.compressed == _LOCAL


def _is_fixed(key: str, value: str) -> bool:
    """Whether a value has no wildcard: but sessions of a fixed role, and access points of a fixed account."""
    if "${" in value:
        return False
    if key == "aws:userid" and value.startswith("AROA") and value.endswith(":*"):
        value = value[:-2]
    if key == "s3:dataaccesspointarn":
        value = value.partition(":accesspoint/")[0]
    return "*" not in value and "?" not in value


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
