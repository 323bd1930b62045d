"""The stats command: rows in groups, and what each group comes to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from fogbank.services.logs.insights_aggregates import AGGREGATES, Count
from fogbank.services.logs.insights_compile import Scope, compiled
from fogbank.services.logs.insights_rows import Row
from fogbank.services.logs.insights_syntax import Among, Apply, Const, Like, Node, Period, malformed
from fogbank.services.logs.insights_values import Stamp, length, number, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fogbank.services.logs.insights_aggregates import Aggregate
    from fogbank.services.logs.insights_syntax import Stats

    Getter = Callable[[Row], Any]

MOST_GROUPS: Final = 100_000
NONE: Final = (0, 0)


class TooManyGroupsError(Exception):
    """A query whose groups do not fit into the memory that it may take."""


class Groups:
    """stats … by …: a barrier. Expressions over aggregates may name what stands before them."""

    full = False

    def __init__(self, command: Stats, scope: Scope) -> None:
        self._keys = [(item.name, compiled(item.node, scope)) for item in command.by]
        found = {node.text: node for item in command.items for node in aggregates(item.node)}
        self._only_key = self._keys[0][1] if len(self._keys) == 1 else None
        self._names = list(found)
        self._makers = [_maker(node) for node in found.values()]
        arguments = [node.args[0].text if node.args else "" for node in found.values()]
        getters = {text: _argument(node, scope) for text, node in zip(arguments, found.values(), strict=True)}
        self._takers = [
            (getter, [place for place, argument in enumerate(arguments) if argument == text])
            for text, getter in getters.items()
        ]
        after = Scope(scope.now, {*found, *(name for name, _ in self._keys)}, closed=True)
        self._items: list[tuple[str, Getter]] = []
        for item in command.items:
            self._items.append((item.name, compiled(item.node, after)))
            after.made.add(item.name)
        self._groups: dict[tuple[Any, ...], list[Aggregate]] = {}
        self.period = (
            period_of(command) if all(node.name == "count" and not node.args for node in found.values()) else NONE
        )

    def add(self, row: Row) -> None:
        key = (
            (_kind(self._only_key(row)),) if self._only_key else tuple([_kind(getter(row)) for _, getter in self._keys])
        )
        group = self._groups.get(key)
        if group is None:
            group = self._new(key)
        at = row.at
        for getter, takers in self._takers:
            value = getter(row)
            for taker in takers:
                group[taker].add(value, at)

    def add_times(self, times: Iterable[int]) -> None:
        """Many rows of which only the times matter, where there is a `period`: they are counted."""
        start, size = self.period
        for place, count in Counter((at - start) // size for at in times).items():
            key = (Stamp(place * size + start),)
            for aggregate in self._groups.get(key) or self._new(key):
                if isinstance(aggregate, Count):
                    aggregate.count += count

    def _new(self, key: tuple[Any, ...]) -> list[Aggregate]:
        """A group that is met first."""
        if len(self._groups) >= MOST_GROUPS:
            raise TooManyGroupsError(f"stats has more than {MOST_GROUPS} groups")
        group = self._groups[key] = [make() for make in self._makers]
        return group

    def rows(self) -> Iterator[Row]:
        for key, group in self._groups.items():
            row = Row()
            row.values = dict(zip((name for name, _ in self._keys), key, strict=True))
            row.values |= {name: each.result() for name, each in zip(self._names, group, strict=True)}
            for name, getter in self._items:
                row.values[name] = getter(row)
            yield row


def period_of(command: Stats) -> tuple[int, int]:
    """Where periods of a grouping by bin(period) alone begin, and how long they are, in milliseconds; NONE for another grouping."""
    node = command.by[0].node if len(command.by) == 1 else None
    if not isinstance(node, Apply) or node.name != "bin" or len(node.args) != 1 or not isinstance(node.args[0], Period):
        return NONE
    found = length(node.args[0].count, node.args[0].unit)
    return (found.start, found.ms) if found.ms else NONE


def _kind(value: Any) -> Any:
    """A value that groups can be told by."""
    return text(value) if type(value) in (dict, list) else value


def _argument(node: Apply, scope: Scope) -> Getter:
    """What an aggregate takes of a row."""
    return compiled(node.args[0], scope) if node.args else lambda row: True


def _maker(node: Apply) -> Callable[[], Aggregate]:
    """What makes an aggregate."""
    kind = AGGREGATES[node.name]
    if kind.most < 2:
        return kind.make
    percent = node.args[1]
    value = number(percent.value) if isinstance(percent, Const) else None
    if value is None or not 0 <= value <= 100:
        raise malformed(f"{node.name} takes a percentage from 0 to 100", node.at, node.at + len(node.name))
    return lambda: kind.make(float(value))


def aggregates(node: Node) -> Iterator[Apply]:
    """The aggregates in an expression."""
    if isinstance(node, Apply) and node.name in AGGREGATES:
        yield node
        return
    inner: tuple[Node, ...] = ()
    if isinstance(node, Apply):
        inner = node.args
    elif isinstance(node, Like):
        inner = (node.value,)
    elif isinstance(node, Among):
        inner = (node.value, *node.choices)
    for each in inner:
        yield from aggregates(each)
