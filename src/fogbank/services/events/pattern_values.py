"""What an event pattern asks of one value: a string, a number, true, false or null.

Source: EventBridge User Guide, "Comparison operators for use in event patterns".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# A number is the bytes of its text: it equals no string, and 300 is not 300.0, as EventBridge has it.
Scalar = str | bytes | bool | None
Test = Callable[[Scalar], bool]
HIGHEST: Final = 5e9  # of numbers in numeric comparisons, and the lowest below zero
_ESCAPES: Final = re.compile(r"\\(.?)|(\*)", re.DOTALL)


class TestError(Exception):
    """A test is not valid: why, in AWS's words."""

    __test__ = False


def number_of(value: Scalar) -> float | None:
    """A number's value; None for what is none."""
    return float(value) if type(value) is bytes else None


def prefix(text: str, *, ignore_case: bool = False) -> Test:
    """A string begins with a text."""
    if ignore_case:
        small = text.lower()
        return lambda value: isinstance(value, str) and value.lower().startswith(small)
    return lambda value: isinstance(value, str) and value.startswith(text)


def suffix(text: str, *, ignore_case: bool = False) -> Test:
    """A string ends with a text."""
    if ignore_case:
        small = text.lower()
        return lambda value: isinstance(value, str) and value.lower().endswith(small)
    return lambda value: isinstance(value, str) and value.endswith(text)


def equals_ignore_case(text: str) -> Test:
    """A string is a text, in whichever case."""
    small = text.lower()
    return lambda value: isinstance(value, str) and value.lower() == small


def wildcard(text: str) -> Test:
    r"""A string is a text in which `*` stands for any characters; `\*` and `\\` are themselves.

    The texts between are looked for one after the other, each at its first place: it costs a look at each character.
    """
    pieces = _pieces(text)
    if len(pieces) == 1:
        return lambda value: value == pieces[0]
    first, *between, last = pieces
    least = sum(map(len, pieces))

    def test(value: Scalar) -> bool:
        if not isinstance(value, str) or len(value) < least:
            return False
        if not value.startswith(first) or not value.endswith(last):
            return False
        at, end = len(first), len(value) - len(last)
        for piece in between:
            at = value.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return at <= end

    return test


def _pieces(text: str) -> list[str]:
    """The texts between the wildcards."""
    pieces, at, star = [""], 0, -1
    for found in _ESCAPES.finditer(text):
        if found[2] and found.start() == star:
            raise TestError(f"Consecutive wildcard characters at pos {star - 1}")
        if found[1] is not None and found[1] not in ("*", "\\"):
            raise TestError(f"Invalid escape character at pos {found.start()}")
        pieces[-1] += text[at : found.start()] + (found[1] or "")
        at = found.end()
        if found[2]:
            pieces.append("")
            star = at
    pieces[-1] += text[at:]
    return pieces


def cidr(text: str) -> Test:
    """A string is an address of a network."""
    address, slash, bits = text.partition("/")
    if not slash:
        raise TestError("Malformed CIDR, one '/' required")
    if not (bits.isascii() and bits.isdecimal()):
        raise TestError("Malformed CIDR, mask bits must be an integer")
    try:
        ip_address(address)
    except ValueError:
        raise TestError(f"Nonstandard IP address: {address}") from None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise TestError("Malformed CIDR, bad mask length") from None

    def test(value: Scalar) -> bool:
        try:
            return isinstance(value, str) and len(value) < 50 and ip_address(value) in network
        except ValueError:
            return False

    return test


def numeric(terms: Sequence[tuple[str, float]]) -> Test:
    """A number compares to one or two others as operators say."""
    low, high, above, below = -math.inf, math.inf, False, False
    for operator, value in terms:
        if operator in ("=", ">", ">="):
            low, above = value, operator == ">"
        if operator in ("=", "<", "<="):
            high, below = value, operator == "<"

    def test(value: Scalar) -> bool:
        number = number_of(value)
        if number is None:
            return False
        return (number > low if above else number >= low) and (number < high if below else number <= high)

    return test


def anything_but(values: frozenset[Scalar]) -> Test:
    """A value is none of these; numbers are compared by value."""
    numbers = {number for value in values if (number := number_of(value)) is not None}
    return lambda value: value not in values and (not numbers or number_of(value) not in numbers)


def none_of(tests: Sequence[Test]) -> Test:
    """No test is passed."""
    return lambda value: not any(test(value) for test in tests)
