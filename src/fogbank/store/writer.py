"""The group-commit writer: waiting handlers share a transaction, one commit and one sync.

Each event loop has one Writer with a connection, a lock and a thread of its own. Handlers run on the loop (in a thread each
would pay for two switches of the interpreter lock); what blocks, the lock of another process, the sync of a commit and the
checkpoint, runs in the thread, while the loop serves reads and collects the next batch.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from queue import SimpleQueue
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import apsw

from fogbank.store import disk
from fogbank.store.api import StoreError
from fogbank.store.sqlite_tx import WriteTx, store_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Tx
    from fogbank.store.locks import WriterLock

T = TypeVar("T")

SLICE: Final = 0.002  # seconds of handlers before the loop gets a turn
BATCH: Final = 0.020  # seconds of handlers before a commit, so that nobody waits for long
PAGE: Final = 4096
CHECKPOINT_PAGES: Final = 2048  # 8 MiB of WAL: a stall of about 15 ms each 1,000 puts of 4 KiB (measured)
CLOSE_WAIT: Final = 30.0  # seconds for the sync under way; after that the thread is left to the kernel

_log = logging.getLogger(__name__)


class _Phase(Enum):
    """Who has the connection, and what becomes of the batch if all ends now."""

    IDLE = auto()
    HANDLING = auto()  # nothing is committed: the batch fails
    COMMITTING = auto()  # the thread knows


@dataclass(slots=True)
class _Waiting:
    """A handler, and who waits for it. `error` is what it raised."""

    handler: Callable[[Tx], Any]
    future: asyncio.Future[Any]
    bulk: bool
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
            return
        error = self.error
        if isinstance(error, StopIteration):  # a future refuses it
            error = RuntimeError("a handler raised StopIteration")
            error.__cause__ = self.error
        self.future.set_exception(error)

    def fail(self, error: StoreError) -> None:
        self.error = type(error)(*error.args)
        self.error.__cause__ = error.__cause__
        self.settle()


class _Outcome(asyncio.Future[Any]):
    """What a job in the thread will come to. The job has the connection in its hands, so waiting for it is not cancelled."""

    def cancel(self, msg: Any = None) -> bool:
        return False


class _Thread:
    """One thread that does one thing after another for an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: SimpleQueue[tuple[Callable[[], Any], _Outcome] | None] = SimpleQueue()
        self.busy = False
        self._thread = threading.Thread(target=self._run, name="fogbank-writer", daemon=True)
        self._thread.start()

    async def do(self, job: Callable[[], T]) -> T:
        """Run `job` in the thread and return what it returns, whatever is cancelled: a cancellation is put off until after."""
        outcome: _Outcome = _Outcome(loop=self._loop)
        self.busy = True
        self._jobs.put((job, outcome))
        try:
            await outcome
        except asyncio.CancelledError:
            if not outcome.done():
                raise
            task = asyncio.current_task()
            if task is not None:
                task.cancel()
        finally:
            self.busy = not outcome.done()
        return cast("T", outcome.result())

    def stop(self) -> bool:
        """After what is under way; False if it does not end."""
        self._jobs.put(None)
        self._thread.join(CLOSE_WAIT)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, future = item
            result, error = None, None
            try:
                result = job()
            except BaseException as raised:
                error = raised
            try:
                self._loop.call_soon_threadsafe(_set, future, result, error)
            except RuntimeError:
                _log.debug("the event loop closed before its writer was done")


