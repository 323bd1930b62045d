"""Path templates as a tree, and the ways of a path through it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fogbank.wire.http import HttpRequest
    from fogbank.wire.route_choice import Pick

    Way = tuple[int, int, int, str, tuple[str, ...]]  # literals, -odd labels, -labels, operation, values of the labels


class Node:
    """A place in the tree of path templates: what may follow, and what ends here."""

    __slots__ = ("greedy", "label", "literals", "pick")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.label: Node | None = None
        self.greedy: Node | None = None
        self.pick: Pick | None = None


def grow(node: Node, part: str) -> Node:
    """The node after a part of an anonymous template."""
    if part == "{+}":
        node.greedy = node.greedy or Node()
        return node.greedy
    if part == "{}":
        node.label = node.label or Node()
        return node.label
    return node.literals.setdefault(part, Node())


def descend(node: Node, request: HttpRequest, segments: Sequence[str], at: int, values: list[str]) -> str | None:
    """The operation that segments lead to, one for each part of its template, and its labels' `values`; literals come first."""
    if at == len(segments):
        return None if node.pick is None else node.pick(request)
    segment = segments[at]
    child = node.literals.get(segment)
    found = None if child is None else descend(child, request, segments, at + 1, values)
    if found is None and node.label is not None and segment:
        values.append(segment)
        found = descend(node.label, request, segments, at + 1, values)
        if found is None:
            values.pop()
    return found


class Search:
    """The best way through a tree of templates where labels may take several segments.

    It has the most literals, then the fewest odd labels, then the fewest labels. A value with slashes is odd unless it is an ARN, and
    so is an ARN that has another in it or that is not `valid(operation, n, value)` for the label that has `n` others after it.
    Every node is looked at once for each segment, so that the time is bounded.
    """

    __slots__ = ("best", "request", "segments", "valid", "wide")

    def __init__(
        self, request: HttpRequest, segments: Sequence[str], valid: Callable[[str, int, str], bool], *, wide: bool
    ) -> None:
        self.request = request
        self.segments = segments
        self.valid = valid
        self.wide = wide
        self.best: dict[tuple[int, int], Way | None] = {}

    def find(self, node: Node, at: int) -> Way | None:
        """The best way from a node and a segment to the end."""
        place = (id(node), at)
        if place not in self.best:
            self.best[place] = max(self.ways(node, at), key=operator.itemgetter(0, 1, 2), default=None)
        return self.best[place]

    def ways(self, node: Node, at: int) -> Iterator[Way]:
        """The best way by each step that is possible here."""
        last = len(self.segments)
        if at == last:
            operation = None if node.pick is None else node.pick(self.request)
            if operation is not None:
                yield 0, 0, 0, operation, ()
            return
        child = node.literals.get(self.segments[at])
        way = None if child is None else self.find(child, at + 1)
        if way is not None:
            yield way[0] + 1, *way[1:]
        if node.label is not None:
            yield from self.labelled(node.label, at, range(at + 1, last + 1 if self.wide else at + 2))
        if node.greedy is not None:
            yield from self.labelled(node.greedy, at, range(at + 1, last + 1))

    def labelled(self, child: Node, at: int, ends: Iterable[int]) -> Iterator[Way]:
        for end in ends:
            way = self.find(child, end)
            value = "/".join(self.segments[at:end]) if way is not None else ""
            if way is not None and value:
                yield way[0], way[1] - self.odd(way, value), way[2] - 1, way[3], (value, *way[4])

    def odd(self, way: Way, value: str) -> bool:
        """Whether a value is unlikely for the label before the rest of a way."""
        if value.startswith("arn:"):
            return "/arn:" in value or not self.valid(way[3], len(way[4]), value)
        return "/" in value
