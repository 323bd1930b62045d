"""Queries, compiled and carried out over rows, with bounded memory.

A query is made of steps, each a function of a row that says whether the row goes on, and of barriers that gather rows: stats keeps
aggregates, sort the first rows, dedup one row of each kind. Rows come newest first, as AWS shows them, unless the query sorts them
the other way.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from fogbank.services.logs.insights_compile import Scope, compiled, condition, hints, literals
from fogbank.services.logs.insights_parse import splitter
from fogbank.services.logs.insights_parser import parse
from fogbank.services.logs.insights_stats import Groups
from fogbank.services.logs.insights_syntax import Dedup, Field, Filter, Limit, Parse, Show, Sort, Stats, malformed
from fogbank.services.logs.insights_values import order, rounded, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fogbank.services.logs.insights_rows import Row
    from fogbank.services.logs.insights_syntax import Command

    Step = Callable[[Row], bool]
    Getter = Callable[[Row], Any]

MOST_ROWS: Final = 10_000
MOST_KINDS: Final = 1_000_000  # of dedup
MOST_STATS: Final = 2  # AWS's
DEFAULT: Final = ("@timestamp", "@message")


class Barrier(Protocol):
    """Gathers rows, and gives others."""

    full: bool

    def add(self, row: Row) -> None:
        """One more."""

    def rows(self) -> Iterable[Row]:
        """What it comes to."""


class First:
    """limit, head."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.kept: list[Row] = []
        self.full = False

    def add(self, row: Row) -> None:
        if len(self.kept) < self.count:
            self.kept.append(row)
        self.full = len(self.kept) >= self.count

    def rows(self) -> list[Row]:
        return self.kept


class Last:
    """tail."""

    full = False

    def __init__(self, count: int) -> None:
        self.kept: deque[Row] = deque(maxlen=count)

    def add(self, row: Row) -> None:
        self.kept.append(row)

    def rows(self) -> Iterable[Row]:
        return self.kept


class Sorted:
    """sort, and the limit behind it: the first `count` rows in the order of the keys."""

    full = False

    def __init__(self, keys: Sequence[tuple[Getter, bool]], count: int) -> None:
        self.keys = keys
        self.count = count
        self.kept: list[tuple[tuple[Any, ...], Row]] = []

    def add(self, row: Row) -> None:
        self.kept.append((tuple(getter(row) for getter, _ in self.keys), row))
        if len(self.kept) >= 2 * self.count + 1000:
            self._sort()

    def _sort(self) -> None:
        for place in reversed(range(len(self.keys))):
            descends = self.keys[place][1]
            rank = -1 if descends else 2  # of what is missing, which comes last
            self.kept.sort(key=lambda one: _key(one[0][place], rank), reverse=descends)
        del self.kept[self.count :]

    def rows(self) -> list[Row]:
        self._sort()
        return [row for _, row in self.kept]


def _key(value: Any, rank: int) -> tuple[int, float | int, str]:
    return (rank, 0, "") if value is None else order(value)


class Distinct:
    """dedup: the first row of each combination of values; a missing value is none."""

    full = False

    def __init__(self, getters: Sequence[Getter]) -> None:
        self.getters = getters
        self.seen: set[tuple[str, ...]] = set()
        self.kept: list[Row] = []

    def add(self, row: Row) -> None:
        values = [getter(row) for getter in self.getters]
        kind = tuple(text(value) for value in values)
        if len(self.kept) < MOST_ROWS and None not in values and kind not in self.seen and len(self.seen) < MOST_KINDS:
            self.seen.add(kind)
            self.kept.append(row)

    def rows(self) -> list[Row]:
        return self.kept


