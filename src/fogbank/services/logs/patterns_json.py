"""JSON patterns, `{ $.a.b[0] = "x*" && … }`: a message matches that is a JSON object of which the expression is true.

A selector that leads nowhere, or to an object or array, makes every comparison false, `!=` too. `[*]` and `.*` stand for any element
or member. Text in JSON may be escaped, so that no literal but `{` has to be in a message as it is in the pattern.

Source: CloudWatch Logs User Guide, "Using filter patterns to match terms in JSON log events".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs.patterns_regex import wrong
from fogbank.services.logs.patterns_values import MOST_DEPTH, Tokens, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # A test, and what a message without backslashes contains of which it is true.
    Hinted = tuple[Callable[[Any], bool], tuple[str, ...]]

EVERY: Final = None  # a step to any element or member
MOST_WILD: Final = 3  # wildcards of selectors in a pattern
MOST_FOLLOWED: Final = 10_000  # values that a wildcard leads to in a message
_STEP: Final = re.compile(r"""\.?\[(\d+|\*|"(?:[^"\\]|\\.)*"|'[^']*')\]|\.([A-Za-z0-9_-]+|\*)""", re.DOTALL)
_MISSING: Final = object()

Step = str | int | None


class JsonPattern:
    """An expression in braces."""

    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text)
        self._wild = 0
        self.selectors: dict[str, tuple[Step, ...]] = {}
        self._test, self._hints = self._either(0)
        if self._tokens.next.kind != "end":
            raise wrong()
        self.regexes = self._tokens.regexes
        self.required = ("{",)

    def matches(self, message: str) -> bool:
        """Whether the expression is true of a message."""
        if "\\" not in message:  # then strings are written as they are
            for hint in self._hints:
                if hint not in message:
                    return False
        found = read(message)
        return found is not None and self._test(found)

    def extract(self, message: str) -> dict[str, str]:
        """The values of the selectors that lead to one."""
        document = read(message)
        values = {name: next(follow(document, steps), _MISSING) for name, steps in self.selectors.items()}
        texts = {name: as_text(value) for name, value in values.items()}
        return {name: text for name, text in texts.items() if text is not None}

    def _either(self, depth: int) -> Hinted:
        tests = [self._both(depth)]
        while self._tokens.take("op", "||"):
            tests.append(self._both(depth))
        if len(tests) == 1:
            return tests[0]
        return lambda document: any(test(document) for test, _ in tests), ()

    def _both(self, depth: int) -> Hinted:
        tests = [self._one(depth)]
        while self._tokens.take("op", "&&"):
            tests.append(self._one(depth))
        if len(tests) == 1:
            return tests[0]
        hints = tuple(hint for _, found in tests for hint in found)
        return lambda document: all(test(document) for test, _ in tests), hints

    def _one(self, depth: int) -> Hinted:
        if not self._tokens.take("op", "("):
            return self._condition()
        if depth >= MOST_DEPTH:
            raise wrong()
        inner = self._either(depth + 1)
        self._tokens.need("op", ")")
        return inner

    def _condition(self) -> Hinted:
        steps = self._selector()
        if self._tokens.take("word", "NOT"):
            self._tokens.need("word", "EXISTS")
            return lambda document: next(follow(document, steps), _MISSING) is _MISSING, ()
        if self._tokens.take("word", "IS"):
            wanted = CONSTANTS[self._tokens.need("word", *CONSTANTS).upper()]
            return lambda document: any(value is wanted for value in follow(document, steps)), ()
        return self._comparison(steps)

    def _comparison(self, steps: tuple[Step, ...]) -> Hinted:
        operator = self._tokens.operator()
        operand = self._tokens.operand(operator)
        test, wanted = operand.test, operator != "!="

        def compare(document: Any) -> bool:
            texts = map(as_text, follow(document, steps))
            return any(text is not None and test(text) is wanted for text in texts)

        return compare, (operand.literal,) if wanted and is_plain(operand.literal) else ()

    def _selector(self) -> tuple[Step, ...]:
        text = self._tokens.need("selector")
        steps = self.selectors[text] = tuple(_steps(text))
        self._wild += steps.count(EVERY)
        if steps.count(EVERY) > 1 or self._wild > MOST_WILD:
            raise wrong()
        return steps


CONSTANTS: Final[dict[str, bool | None]] = {"NULL": None, "TRUE": True, "FALSE": False}


def is_plain(literal: str) -> bool:
    """Whether a value that contains this is a string, which is written in JSON as it is: numbers may be written otherwise."""
    return (
        literal.isascii()
        and literal.isprintable()
        and '"' not in literal
        and any(map(str.isalpha, literal.lower().replace("e", "")))
    )


def _steps(text: str) -> Iterator[Step]:
    for found in _STEP.finditer(text, 1):
        inner, name = found[1], found[2]
        if "*" in (inner, name):
            yield EVERY
        elif name is not None:
            yield name
        elif inner[0] == '"':
            yield unquote(inner)
        else:
            yield inner[1:-1] if inner[0] == "'" else int(inner)


def read(message: str) -> dict[str, Any] | None:
    """A message as JSON; None if it is not an object."""
    if not message.lstrip().startswith("{"):
        return None
    try:
        found = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return found if isinstance(found, dict) else None


def follow(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """The values that a selector leads to."""
    for number, step in enumerate(steps):
        if step is EVERY:
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            for _, each in zip(range(MOST_FOLLOWED), inner, strict=False):
                yield from follow(each, steps[number + 1 :])
            return
        if isinstance(step, str):
            value = value.get(step, _MISSING) if isinstance(value, dict) else _MISSING
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else _MISSING
        if value is _MISSING:
            return
    yield value


def as_text(value: Any) -> str | None:
    """A string, number or boolean as text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None
