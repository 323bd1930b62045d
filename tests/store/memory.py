"""The store's model: a dictionary, sorted when it is scanned. Too simple to be wrong; the real stores are compared with it."""

from __future__ import annotations

from contextlib import contextmanager
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.store.api import Tx

T = TypeVar("T")


class MemoryTx:
    """A transaction over copies of the store's dictionaries."""

    def __init__(self, store: MemoryStore, *, writes: bool) -> None:
        self.memo: dict[tuple[str, tuple[Any, ...]], Any] = {}
        self.data = dict(store.data)
        self.small = dict(store.small)
        self.last = store.last
        self.writes = writes
        self.ended = False

    def _writing(self) -> None:
        self._reading()
        if not self.writes:
            raise TypeError("a snapshot is read-only")

    def _reading(self) -> None:
        if self.ended:
            raise RuntimeError("this transaction has ended")

    def get(self, key: bytes) -> bytes | None:
        self._reading()
        return self.data.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self._writing()
        if not isinstance(key, bytes) or not isinstance(value, bytes):
            raise TypeError("keys and values are bytes")
        self.data[key] = value

    def delete(self, key: bytes) -> None:
        self._writing()
        self.data.pop(key, None)

    def scan(
        self, start: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        self._reading()
        found = sorted(((k, v) for k, v in self.data.items() if start <= k < end), reverse=reverse)
        yield from found if limit is None else found[:limit]

    def scan_groups(
        self, start: bytes, end: bytes, *, at: int, delimiter: bytes, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        seen: set[bytes] = set()
        for key, value in self.scan(start, end):
            cut = key[at : key.index(0, at)].find(delimiter)
            group = key if cut < 0 else key[: at + cut + len(delimiter)]
            if group not in seen and len(seen) < limit:
                seen.add(group)
                yield key, value if cut < 0 else b""

    def put_bytes(self, data: bytes) -> int:
        self._writing()
        self.last += 1
        self.small[self.last] = data
        return self.last

    def get_bytes(self, blob: int) -> bytes | None:
        self._reading()
        return self.small.get(blob)

    def delete_bytes(self, blob: int) -> None:
        self._writing()
        self.small.pop(blob, None)

    def list_bytes(self, after: int, limit: int) -> list[int]:
        self._reading()
        return [blob for blob in sorted(self.small) if blob > after][:limit]

    def size_of_bytes(self, blob: int) -> int | None:
        self._reading()
        return len(self.small[blob]) if blob in self.small else None

    def total_bytes(self) -> int:
        self._reading()
        return sum(map(len, self.small.values()))


class MemoryStore:
    """The store as a model: one writer after another, each on a copy."""

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self.small: dict[int, bytes] = {}
        self.last = 0
        self.closed = False

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        self._check()
        tx = MemoryTx(self, writes=False)
        try:
            yield tx
        finally:
            tx.ended = True

    async def write(self, handler: Callable[[Tx], T], *, bulk: bool = False) -> T:
        return self.apply(handler)

    def apply(self, handler: Callable[[Tx], T]) -> T:
        """What `write` does, without a loop."""
        self._check()
        tx = MemoryTx(self, writes=True)
        try:
            result = handler(tx)
            if isinstance(result, CoroutineType):
                result.close()
                raise TypeError("a handler is a plain function")
        finally:
            tx.ended = True
        self.data, self.small, self.last = tx.data, tx.small, tx.last
        return result

    def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if self.closed:
            raise StoreError("the store is closed")
