"""Filter patterns: which log events metric filters, subscription filters, FilterLogEvents and Live Tail mean.

A pattern is words and phrases, a regular expression in `%`, an expression over JSON in `{}`, or fields in `[]`.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Protocol

from fogbank.core.errors import AwsError
from fogbank.services.logs.patterns_fields import FieldsPattern
from fogbank.services.logs.patterns_json import JsonPattern
from fogbank.services.logs.patterns_regex import Regex, bad_term
from fogbank.services.logs.patterns_values import unquote

LONGEST: Final = 1024  # characters
_TERM: Final = re.compile(r"""\s*([?-]?)(\s*)("(?:[^"\\]|\\.)*"|[A-Za-z0-9_]+)(?=\s|$)""", re.DOTALL | re.ASCII)


class Pattern(Protocol):
    """A compiled pattern. `required` are literals that every message that matches contains, as UTF-8; `regexes` counts its regular
    expressions; `names` are what it extracts: `$.selector` or `$name`.
    """

    text: str
    required: tuple[bytes, ...]
    regexes: int
    names: frozenset[str]

    def matches(self, message: str) -> bool:
        """Whether it means a message."""

    def extract(self, message: str) -> dict[str, str]:
        """The values of a message that it means, by `$.selector` or `$name`."""


@lru_cache(maxsize=128)
def compile_pattern(text: str) -> Pattern:
    """A pattern. AwsError InvalidParameterException, in AWS's words, for what is none."""
    if len(text) > LONGEST:
        raise invalid(
            f"1 validation error detected: Value at 'filterPattern' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST}"
        )
    stripped = text.strip()
    if stripped.startswith("{"):
        if not stripped.endswith("}"):
            raise invalid("If a filter pattern starts with '{' it must end with '}'")
        return _Json(text, JsonPattern(stripped[1:-1]))
    if stripped.startswith("["):
        if not stripped.endswith("]"):
            raise invalid("If a filter pattern starts with '[' it must end with ']'")
        return _Fields(text, FieldsPattern(stripped[1:-1]))
    if len(stripped) > 2 and stripped.startswith("%") and stripped.endswith("%"):
        return _Regex(text, Regex(stripped[1:-1]))
    return _Terms(text)


def invalid(message: str) -> AwsError:
    """InvalidParameterException."""
    return AwsError("InvalidParameterException", message, status=400)


class _Terms:
    """Words and phrases: all of them, none of those after `-`; or one of those after `?`, where there are only such."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.regexes = 0
        self.names: frozenset[str] = frozenset()
        found = _terms(text)
        self._wanted = [term for sign, term in found if not sign and term.strip()]
        self._unwanted = [term for sign, term in found if sign == "-"]
        only_optional = all(sign == "?" for sign, _ in found)
        self._optional = [term for _, term in found] if only_optional else []
        self.required = tuple(term.encode(errors="replace") for term in self._wanted)
        if len(self._optional) == 1:
            self.required = (self._optional[0].encode(errors="replace"),)

    def matches(self, message: str) -> bool:
        if self._optional:
            return any(term in message for term in self._optional)
        return all(term in message for term in self._wanted) and not any(term in message for term in self._unwanted)

    def extract(self, message: str) -> dict[str, str]:
        return {}


def _terms(text: str) -> list[tuple[str, str]]:
    """The terms, each with its sign: `-`, `?` or none."""
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        term = _TERM.match(text, at)
        if term is None or (term[1] == "?" and term[2]):
            raise bad_term(_first_bad(text, at))
        word = unquote(term[3]) if term[3].startswith('"') else term[3]
        if not word:
            raise bad_term(term[3])
        found.append((term[1], word))
        at = term.end()
    return found


def _first_bad(text: str, at: int) -> str:
    """The character that is why a term cannot be read."""
    rest = text[at:].strip()
    signless = rest.lstrip("?-")
    return next((char for char in signless if not (char.isascii() and (char.isalnum() or char in "_ "))), rest[:1])


class _Regex:
    """A regular expression alone."""

    def __init__(self, text: str, regex: Regex) -> None:
        self.text = text
        self.regexes = 1
        self.names: frozenset[str] = frozenset()
        self.required = tuple(run.encode() for run in regex.required)
        self.matches = regex.matches

    def extract(self, message: str) -> dict[str, str]:
        return {}


class _Json:
    """An expression over JSON."""

    def __init__(self, text: str, pattern: JsonPattern) -> None:
        self.text = text
        self.regexes = pattern.regexes
        self.names = frozenset(pattern.selectors)
        self.required = tuple(literal.encode() for literal in pattern.required)
        self.matches = pattern.matches
        self.extract = pattern.extract


class _Fields:
    """Fields of words."""

    def __init__(self, text: str, pattern: FieldsPattern) -> None:
        self.text = text
        self.regexes = pattern.regexes
        self.names = frozenset(f"${name}" for name in pattern.names)
        self.required = tuple(literal.encode(errors="replace") for literal in pattern.required)
        self.matches = pattern.matches
        self.extract = pattern.extract
