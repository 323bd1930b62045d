"""Metering: what is added adds up, by month, and is found again."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import usage
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fogbank.store.api import Tx

ONE = ("111111111111", "us-east-1", "lambda", "resize")
DAY = date(2026, 11, 24)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "state.db")
    yield made
    made.close()


def do(store: SqliteStore, work: Callable[[Tx], Any]) -> Any:
    return asyncio.run(store.write(work))


def test_what_is_added_adds_up(store: SqliteStore) -> None:
    do(store, lambda tx: [usage.add(tx, *ONE, DAY, requests=1, gb_ms=0.125 * n) for n in range(1000)])
    do(store, lambda tx: usage.add(tx, *ONE, datetime(2026, 11, 30, 23, 59, tzinfo=UTC), requests=2))
    (found,) = do(store, lambda tx: list(usage.of_month(tx, "2026-11")))
    assert (found.account, found.region, found.service, found.resource) == ONE
    assert found.units == {"requests": 1002, "gb_ms": 62437.5}
    assert found.days == {24: {"requests": 1000, "gb_ms": 62437.5}, 30: {"requests": 2}}


def test_months_and_accounts_are_apart(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        for month in (9, 11, 12):
            for account in ("111111111111", "222222222222"):
                for name in ("a", "b"):
                    usage.add(tx, account, "us-east-1", "lambda", name, date(2026, month, 1), requests=month)

    do(store, work)
    assert do(store, usage.months) == ["2026-09", "2026-11", "2026-12"]
    found = do(store, lambda tx: list(usage.of_month(tx, "2026-11", "222222222222")))
    assert [(each.account, each.resource, each.units) for each in found] == [
        ("222222222222", "a", {"requests": 11}),
        ("222222222222", "b", {"requests": 11}),
    ]
    assert do(store, lambda tx: list(usage.of_month(tx, "2026-10"))) == []


def test_what_rolls_back_is_not_counted(store: SqliteStore) -> None:
    def fail(tx: Tx) -> None:
        usage.add(tx, *ONE, DAY, requests=1)
        raise KeyError

    with pytest.raises(KeyError):
        do(store, fail)
    assert do(store, usage.months) == []


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_what_is_no_amount_is_refused(store: SqliteStore, amount: float) -> None:
    with pytest.raises(ValueError, match="not an amount of requests"):
        do(store, lambda tx: usage.add(tx, *ONE, DAY, requests=amount))
