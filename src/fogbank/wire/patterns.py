"""The models' patterns, which are Java's regular expressions, as Python's; with a bound on what an input can cost.

AWS matches the whole value. Python's engine backtracks, and holds the interpreter while it does: so each pattern is read for
repeats that compete for the same characters, and the more compete, the shorter the text that it is asked about.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from re import _constants as sre  # type: ignore[attr-defined]  # re's own parser, not in its stubs
from re import _parser as sre_parser  # type: ignore[attr-defined]  # re's own parser, not in its stubs
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET = 4_000_000  # steps that one match may take, about 50 ms
_LAST_ASSIGNED = 0x323AF
_POSIX = {
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Space": r" \t-\r",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "ASCII": r"\x00-\x7f",
}
_NAMES = {"IsAlphabetic": "L", "IsLetter": "L", "IsDigit": "Nd", "IsLatin": "L", "InBasicLatin": "ASCII"}


class Pattern:
    """A compiled pattern; `limit` is the longest text, in characters, that `matches` decides on: it lets longer ones pass."""

    __slots__ = ("_match", "limit", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        translated = translate(text)
        self._match = re.compile(translated, re.ASCII).fullmatch
        self.limit = _limit(translated)

    def matches(self, value: str) -> bool:
        """Whether the whole of a value matches."""
        return len(value) > self.limit or self._match(value) is not None


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern | None:
    """A model's pattern; None if Python cannot express it."""
    try:
        return Pattern(text)
    except (re.error, KeyError, OverflowError, RecursionError):
        return None


# From Java to Python


def translate(text: str) -> str:
    """A Java pattern in Python's syntax; KeyError for a property that is not known."""
    text = text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(r"\z", r"\Z")
    text = re.sub(r"\\x\{([0-9A-Fa-f]{1,6})\}", lambda found: f"\\U{int(found[1], 16):08x}", text)
    return "".join(_translate_tokens(text))


_TOKEN = re.compile(r"\\[pP](?:\{(\^?\w+)\}|([A-Z]))|\\u\{?([0-9A-Fa-f]{4})\}?|\\.|\[\^?\]?|\]|.", re.DOTALL)


def _translate_tokens(text: str) -> Iterator[str]:
    in_class = False
    after_category = False
    for found in _TOKEN.finditer(text):
        token = found[0]
        if found[1] or found[2]:
            ranges = _property(found[1] or found[2], negate=token[1] == "P")
            yield ranges if in_class else f"[{ranges}]"
        elif token[0] == "[" and not in_class:
            in_class = True
            yield token
        elif token[0] == "[":
            yield "\\" + token
        elif token == "]":
            in_class = False
            yield token
        elif token == "-" and in_class and after_category:
            yield r"\-"  # Java reads [\w-_] as three items
        elif in_class and token in "&|~":
            yield "\\" + token  # set operators of a future Python
        elif found[3]:
            yield f"\\u{found[3]}"
        else:
            yield token
        after_category = in_class and (bool(found[1] or found[2]) or token in (r"\w", r"\d", r"\s"))


def _property(name: str, negate: bool) -> str:
    if name.startswith("^"):
        name, negate = name[1:], not negate
    name = _NAMES.get(name, name)
    if name in _POSIX:
        ranges = _POSIX[name]
        return ranges if not negate else _complement(ranges)
    name = name.removeprefix("Is")
    return _format(_inverted(_categories()[name]) if negate else _categories()[name])


def _complement(ranges: str) -> str:
    matches = re.compile(f"[{ranges}]").match
    return _format([(code, code) for code in range(128) if not matches(chr(code))]) + r"\x80-\U0010ffff"


@lru_cache(maxsize=1)
def _categories() -> dict[str, list[tuple[int, int]]]:
    """The ranges of Unicode's general categories (`Lu`), and of their first letters (`L`); about 20 ms, once."""
    found: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for name, same in groupby(map(unicodedata.category, map(chr, range(_LAST_ASSIGNED)))):
        end = start + sum(1 for _ in same)
        _extend(found.setdefault(name, []), start, end - 1)
        _extend(found.setdefault(name[0], []), start, end - 1)
        start = end
    return found


def _extend(runs: list[tuple[int, int]], low: int, high: int) -> None:
    if runs and runs[-1][1] == low - 1:
        low, _ = runs.pop()
    runs.append((low, high))


def _inverted(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    edges = [-1, *(edge for run in runs for edge in run), 0x110000]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(low + 1, high - 1) for low, high in pairs if low + 1 <= high - 1]


def _format(runs: list[tuple[int, int]]) -> str:
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in runs)


# What a match can cost

_OTHER = 1 << 128  # stands for all that is not ASCII
_EVERY = (1 << 129) - 1


def _limit(translated: str) -> int:
    """The longest text that cannot make the pattern take more than BUDGET steps, as far as its structure tells."""
    analysis = _Analysis()
    analysis.sequence(sre_parser.parse(translated, re.ASCII))
    if analysis.exponential:
        return 16
    return max(int(BUDGET ** (1 / max(analysis.most, 1))), 16)


