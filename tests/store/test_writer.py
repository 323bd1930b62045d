"""The group-commit writer: who is cancelled, what is raised, how loops end, and that batches are shared."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from fogbank.store import writer
from fogbank.store.api import StoreError
from fogbank.store.locks import WriterLock
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fogbank.store.api import Tx


def put(key: str) -> Callable[[Tx], None]:
    return lambda tx: tx.put(key.encode(), b"")


def keys(store: SqliteStore) -> list[str]:
    with store.snapshot() as tx:
        return [key.decode() for key, _ in tx.scan(b"", b"\xff")]


def test_those_who_wait_share_a_commit(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    commit = writer.Writer._commit

    def counted(self: writer.Writer) -> StoreError | None:
        commits.append(len(self._batch))
        return commit(self)

    monkeypatch.setattr(writer.Writer, "_commit", counted)

    async def main() -> None:
        await asyncio.gather(*(sqlite.write(put(str(n))) for n in range(50)))

    asyncio.run(main())
    assert commits == [50]


def test_reads_go_on_while_a_commit_is_synced(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    syncing, synced = threading.Event(), threading.Event()
    commit = writer.Writer._commit

    def slow(self: writer.Writer) -> StoreError | None:
        syncing.set()
        assert synced.wait(10)
        return commit(self)

    monkeypatch.setattr(writer.Writer, "_commit", slow)

    async def main() -> None:
        first = asyncio.create_task(sqlite.write(put("first")))
        while not syncing.is_set():
            await asyncio.sleep(0)
        assert keys(sqlite) == []
        second = asyncio.create_task(sqlite.write(put("second")))
        await asyncio.sleep(0)
        synced.set()
        await asyncio.gather(first, second)

    asyncio.run(main())
    assert keys(sqlite) == ["first", "second"]


class Odd(BaseException):
    """Not an Exception."""


@pytest.mark.parametrize("raised", [ValueError("x"), Odd("x"), asyncio.CancelledError("x"), GeneratorExit("x")])
def test_whatever_a_handler_raises_is_its_waiters(sqlite: SqliteStore, raised: BaseException) -> None:
    def handler(tx: Tx) -> None:
        tx.put(b"bad", b"")
        raise raised

    async def main() -> list[Any]:
        writes = (sqlite.write(put("a")), sqlite.write(handler), sqlite.write(put("b")))
        return list(await asyncio.gather(*writes, return_exceptions=True))

    outcomes = asyncio.run(main())
    assert outcomes[0] is None
    assert outcomes[2] is None
    assert type(outcomes[1]) is type(raised)
    assert keys(sqlite) == ["a", "b"]


def test_a_keyboard_interrupt_in_a_handler_ends_the_loop_and_loses_nobody_else(sqlite: SqliteStore) -> None:
    def interrupted(tx: Tx) -> None:
        tx.put(b"bad", b"")
        raise KeyboardInterrupt

    async def main() -> None:
        await asyncio.gather(sqlite.write(put("a")), sqlite.write(interrupted), sqlite.write(put("b")))

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(main())
        for _ in range(2):  # it comes through the task of the write, then through that of main
            with pytest.raises(KeyboardInterrupt):
                loop.run_until_complete(task)
        assert isinstance(task.exception(), KeyboardInterrupt)
    assert keys(sqlite) == ["a", "b"]


def test_stop_iteration_becomes_a_runtime_error(sqlite: SqliteStore) -> None:
    def handler(tx: Tx) -> None:
        next(iter(()))

    async def main() -> None:
        await sqlite.write(handler)

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(main())


def test_cancelled_before_its_turn_it_never_runs(sqlite: SqliteStore) -> None:
    async def main() -> None:
        task = asyncio.create_task(sqlite.write(put("cancelled")))
        other = asyncio.create_task(sqlite.write(put("other")))
        await asyncio.sleep(0)
        task.cancel()
        await other
        assert task.cancelled()

    asyncio.run(main())
    assert keys(sqlite) == ["other"]


def test_cancelled_after_its_turn_it_is_committed(sqlite: SqliteStore) -> None:
    ran = threading.Event()

    def handler(tx: Tx) -> None:
        tx.put(b"a", b"")
        ran.set()

    async def main() -> None:
        task = asyncio.create_task(sqlite.write(handler))
        while not ran.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await sqlite.write(put("b"))

    asyncio.run(main())
    assert keys(sqlite) == ["a", "b"]


def test_a_loop_that_ends_leaves_no_lock_and_no_half_batch(sqlite: SqliteStore) -> None:
    """asyncio.run cancels every task, the writer's own among them, wherever it is."""
    for turns in range(12):
        started: list[int] = []

        def handler(tx: Tx, started: list[int] = started) -> None:
            tx.put(b"x%d" % len(started), b"")
            tx.put(b"y%d" % len(started), b"")
            started.append(1)

        async def main(turns: int = turns, handler: Callable[[Tx], None] = handler) -> None:
            for _ in range(20):
                asyncio.create_task(sqlite.write(handler))  # noqa: RUF006
            for _ in range(turns):
                await asyncio.sleep(0)

        asyncio.run(main())
        found = keys(sqlite)
        assert {key[1:] for key in found if key[0] == "x"} == {key[1:] for key in found if key[0] == "y"}
        lock = WriterLock(sqlite.path)
        assert lock.try_acquire()
        lock.close()


