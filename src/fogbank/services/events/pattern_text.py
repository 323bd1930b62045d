"""The text of an event pattern: JSON, read with the places of its values, since AWS's refusals tell them."""

from __future__ import annotations

import json
import re
from typing import Final, Literal

import msgspec

DEEPEST: Final = 100  # levels; a pattern's length would allow for about 800
SHOWN: Final = 500  # characters of a pattern that a refusal shows

Kind = Literal["object", "array", "string", "number", "literal"]
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD: Final = re.compile(r"[A-Za-z0-9_$]+")
_LITERALS: Final = {"true": True, "false": False, "null": None}
_decode = json.JSONDecoder().raw_decode


class PatternError(Exception):
    """A pattern is not valid: why, in AWS's words."""


class Node(msgspec.Struct, frozen=True):
    """A value: `value` is of a string, a number (its text) or a literal; `items` are of an array, `fields` of an object.

    `begun` is the place behind its first character, `ended` behind its last.
    """

    kind: Kind
    begun: int
    ended: int
    value: str | bool | None = None
    items: tuple[Node, ...] = ()
    fields: tuple[tuple[str, Node], ...] = ()

    @property
    def place(self) -> int:
        """Where a refusal of it points to: a string is not read when it is refused."""
        return self.begun if self.kind in ("string", "object", "array") else self.ended


class Source:
    """A pattern's text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self) -> Node:
        """Its only value. PatternError if it is not JSON."""
        node = self._value(self._skip(0), 0)
        rest = self._skip(node.ended)
        if rest < len(self.text):
            raise self.broken(f"Unexpected character ({self._shown(rest)}): expected end of input", rest + 1)
        return node

    def wrong(self, why: str, place: int) -> PatternError:
        """The refusal of a value."""
        return PatternError(f"{why} at {self._at(place)}")

    def broken(self, why: str, place: int) -> PatternError:
        """The refusal of text that is not JSON."""
        return PatternError(f"{why}\n at {self._at(place)}")

    def _at(self, place: int) -> str:
        line = self.text.count("\n", 0, place) + 1
        column = place - (self.text.rfind("\n", 0, place) + 1) + 1
        more = len(self.text) - SHOWN
        shown = self.text[:SHOWN] + (f'"[truncated {more} chars]' if more > 0 else '"')
        return f'[Source: (String)"{shown}; line: {line}, column: {column}]'

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def _shown(self, at: int) -> str:
        return f"'{self.text[at]}' (code {ord(self.text[at])})"

    def _value(self, at: int, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.wrong(f"Nesting is deeper than {DEEPEST} levels", at)
        first = self.text[at : at + 1]
        if first == "{":
            return self._object(at, depth)
        if first == "[":
            return self._array(at, depth)
        if first == '"':
            value, end = self._string(at)
            return Node("string", at + 1, end, value)
        return self._plain(at)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            value, end = _decode(self.text, at)
        except json.JSONDecodeError as error:
            raise self.broken(error.msg, error.pos + 1) from None
        return str(value), end

    def _plain(self, at: int) -> Node:
        number = _NUMBER.match(self.text, at)
        if number:
            return Node("number", at + 1, number.end(), number[0])
        word = _WORD.match(self.text, at)
        if word and word[0] in _LITERALS:
            return Node("literal", at + 1, word.end(), _LITERALS[word[0]])
        if word:
            expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            raise self.broken(f"Unrecognized token '{word[0]}': was expecting {expected}", word.end() + 1)
        raise self._unexpected(
            at, "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        )

    def _unexpected(self, at: int, expected: str) -> PatternError:
        if at >= len(self.text):
            return self.broken("Unexpected end-of-input", at)
        return self.broken(f"Unexpected character ({self._shown(at)}): {expected}", at + 1)

    def _array(self, at: int, depth: int) -> Node:
        items: list[Node] = []
        place = self._skip(at + 1)
        while self.text[place : place + 1] != "]":
            if items:
                place = self._comma(place, "Array")
            items.append(self._value(place, depth + 1))
            place = self._skip(items[-1].ended)
        return Node("array", at + 1, place + 1, items=tuple(items))

    def _object(self, at: int, depth: int) -> Node:
        fields: dict[str, Node] = {}
        place = self._skip(at + 1)
        while self.text[place : place + 1] != "}":
            if fields:
                place = self._comma(place, "Object")
            if self.text[place : place + 1] != '"':
                raise self._unexpected(place, "was expecting double-quote to start field name")
            name, end = self._string(place)
            colon = self._skip(end)
            if self.text[colon : colon + 1] != ":":
                raise self._unexpected(colon, "was expecting a colon to separate field name and value")
            fields[name] = self._value(self._skip(colon + 1), depth + 1)
            place = self._skip(fields[name].ended)
        return Node("object", at + 1, place + 1, fields=tuple(fields.items()))

    def _comma(self, at: int, kind: str) -> int:
        if self.text[at : at + 1] != ",":
            raise self._unexpected(at, f"was expecting comma to separate {kind} entries")
        return self._skip(at + 1)
