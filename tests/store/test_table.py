"""Tables: records under tuples, spans of them, and the hook that keeps an index true."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from tests.store.memory import MemoryStore

from fogbank.store import keys
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Store, Tx

T = TypeVar("T")


class Item(Record, version=1):
    """A record with something in it."""

    n: int = 0


items: Table[Item] = Table("test-item", Item)
counts: dict[str, list[Any]] = {"changes": []}


def _count(tx: Tx, key: bytes, old: Item | None, new: Item | None) -> None:
    total = int(tx.get(b"total") or b"0") + (new.n if new else 0) - (old.n if old else 0)
    tx.put(b"total", b"%d" % total)
    counts["changes"].append((key, old, new))


counted: Table[Item] = Table("test-counted", Item, on_change=_count)


def write(store: Store, handler: Callable[[Tx], T]) -> T:
    async def main() -> T:
        return await store.write(handler)

    return asyncio.run(main())


def test_get_put_delete(store: Store) -> None:
    write(store, lambda tx: items.put(tx, Item(n=1), "a", "b"))
    with store.snapshot() as tx:
        assert items.get(tx, "a", "b") == Item(n=1)
        assert items.get(tx, "a") is None
        assert items.decode(tx.get(items.key("a", "b")) or b"") == Item(n=1)
    write(store, lambda tx: items.delete(tx, "a", "b"))
    with store.snapshot() as tx:
        assert items.get(tx, "a", "b") is None


KEYS = ["", "a", "a\0", "a\0b", "a\1", "a/1", "a/2", "ab", "b", "é", "\uffff", "😀"]


def all_keys(tx: Tx) -> None:
    for bucket in ("x", "xy"):
        for n, key in enumerate(KEYS):
            items.put(tx, Item(n=n), bucket, key, 1)
            items.put(tx, Item(n=n), bucket, key, 2)


@settings(max_examples=300, deadline=None)
@given(
    st.none() | st.sampled_from(["", "a", "a/", "a\0", "z"]),
    st.none() | st.sampled_from([*KEYS, "c"]) | st.tuples(st.sampled_from(KEYS), st.integers(0, 3)),
    st.none() | st.sampled_from([*KEYS, "c"]) | st.tuples(st.sampled_from(KEYS), st.integers(0, 3)),
    st.none() | st.integers(0, 8),
    st.booleans(),
)
def test_spans(starting: str | None, start: Any, after: Any, limit: int | None, reverse: bool) -> None:
    """As a comparison of tuples says."""
    store = MemoryStore()
    store.apply(all_keys)

    def listed(parts: Any) -> tuple[Any, ...]:
        return parts if isinstance(parts, tuple) else (parts,)

    def ranked(parts: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(part.encode() if isinstance(part, str) else part for part in parts)

    expected = [
        ("x", key, version)
        for key in KEYS
        for version in (1, 2)
        if (starting is None or key.startswith(starting))
        and (start is None or ranked((key, version)) >= ranked(listed(start)))
        and (after is None or ranked((key, version))[: len(listed(after))] > ranked(listed(after)))
    ]
    if reverse:
        expected.reverse()
    with store.snapshot() as tx:
        scan = items.scan(tx, "x", starting_with=starting, start=start, start_after=after, limit=limit, reverse=reverse)
        assert [parts for parts, _ in scan] == expected[:limit]


def test_the_hook_sees_every_change_in_its_transaction(store: Store) -> None:
    counts["changes"].clear()

    def handler(tx: Tx) -> None:
        counted.put(tx, Item(n=5), "a")
        counted.put(tx, Item(n=7), "a")
        counted.put(tx, Item(n=1), "b")
        counted.delete(tx, "a")
        counted.delete(tx, "never there")

    write(store, handler)
    key_a, key_b = counted.key("a"), counted.key("b")
    assert counts["changes"] == [
        (key_a, None, Item(n=5)),
        (key_a, Item(n=5), Item(n=7)),
        (key_b, None, Item(n=1)),
        (key_a, Item(n=7), None),
    ]
    with store.snapshot() as tx:
        assert tx.get(b"total") == b"1"


def test_what_the_hook_raises_rolls_back(store: Store) -> None:
    def refuse(tx: Tx, key: bytes, old: Item | None, new: Item | None) -> None:
        raise ValueError("refused")

    counted._on_change, before = refuse, counted._on_change
    try:
        with pytest.raises(ValueError, match="refused"):
            write(store, lambda tx: counted.put(tx, Item(n=5), "a"))
    finally:
        counted._on_change = before
    with store.snapshot() as tx:
        assert counted.get(tx, "a") is None


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="two tables"):
        Table("test-item", Item)


def test_tables_do_not_overlap() -> None:
    assert items.key("a") == keys.encode("test-item", "a")
    assert items.parts(items.key("a", 1, b"b")) == ("a", 1, b"b")
