"""Wildcards in time linear in the text, whatever the pattern.

A pattern is text in which `*` and `?` that are wildcards were replaced by STAR and ANY: lone surrogates, which no policy
document may contain, so that a literal asterisk (`${*}`, or one in a variable's value) is never taken for one.
Source: IAM User Guide, "IAM JSON policy elements: Resource", "Using wildcards in resource ARNs".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STAR, ANY = "\udb80", "\udb81"
_WILD = {ord("*"): STAR, ord("?"): ANY}
_STARS = re.compile(f"{STAR}{{2,}}")


def pattern_of(text: str) -> str:
    """A pattern of which every `*` and `?` is a wildcard."""
    return text.translate(_WILD)


def has_wildcards(pattern: str) -> bool:
    """Whether it may match more than itself."""
    return STAR in pattern or ANY in pattern


def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a text is what the pattern describes."""
    pattern = _STARS.sub(STAR, pattern)
    if pattern == STAR:
        return _anything
    if not has_wildcards(pattern):
        return pattern.__eq__
    if ANY in pattern:
        return _bits(pattern)
    first, *middle, last = pattern.split(STAR)
    shortest = sum(map(len, middle)) + len(first) + len(last)

    def between(text: str) -> bool:
        if len(text) < shortest or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for part in middle:
            at = text.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return between


def _anything(_text: str) -> bool:
    return True


def _bits(pattern: str) -> Callable[[str], bool]:
    """Simulate the pattern's automaton with one bit for each state: no backtracking."""
    accepts: dict[str, int] = {}
    anywhere = loops = 0
    state = 1
    for char in pattern:
        if char == STAR:
            loops |= state
            continue
        if char == ANY:
            anywhere |= state
        else:
            accepts[char] = accepts.get(char, 0) | state
        state <<= 1
    final = state

    def simulate(text: str) -> bool:
        states = 1
        for char in text:
            states = ((states & (accepts.get(char, 0) | anywhere)) << 1) | (states & loops)
            if not states:
                return False
        return bool(states & final)

    return simulate


def arn_matcher(pattern: str) -> Callable[[str], bool]:
    """Match a resource's ARN.

    A `*` that ends a segment reaches over the following colons; one in the middle of the first five segments, and any `?`
    there, stays within its segment. An ARN with fewer than six segments is completed with wildcards.
    """
    pattern = _STARS.sub(STAR, pattern)
    segments = pattern.split(":", 5)
    if len(segments) < 6 and not pattern.endswith(STAR):
        pattern += ":" + STAR
    if any(ANY in part or STAR in part[:-1] for part in segments[:5]):
        return component_matcher(pattern)
    return matcher(pattern)


def component_matcher(pattern: str) -> Callable[[str], bool]:
    """Match an ARN whose six components are compared one by one, as ArnLike does."""
    if pattern == STAR:
        return _anything
    parts = pattern.split(":", 5)
    tests = [matcher(part) for part in parts]

    def compare(text: str) -> bool:
        found = text.split(":", 5)
        return len(found) == len(tests) == 6 and all(test(part) for test, part in zip(tests, found, strict=True))

    return compare


class Patterns:
    """Several patterns, of which any may match: exact ones and prefixes are compared at once."""

    __slots__ = ("_exact", "_others", "_prefixes", "everything")

    def __init__(self, patterns: Iterable[str], make: Callable[[str], Callable[[str], bool]] = matcher) -> None:
        exact, prefixes, others = set(), [], []
        self.everything = False
        for pattern in patterns:
            if not pattern.strip(STAR):
                self.everything |= bool(pattern)
            if (not has_wildcards(pattern) and make is matcher) or (
                not has_wildcards(pattern) and pattern.count(":") >= 5
            ):
                exact.add(pattern)
            elif pattern.endswith(STAR) and not has_wildcards(pattern[:-1]):
                prefixes.append(pattern[:-1])
            else:
                others.append(make(pattern))
        self._exact, self._prefixes, self._others = frozenset(exact), tuple(prefixes), tuple(others)

    def __call__(self, text: str) -> bool:
        """Whether any of them matches."""
        if text in self._exact or text.startswith(self._prefixes):
            return True
        return any(test(text) for test in self._others) if self._others else False
