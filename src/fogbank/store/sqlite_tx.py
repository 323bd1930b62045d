"""Transactions over the SQLite database: what handlers and readers see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

import apsw
from awscrt.checksums import crc64nvme

from fogbank.store.api import StoreCorrupt, StoreError, StoreFull
from fogbank.store.keys import prefix_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

PAGES: Final = (32, 256, 1024)  # rows that a scan reads at a time

_GET = "SELECT v FROM kv WHERE k = ?"
_PUT = "INSERT INTO kv(k, v) VALUES(?, ?) ON CONFLICT(k) DO UPDATE SET v = excluded.v"
_DELETE = "DELETE FROM kv WHERE k = ?"
_UP = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT ?"
_DOWN = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k DESC LIMIT ?"
# What follows a key: the first one behind all that are alike up to the delimiter, or behind the key itself.
_FOUND = "instr(substr({k}, :at + 1, instr(substr({k}, :at + 1), x'00')), :delimiter)"
_GROUPS = f"""
WITH RECURSIVE found(k) AS (
  SELECT (SELECT k FROM kv WHERE k >= :start AND k < :end ORDER BY k LIMIT 1)
  UNION ALL
  SELECT (
    SELECT kv.k FROM kv
    WHERE kv.k < :end AND kv.k >= CAST(CASE WHEN {_FOUND.format(k="found.k")}
      THEN substr(found.k, 1, :at + {_FOUND.format(k="found.k")} - 1) || :behind ELSE found.k || x'00' END AS BLOB)
    ORDER BY kv.k LIMIT 1)
  FROM found WHERE found.k IS NOT NULL LIMIT :limit)
