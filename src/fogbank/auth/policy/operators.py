"""Condition operators: each makes, from the values in the policy, a test of one value of the request.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import base64
import binascii
import operator
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.auth.policy.wildcards import any_of, component_matcher

if TYPE_CHECKING:
    from collections.abc import Callable


class Operator(msgspec.Struct, frozen=True):
    """`make` takes the policy's values and gives the test of whether a request's value matches any of them.

    `negated`: the condition holds if none matches. `wild`: `*` and `?` in the values are wildcards. `variables`: policy
    variables may stand in the values. `make` raises ValueError for a value that is not of the operator's type.
    """

    make: Callable[[list[str]], Callable[[str], bool]]
    negated: bool = False
    wild: bool = False
    variables: bool = False


def _equals(values: list[str]) -> Callable[[str], bool]:
    return frozenset(values).__contains__


def _equals_ignoring_case(values: list[str]) -> Callable[[str], bool]:
    folded = frozenset(value.lower() for value in values)
    return lambda value: value.lower() in folded


def _arn(values: list[str]) -> Callable[[str], bool]:
    tests = [component_matcher(value) for value in values]
    return lambda value: any(test(value) for test in tests)


def _bool(values: list[str]) -> Callable[[str], bool]:
    folded = frozenset(value.lower() for value in values)
    if not folded <= {"true", "false"}:
        raise ValueError("neither true nor false")
    return lambda value: value.lower() in folded


def _binary(values: list[str]) -> Callable[[str], bool]:
    wanted = frozenset(base64.b64decode(value, validate=True) for value in values)

    def test(value: str) -> bool:
        return _decoded(value) in wanted or value.encode(errors="surrogateescape") in wanted

    return test


def _decoded(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _addresses(values: list[str]) -> Callable[[str], bool]:
    networks = [ip_network(_no_zone(value), strict=False) for value in values]
    return lambda value: _within(value, networks)


def _no_zone(value: str) -> str:
    if "%" in value or len(value) > 64:
        raise ValueError("not an address")
    return value


def _within(value: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        address = _address(value)
    except ValueError:
        return False
    return any(address in network for network in networks)


@lru_cache(1024)
def _address(value: str) -> Any:
    address = ip_address(_no_zone(value))
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


_NUMBER = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{1,64})?([eE][+-]?[0-9]{1,3})?", re.ASCII)


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return Decimal(text)


_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(text: str) -> Decimal:
    """Seconds since 1970 of an ISO 8601 date as W3C profiles it, or of a number of seconds that is not four digits."""
    found = _DATE.fullmatch(text)
    if found is None:
        return _number(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    moment = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
    )
    when = moment - _EPOCH
    if zone and zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        when -= offset if zone[0] == "+" else -offset
    return Decimal(when // timedelta(seconds=1)) + Decimal(f"0.{fraction or 0}")


def _comparison(
    parse: Callable[[str], Decimal], compare: Callable[[Decimal, Decimal], bool]
) -> Callable[[list[str]], Callable[[str], bool]]:
    def make(values: list[str]) -> Callable[[str], bool]:
        wanted = [parse(value) for value in values]

        def test(value: str) -> bool:
            try:
                number = parse(value)
            except (ValueError, OverflowError):
                return False
            return any(compare(number, other) for other in wanted)

        return test

    return make


def _ordered(prefix: str, parse: Callable[[str], Decimal]) -> dict[str, Operator]:
    comparisons = {
        "LessThan": operator.lt,
        "LessThanEquals": operator.le,
        "GreaterThan": operator.gt,
        "GreaterThanEquals": operator.ge,
    }
    found = {prefix + name: Operator(_comparison(parse, compare)) for name, compare in comparisons.items()}
    equal = _comparison(parse, operator.eq)
    return found | {f"{prefix}Equals": Operator(equal), f"{prefix}NotEquals": Operator(equal, negated=True)}


OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(_equals, variables=True),
    "StringNotEquals": Operator(_equals, negated=True, variables=True),
    "StringEqualsIgnoreCase": Operator(_equals_ignoring_case, variables=True),
    "StringNotEqualsIgnoreCase": Operator(_equals_ignoring_case, negated=True, variables=True),
    "StringLike": Operator(any_of, wild=True, variables=True),
    "StringNotLike": Operator(any_of, negated=True, wild=True, variables=True),
    "Bool": Operator(_bool, variables=True),
    "BinaryEquals": Operator(_binary),
    "IpAddress": Operator(_addresses),
    "NotIpAddress": Operator(_addresses, negated=True),
    "ArnEquals": Operator(_arn, wild=True, variables=True),
    "ArnLike": Operator(_arn, wild=True, variables=True),
    "ArnNotEquals": Operator(_arn, negated=True, wild=True, variables=True),
    "ArnNotLike": Operator(_arn, negated=True, wild=True, variables=True),
    **_ordered("Numeric", _number),
    **_ordered("Date", _instant),
}
