"""The embedded store: one SQLite database in WAL mode, shared by the processes of a region.

On disk (application_id "Fogb", user_version 1):

    kv(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID     the ordered keys
    small(id INTEGER PRIMARY KEY AUTOINCREMENT,      small blobs; ids are never used again
          crc INTEGER, data BLOB)                    CRC64NVME of data, as a signed 64-bit integer

and beside it `-wal` and `-shm` (SQLite's), `-lock` and `-turn` (see `locks`). Everything is committed with synchronous=FULL.

Page size, cache and checkpoint were measured (bench/micro_store.py): pages of 4 KiB write least to the WAL; a larger cache
gains a reader nothing, as each commit of another connection empties it.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final, TypeVar

import apsw

from fogbank.store.api import StoreError
from fogbank.store.disk import Disk
from fogbank.store.locks import WriterLock
from fogbank.store.sqlite_tx import Snapshot, store_error
from fogbank.store.writer import PAGE, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fogbank.store.api import Tx

T = TypeVar("T")

APPLICATION_ID: Final = 0x466F6762
FORMAT: Final = 1
CACHE_KIB: Final = 8192
BUSY_MS: Final = 10_000  # only WAL recovery after a crash is waited for: writers have their own lock
WAL_KEPT: Final = 64 << 20  # bytes; a WAL that a long snapshot made grow beyond this is cut when it is next reset
IDLE_READERS: Final = 64

_SCHEMA = f"""
CREATE TABLE kv(k BLOB PRIMARY KEY, v BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE small(id INTEGER PRIMARY KEY AUTOINCREMENT, crc INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


class SqliteStore:
    """The store in the database at `path`, made if it is not there. Open it after a fork, never before.

    Any thread may read, any event loop may write; each loop has a writer of its own. `vfs` names the apsw VFS to use, for
    tests. StoreError if the file is not a Fogbank database, or is one of a newer release.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self.path = path
        self._vfs = vfs
        self._closed = False
        self._readers: list[tuple[apsw.Connection, Callable[..., apsw.Cursor]]] = []
        self._writers: dict[asyncio.AbstractEventLoop, Writer] = {}
        self._making = threading.Lock()
        lock = WriterLock(path)
        try:
            lock.acquire()
            self._prepare()
        except apsw.Error as error:
            raise store_error(error) from error
        finally:
            lock.close()

    def snapshot(self) -> AbstractContextManager[Tx]:
        """A read-only view of what is committed, from any thread; about 2 us. Each one, also a nested one, is a fresh view.

        Keep it short: the WAL cannot be reset while one is open.
        """
        return Snapshot(self)

    async def write(self, handler: Callable[[Tx], T], *, bulk: bool = False) -> T:
        """Run `handler` in a transaction of its own and return its result once it is committed and synced.

        Cancelled before its turn, the handler never runs; after that, it is committed although nobody learns of it. What it
        raises, of whatever class, is raised here, once what it may have read is committed.
        """
        writer = self._writers.get(asyncio.get_running_loop()) or self._new_writer()
        return await writer.submit(handler, bulk)

    def verify(self) -> list[str]:
        """What is wrong with the database's pages and indexes, in SQLite's words; it reads all of them. At most 100 findings."""
        connection, run = self.take_reader()
        try:
            found = [str(row[0]) for row in run("PRAGMA quick_check(100)")]
        except apsw.CorruptError as error:  # so much that the check itself cannot go on
            return [str(error)]
        except apsw.Error as error:
            raise store_error(error) from error
        finally:
            self.return_reader(connection, run)
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Finish the commit that is being written, fail what still waits with StoreError, and let go of the files."""
        self._closed = True
        with self._making:
            writers = list(self._writers.values())
            self._writers.clear()
        for writer in writers:
            writer.close()
        while self._readers:
            self._readers.pop()[0].close()

    def take_reader(self) -> tuple[apsw.Connection, Callable[..., apsw.Cursor]]:
        """A connection that nobody else reads with, and the execute method of its cursor."""
        try:
            return self._readers.pop()
        except IndexError:
            pass
        if self._closed:
            raise StoreError("the store is closed")
        try:
            connection = self._connect()
            connection.pragma("query_only", True)
        except apsw.Error as error:
            raise store_error(error) from error
        return connection, connection.cursor().execute

    def return_reader(self, connection: apsw.Connection, run: Callable[..., apsw.Cursor]) -> None:
        """Keep the connection for the next reader."""
        if self._closed or len(self._readers) >= IDLE_READERS:
            connection.close()
        else:
            self._readers.append((connection, run))

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path), vfs=self._vfs)
        connection.set_busy_timeout(BUSY_MS)
        # Closing must not wait for others, nor delete a WAL that another process is about to open.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.pragma("synchronous", "FULL")
        connection.pragma("wal_autocheckpoint", 0)
        connection.pragma("journal_size_limit", WAL_KEPT)
        connection.pragma("cache_size", -CACHE_KIB)
        return connection

    def _prepare(self) -> None:
        """Make the schema, or see that it is ours. Under the writer lock."""
        connection = self._connect()
        try:
            if connection.pragma("application_id") == APPLICATION_ID:
                found = connection.pragma("user_version")
                if found != FORMAT:
                    raise StoreError(f"{self.path}: format {found}; this release knows {FORMAT}")
                return
            if connection.execute("SELECT count(*) FROM sqlite_schema").get:
                raise StoreError(f"{self.path}: not a Fogbank database")
            connection.pragma("page_size", PAGE)
            connection.pragma("journal_mode", "wal")
            connection.execute(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT")
            Disk().sync_directory(self.path.parent)
        finally:
            connection.close()

    def _new_writer(self) -> Writer:
        loop = asyncio.get_running_loop()
        with self._making:
            if self._closed:
                raise StoreError("the store is closed")
            for gone in [other for other in self._writers if other.is_closed()]:
                self._writers.pop(gone).close()
            try:
                writer = Writer(loop, self._connect(), WriterLock(self.path))
            except apsw.Error as error:
                raise store_error(error) from error
            self._writers[loop] = writer
            return writer