def test_a_write_in_a_finally_clause_at_shutdown_is_served(sqlite: SqliteStore) -> None:
    async def worker(started: asyncio.Event) -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await sqlite.write(put("last words"))

    async def main() -> None:
        started = asyncio.Event()
        asyncio.create_task(worker(started))  # noqa: RUF006
        await started.wait()

    asyncio.run(main())
    assert keys(sqlite) == ["last words"]


def test_a_stopped_writer_tells_those_who_wait(sqlite: SqliteStore) -> None:
    async def main() -> None:
        first = asyncio.create_task(sqlite.write(put("a")))
        await asyncio.sleep(0)
        task = sqlite._writers[asyncio.get_running_loop()]._task
        assert task is not None
        task.cancel()
        with pytest.raises(StoreError, match="stopped"):
            await first
        await sqlite.write(put("b"))

    asyncio.run(main())
    assert keys(sqlite) == ["b"]


def test_several_loops_write_one_store(sqlite: SqliteStore) -> None:
    def add(tx: Tx) -> None:
        tx.put(b"n", b"%d" % (int(tx.get(b"n") or b"0") + 1))

    async def main() -> None:
        for _ in range(20):
            await asyncio.gather(*(sqlite.write(add) for _ in range(5)))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite.snapshot() as tx:
        assert tx.get(b"n") == b"300"


def test_writers_of_closed_loops_are_let_go(sqlite: SqliteStore) -> None:
    for n in range(5):
        asyncio.run(_one(sqlite, str(n)))
    assert len(sqlite._writers) == 1


async def _one(store: SqliteStore, key: str) -> None:
    await store.write(put(key))


