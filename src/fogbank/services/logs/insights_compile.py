"""Expressions of queries, made into functions of a row.

A comparison with a field that is missing does not hold; `!=`, `not in` and `not like` do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.logs import insights_regex
from fogbank.services.logs.insights_aggregates import AGGREGATES
from fogbank.services.logs.insights_functions import FUNCTIONS, OPERATORS, date_floor
from fogbank.services.logs.insights_rows import FUNCTIONS as FUNCTION_FIELDS
from fogbank.services.logs.insights_rows import Row, walk
from fogbank.services.logs.insights_syntax import Among, Apply, Const, Field, Like, Node, Period, malformed
from fogbank.services.logs.insights_values import Stamp, equal, length, less, number, text, truth

if TYPE_CHECKING:
    from collections.abc import Callable

    Getter = Callable[[Row], Any]


class Scope(msgspec.Struct):
    """What names mean at a place in a query: `made` are those of values that it made; `closed` says that there are no others,
    behind stats. `now` is when the query was started, in seconds since the epoch.
    """

    now: int
    made: set[str] = msgspec.field(default_factory=set)
    closed: bool = False


def compiled(node: Node, scope: Scope) -> Getter:
    """What computes an expression. MalformedQueryException for what has no meaning where it stands."""
    if node.text in scope.made and not isinstance(node, Field):
        return _made(node.text)  # `sort count(*)`, behind `stats count(*)`
    if isinstance(node, Const):
        value = node.value
        return lambda row: value
    if isinstance(node, Period):
        period = length(node.count, node.unit)
        return lambda row: period
    if isinstance(node, Field):
        return field(node, scope)
    if isinstance(node, Like):
        return like(node, scope)
    if isinstance(node, Among):
        return among(node, scope)
    if isinstance(node, Apply):
        return applied(node, scope)
    raise TypeError(f"no such expression: {node}")


def _made(name: str) -> Getter:
    return lambda row: row.values.get(name)


def field(node: Field, scope: Scope) -> Getter:
    """What finds a field."""
    name = node.name
    if name in scope.made:
        return _made(name)
    if name.startswith("@") and name[1:] in scope.made and name not in SYSTEM and name not in FUNCTION_FIELDS:
        return _made(name[1:])  # as AWS's own examples name what a regular expression's groups made
    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        head, rest = ".".join(parts[:size]), ".".join(parts[size:])
        if head in scope.made:
            return lambda row: walk(row.values.get(head), rest)
    if scope.closed:
        raise malformed(f"Unknown symbols found in or after stats: {name}", node.at, node.at + len(name))
    if name in SYSTEM:
        return SYSTEM[name]
    if name in FUNCTION_FIELDS:
        return lambda row: row.of_function(name)
    given = name[1:] if name.startswith("@@") else name
    key = given.rpartition(".")[2].encode()
    key = b"" if key.isdigit() else key
    return lambda row: row.discovered(given, key)


def _log(row: Row) -> str | None:
    return row.origin.log if row.origin is not None else None


def _pointer(row: Row) -> str | None:
    return row.values.get("@ptr") or None


SYSTEM: Final[dict[str, Callable[[Row], Any]]] = {
    "@message": lambda row: row.message,
    "@timestamp": lambda row: Stamp(row.at),
    "@ingestionTime": lambda row: Stamp(row.event.ingested) if row.event is not None else None,
    "@logStream": lambda row: row.event.stream if row.event is not None else None,
    "@log": _log,
    "@ptr": _pointer,
}


def condition(node: Node, scope: Scope) -> Callable[[Row], bool]:
    """What says whether an expression holds."""
    getter = compiled(node, scope)
    return getter if yields_truth(node) else lambda row: truth(getter(row))


def yields_truth(node: Node) -> bool:
    """Whether an expression is a bool already."""
    return isinstance(node, Like | Among) or (isinstance(node, Apply) and node.name in TRUTHS)


TRUTHS: Final = frozenset(("and", "or", "not", "=", "!=", "<", "<=", ">", ">=", "ispresent", "isempty", "isblank"))


def like(node: Like, scope: Scope) -> Getter:
    """What looks for a text, or a regular expression."""
    getter, pattern = compiled(node.value, scope), node.pattern
    if node.regex:
        search = insights_regex.compiled(pattern).search
        return lambda row: search(text(getter(row))) is not None
    return lambda row: pattern in text(getter(row))


def among(node: Among, scope: Scope) -> Getter:
    """What looks for a value in a list."""
    getter = compiled(node.value, scope)
    choices = [compiled(choice, scope) for choice in node.choices]

    def test(row: Row) -> bool:
        value = getter(row)
        return value is not None and any(equal(value, choice(row)) for choice in choices)

    return test


def applied(node: Apply, scope: Scope) -> Getter:
    """What applies a function or an operator."""
    if node.name in AGGREGATES and node.name not in FUNCTIONS:
        raise malformed(f"{node.name} can only be used in stats", node.at, node.at + len(node.name))
    if node.name in ("and", "or"):
        tests = [condition(each, scope) for each in node.args]
        join = all if node.name == "and" else any
        return lambda row: join(test(row) for test in tests)
    if node.name == "not":
        inner = condition(node.args[0], scope)
        return lambda row: not inner(row)
    if node.name in COMPARE:
        return comparison(node, scope)
    if node.name == "now":
        now = scope.now
        return lambda row: now
    if node.name == "bin":
        return binned(node, scope)
    run = OPERATORS.get(node.name) or FUNCTIONS[node.name].run
    return called(run, [compiled(each, scope) for each in node.args])


def called(run: Callable[..., Any], args: list[Getter]) -> Getter:
    """What calls a function with what its arguments come to."""
    if len(args) == 1:
        only = args[0]
        return lambda row: run(only(row))
    if len(args) == 2:
        first, second = args
        return lambda row: run(first(row), second(row))
    return lambda row: run(*(arg(row) for arg in args))


def binned(node: Apply, scope: Scope) -> Getter:
    """bin(period): of @timestamp, or of its first argument where it has two."""
    period = compiled(node.args[-1], scope)
    if len(node.args) == 2:
        of = compiled(node.args[0], scope)
        return lambda row: date_floor(of(row), period(row))
    if isinstance(node.args[0], Period):
        constant = length(node.args[0].count, node.args[0].unit)
        if constant.ms or constant.months:
            return lambda row: constant.floor(row.at)
    raise malformed("bin takes a period, such as 5m", node.at, node.at + len("bin"))


def comparison(node: Apply, scope: Scope) -> Getter:
    """What compares two values."""
    left, right = (compiled(each, scope) for each in node.args)
    compare = COMPARE[node.name]
    otherwise = node.name == "!="
    hint = _hint(node, scope)

    def test(row: Row) -> bool:
        if hint and hint not in row.raw and b"\\" not in row.raw:
            return False
        first, second = left(row), right(row)
        if first is None or second is None:
            return otherwise
        return compare(first, second)

    return test


def _hint(node: Apply, scope: Scope) -> bytes:
    """What a message contains, unless it has backslashes, where a discovered field equals a string; empty for nothing."""
    of, to = node.args
    if node.name != "=" or not isinstance(of, Field) or not isinstance(to, Const) or scope.closed:
        return b""
    if of.name in scope.made or of.name.startswith("@") or "." in of.name:
        return b""
    plain = isinstance(to.value, str) and to.value.isascii() and to.value.isprintable() and '"' not in to.value
    return (
        to.value.encode() if plain and number(to.value) is None and to.value.lower() not in ("true", "false") else b""
    )


COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": less,
    ">": lambda left, right: less(right, left),
    "<=": lambda left, right: not less(right, left),
    ">=": lambda left, right: not less(left, right),
}


def literals(node: Node, scope: Scope) -> list[bytes]:
    """What every message contains of which a condition holds."""
    if isinstance(node, Apply) and node.name == "and":
        return [found for each in node.args for found in literals(each, scope)]
    if isinstance(node, Like) and isinstance(node.value, Field) and _is(node.value, "@message", scope):
        found = insights_regex.literals(node.pattern) if node.regex else [node.pattern]
        return [each.encode(errors="replace") for each in found if each]
    if isinstance(node, Apply) and node.name == "=":
        of, to = node.args
        if isinstance(of, Field) and isinstance(to, Const) and isinstance(to.value, str) and to.value:
            told = any(_is(of, name, scope) for name in ("@type", "@requestId", "@message"))
            return [to.value.encode(errors="replace")] if told and number(to.value) is None else []
    return []


def hints(node: Node, scope: Scope) -> list[bytes]:
    """What every message without backslashes contains of which a condition on discovered fields holds."""
    if isinstance(node, Apply) and node.name == "and":
        return [found for each in node.args for found in hints(each, scope)]
    found = _hint(node, scope) if isinstance(node, Apply) and node.name == "=" else b""
    return [found] if found else []


def _is(node: Field, name: str, scope: Scope) -> bool:
    return node.name == name and name not in scope.made and not scope.closed