class _Analysis:
    """How many repeats can compete for one stretch of text: `most` is the degree of the polynomial in its length."""

    def __init__(self) -> None:
        self.active: dict[int, int] = {}  # repeats that could still go on, by identity: the characters they take
        self.most = 1
        self.exponential = False

    def sequence(self, items: Any) -> None:
        for operator, argument in items:
            self.item(operator, argument)

    def item(self, operator: Any, argument: Any) -> None:
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            self.repeat(*argument)
        elif operator is sre.SUBPATTERN:
            self.sequence(argument[3])
        elif operator is sre.BRANCH:
            self.branch(argument[1])
        elif operator in (sre.ASSERT, sre.ASSERT_NOT):
            inner = _Analysis()
            inner.sequence(argument[1])
            self.most = max(self.most, inner.most)
            self.exponential |= inner.exponential
        elif operator is not sre.AT:
            self.take(characters_of(operator, argument))

    def take(self, characters: int) -> None:
        """A character that must come: repeats that cannot take it have ended."""
        self.active = {key: taken for key, taken in self.active.items() if taken & characters}

    def branch(self, branches: Any) -> None:
        before, after = self.active, {}
        for items in branches:
            self.active = dict(before)
            self.sequence(items)
            after.update(self.active)
        self.active = after

    def repeat(self, low: int, high: int, items: Any) -> None:
        if low == high == 1 or high == 0:
            self.sequence(items)
            return
        if len(items) == 1 and items[0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY):
            self.simple_repeat(items, low, high)
            return
        if high > 8:
            self.compete(_first(items))
        before = dict(self.active)
        self.sequence(items)
        if high > 1:
            first = dict(self.active)
            self.sequence(items)  # a second time round: does the first still compete?
            if _ambiguous(items, first) and high > 8:
                self.exponential = True
        if low == 0:
            self.active = {**before, **self.active}
        if high > 8:
            self.active[id(items)] = _all(items)

    def compete(self, characters: int) -> None:
        """Count a repeat that begins with some characters while others could still take them."""
        competing = [taken for taken in self.active.values() if taken & characters]
        self.most = max(self.most, len(competing) + 1)

    def simple_repeat(self, items: Any, low: int, high: int) -> None:
        characters = characters_of(*items[0])
        if low > 0:
            self.take(characters)
        if high - low > 8:
            self.compete(characters)
            self.active[id(items)] = characters


def _all(items: Any) -> int:
    """All characters that a sequence can take."""
    characters = 0
    for operator, argument in items:
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            characters |= _all(argument[2])
        elif operator is sre.SUBPATTERN:
            characters |= _all(argument[3])
        elif operator is sre.BRANCH:
            for branch in argument[1]:
                characters |= _all(branch)
        elif operator not in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
            characters |= characters_of(operator, argument)
    return characters


def _ambiguous(items: Any, active: dict[int, int]) -> bool:
    """Whether a loop's body can match the same text in more than one way of dividing it into rounds."""
    own = {id(inner) for inner in _simple_repeats(items)}
    first = _first(items)
    if any(key in own and taken & first for key, taken in active.items()):
        return True
    return any(_overlapping(branches) for branches in _branches(items))


def _nested(items: Any) -> Iterator[tuple[Any, Any, Any]]:
    for operator, argument in items:
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            yield operator, argument, argument[2]
            yield from _nested(argument[2])
        elif operator is sre.SUBPATTERN:
            yield from _nested(argument[3])
        elif operator is sre.BRANCH:
            yield operator, argument, None
            for branch in argument[1]:
                yield from _nested(branch)


def _simple_repeats(items: Any) -> Iterator[Any]:
    return (inner for operator, _, inner in _nested(items) if operator is not sre.BRANCH)


def _branches(items: Any) -> Iterator[Any]:
    return (argument[1] for operator, argument, _ in _nested(items) if operator is sre.BRANCH)


def _overlapping(branches: Any) -> bool:
    seen = 0
    for items in branches:
        first = _first(items)
        if seen & first:
            return True
        seen |= first
    return False


def _first(items: Any) -> int:
    """The characters that a sequence can begin with; of what may be empty, also those of what follows."""
    characters = 0
    for operator, argument in items:
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            characters |= _first(argument[2])
            if argument[0] == 0:
                continue
        elif operator is sre.SUBPATTERN:
            characters |= _first(argument[3])
        elif operator is sre.BRANCH:
            for branch in argument[1]:
                characters |= _first(branch)
        elif operator in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
            continue
        else:
            characters |= characters_of(operator, argument)
        return characters
    return characters


def characters_of(operator: Any, argument: Any) -> int:
    """What one item of a parsed pattern takes: a bit for each ASCII character, and bit 128 for all others."""
    if operator is sre.LITERAL:
        return _bit(argument)
    if operator is sre.NOT_LITERAL:
        return _EVERY & ~_bit(argument) | _OTHER
    if operator is sre.IN:
        return _class(argument)
    return _EVERY


def _class(items: Any) -> int:
    negate = items[0][0] is sre.NEGATE
    characters = 0
    for operator, argument in items[1:] if negate else items:
        if operator is sre.LITERAL:
            characters |= _bit(argument)
        elif operator is sre.RANGE:
            characters |= _range(*argument)
        else:
            characters |= _category(argument)
    return _EVERY & ~characters | _OTHER if negate else characters


def _bit(code: int) -> int:
    return 1 << min(code, 128)


def _range(low: int, high: int) -> int:
    return (1 << min(high, 128) + 1) - (1 << min(low, 128))


@lru_cache(maxsize=16)
def _category(category: Any) -> int:
    escape = {
        sre.CATEGORY_DIGIT: r"\d",
        sre.CATEGORY_NOT_DIGIT: r"\D",
        sre.CATEGORY_SPACE: r"\s",
        sre.CATEGORY_NOT_SPACE: r"\S",
        sre.CATEGORY_WORD: r"\w",
        sre.CATEGORY_NOT_WORD: r"\W",
    }[category]
    matches = re.compile(escape, re.ASCII).match
    return sum(1 << code for code in range(128) if matches(chr(code))) | _OTHER
