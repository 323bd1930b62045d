"""Event patterns, compiled: what an event has to look like for a rule.

A field of a pattern is met if any value of the event's field meets any of its tests. Where the event has an array of objects, fields
below it have to be met by the same one of them. A match looks at each value of the event once for each branch of the pattern.

Source: EventBridge User Guide, "Creating Amazon EventBridge event patterns", "Comparison operators for use in event patterns".
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.events import pattern_values as values
from fogbank.services.events.pattern_text import Node, PatternError, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fogbank.services.events.pattern_values import Scalar, Test

MOST_COMBINATIONS: Final = 1000  # of alternatives of $or
EITHER: Final = "$or"
OPERATORS: Final = {"<", "<=", "=", ">", ">="}
NOTHING: Final[dict[str, Any]] = {}


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """What a field's values have to be: one of `exact`, or to pass one of `tests`. `absent` is met where there is none, `present` by
    any.
    """

    exact: frozenset[Scalar]
    tests: tuple[Test, ...] = ()
    absent: bool = False
    present: bool = False

    @property
    def negative(self) -> bool:
        """Whether only what is not there can meet it."""
        return not (self.exact or self.tests or self.present)

    @property
    def size(self) -> int:
        """How many comparisons a value costs."""
        return 1 + len(self.tests)

    def meets(self, value: Any) -> bool:
        """Whether a field meets it: a value, an array, or what is not a leaf, like a field that is not there."""
        if type(value) is list:
            return self._of_array(value)
        if type(value) is dict:
            return self.absent
        return self._of_scalar(value)

    def _of_scalar(self, value: Scalar) -> bool:
        return self.present or value in self.exact or any(test(value) for test in self.tests)

    def _of_array(self, given: list[Any]) -> bool:
        empty = True
        for value in flat(given):
            if type(value) is not dict:
                empty = False
                if self._of_scalar(value):
                    return True
        return empty and self.absent


class Branch(msgspec.Struct, frozen=True, gc=False):
    """Fields that all have to be met, and for each list in `either` one of its alternatives."""

    fields: tuple[tuple[str, Leaf | Branch], ...]
    either: tuple[tuple[Branch, ...], ...] = ()

    @property
    def negative(self) -> bool:
        """Whether only what is not there can meet it."""
        below = [node for _, node in self.fields] + [one for many in self.either for one in many]
        return all(node.negative for node in below)

    def meets(self, value: Any) -> bool:
        """Whether a field meets it; one that is not there or is no object is like an empty object."""
        if type(value) is dict:
            return self._of_object(value)
        if type(value) is not list:
            return self._of_object(NOTHING)
        objects = [item for item in flat(value) if type(item) is dict] or [NOTHING]
        return (all if self.negative else any)(self._of_object(each) for each in objects)

    def _of_object(self, value: Mapping[str, Any]) -> bool:
        for name, node in self.fields:
            if not node.meets(value.get(name, NOTHING)):
                return False
        return all(any(one.meets(value) for one in many) for many in self.either)

    @property
    def size(self) -> int:
        """How many comparisons an event costs that has no arrays."""
        below = [node for _, node in self.fields] + [one for many in self.either for one in many]
        return 1 + sum(node.size for node in below)

    @property
    def combinations(self) -> int:
        """In how many ways its alternatives can be combined."""
        below = prod(node.combinations for _, node in self.fields if isinstance(node, Branch))
        return below * prod(sum(one.combinations for one in many) for many in self.either)


def flat(given: list[Any]) -> Iterator[Any]:
    """What is in an array, and in arrays in it, without their order."""
    waiting = [given]
    while waiting:
        for value in waiting.pop():
            if type(value) is list:
                waiting.append(value)
            else:
                yield value


@lru_cache(maxsize=256)  # a large one may take 100 KB
def compiled(text: str) -> Branch:
    """The pattern of a text. PatternError unless it is one."""
    source = Source(text)
    node = source.read()
    if node.kind != "object":
        raise source.wrong("Filter is not an object", node.place)
    found = _branch(source, node)
    if found.combinations > MOST_COMBINATIONS:
        raise PatternError(f"The pattern has more than {MOST_COMBINATIONS} combinations of {EITHER}")
    return found


def _branch(source: Source, node: Node) -> Branch:
    """The fields of an object."""
    if not node.fields:
        raise source.wrong("Empty objects are not allowed", node.ended)
    fields: list[tuple[str, Leaf | Branch]] = []
    either: list[tuple[Branch, ...]] = []
    for name, below in node.fields:
        if name == EITHER and _is_either(below):
            either.append(_alternatives(source, below))
        elif below.kind == "object":
            fields.append((name, _branch(source, below)))
        elif below.kind == "array":
            fields.append((name, _leaf(source, below)))
        else:
            raise source.wrong(f'"{name}" must be an object or an array', below.place)
    return Branch(tuple(fields), tuple(either))


def _is_either(node: Node) -> bool:
    """Whether a field `$or` has alternatives, and is no field of the event's of that name."""
    objects = [item for item in node.items if item.kind == "object"]
    named = {name for item in objects for name, _ in item.fields}
    return node.kind == "array" and len(objects) == len(node.items) > 0 and not named & RESERVED


def _alternatives(source: Source, node: Node) -> tuple[Branch, ...]:
    if len(node.items) < 2:
        raise source.wrong("There must have at least 2 Objects in $or relationship.", node.ended)
    return tuple(_branch(source, item) for item in node.items)


