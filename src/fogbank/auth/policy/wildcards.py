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
        if not text.startswith(first) or not text.endswith(last) or len(text) < shortest:
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


def _bits(pattern: str, inner: int = 0) -> Callable[[str], bool]:
    """Simulate the pattern's automaton with one bit for each state: no backtracking.

    Among the first `inner` characters, wildcards do not match a colon, except for a `*` before a colon or at the end.
    """
    accepts: dict[str, int] = {}
    anything = loops = 0  # bits of the states that go on, or stay, with any character
    colonless = staying = 0  # the same, with any but a colon
    state = 1
    for at, char in enumerate(pattern):
        within = at < inner and (char == ANY or pattern[at + 1 : at + 2] not in ("", ":"))
        if char == STAR:
            loops, staying = (loops, staying | state) if within else (loops | state, staying)
            continue
        if char == ANY:
            anything, colonless = (anything, colonless | state) if within else (anything | state, colonless)
        else:
            accepts[char] = accepts.get(char, 0) | state
        state <<= 1
    final = state

    def simulate(text: str) -> bool:
        states = 1
        for char in text:
            on, stay = accepts.get(char, 0) | anything, loops
            if char != ":":
                on, stay = on | colonless, stay | staying
            states = ((states & on) << 1) | (states & stay)
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
        return _bits(pattern, len(":".join(segments[:5])))
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


def any_of(patterns: Iterable[str], make: Callable[[str], Callable[[str], bool]] = matcher) -> Callable[[str], bool]:
    """A function that says whether any of the patterns matches. Exact ones and prefixes are compared all at once."""
    exact, prefixes, others = set(), [], []
    for pattern in patterns:
        whole = make is matcher or pattern.count(":") >= 5  # an incomplete ARN is a prefix
        if not pattern.strip(STAR) and pattern:
            return _anything
        if whole and not has_wildcards(pattern):
            exact.add(pattern)
        elif pattern.endswith(STAR) and not has_wildcards(pattern[:-1]):
            prefixes.append(pattern[:-1])
        else:
            others.append(make(pattern))
    return _joined(frozenset(exact), tuple(prefixes), others)


def _joined(
    exact: frozenset[str], prefixes: tuple[str, ...], others: list[Callable[[str], bool]]
) -> Callable[[str], bool]:
    """The cheapest function for what there is."""
    if len(others) == 1 and not exact and not prefixes:
        return others[0]
    if not others and not prefixes:
        return exact.__contains__
    if not others and not exact:
        return lambda text: text.startswith(prefixes)

    def test(text: str) -> bool:
        if text in exact or text.startswith(prefixes):
            return True
        for other in others:  # noqa: SIM110 - a generator costs more than the tests
            if other(text):
                return True
        return False

    return test


def matches_everything(test: Callable[[str], bool]) -> bool:
    """Whether it is the function that any_of gives for `*`."""
    return test is _anything
