"""SQLite against the model: any sequence of transactions, roll-backs, snapshots and reopenings gives the same state."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.store.memory import MemoryStore

from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Tx

KEYS = st.binary(max_size=3)
VALUES = st.binary(max_size=40) | st.integers(1, 9000).map(lambda n: b"x" * n)
ORDER = st.booleans()
LIMIT = st.none() | st.integers(0, 5)
STEP = st.one_of(
    st.tuples(st.just("put"), KEYS, VALUES),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("scan"), KEYS, KEYS, LIMIT, ORDER),
    st.tuples(st.just("put_bytes"), VALUES),
    st.tuples(st.just("get_bytes"), st.integers(1, 12)),
    st.tuples(st.just("delete_bytes"), st.integers(1, 12)),
    st.tuples(st.just("raise")),
)


def perform(tx: Tx, steps: list[tuple[Any, ...]]) -> list[Any]:
    """Do the steps; what each of them returned."""
    seen: list[Any] = []
    for name, *arguments in steps:
        if name == "raise":
            raise KeyError("as told")
        if name == "scan":
            start, end, limit, reverse = arguments
            seen.append(list(tx.scan(start, end, limit=limit, reverse=reverse)))
        else:
            seen.append(getattr(tx, name)(*arguments))
    return seen


class Comparison(RuleBasedStateMachine):
    """A SQLite store and the model, given the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="fogbank-"))
        self.runner = asyncio.Runner()
        self.real = SqliteStore(self.folder / "state.db")
        self.model = MemoryStore()

    @rule(batch=st.lists(st.tuples(st.lists(STEP, max_size=6), st.booleans()), min_size=1, max_size=4))
    def transactions(self, batch: list[tuple[list[tuple[Any, ...]], bool]]) -> None:
        """Several at once: they share a commit, and each is kept or rolled back alone."""

        def handler(steps: list[tuple[Any, ...]]) -> Callable[[Tx], list[Any]]:
            return lambda tx: perform(tx, steps)

        async def main() -> list[Any]:
            writes = (self.real.write(handler(steps), bulk=bulk) for steps, bulk in batch)
            return list(await asyncio.gather(*writes, return_exceptions=True))

        for (steps, _), real in zip(batch, self.runner.run(main()), strict=True):
            try:
                assert real == self.model.apply(handler(steps))
            except KeyError:
                assert isinstance(real, KeyError)

    @rule()
    def reopen(self) -> None:
        self.real.close()
        self.real = SqliteStore(self.folder / "state.db")

    @rule(start=KEYS, end=KEYS, limit=LIMIT, reverse=ORDER)
    def scan(self, start: bytes, end: bytes, limit: int | None, reverse: bool) -> None:
        with self.real.snapshot() as real, self.model.snapshot() as model:
            expected = list(model.scan(start, end, limit=limit, reverse=reverse))
            assert list(real.scan(start, end, limit=limit, reverse=reverse)) == expected

    @invariant()
    def equal(self) -> None:
        with self.real.snapshot() as tx:
            assert dict(tx.scan(b"", b"\xff" * 4)) == self.model.data
            assert {blob: tx.get_bytes(blob) for blob in tx.list_bytes(0, 1000)} == self.model.small

    def teardown(self) -> None:
        self.real.close()
        self.runner.close()
        shutil.rmtree(self.folder)


TestComparison = Comparison.TestCase
TestComparison.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