SELECT k, CASE WHEN {_FOUND.format(k="k")} THEN x'' ELSE (SELECT v FROM kv WHERE kv.k = found.k) END
FROM found WHERE k IS NOT NULL"""
_PUT_BYTES = "INSERT INTO small(crc, data) VALUES(?, ?)"
_GET_BYTES = "SELECT crc, data FROM small WHERE id = ?"
_DELETE_BYTES = "DELETE FROM small WHERE id = ?"
_SIZE_OF_BYTES = "SELECT length(data) FROM small WHERE id = ?"
_TOTAL_BYTES = "SELECT sum(length(data)) FROM small"
_LIST_BYTES = "SELECT id FROM small WHERE id > ? ORDER BY id LIMIT ?"


def store_error(error: apsw.Error) -> StoreError:
    """SQLite's error as the store's."""
    if isinstance(error, apsw.FullError):
        return StoreFull("no space is left on the device")
    return StoreError(f"{type(error).__name__}: {error}")


def _ended(*_: object) -> apsw.Cursor:
    raise RuntimeError("this transaction has ended")


class _Reading:
    """What a snapshot and a write have in common. `_run` is the execute method of the connection's one cursor."""

    __slots__ = ("_run", "failure", "memo")

    def __init__(self, run: Callable[..., apsw.Cursor]) -> None:
        self._run = run
        self.failure: StoreError | None = None
        self.memo: dict[tuple[str, tuple[Any, ...]], Any] = {}

    def _fail(self, error: apsw.Error) -> Exception:
        """What to raise. SQLite may have rolled back everything, so the failure is kept, whoever catches it."""
        if isinstance(error, (apsw.ConstraintError, apsw.MismatchError)):
            return TypeError(f"keys and values are bytes: {error}")
        self.failure = store_error(error)
        return self.failure

    def get(self, key: bytes) -> bytes | None:
        try:
            found: bytes | None = self._run(_GET, (key,)).get
        except apsw.Error as error:
            raise self._fail(error) from error
        return found

    def scan(
        self, start: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Reads a page at a time, so that no statement stays open; what is written meanwhile may be seen or not."""
        sizes = iter(PAGES)
        page = PAGES[-1] if limit is not None else 0
        while limit is None or limit > 0:
            page = next(sizes, PAGES[-1]) if limit is None else min(limit, page)
            rows = self._page(_DOWN if reverse else _UP, (start, end, page))
            yield from rows
            if len(rows) < page:
                return
            if reverse:
                end = rows[-1][0]
            else:
                start = rows[-1][0] + b"\0"
            if limit is not None:
                limit -= page

    def scan_groups(
        self, start: bytes, end: bytes, *, at: int, delimiter: bytes, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        bindings: dict[str, bytes | int] = {
            "start": start,
            "end": end,
            "at": at,
            "delimiter": delimiter,
            "behind": prefix_end(delimiter),
            "limit": limit,
        }
        yield from self._page(_GROUPS, bindings) if limit else ()

    def _page(
        self, query: str, bindings: tuple[bytes | int, ...] | dict[str, bytes | int]
    ) -> list[tuple[bytes, bytes]]:
        try:
            return cast("list[tuple[bytes, bytes]]", self._run(query, bindings).fetchall())
        except apsw.Error as error:
            raise self._fail(error) from error

    def get_bytes(self, blob: int) -> bytes | None:
        try:
            row: tuple[int, bytes] | None = self._run(_GET_BYTES, (blob,)).get
        except apsw.Error as error:
            raise self._fail(error) from error
        if row is None:
            return None
        crc, data = row
        found: int = crc64nvme(data)
        expected = crc & 0xFFFF_FFFF_FFFF_FFFF
        if found != expected:
            raise StoreCorrupt(str(blob), expected, found)
        return data

    def list_bytes(self, after: int, limit: int) -> list[int]:
        try:
            return [row[0] for row in self._run(_LIST_BYTES, (after, limit))]
        except apsw.Error as error:
            raise self._fail(error) from error

    def size_of_bytes(self, blob: int) -> int | None:
        return self._number(_SIZE_OF_BYTES, (blob,))

    def total_bytes(self) -> int:
        return self._number(_TOTAL_BYTES, ()) or 0

    def _number(self, query: str, bindings: tuple[int, ...]) -> int | None:
        try:
            found: int | None = self._run(query, bindings).get
        except apsw.Error as error:
            raise self._fail(error) from error
        return found


class Readers(Protocol):
    """Where a snapshot borrows its connection."""

    def take_reader(self) -> tuple[apsw.Connection, Callable[..., apsw.Cursor]]:
        """A connection that nobody else reads with, and the execute method of its cursor."""

    def return_reader(self, connection: apsw.Connection, run: Callable[..., apsw.Cursor]) -> None:
        """It is free again."""


class Snapshot(_Reading):
    """A read-only transaction, and the context that it lives in. Its view is that of its first read."""

    __slots__ = ("_connection", "_readers")

    def __init__(self, readers: Readers) -> None:
        super().__init__(_ended)
        self._readers = readers
        self._connection: apsw.Connection | None = None

    def __enter__(self) -> Self:
        connection, run = self._readers.take_reader()
        try:
            run("BEGIN")
        except apsw.Error as error:
            connection.close()
            raise store_error(error) from error
        self._connection = connection
        self._run = run
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run, self._run = self._run, _ended
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            run("COMMIT")
        except apsw.Error:
            connection.close()  # it read an I/O error: the reader was told; the connection may be in any state
        else:
            self._readers.return_reader(connection, run)

    def put(self, key: bytes, value: bytes) -> None:
        raise TypeError("a snapshot is read-only")

    def delete(self, key: bytes) -> None:
        raise TypeError("a snapshot is read-only")

    def put_bytes(self, data: bytes) -> int:
        raise TypeError("a snapshot is read-only")

    def delete_bytes(self, blob: int) -> None:
        raise TypeError("a snapshot is read-only")


class WriteTx(_Reading):
    """What a handler reads and writes through, until it returns. With little `room` left it takes records but no blobs."""

    __slots__ = ("_room",)

    def __init__(self, run: Callable[..., apsw.Cursor], room: bool) -> None:
        super().__init__(run)
        self._room = room

    def put(self, key: bytes, value: bytes) -> None:
        try:
            self._run(_PUT, (key, value))
        except apsw.Error as error:
            raise self._fail(error) from error

    def delete(self, key: bytes) -> None:
        try:
            self._run(_DELETE, (key,))
        except apsw.Error as error:
            raise self._fail(error) from error

    def put_bytes(self, data: bytes) -> int:
        if not self._room:
            raise StoreFull("what space is left on the device is for records")
        crc: int = crc64nvme(data)
        try:
            cursor = self._run(_PUT_BYTES, (crc - (1 << 64) if crc >> 63 else crc, data))
        except apsw.Error as error:
            raise self._fail(error) from error
        return cursor.connection.last_insert_rowid()

    def delete_bytes(self, blob: int) -> None:
        try:
            self._run(_DELETE_BYTES, (blob,))
        except apsw.Error as error:
            raise self._fail(error) from error

    def end(self) -> None:
        """No more through this one: the next handler's writes must not be mixed with those of one that kept it."""
        self._run = _ended