def _leaf(source: Source, node: Node) -> Leaf:
    """The tests of a field."""
    if not node.items:
        raise source.wrong("Empty arrays are not allowed", node.ended)
    exact: set[Scalar] = set()
    tests: list[Test] = []
    there: set[bool] = set()
    for item in node.items:
        if item.kind == "array":
            raise source.wrong("Match value must be String, number, true, false, or null", item.place)
        if item.kind != "object":
            exact.add(_scalar(item))
            continue
        name, given = _only(source, item)
        if name == "exists":
            there.add(_exists(source, given))
        elif name in _TESTS:
            tests.append(_TESTS[name](source, given))
        else:
            raise source.wrong(f"Unrecognized match type {name}", given.place)
    return Leaf(frozenset(exact), tuple(tests), False in there, True in there)


def _scalar(node: Node) -> Scalar:
    return str(node.value).encode() if node.kind == "number" else node.value


def _only(source: Source, node: Node) -> tuple[str, Node]:
    """The only field of an object."""
    if not node.fields:
        raise source.wrong("Empty objects are not allowed", node.ended)
    if len(node.fields) > 1:
        raise source.wrong("Only one key allowed in match expression", node.fields[1][1].place)
    return node.fields[0]


def _exists(source: Source, node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise source.wrong("exists match pattern must be either true or false.", node.place)
    return node.value


def _text(source: Source, node: Node, name: str) -> str:
    if node.kind != "string":
        raise source.wrong(f"{name} match pattern must be a string", node.place)
    return str(node.value)


def _checked(source: Source, node: Node, make: Callable[[str], Test], text: str) -> Test:
    try:
        return make(text)
    except values.TestError as error:
        raise source.wrong(str(error), node.place) from None


def _edge(name: str, make: Callable[..., Test]) -> Callable[[Source, Node], Test]:
    """A prefix or a suffix, which may be one in whichever case."""

    def build(source: Source, node: Node) -> Test:
        if node.kind != "object":
            return make(_text(source, node, name))
        inner, given = _only(source, node)
        if inner != "equals-ignore-case":
            raise source.wrong(f"Unsupported {name} pattern: {inner}", given.place)
        return make(_text(source, given, inner), ignore_case=True)

    return build


def _of_text(name: str, make: Callable[[str], Test]) -> Callable[[Source, Node], Test]:
    """A test that has one text."""
    return lambda source, node: _checked(source, node, make, _text(source, node, name))


def _numeric(source: Source, node: Node) -> Test:
    """`["=", 5]`, or one or two bounds: `[">", 0, "<=", 5]`."""
    if node.kind != "array":
        raise source.wrong("Value of numeric must be an array.", node.place)
    operators, numbers = node.items[::2], node.items[1::2]
    for each in operators:
        if each.kind != "string" or each.value not in OPERATORS:
            raise source.wrong(f"Unrecognized numeric range operator: {each.value}", each.place)
    terms = [(str(each.value), _bound(source, each, given)) for each, given in zip(operators, numbers, strict=False)]
    if len(operators) != len(numbers) or not terms:
        raise source.wrong("Invalid numeric match: an operator needs a number", node.ended)
    kinds = "".join(operator[0] for operator, _ in terms)
    if kinds not in ("=", "<", ">", "><"):
        raise source.wrong("Too many elements in numeric expression", node.ended)
    if kinds == "><" and terms[0][1] >= terms[1][1]:
        raise source.wrong("Bottom must be less than top", node.ended)
    return values.numeric(terms)


def _bound(source: Source, operator: Node, node: Node) -> float:
    number = values.number_of(_scalar(node)) if node.kind == "number" else None
    if number is None:
        raise source.wrong(f"Value of {operator.value} must be numeric", node.place)
    if not -values.HIGHEST <= number <= values.HIGHEST:
        raise source.wrong("Value must be between -5.0E9 and 5.0E9, inclusive", node.place)
    return number


def _anything_but(source: Source, node: Node) -> Test:
    """One value, several of one kind, or what prefix, suffix, equals-ignore-case or wildcard have."""
    if node.kind == "object":
        name, given = _only(source, node)
        if name not in _BUT:
            raise source.wrong(f"Unsupported anything-but pattern: {name}", given.place)
        return values.none_of([_BUT[name](source, each) for each in _several(source, given)])
    found = _several(source, node)
    kinds = {each.kind for each in found}
    if not kinds <= {"string", "number"}:
        raise source.wrong("Value of anything-but must be an array or single string/number value.", node.place)
    if len(kinds) > 1:
        why = "Inside anything but list, either all values are number or string, mixed type is not supported"
        raise source.wrong(why, node.ended)
    return values.anything_but(frozenset(map(_scalar, found)))


def _several(source: Source, node: Node) -> tuple[Node, ...]:
    if node.kind == "array" and not node.items:
        raise source.wrong("Empty arrays are not allowed", node.ended)
    return node.items if node.kind == "array" else (node,)


_BUT: Final[Mapping[str, Callable[[Source, Node], Test]]] = {
    "prefix": _edge("prefix", values.prefix),
    "suffix": _edge("suffix", values.suffix),
    "equals-ignore-case": _of_text("equals-ignore-case", values.equals_ignore_case),
    "wildcard": _of_text("wildcard", values.wildcard),
}
_TESTS: Final[Mapping[str, Callable[[Source, Node], Test]]] = {
    **_BUT,
    "cidr": _of_text("cidr", values.cidr),
    "numeric": _numeric,
    "anything-but": _anything_but,
}
RESERVED: Final = {*_TESTS, "exists"}
