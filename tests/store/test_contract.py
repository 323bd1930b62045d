"""What every store promises, held over each implementation and over the model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Store, Tx

T = TypeVar("T")


def write(store: Store, handler: Callable[[Tx], T]) -> T:
    return asyncio.run(_write(store, handler))


async def _write(store: Store, handler: Callable[[Tx], T]) -> T:
    return await store.write(handler)


def fill(store: Store, **pairs: str) -> None:
    def put(tx: Tx) -> None:
        for key, value in pairs.items():
            tx.put(key.encode(), value.encode())

    write(store, put)


def test_reads_what_was_written(store: Store) -> None:
    fill(store, a="1", b="2")
    with store.snapshot() as tx:
        assert tx.get(b"a") == b"1"
        assert tx.get(b"missing") is None


def test_a_put_replaces_and_a_delete_removes(store: Store) -> None:
    fill(store, a="1", b="2")
    fill(store, a="3")
    write(store, lambda tx: tx.delete(b"b"))
    write(store, lambda tx: tx.delete(b"never there"))
    with store.snapshot() as tx:
        assert list(tx.scan(b"", b"\xff")) == [(b"a", b"3")]


def test_keys_and_values_are_any_bytes(store: Store) -> None:
    odd = [b"", b"\0", b"\0\0", b"a\0b", b"\xff", bytes(range(256)), b"k" * 5000]

    def put(tx: Tx) -> None:
        for key in odd:
            tx.put(key, key + b"!")

    write(store, put)
    with store.snapshot() as tx:
        assert [key for key, _ in tx.scan(b"", b"\xff\xff")] == sorted(odd)
        assert all(tx.get(key) == key + b"!" for key in odd)


@pytest.mark.parametrize("bad", ["text", 7, None])
def test_other_types_are_refused(store: Store, bad: Any) -> None:
    with pytest.raises(TypeError):
        write(store, lambda tx: tx.put(b"a", bad))
    with pytest.raises(TypeError):
        write(store, lambda tx: tx.put(bad, b"a"))


def test_scan_is_half_open_ordered_limited_and_reversible(store: Store) -> None:
    fill(store, a="1", b="2", c="3", d="4")
    with store.snapshot() as tx:
        keys = [key for key, _ in tx.scan(b"a", b"d")]
        assert keys == [b"a", b"b", b"c"]
        assert [key for key, _ in tx.scan(b"a", b"d", limit=2)] == [b"a", b"b"]
        assert [key for key, _ in tx.scan(b"a", b"d", limit=2, reverse=True)] == [b"c", b"b"]
        assert list(tx.scan(b"a", b"d", limit=0)) == []
        assert list(tx.scan(b"d", b"a")) == []


@pytest.mark.parametrize("limit", [None, 1, 31, 32, 33, 288, 289, 1500, 2999, 3000, 4000])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_of_many(store: Store, limit: int | None, reverse: bool) -> None:
    keys = [b"k%05d" % n for n in range(3000)]

    def put(tx: Tx) -> None:
        for key in keys:
            tx.put(key, b"v" + key)

    write(store, put)
    with store.snapshot() as tx:
        found = list(tx.scan(b"k", b"l", limit=limit, reverse=reverse))
    assert found == [(key, b"v" + key) for key in (keys[::-1] if reverse else keys)[:limit]]


def test_a_handler_sees_its_own_writes(store: Store) -> None:
    def handler(tx: Tx) -> tuple[bytes | None, list[tuple[bytes, bytes]]]:
        tx.put(b"a", b"1")
        tx.put(b"b", b"1")
        tx.delete(b"b")
        return tx.get(b"a"), list(tx.scan(b"", b"z"))

    assert write(store, handler) == (b"1", [(b"a", b"1")])


def test_what_raises_leaves_nothing(store: Store) -> None:
    fill(store, a="1")

    def handler(tx: Tx) -> None:
        tx.put(b"a", b"2")
        tx.put_bytes(b"blob")
        tx.delete(b"a")
        raise KeyError("no")

    with pytest.raises(KeyError):
        write(store, handler)
    with store.snapshot() as tx:
        assert tx.get(b"a") == b"1"
        assert tx.list_bytes(0, 10) == []


def test_concurrent_handlers_each_succeed_or_fail_alone(store: Store) -> None:
    async def main() -> list[Any]:
        def handler(n: int) -> Callable[[Tx], int]:
            def put(tx: Tx) -> int:
                tx.put(b"%03d" % n, b"")
                if n % 3 == 0:
                    raise ValueError(n)
                return n

            return put

        return await asyncio.gather(*(store.write(handler(n)) for n in range(60)), return_exceptions=True)

    outcomes = asyncio.run(main())
    assert [isinstance(o, ValueError) if n % 3 == 0 else o == n for n, o in enumerate(outcomes)] == [True] * 60
    with store.snapshot() as tx:
        assert [int(key) for key, _ in tx.scan(b"", b"z")] == [n for n in range(60) if n % 3]


def test_a_snapshot_does_not_change(store: Store) -> None:
    fill(store, a="1")
    with store.snapshot() as old:
        assert old.get(b"a") == b"1"
        fill(store, a="2", b="2")
        assert old.get(b"a") == b"1"
        assert list(old.scan(b"", b"z")) == [(b"a", b"1")]
        with store.snapshot() as new:
            assert new.get(b"a") == b"2"
        assert old.get(b"a") == b"1"


def test_a_snapshot_is_read_only(store: Store) -> None:
    with store.snapshot() as tx:
        for change in (
            lambda: tx.put(b"a", b""),
            lambda: tx.delete(b"a"),
            lambda: tx.delete_bytes(1),
            lambda: tx.put_bytes(b""),
        ):
            with pytest.raises(TypeError):
                change()


def test_an_ended_transaction_is_of_no_use(store: Store) -> None:
    fill(store, a="1")
    kept: list[Tx] = []
    write(store, kept.append)
    with store.snapshot() as tx:
        kept.append(tx)
        unread = tx.scan(b"", b"z")
    with pytest.raises(RuntimeError):
        kept[0].put(b"a", b"2")
    with pytest.raises(RuntimeError):
        kept[1].get(b"a")
    if not hasattr(store, "apply"):  # the model reads all at once
        with pytest.raises(RuntimeError):
            next(unread)


def test_small_blobs(store: Store) -> None:
    big = bytes(range(256)) * 1000
    ids = write(store, lambda tx: [tx.put_bytes(data) for data in (b"", b"x", big)])
    assert ids == sorted(set(ids))
    assert ids[0] > 0
    with store.snapshot() as tx:
        assert [tx.get_bytes(blob) for blob in ids] == [b"", b"x", big]
        assert tx.list_bytes(0, 2) == ids[:2]
        assert tx.list_bytes(ids[0], 9) == ids[1:]
        assert tx.get_bytes(ids[2] + 1) is None


def test_sizes_of_small_blobs(store: Store) -> None:
    ids = write(store, lambda tx: [tx.put_bytes(b"x" * size) for size in (0, 1, 70_000)])
    with store.snapshot() as tx:
        assert [tx.size_of_bytes(blob) for blob in (*ids, ids[-1] + 1)] == [0, 1, 70_000, None]
        assert tx.total_bytes() == 70_001


ROWS = ("a\0", "a/b\0", "a/b\0/", "a/c\0x", "a/c/d\0", "b\0/", "b\0z", "c/\0", "c//\0", "d/e\0")


@pytest.mark.parametrize(
    ("at", "limit", "found"),
    [
        (0, 99, ["a\0", "a/b\0", "b\0/", "b\0z", "c/\0", "d/e\0"]),
        (0, 3, ["a\0", "a/b\0", "b\0/"]),
        (0, 0, []),
        (2, 99, ["a/b\0", "a/b\0/", "a/c\0x", "a/c/d\0"]),
    ],
)
def test_scanning_groups(store: Store, at: int, limit: int, found: list[str]) -> None:
    """What is behind a zero byte is not looked at; what is alike up to the delimiter is given once, and without its value."""
    fill(store, **dict.fromkeys(ROWS, "v"))
    start, end = (b"a/", b"a0") if at else (b"", b"z")
    with store.snapshot() as tx:
        given = list(tx.scan_groups(start, end, at=at, delimiter=b"/", limit=limit))
    assert [key.decode() for key, _ in given] == found
    assert all(value == (b"" if b"/" in key[at : key.index(0)] else b"v") for key, value in given)


def test_ids_of_small_blobs_are_never_used_again(store: Store) -> None:
    last = write(store, lambda tx: [tx.put_bytes(b"a"), tx.put_bytes(b"b")])[1]
    write(store, lambda tx: tx.delete_bytes(last))
    write(store, lambda tx: tx.delete_bytes(last))
    assert write(store, lambda tx: tx.put_bytes(b"c")) > last
    with store.snapshot() as tx:
        assert tx.get_bytes(last) is None


def test_a_bulk_handler_is_a_transaction_like_any(store: Store) -> None:
    async def main() -> list[int]:
        def handler(n: int) -> Callable[[Tx], int]:
            def add(tx: Tx) -> int:
                total = int(tx.get(b"n") or b"0") + n
                tx.put(b"n", b"%d" % total)
                return total

            return add

        return await asyncio.gather(*(store.write(handler(1), bulk=n % 4 == 0) for n in range(20)))

    assert asyncio.run(main()) == list(range(1, 21))


def test_a_coroutine_function_is_no_handler(store: Store) -> None:
    async def handler(tx: Tx) -> None:
        tx.put(b"a", b"1")

    async def main() -> None:
        returned: Any = store.write(handler)
        await returned

    with pytest.raises(TypeError):
        asyncio.run(main())


def test_a_closed_store_refuses(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError):
        fill(store, a="1")
    with pytest.raises(StoreError), store.snapshot():
        pass
