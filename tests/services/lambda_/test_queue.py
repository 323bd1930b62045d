"""When asynchronous invocations are tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from fogbank.services.lambda_ import gone, queue
from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.queue import Event

if TYPE_CHECKING:
    from support.region import LocalRegion

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


LINE = ("123456789012", "us-east-1", "f")


def event(**given: Any) -> Event:
    fields = {"accepted": queue.microseconds(NOW), "name": "f"} | given
    return Event(account="123456789012", region="us-east-1", qualifier="", **fields)


def waits(of: Event, most: int) -> list[timedelta]:
    found = []
    after = queue.after_error(of, NOW, most)
    while after is not None:
        found.append(after[1] - NOW)
        after = queue.after_error(after[0], NOW, most)
    return found


def test_errors_are_tried_again_after_a_minute_and_after_two() -> None:
    assert waits(event(), 2) == [timedelta(minutes=1), timedelta(minutes=2)]
    assert waits(event(), 1) == [timedelta(minutes=1)]
    assert waits(event(), 0) == []


def test_what_is_throttled_waits_twice_as_long_up_to_five_minutes() -> None:
    one, found = event(), []
    for _ in range(11):
        one, when = queue.after_refusal(one, NOW)
        found.append(int((when - NOW).total_seconds()))
    assert found == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_an_error_begins_the_waits_of_throttling_anew() -> None:
    refused, _ = queue.after_refusal(event(), NOW)
    found = queue.after_error(refused, NOW, 2)
    assert found is not None
    assert (found[0].tries, found[0].refusals) == (1, 0)


@given(st.integers(0, 10**6))
def test_no_number_of_refusals_breaks_the_arithmetic(refusals: int) -> None:
    _, when = queue.after_refusal(event(refusals=refusals), NOW)
    assert timedelta(seconds=1) <= when - NOW <= timedelta(minutes=5)


def test_events_grow_too_old() -> None:
    assert not queue.is_too_old(event(), NOW + timedelta(seconds=60), 60)
    assert queue.is_too_old(event(), NOW + timedelta(seconds=61), 60)
    assert queue.is_too_old(event(), NOW + timedelta(hours=6, seconds=1), 10**9)


def test_the_queue_gives_what_is_due_in_order(region: LocalRegion) -> None:
    async def put(count: int) -> None:
        for number in range(count):
            one = event(accepted=queue.microseconds(NOW) + number)
            await region.region.store.write(lambda tx, n=number, e=one: queue.put(tx, e, f"id-{n}", b"%d" % n))  # type: ignore[misc]

    region.run(put(5))
    with region.region.store.snapshot() as tx:
        assert not list(queue.due(tx, LINE, NOW - timedelta(seconds=1), 9))
        found = queue.due(tx, LINE, NOW + timedelta(seconds=1), 9)
        assert [one.id for one in found] == [f"id-{number}" for number in range(5)]
        assert queue.payload_of(tx, found[3]) == b"3"
        assert len(queue.due(tx, LINE, NOW + timedelta(seconds=1), 2)) == 2


def test_every_function_has_its_line(region: LocalRegion) -> None:
    async def put() -> None:
        for number, name in enumerate("bacab"):
            one = event(name=name)
            await region.region.store.write(lambda tx, n=number, e=one: queue.put(tx, e, f"id-{n}", b"{}"))  # type: ignore[misc]
        found = Name("123456789012", "us-east-1", "b")
        await region.region.store.write(lambda tx: gone.tell(tx, found))

    region.run(put())
    with region.region.store.snapshot() as tx:
        assert [line[2] for line in queue.lines(tx)] == ["a", "c"]
        assert len(list(queue.payloads.scan(tx))) == 3


def test_what_is_put_off_moves_and_what_is_done_is_gone(region: LocalRegion) -> None:
    async def run() -> None:
        await region.region.store.write(lambda tx: queue.put(tx, event(), "id", b"{}"))
        with region.region.store.snapshot() as tx:
            (one,) = queue.due(tx, LINE, NOW, 9)
        later, when = queue.after_refusal(one.event, NOW)
        await region.region.store.write(lambda tx: queue.again(tx, one, later, when))
        with region.region.store.snapshot() as tx:
            assert not queue.is_there(tx, one)
            assert not queue.due(tx, LINE, NOW, 9)
            (moved,) = queue.due(tx, LINE, when, 9)
            assert queue.payload_of(tx, moved) == b"{}"
        await region.region.store.write(lambda tx: queue.done(tx, moved))
        with region.region.store.snapshot() as tx:
            assert not list(queue.events.scan(tx))
            assert not list(queue.payloads.scan(tx))

    region.run(run())
