"""Space-delimited patterns, `[ip, user, ..., status = 4*, bytes > 1000]`: what is asked of a message's words, by their place.

What stands between square brackets or double quotes is one word. `...` stands for any number of words; a pattern without it has as
many fields as the message has words. `[]` is every message's.

Source: CloudWatch Logs User Guide, "Using filter patterns to match terms in space-delimited log events".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.logs.patterns_regex import wrong
from fogbank.services.logs.patterns_values import MOST_DEPTH, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Test = Callable[[str], bool]

NAME: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
CLOSING: Final = {"[": "]", '"': '"'}
MOST_WORDS: Final = 100_000  # of a message: what has more matches no pattern


class Field(msgspec.Struct, frozen=True):
    """A field: its name (empty for none), what is asked of it (None: nothing), and what it has to contain."""

    name: str
    test: Callable[[str], bool] | None
    literal: str = ""


class FieldsPattern:
    """A pattern in square brackets. `rest` is the place of the `...`; None without one."""

    def __init__(self, text: str) -> None:
        parts = _parts(text.replace("…", "..."))
        places = [place for place, part in enumerate(parts) if part.strip() == "..."]
        if len(places) > 1:
            raise wrong()
        self.rest = places[0] if places else None
        if not text.strip():
            parts, self.rest = ["..."], 0
        self._regexes = 0
        fields = [self._field(part) for part in parts if part.strip() != "..."]
        before = len(fields) if self.rest is None else self.rest
        self._before, self._after = fields[:before], fields[before:]
        self.names = {field.name for field in fields if field.name}
        self.regexes = self._regexes
        self.required = tuple(field.literal for field in fields if field.literal)

    def _field(self, part: str) -> Field:
        tokens = Tokens(part)
        if tokens.next.kind == "end":
            return Field("", None)
        condition = Condition(tokens)
        if tokens.next.kind != "end":
            raise wrong()
        self._regexes += tokens.regexes
        if self._regexes > 2:
            raise wrong()
        return Field(condition.name, condition.test, condition.literal)

    def matches(self, message: str) -> bool:
        """Whether a message has these fields, and what is asked is true of them."""
        words = split(message)
        if not self._fits(words):
            return False
        end = len(words) - len(self._after)
        pairs = [*zip(self._before, words, strict=False), *zip(self._after, words[end:], strict=False)]
        return all(field.test is None or field.test(word) for field, word in pairs)

    def _fits(self, words: list[str]) -> bool:
        needed = len(self._before) + len(self._after)
        return needed <= len(words) <= MOST_WORDS if self.rest is not None else needed == len(words)

    def extract(self, message: str) -> dict[str, str]:
        """The words of a message that matches, by name, or by place where they have none."""
        words = split(message)
        end = len(words) - len(self._after)
        names = [field.name for field in self._before]
        names += [""] * (end - len(names)) + [field.name for field in self._after]
        return {f"${name or place}": word for place, (name, word) in enumerate(zip(names, words, strict=False), 1)}


class Condition:
    """What is asked of one field: comparisons of its name, with `&&`, `||` and parentheses."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.name = ""
        self.literal = ""
        self._literals: list[str] = []
        test = self._either(0)
        self.test: Test | None = test
        if len(self._literals) == 1:
            self.literal = self._literals[0]

    def _either(self, depth: int) -> Test | None:
        tests = [self._both(depth)]
        while self._tokens.take("op", "||"):
            tests.append(self._both(depth))
        return _joined(tests, any)

    def _both(self, depth: int) -> Test | None:
        tests = [self._one(depth)]
        while self._tokens.take("op", "&&"):
            tests.append(self._one(depth))
        return _joined(tests, all)

    def _one(self, depth: int) -> Test | None:
        if self._tokens.take("op", "("):
            if depth >= MOST_DEPTH:
                raise wrong()
            inner = self._either(depth + 1)
            self._tokens.need("op", ")")
            return inner
        name = self._tokens.need("word")
        if not NAME.fullmatch(name) or self.name not in ("", name):
            raise wrong()
        self.name = name
        if self._tokens.next.kind == "end":
            return None
        return self._comparison()

    def _comparison(self) -> Test:
        operator = self._tokens.operator()
        operand = self._tokens.operand(operator)
        self._literals.append(operand.literal if operator == "=" else "")
        test = operand.test
        return (lambda word: not test(word)) if operator == "!=" else test


def _joined(tests: list[Test | None], how: Callable[[Iterable[bool]], bool]) -> Test | None:
    """Several tests as one. A name without a comparison is no test, and alone in its field."""
    if len(tests) == 1:
        return tests[0]
    found = [test for test in tests if test is not None]
    if len(found) != len(tests):
        raise wrong()
    return lambda word: how(test(word) for test in found)


def _parts(text: str) -> list[str]:
    """The fields of a pattern: at the commas that are not in quotes, nor in a regular expression or its `{m,n}`."""
    parts, quote, escaped = [""], "", False
    for char in text:
        if char == "," and not quote:
            parts.append("")
            continue
        if char == quote and not escaped:
            quote = ""
        elif not quote and char in '"%':
            quote = char
        escaped = bool(quote) and char == "\\" and not escaped
        parts[-1] += char
    return parts


def split(message: str) -> list[str]:
    """The words of a message."""
    if "[" not in message and '"' not in message:
        return [word for word in message.split(" ", 2 * MOST_WORDS) if word]
    words: list[str] = []
    at, end = 0, len(message)
    unclosed: set[str] = set()  # brackets that nothing closes from here on
    while at < end and len(words) <= MOST_WORDS:
        char = message[at]
        if char == " ":
            at += 1
            continue
        closing = CLOSING.get(char, "")
        stop = message.find(closing, at + 1) if closing and char not in unclosed else -1
        if stop >= 0:
            words.append(message[at + 1 : stop])
            at = stop + 1
            continue
        if closing:
            unclosed.add(char)
        stop = message.find(" ", at)
        stop = end if stop < 0 else stop
        words.append(message[at:stop])
        at = stop
    return words