class Plan:
    """A compiled query: where it looks (`contains`: what each message has; `hints`: what it has if it has no backslashes; `reverse`:
    newest first), and what is done.

    AwsError MalformedQueryException for a text that is no query. `now` is in seconds since the epoch, `limit` the most rows that are
    given where the query does not say it.
    """

    def __init__(self, query: str, now: int = 0, limit: int = MOST_ROWS) -> None:
        self.scope = Scope(now)
        self.limit = self._default = limit
        self.contains: list[bytes] = []
        self.hints: list[bytes] = []
        self.reverse = True
        self.aggregated = False
        self.keys: set[str] = set()  # what the last stats groups by
        self.stages: list[tuple[list[Step], Callable[[], Barrier] | None]] = [([], None)]
        self._shown: list[str] = []
        self._only: list[str] = []
        self._stats = 0
        self._orders = ""  # the first command that gathers rows
        self._listed = False
        commands = parse(query)
        for place, command in enumerate(commands):
            self._take(command, commands[place + 1 :])

    @property
    def unordered(self) -> bool:
        """Whether the order of rows makes no difference: they are aggregated, or sorted otherwise."""
        return self._orders in ("stats", "sort")

    @property
    def names(self) -> list[str]:
        """The fields of the results, in order."""
        found = self._only or self._shown
        if not self.aggregated and (not found or (not self._only and not self._listed)):
            found = [*DEFAULT, *(name for name in found if name not in DEFAULT)]
        return list(dict.fromkeys(found))

    def _take(self, command: Command, rest: list[Command]) -> None:
        if isinstance(command, Filter):
            if len(self.stages) == 1:
                self.contains += literals(command.node, self.scope)
                self.hints += hints(command.node, self.scope)
            self.stages[-1][0].append(condition(command.node, self.scope))
        elif isinstance(command, Show):
            self._show(command)
        elif isinstance(command, Parse):
            self._parse(command)
        elif isinstance(command, Stats):
            self._aggregate(command)
        elif isinstance(command, Sort):
            self._sort(command, rest)
        elif isinstance(command, Dedup):
            getters = [compiled(node, self.scope) for node in command.nodes]
            self._barrier("dedup", lambda: Distinct(getters))
        else:
            self._limit(command)

    def _show(self, command: Show) -> None:
        makers = []
        for item in command.items:
            if isinstance(item.node, Field) and item.node.name == item.name:
                compiled(item.node, self.scope)  # whether it can be there
            else:
                makers.append((item.name, compiled(item.node, self.scope)))
                self.scope.made.add(item.name)  # the items behind it may use it
        if makers:
            self.stages[-1][0].append(_making(makers))
        names = [item.name for item in command.items]
        if command.only:
            self._only = names
        else:
            self._listed = True
            self._shown += names

    def _parse(self, command: Parse) -> None:
        getter, split = compiled(command.value, self.scope), splitter(command)
        names = command.names

        def step(row: Row) -> bool:
            value = getter(row)
            found = split(text(value)) if value is not None else None
            row.values.update(zip(names, found or [None] * len(names), strict=True))
            return True

        self.stages[-1][0].append(step)
        self.scope.made |= set(names)
        self._shown += names

    def _aggregate(self, command: Stats) -> None:
        self._stats += 1
        if self._stats > MOST_STATS:
            raise malformed("a query has two stats commands at most", 0, 0)
        scope = msgspec.structs.replace(self.scope, made=set(self.scope.made))
        Groups(command, scope)  # whether it can be
        self._barrier("stats", lambda: Groups(command, scope))
        names = [item.name for item in (*command.by, *command.items)]
        self.scope = Scope(self.scope.now, set(names), closed=True)
        self.keys = {item.name for item in command.by}
        self.aggregated, self._shown, self._only, self.limit = True, names, [], self._default

    def _sort(self, command: Sort, rest: list[Command]) -> None:
        keys = [(compiled(node, self.scope), descends) for node, descends in command.keys]
        node, descends = command.keys[0]
        by_time = (
            len(keys) == 1
            and isinstance(node, Field)
            and node.name == "@timestamp"
            and not self.scope.made & {node.name}
        )
        if by_time and len(self.stages) == 1 and not self.aggregated:
            self.reverse, self._orders = descends, "time"
            return
        following = next((each for each in rest if not isinstance(each, Show)), None)
        count = following.count if isinstance(following, Limit) and not following.last else MOST_ROWS
        self._barrier("sort", lambda: Sorted(keys, count))

    def _limit(self, command: Limit) -> None:
        self.limit = command.count
        self._barrier("limit", lambda: Last(command.count) if command.last else First(command.count))

    def _barrier(self, kind: str, make: Callable[[], Barrier]) -> None:
        self._orders = self._orders or kind
        steps, _ = self.stages[-1]
        self.stages[-1] = (steps, make)
        self.stages.append(([], None))


def _making(makers: list[tuple[str, Getter]]) -> Step:
    def step(row: Row) -> bool:
        for name, getter in makers:
            row.values[name] = getter(row)
        return True

    return step


class Run:
    """A plan that is being carried out: `add` rows until it is `full`, then `results`. `matched` counts the rows that passed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.matched = 0
        self._stages = [(steps, make() if make else First(plan.limit)) for steps, make in plan.stages]
        self._steps, self._first = self._stages[0]

    @property
    def full(self) -> bool:
        """Whether more rows make no difference."""
        return self._first.full

    @property
    def counts(self) -> Callable[[Sequence[int]], None] | None:
        """What takes many rows at once by their times alone, where the query only counts them."""
        simple = not self._steps and isinstance(self._first, Groups) and self._first.period[1]
        return self._count if simple else None

    def _count(self, times: Sequence[int]) -> None:
        assert isinstance(self._first, Groups)
        self.matched += len(times)
        self._first.add_times(times)

    def add(self, row: Row) -> bool:
        """Take a row; whether it passed."""
        for step in self._steps:
            if not step(row):
                return False
        self.matched += 1
        self._first.add(row)
        return True

    def results(self, pointer: Callable[[Row], str]) -> list[list[tuple[str, str]]]:
        """The rows, as names with values; `pointer` makes the @ptr of those that are events."""
        rows: Iterable[Row] = self._first.rows()
        for steps, barrier in self._stages[1:]:
            for row in rows:
                if all(step(row) for step in steps):
                    barrier.add(row)
            rows = barrier.rows()
        getters = [(name, compiled(Field(name, 0, 1, name), self.plan.scope)) for name in self.plan.names]
        keys = self.plan.keys
        return [_shown(row, getters, keys, pointer) for row, _ in zip(rows, range(self.plan.limit), strict=False)]


def _shown(
    row: Row, getters: list[tuple[str, Getter]], keys: set[str], pointer: Callable[[Row], str]
) -> list[tuple[str, str]]:
    """A row of the results. What it is grouped by is shown as it is: rounded, groups would look alike."""
    found = [(name, getter(row)) for name, getter in getters if name != "@ptr"]
    computed = row.values.keys() - keys
    shown = [(name, text(rounded(value) if name in computed else value)) for name, value in found if value is not None]
    return [*shown, ("@ptr", pointer(row))] if row.event is not None else shown
