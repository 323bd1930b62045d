"""The syntax of Insights queries: what a query is made of once it is read.

Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fogbank.core.errors import AwsError

MOST_DEPTH: Final = 60  # of expressions in each other


class Node(msgspec.Struct, frozen=True):
    """An expression; `text` is how it is written, without white space; `depth` how many stand in each other."""

    text: str
    at: int
    depth: int


class Const(Node, frozen=True):
    """A number or a string."""

    value: Any


class Period(Node, frozen=True):
    """A length of time: `count` of a `unit` (ms, s, m, h, d, w, mo, q, y)."""

    count: int
    unit: str


class Field(Node, frozen=True):
    """A field of an event, or one that the query made."""

    name: str


class Apply(Node, frozen=True):
    """A function, or an operator by its sign, of arguments. `count(*)` has none."""

    name: str
    args: tuple[Node, ...]


class Like(Node, frozen=True):
    """Whether a value contains a text, or what a regular expression means."""

    value: Node
    pattern: str
    regex: bool


class Among(Node, frozen=True):
    """Whether a value is one of several."""

    value: Node
    choices: tuple[Node, ...]


class Item(msgspec.Struct, frozen=True):
    """An expression, and the name that its value is given."""

    node: Node
    name: str


class Show(msgspec.Struct, frozen=True):
    """fields, or (`only`) display."""

    items: tuple[Item, ...]
    only: bool


class Filter(msgspec.Struct, frozen=True):
    """filter."""

    node: Node


class Stats(msgspec.Struct, frozen=True):
    """stats … by …"""

    items: tuple[Item, ...]
    by: tuple[Item, ...]


class Sort(msgspec.Struct, frozen=True):
    """sort: expressions, each with whether it descends."""

    keys: tuple[tuple[Node, bool], ...]


class Limit(msgspec.Struct, frozen=True):
    """limit, head or (`last`) tail."""

    count: int
    last: bool = False


class Parse(msgspec.Struct, frozen=True):
    """parse, with a glob or a regular expression, into fields."""

    value: Node
    pattern: str
    regex: bool
    names: tuple[str, ...]


class Dedup(msgspec.Struct, frozen=True):
    """dedup by fields."""

    nodes: tuple[Node, ...]


Command = Show | Filter | Stats | Sort | Limit | Parse | Dedup


def malformed(message: str, start: int, end: int) -> AwsError:
    """MalformedQueryException, with where in the query it is, in characters."""
    error = {"location": {"startCharOffset": start, "endCharOffset": end}, "message": message}
    return AwsError("MalformedQueryException", message, status=400, fields={"queryCompileError": error})


def unexpected(query: str, start: int, end: int) -> AwsError:
    """What cannot stand where it stands."""
    line = query.count("\n", 0, start) + 1
    position = start - query.rfind("\n", 0, start)
    symbol = query[start:end] or "<EOF>"
    return malformed(f"unexpected symbol found {symbol} at line {line} and position {position}", start, end)