def _set(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class Writer:
    """Runs the handlers of one event loop. `submit` is for that loop's thread; `close` for any."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: apsw.Connection, lock: WriterLock) -> None:
        self._loop = loop
        self._connection = connection
        self._run_sql = connection.cursor().execute
        self._lock = lock
        self._thread = _Thread(loop)
        self._queue: deque[_Waiting] = deque()
        self._batch: list[_Waiting] = []
        self._phase = _Phase.IDLE
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._room = True
        self._wal_pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES
        connection.set_wal_hook(self._note_wal)

    def submit(self, handler: Callable[[Tx], T], bulk: bool) -> asyncio.Future[T]:
        """Queue a handler. The batch begins when the loop has run what is ready now, so that those who come together go so."""
        if self._closed:
            raise StoreError("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.append(_Waiting(handler, future, bulk))
        if self._task is None:
            self._task = self._loop.create_task(self._drain())
            self._task.add_done_callback(self._see_end)
        return future

    def close(self) -> None:
        """Wait for the commit under way, fail all that is not committed, let go of the files. On the loop, if it runs."""
        if not self._loop.is_running() or asyncio._get_running_loop() is self._loop:
            self._close()
            return
        closed = threading.Event()

        def close() -> None:
            self._close()
            closed.set()

        try:
            self._loop.call_soon_threadsafe(close)
        except RuntimeError:  # it was closed just now
            self._close()
        else:
            closed.wait(CLOSE_WAIT)

    def _close(self) -> None:
        self._closed = True
        ended = self._thread.stop()
        if ended:
            self._rollback()
            self._connection.close()
        self._lock.close()
        lost = list(self._queue)
        if self._phase is _Phase.HANDLING:
            lost = self._batch + lost
        self._queue.clear()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_fail_all, lost, StoreError("the store was closed"))

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    async def _drain(self) -> None:
        try:
            while self._queue and not self._closed:
                await self._one_batch()
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            self._task = None

    def _see_end(self, task: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step never comes to its `finally`."""
        if self._task is task:
            self._task = None
            self._abandon(asyncio.CancelledError())

    async def _one_batch(self) -> None:
        """Lock, run handlers, commit, answer, and perhaps checkpoint."""
        self._batch = []
        self._phase = _Phase.HANDLING
        try:
            if not self._lock.try_acquire():
                await self._thread.do(self._lock.acquire)
            self._check_open()
            self._run_sql("BEGIN IMMEDIATE")
            self._room = self._see_room()
            changes = self._connection.total_changes()
            await self._handle()
            self._check_open()
            changed = self._connection.total_changes() != changes
        except (apsw.Error, StoreError, OSError) as error:
            self._give_up(error)
            return
        self._phase = _Phase.COMMITTING
        if changed:
            failed = await self._thread.do(self._commit)
        else:
            failed = self._commit()  # nothing to sync
        self._answer(failed)
        if self._wal_pages >= self._checkpoint_at and not self._closed:
            await self._thread.do(self._checkpoint)

    def _see_room(self) -> bool:
        """Whether blobs may be kept: on the device, or in pages of the database that are free again."""
        room = disk.free(self._lock.file())
        if room < disk.LOW_WATER:
            room += int(self._connection.pragma("freelist_count")) * PAGE
        return room >= disk.LOW_WATER

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store was closed")

    async def _handle(self) -> None:
        """Run what waits, in order, for at most BATCH seconds. One bulk handler is a batch of its own."""
        if self._queue and self._queue[0].bulk:
            waiting = self._queue.popleft()
            if not waiting.future.done():
                self._batch.append(waiting)
                await self._thread.do(lambda: self._call(waiting))
            return
        began = resumed = perf_counter()
        while self._queue and not self._queue[0].bulk:
            waiting = self._queue.popleft()
            if waiting.future.done():  # cancelled
                continue
            self._batch.append(waiting)
            self._call(waiting)
            now = perf_counter()
            if now - began > BATCH:
                return
            if now - resumed > SLICE:
                await asyncio.sleep(0)
                self._check_open()
                resumed = perf_counter()

    def _call(self, waiting: _Waiting) -> None:
        """Run one handler in a savepoint. Raises StoreError if the database failed: then the batch is lost."""
        tx = WriteTx(self._run_sql, self._room)
        self._run_sql("SAVEPOINT handler")
        try:
            result = waiting.handler(tx)
            if isinstance(result, CoroutineType):
                result.close()
                raise TypeError("a handler is a plain function, not a coroutine function")
            waiting.result = result
        except BaseException as error:
            waiting.error = error
        tx.end()
        if tx.failure is not None:
            raise tx.failure
        if waiting.error is not None:
            self._run_sql("ROLLBACK TO handler")
        self._run_sql("RELEASE handler")

    def _commit(self) -> StoreError | None:
        """Commit and sync; the error that lost the batch, if one did. Lets go of the lock unless a checkpoint is due."""
        failed = None
        try:
            self._run_sql("COMMIT")
        except apsw.Error as error:
            failed = store_error(error)
            failed.__cause__ = error
            self._rollback()
        if self._wal_pages < self._checkpoint_at:
            self._lock.release()
        return failed

    def _answer(self, failed: StoreError | None) -> None:
        self._phase = _Phase.IDLE
        batch, self._batch = self._batch, []
        for waiting in batch:
            if failed is None:
                waiting.settle()
            else:
                waiting.fail(failed)

    def _give_up(self, error: Exception) -> None:
        """The database failed before the commit: all of the batch is undone, and all that waited for it is told."""
        self._undo()
        failed = error if isinstance(error, StoreError) else StoreError(str(error))
        if isinstance(error, apsw.Error):
            failed = store_error(error)
            failed.__cause__ = error
        if not self._batch and self._queue:  # the lock or BEGIN failed: none of those who wait can be served
            self._batch = list(self._queue)
            self._queue.clear()
        self._answer(failed)

    def _abandon(self, error: BaseException) -> None:
        """The loop is shutting down, or there is an error in this module: what is not committed is undone, and told so."""
        if self._phase is not _Phase.IDLE:
            self._undo()
        stopped = StoreError("the writer was stopped")
        stopped.__cause__ = error
        self._batch += self._queue
        self._queue.clear()
        if not self._loop.is_closed():
            self._answer(stopped)

    def _undo(self) -> None:
        if not self._closed and not self._thread.busy:
            self._rollback()
            self._lock.release()

    def _rollback(self) -> None:
        """To a connection without a transaction, whatever SQLite has already undone."""
        if self._connection.in_transaction:
            try:
                self._run_sql("ROLLBACK")
            except apsw.Error:
                _log.exception("a rollback failed")

    def _checkpoint(self) -> None:
        """Copy the WAL into the database, holding the writer lock so that it ends, and can begin anew. Errors lose nothing."""
        try:
            pages, copied = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            _log.warning("a checkpoint failed: %s", error)
            pages, copied = self._wal_pages, 0
        finally:
            self._lock.release()
        # What a reader kept from being copied is tried again after as much again, not at every commit.
        self._checkpoint_at = CHECKPOINT_PAGES if copied >= pages else pages + CHECKPOINT_PAGES
        self._wal_pages = 0


def _fail_all(lost: list[_Waiting], error: StoreError) -> None:
    for waiting in lost:
        waiting.fail(error)
