"""Which of many rules an event meets.

A rule whose pattern names exact values of a field is looked for by one of them alone: of those that it names, by what the fewest
other rules name. The others are all tried.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.events.pattern import Branch, Leaf, flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fogbank.services.events.pattern_values import Scalar

MOST_WORK: Final = 5_000_000  # comparisons of an event: a second, which events of other accounts may wait
_log = logging.getLogger("fogbank.events")
Path = tuple[str, ...]
Wanted = tuple[Path, "frozenset[Scalar]"]


class Named(msgspec.Struct, frozen=True, gc=False):
    """A rule's pattern, and how many comparisons an event costs that has no arrays."""

    name: str
    branch: Branch
    size: int


def event_of(text: str | bytes) -> Any:
    """An event as patterns look at it: numbers are the bytes of their text. ValueError or RecursionError for what is no JSON."""
    return json.loads(text, parse_int=str.encode, parse_float=str.encode, parse_constant=_refuse)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def items_of(event: Any) -> int:
    """How many items an event's arrays have: each may be compared with all of a pattern."""
    found, waiting = 0, [event]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            waiting += value.values()
        elif type(value) is list:
            found += len(value)
            waiting += value
    return found


class Matcher:
    """Rules, by names, with their patterns."""

    def __init__(self, rules: Iterable[tuple[str, Branch]]) -> None:
        given = [(Named(name, branch, branch.size), list(_wanted(branch))) for name, branch in rules]
        common = Counter((path, value) for _, wanted in given for path, exact in wanted for value in exact)
        self._index: dict[Path, dict[Scalar, list[Named]]] = {}
        self._others: list[Named] = []
        for named, wanted in given:
            if not wanted:
                self._others.append(named)
                continue
            path, exact = min(wanted, key=lambda one: max(common[one[0], value] for value in one[1]))
            for value in exact:
                self._index.setdefault(path, {}).setdefault(value, []).append(named)

    def work(self, event: Mapping[str, Any]) -> int:
        """How many comparisons an event costs at most."""
        return (1 + items_of(event)) * sum(named.size for named in self._candidates(event))

    def match(self, event: Mapping[str, Any]) -> list[str]:
        """The names of the rules that an event meets, in order. What is left when MOST_WORK is done is not compared, but told."""
        found, left, each = set(), MOST_WORK, 1 + items_of(event)
        for named in self._candidates(event):
            if named.size * each > left:
                fields = {"rule": named.name}
                _log.error("an event and a rule's pattern are too much to compare", extra={"fields": fields})
                continue
            left -= named.size * each
            if named.branch.meets(event):
                found.add(named.name)
        return sorted(found)

    def _candidates(self, event: Mapping[str, Any]) -> Iterator[Named]:
        yield from self._others
        for path, by_value in self._index.items():
            for value in set(_at(event, path)):
                yield from by_value.get(value, ())


def _wanted(branch: Branch, above: Path = ()) -> Iterator[Wanted]:
    """The fields that have to be of exact values, with those."""
    for name, node in branch.fields:
        if isinstance(node, Branch):
            yield from _wanted(node, (*above, name))
        elif is_exact(node):
            yield (*above, name), node.exact


def is_exact(leaf: Leaf) -> bool:
    """Whether a value has to be one of those that are named."""
    return not (leaf.tests or leaf.absent or leaf.present)


def _at(event: Any, path: Path) -> list[Scalar]:
    """The values of a field, those in arrays too."""
    found = [event]
    for name in path:
        found = [each[name] for each in flat(found) if type(each) is dict and name in each]
        if not found:
            return []
    return [each for each in flat(found) if type(each) is not dict]