def test_close_finishes_the_commit_and_fails_the_rest(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    syncing = threading.Event()
    commit = writer.Writer._commit

    def slow(self: writer.Writer) -> StoreError | None:
        syncing.set()
        return commit(self)

    monkeypatch.setattr(writer.Writer, "_commit", slow)

    async def main() -> list[Any]:
        first = asyncio.create_task(sqlite.write(put("first")))
        while not syncing.is_set():
            await asyncio.sleep(0)
        second = asyncio.create_task(sqlite.write(put("second")))
        await asyncio.sleep(0)
        sqlite.close()
        return list(await asyncio.gather(first, second, return_exceptions=True))

    first, second = asyncio.run(main())
    assert first is None
    assert isinstance(second, StoreError)
    again = SqliteStore(sqlite.path)
    assert keys(again) == ["first"]
    again.close()


def test_close_in_the_middle_of_a_batch(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLICE", 0)

    async def main() -> list[Any]:
        tasks = [asyncio.create_task(sqlite.write(put(str(n)))) for n in range(9)]
        for _ in range(4):
            await asyncio.sleep(0)
        sqlite.close()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert all(isinstance(outcome, StoreError) for outcome in asyncio.run(main()))
    again = SqliteStore(sqlite.path)
    assert keys(again) == []
    again.close()


def test_close_from_another_thread(sqlite: SqliteStore) -> None:
    async def main() -> None:
        await sqlite.write(put("a"))
        await asyncio.to_thread(sqlite.close)
        with pytest.raises(StoreError):
            await sqlite.write(put("b"))

    asyncio.run(main())


def test_close_from_another_thread_in_the_middle_of_batches(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SLICE", 0)

    async def main() -> list[Any]:
        closing = asyncio.create_task(asyncio.to_thread(sqlite.close))
        outcomes: list[Any] = []
        while not closing.done():
            writes = (sqlite.write(put(f"{len(outcomes)}.{n}")) for n in range(9))
            outcomes.append(await asyncio.gather(*writes, return_exceptions=True))
        await closing
        return outcomes

    batches = asyncio.run(main())
    assert all(isinstance(outcome, StoreError) for outcome in batches[-1])
    again = SqliteStore(sqlite.path)
    done = {f"{b}.{n}" for b, batch in enumerate(batches) for n, outcome in enumerate(batch) if outcome is None}
    assert set(keys(again)) == done
    again.close()


def test_close_while_a_bulk_handler_runs(sqlite: SqliteStore) -> None:
    running = threading.Event()

    def handler(tx: Tx) -> None:
        running.set()
        tx.put(b"a", b"")

    async def main() -> None:
        bulk = asyncio.create_task(sqlite.write(handler, bulk=True))
        while not running.is_set():
            await asyncio.sleep(0)
        sqlite.close()
        with pytest.raises(StoreError):
            await bulk

    asyncio.run(main())
    again = SqliteStore(sqlite.path)
    assert keys(again) == []
    again.close()


def test_the_loop_gets_its_turn_in_a_long_batch(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLICE", 0)
    monkeypatch.setattr(writer, "BATCH", 60)
    order: list[str] = []

    def handler(n: int) -> Callable[[Tx], None]:
        return lambda tx: order.append(f"handler {n}")

    async def other() -> None:
        for n in range(4):
            order.append(f"other {n}")
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(sqlite.write(handler(n)) for n in range(3)), other())

    asyncio.run(main())
    assert order.index("other 1") < order.index("handler 1") < order.index("other 3")


def test_a_long_queue_is_committed_in_parts(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BATCH", 0)

    async def main() -> None:
        await asyncio.gather(*(sqlite.write(put(str(n))) for n in range(7)))

    asyncio.run(main())
    assert len(keys(sqlite)) == 7


def test_a_bulk_handler_does_not_hold_up_the_loop(sqlite: SqliteStore) -> None:
    running, go_on = threading.Event(), threading.Event()

    def handler(tx: Tx) -> str:
        running.set()
        assert go_on.wait(10)
        tx.put(b"bulk", b"")
        return threading.current_thread().name

    async def main() -> None:
        bulk = asyncio.create_task(sqlite.write(handler, bulk=True))
        after = asyncio.create_task(sqlite.write(put("after")))
        while not running.is_set():
            await asyncio.sleep(0)
        assert keys(sqlite) == []
        go_on.set()
        assert await bulk == "fogbank-writer"
        await after

    asyncio.run(main())
    assert keys(sqlite) == ["after", "bulk"]


def test_a_cancelled_bulk_handler_ends_before_the_next_begins(sqlite: SqliteStore) -> None:
    running, go_on = threading.Event(), threading.Event()

    def handler(tx: Tx) -> None:
        tx.put(b"a", b"")
        running.set()
        assert go_on.wait(10)
        tx.put(b"b", b"")

    async def main() -> None:
        bulk = asyncio.create_task(sqlite.write(handler, bulk=True))
        while not running.is_set():
            await asyncio.sleep(0)
        bulk.cancel()
        next_one = asyncio.create_task(sqlite.write(put("c")))
        await asyncio.sleep(0)
        go_on.set()
        await next_one

    asyncio.run(main())
    assert keys(sqlite) == ["a", "b", "c"]


def test_the_lock_of_another_process_is_waited_for_in_the_thread(sqlite: SqliteStore) -> None:
    other = WriterLock(sqlite.path)
    other.acquire()

    async def main() -> None:
        write = asyncio.create_task(sqlite.write(put("a")))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not write.done()
        assert keys(sqlite) == []
        other.release()
        await write

    asyncio.run(main())
    other.close()
    assert keys(sqlite) == ["a"]


def test_who_waits_for_the_lock_has_the_turn(tmp_path: Path) -> None:
    one, other = WriterLock(tmp_path / "db"), WriterLock(tmp_path / "db")
    one.acquire()
    assert not other.try_acquire()
    one.release()
    assert not one.try_acquire()  # it is the other's turn
    other.acquire()
    other.release()
    assert one.try_acquire()
    one.close()
    other.close()


def test_the_wal_is_bounded(sqlite: SqliteStore) -> None:
    async def main() -> None:
        for _ in range(60):
            await asyncio.gather(*(sqlite.write(lambda tx: tx.put_bytes(b"x" * 60_000)) for _ in range(20)))

    asyncio.run(main())
    wal = sqlite.path.with_name("state.db-wal").stat().st_size
    assert wal < 3 * writer.CHECKPOINT_PAGES * 4096 / 2


def test_a_reader_keeps_the_wal_but_not_the_writers(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 10)

    async def main() -> None:
        await sqlite.write(put("a"))
        with sqlite.snapshot() as tx:
            assert tx.get(b"a") == b""
            for n in range(40):
                await sqlite.write(put(f"b{n}"))
            assert tx.get(b"b1") is None
        for n in range(40):
            await sqlite.write(put(f"c{n}"))

    asyncio.run(main())
    assert len(keys(sqlite)) == 81


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be looked at " * 100])
def test_a_strange_file_is_refused_or_made_ours(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    if not content:
        SqliteStore(path).close()
        return
    with pytest.raises(StoreError):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_other_databases_and_newer_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs(x)")
    connection.close()
    with pytest.raises(StoreError, match="not a Fogbank database"):
        SqliteStore(path)
    ours = tmp_path / "state.db"
    SqliteStore(ours).close()
    connection = apsw.Connection(str(ours))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(StoreError, match="format 99"):
        SqliteStore(ours)
