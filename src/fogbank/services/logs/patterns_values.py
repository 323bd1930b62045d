"""Values in filter patterns: what `=`, `<` and the others compare with, in JSON and in space-delimited patterns alike.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.logs.patterns_regex import Regex, bad_term, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
LONGEST_NUMBER: Final = 64  # characters
MOST_REGEXES: Final = 2  # in a pattern
MOST_DEPTH: Final = 30  # of parentheses
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<op>&&|\|\||!=|<=|>=|[=<>(),])
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<regex>%(?:[^%\\]|\\.)*%)
      | (?P<selector>\$(?:\.?\[(?:\d{1,9}|\*|"(?:[^"\\]|\\.)*"|'[^']*')\]|\.[A-Za-z0-9_-]+|\.\*)+)
      | (?P<word>[A-Za-z0-9_.*+:/-]+)
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class Token(msgspec.Struct, frozen=True):
    """A piece of a pattern: `kind` is op, string, regex, selector or word."""

    kind: str
    text: str


class Operand(msgspec.Struct, frozen=True):
    """The right side of a comparison: it `tests` a text. `literal` is what a text that equals it contains; empty for none."""

    test: Callable[[str], bool]
    literal: str = ""


class Tokens:
    """The pieces of a pattern, one after the other."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_cut(text))
        self._at = 0
        self.regexes = 0

    @property
    def next(self) -> Token:
        """The next piece; one of the kind `end` behind the last."""
        return self._tokens[self._at]

    def pop(self) -> Token:
        """The next piece, which is taken."""
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def take(self, kind: str, *texts: str) -> bool:
        """Take the next piece if it is of this kind, and one of these, in any case."""
        found = self.next
        if found.kind != kind or (texts and found.text.upper() not in texts):
            return False
        self.pop()
        return True

    def need(self, kind: str, *texts: str) -> str:
        """The text of the next piece, which has to be of this kind."""
        text = self.next.text
        if not self.take(kind, *texts):
            raise wrong()
        return text

    def operator(self) -> str:
        """A comparison's."""
        return self.need("op", "=", "!=", "<", "<=", ">", ">=")

    def operand(self, operator: str) -> Operand:
        """What a comparison compares with."""
        token = self.pop()
        if operator not in ("=", "!="):
            return ordered(operator, token)
        if token.kind == "regex":
            self.regexes += 1
            if self.regexes > MOST_REGEXES:
                raise wrong()
            regex = Regex(token.text[1:-1])
            return Operand(regex.matches, max(regex.required, key=len, default=""))
        if token.kind == "string":
            return wildcard(unquote(token.text))
        if token.kind != "word":
            raise wrong()
        number = as_number(token.text)
        return wildcard(token.text) if number is None else equals_number(number, token.text)


def _cut(text: str) -> Iterator[Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            rest = text[at:].lstrip()
            raise bad_term(rest[:3] if rest.startswith('$."') else rest[:1])
        yield Token(found.lastgroup, found[found.lastgroup])
        at = found.end()
    yield Token("end", "")


def unquote(text: str) -> str:
    """What a quoted string says."""
    return _ESCAPE.sub(r"\1", text[1:-1])


def as_number(text: str) -> float | None:
    """A text as a number; None if it is none."""
    return float(text) if len(text) <= LONGEST_NUMBER and NUMBER.fullmatch(text) else None


def ordered(operator: str, token: Token) -> Operand:
    """A comparison with a number; a text that is not a number is not less, nor more."""
    number = as_number(token.text) if token.kind == "word" else None
    if number is None:
        raise wrong()
    tests: dict[str, Callable[[float], bool]] = {
        "<": number.__gt__,
        "<=": number.__ge__,
        ">": number.__lt__,
        ">=": number.__le__,
    }
    compare = tests[operator]

    def test(text: str) -> bool:
        value = as_number(text)
        return value is not None and compare(value)

    return Operand(test)


def equals_number(number: float, given: str) -> Operand:
    """Equality with a number, however it is written."""

    def test(text: str) -> bool:
        return text == given or as_number(text) == number

    return Operand(test)


def wildcard(text: str) -> Operand:
    """Equality with a text; `*` at its beginning or end stands for any text, elsewhere for itself."""
    leading, trailing = text.startswith("*"), text.endswith("*")
    inner = text.strip("*") if leading and trailing else text[1:] if leading else text[:-1] if trailing else text
    if leading and trailing:
        return Operand(lambda value: inner in value, inner)
    if leading:
        return Operand(lambda value: value.endswith(inner), inner)
    if trailing:
        return Operand(lambda value: value.startswith(inner), inner)
    return Operand(lambda value: value == inner, inner)
