"""Effects: written with what wants them, carried out after, in order, again when they fail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from fogbank.store import outbox
from fogbank.store.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Store, Tx

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Order(Record, version=1):
    """A payload."""

    what: str


class Carrier:
    """Handlers that note what they were given, and a clock that is told the time."""

    def __init__(self) -> None:
        self.now = NOON
        self.seen: list[bytes] = []
        self.fails = 0

    async def note(self, payload: bytes) -> None:
        self.seen.append(payload)
        if self.fails:
            self.fails -= 1
            raise OSError("not now")

    async def run(self, store: Store, *kinds: str) -> int:
        return await outbox.carry_out(store, dict.fromkeys(kinds or ("note",), self.note), lambda: self.now)


def emit(*payloads: bytes, kind: str = "note", after: timedelta | None = None) -> Callable[[Tx], None]:
    def handler(tx: Tx) -> None:
        for payload in payloads:
            outbox.emit(tx, kind, payload, now=NOON, not_before=NOON + after if after is not None else None)

    return handler


def test_by_due_time_then_in_the_order_of_emission(store: Store) -> None:
    async def main() -> None:
        carrier = Carrier()
        await store.write(emit(b"3", after=2 * SECOND))
        await store.write(emit(b"2", kind="other", after=SECOND))
        await store.write(emit(b"0", b"1"))
        assert await carrier.run(store, "note", "other") == 2
        carrier.now += SECOND * 10
        assert await carrier.run(store, "note", "other") == 2
        assert carrier.seen == [b"0", b"1", b"2", b"3"]
        assert await carrier.run(store, "note", "other") == 0

    asyncio.run(main())


def test_a_kind_without_a_handler_waits_and_is_in_nobodys_way(store: Store) -> None:
    async def main() -> None:
        carrier = Carrier()
        await store.write(emit(*[b"x"] * 200, kind="elsewhere"))
        await store.write(emit(b"here"))
        assert await carrier.run(store) == 1
        assert carrier.seen == [b"here"]
        assert await carrier.run(store, "elsewhere") == 100
        assert await carrier.run(store, "elsewhere") == 100

    asyncio.run(main())


def test_a_failure_is_tried_again_later_and_later(store: Store) -> None:
    async def main() -> None:
        carrier = Carrier()
        carrier.fails = 3
        await store.write(emit(b"1"))
        waits: list[int] = []
        while carrier.fails or not waits:
            await carrier.run(store)
            with store.snapshot() as tx:
                far = outbox.due(tx, NOON + timedelta(days=1), 10, ["note"])
            waits.append(far[0].due - int(carrier.now.timestamp()) * 1_000_000)
            assert far[0].effect.attempts == len(waits)
            assert far[0].effect.error == "OSError: not now"
            assert await carrier.run(store) == 0
            carrier.now += timedelta(microseconds=waits[-1])
        assert waits == [1_000_000, 2_000_000, 4_000_000]
        assert await carrier.run(store) == 1
        carrier.now += timedelta(days=1)
        assert await carrier.run(store) == 0

    asyncio.run(main())


def test_waits_are_bounded(store: Store) -> None:
    async def main() -> None:
        carrier = Carrier()
        carrier.fails = 40
        await store.write(emit(b"1"))
        while carrier.fails:
            await carrier.run(store)
            carrier.now += outbox.LAST_RETRY
        assert len(carrier.seen) == 40

    asyncio.run(main())


def test_what_is_rolled_back_has_no_effect(store: Store) -> None:
    async def main() -> None:
        def handler(tx: Tx) -> None:
            outbox.emit(tx, "note", b"1", now=NOON)
            raise ValueError

        with pytest.raises(ValueError):
            await store.write(handler)
        assert await Carrier().run(store) == 0

    asyncio.run(main())


def test_two_carriers_leave_one_outcome(store: Store) -> None:
    """Both may do it; whoever is second finds it done, and does not bring it back."""

    async def main() -> None:
        carrier = Carrier()
        await store.write(emit(b"1"))
        carrier.fails = 1
        await asyncio.gather(carrier.run(store), carrier.run(store))
        carrier.now += timedelta(days=1)
        tried = len(carrier.seen)
        await carrier.run(store)
        assert await carrier.run(store) == 0
        assert tried <= len(carrier.seen) <= 3

    asyncio.run(main())


def test_a_record_as_payload(store: Store) -> None:
    async def main() -> None:
        carrier = Carrier()
        await store.write(lambda tx: outbox.emit(tx, "note", Order(what="tea"), now=NOON))
        await carrier.run(store)
        assert Order.decode(carrier.seen[0]) == Order(what="tea")

    asyncio.run(main())


def test_a_cancelled_carrier_leaves_the_effect(store: Store) -> None:
    async def main() -> None:
        started = asyncio.Event()

        async def hang(payload: bytes) -> None:
            started.set()
            await asyncio.Event().wait()

        await store.write(emit(b"1"))
        task = asyncio.create_task(outbox.carry_out(store, {"note": hang}, lambda: NOON))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await Carrier().run(store) == 1

    asyncio.run(main())


def test_carriers_side_by_side_take_what_no_other_is_at(store: Store) -> None:
    async def main() -> None:
        carrier, busy, slow = Carrier(), set[tuple[str, int, int]](), asyncio.Event()

        async def handle(payload: bytes) -> None:
            if payload == b"slow":
                await slow.wait()
            await carrier.note(payload)

        def one() -> asyncio.Task[bool]:
            return asyncio.create_task(outbox.carry_one(store, {"note": handle}, lambda: NOON, busy))

        await store.write(emit(b"slow", b"1", b"2"))
        first = one()
        await asyncio.sleep(0)
        assert await one()
        assert await one()
        assert not await one()
        assert carrier.seen == [b"1", b"2"]
        slow.set()
        assert await first
        assert carrier.seen == [b"1", b"2", b"slow"]
        assert not await one()
        assert not busy

    asyncio.run(main())
