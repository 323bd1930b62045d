"""Tables: records of one kind in the ordered keys of a store.

On disk the key of a record is the tuple (table's name, *parts), as `keys` encodes it, and its value is the encoded record. A
table's name and the meaning of its parts are therefore part of the format: neither is changed once released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from fogbank.store import keys
from fogbank.store.keys import Part, prefix_end
from fogbank.store.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.store.api import Tx

R = TypeVar("R", bound=Record)

_known: dict[str, Table[Any]] = {}
_UNREAD: Final = object()


def table_of(key: bytes) -> Table[Any] | None:
    """The table that a key is in, of those whose modules are imported."""
    name = keys.decode(key[: key.index(b"\0") + 1])[0]
    return _known.get(name) if isinstance(name, str) else None


class Table(Generic[R]):
    """Records of one type under one name. `on_change(tx, key, old, new)` runs in the transaction, after each put or delete.

    It keeps an index or a counter true; `old` or `new` is None where there is none, and it is not called when neither is. A
    table with a hook reads the old record before each change; one without does not.
    """

    def __init__(
        self,
        name: str,
        record: type[R],
        *,
        on_change: Callable[[Tx, bytes, R | None, R | None], None] | None = None,
    ) -> None:
        if name in _known:
            raise ValueError(f"two tables are named {name}")
        _known[name] = self
        self.name = name
        self.record = record
        self.decode: Callable[[bytes], R] = record.decode
        self._on_change = on_change
        self._head = keys.encode(name)

    def key(self, *parts: Part) -> bytes:
        """The key of the record at `parts`."""
        return self._head + keys.encode(*parts)

    def prefix(self, *parts: Part) -> bytes:
        """The prefix of the keys of all records below `parts`. Its end is `keys.prefix_end(prefix)`."""
        return self.key(*parts)

    def open_prefix(self, *parts: Part) -> bytes:
        """The prefix of the keys of all records whose last given part (a string or bytes) starts with the one given."""
        return self._head + keys.encode_open(*parts)

    def parts(self, key: bytes) -> tuple[Part, ...]:
        """The parts of a record's key."""
        return keys.decode(key[len(self._head) :])

    def get(self, tx: Tx, *parts: Part) -> R | None:
        """The record at `parts`."""
        known = (self.name, parts)  # not the key: encoding that is what repeated reads spend most on
        found = tx.memo.get(known, _UNREAD)
        if found is _UNREAD:
            value = tx.get(self._head + keys.encode(*parts))
            found = tx.memo[known] = None if value is None else self.decode(value)
        return cast("R | None", found)

    def put(self, tx: Tx, record: R, *parts: Part) -> None:
        """Set the record at `parts`."""
        key = self._head + keys.encode(*parts)
        tx.memo.pop((self.name, parts), None)
        if self._on_change is None:
            tx.put(key, record.encode())
            return
        old = tx.get(key)
        tx.put(key, record.encode())
        self._on_change(tx, key, None if old is None else self.decode(old), record)

    def delete(self, tx: Tx, *parts: Part) -> None:
        """Remove the record at `parts`, if it is there."""
        key = self._head + keys.encode(*parts)
        tx.memo.pop((self.name, parts), None)
        if self._on_change is None:
            tx.delete(key)
            return
        old = tx.get(key)
        if old is not None:
            tx.delete(key)
            self._on_change(tx, key, self.decode(old), None)

    def scan(
        self,
        tx: Tx,
        *prefix: Part,
        starting_with: str | bytes | None = None,
        start: Part | tuple[Part, ...] | None = None,
        start_after: Part | tuple[Part, ...] | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[tuple[Part, ...], R]]:
        """The records below `prefix`, in the order of their parts (or the reverse), each with all its parts.

        `starting_with`: only those whose next part starts with it. `start`, `start_after`: the part or parts that follow
        `prefix` to begin at, or after (after all that is below them, too); with `reverse` they are where the scan ends.
        """
        lower, upper = self.span(*prefix, starting_with=starting_with, start=start, start_after=start_after)
        head = len(self._head)
        decode = self.decode
        for key, value in tx.scan(lower, upper, limit=limit, reverse=reverse):
            yield keys.decode(key[head:]), decode(value)

    def span(
        self,
        *prefix: Part,
        starting_with: str | bytes | None = None,
        start: Part | tuple[Part, ...] | None = None,
        start_after: Part | tuple[Part, ...] | None = None,
    ) -> tuple[bytes, bytes]:
        """The bounds of what `scan` with the same arguments reads: the first key, and the first one after it."""
        below = self.prefix(*prefix)
        within = below if starting_with is None else self.open_prefix(*prefix, starting_with)
        lower = within
        if start is not None:
            lower = max(lower, below + _encoded(start))
        if start_after is not None:
            lower = max(lower, prefix_end(below + _encoded(start_after)))
        return lower, prefix_end(within)


def _encoded(parts: Part | tuple[Part, ...]) -> bytes:
    return keys.encode(*parts) if isinstance(parts, tuple) else keys.encode(parts)
