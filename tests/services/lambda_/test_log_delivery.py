"""Lines of functions on their way to CloudWatch Logs."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fogbank.core.errors import AwsError
from fogbank.services.lambda_ import log_delivery
from fogbank.services.lambda_.log_delivery import MOST_TEXT, ROOM, Delivery, Place, pieces


def place(stream: str = "s") -> Place:
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    return Place("123456789012", "us-east-1", "/aws/lambda/f", stream, "arn:aws:iam::123456789012:role/r", function)


class Logs:
    """Log groups in memory. `fails` are errors that come before anything is put."""

    def __init__(self, *fails: str, group: bool = True) -> None:
        self.fails = list(fails)
        self.calls: list[str] = []
        self.groups = {"/aws/lambda/f"} if group else set()
        self.streams: dict[str, list[tuple[int, str]]] = {}
        self.open = asyncio.Event()
        self.open.set()

    async def put(self, _place: Any, operation: str, req: dict[str, Any]) -> None:
        await self.open.wait()
        self.calls.append(operation)
        if operation == "CreateLogGroup":
            self.groups.add(req["logGroupName"])
            return
        if req["logGroupName"] not in self.groups:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        if operation == "CreateLogStream":
            self.streams.setdefault(req["logStreamName"], [])
            return
        if self.fails:
            raise AwsError(self.fails.pop(0), "no")
        if req["logStreamName"] not in self.streams:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        self.streams[req["logStreamName"]] += [(one["timestamp"], one["message"]) for one in req["logEvents"]]


def test_lines_arrive_in_order_in_a_stream_that_is_made_once() -> None:
    async def run() -> None:
        logs = Logs(group=False)
        delivery = Delivery(logs.put)
        for number in range(100):
            delivery.add(place(), [(number, f"line {number}")])
        await delivery.flush()
        assert logs.streams["s"] == [(number, f"line {number}") for number in range(100)]
        delivery.add(place(), [(100, "later")])
        await delivery.flush()
        assert logs.calls.count("CreateLogStream") == 2  # before the group was there, and after
        assert logs.streams["s"][-1] == (100, "later")

    asyncio.run(run())


def test_times_in_a_batch_do_not_go_back() -> None:
    async def run() -> None:
        logs = Logs()
        delivery = Delivery(logs.put)
        delivery.add(place(), [(5, "a"), (3, "b"), (6, "c")])
        await delivery.flush()
        assert logs.streams["s"] == [(5, "a"), (5, "b"), (6, "c")]

    asyncio.run(run())


def test_lines_wait_while_logs_is_in_trouble(monkeypatch: Any) -> None:
    monkeypatch.setattr(log_delivery, "FIRST_RETRY", 0.0)

    async def run() -> None:
        logs = Logs("ServiceUnavailableException", "ThrottlingException")
        delivery = Delivery(logs.put)
        delivery.add(place(), [(1, "a")])
        await delivery.flush()
        assert logs.streams["s"] == [(1, "a")]
        assert delivery.lost == 0

    asyncio.run(run())


def test_what_logs_refuses_is_lost_and_nothing_else() -> None:
    async def run() -> None:
        logs = Logs("AccessDeniedException")
        delivery = Delivery(logs.put)
        delivery.add(place(), [(1, "a"), (2, "b")])
        await delivery.flush()
        assert delivery.lost == 2
        delivery.add(place(), [(3, "c")])
        await delivery.flush()
        assert logs.streams["s"] == [(3, "c")]

    asyncio.run(run())


def test_who_writes_too_much_waits_for_room() -> None:
    async def run() -> None:
        logs = Logs()
        logs.open.clear()
        delivery = Delivery(logs.put)
        line, room = "x" * 100_000, None
        count = 0
        while room is None:
            room = delivery.add(place(), [(1, line)])
            count += 1
        assert count == ROOM // (100_000 + 26) + 1
        assert delivery.add(place("other"), [(1, line)]) is None
        logs.open.set()
        await asyncio.wait_for(room, 30)
        await delivery.flush()
        assert len(logs.streams["s"]) == count

    asyncio.run(run())


def test_what_waits_is_delivered_at_the_end() -> None:
    async def run() -> None:
        logs = Logs()
        delivery = Delivery(logs.put)
        delivery.add(place(), [(1, "a")])
        await delivery.close()
        assert logs.streams["s"] == [(1, "a")]

    asyncio.run(run())


def test_a_batch_has_no_more_than_logs_takes() -> None:
    async def run() -> None:
        logs = Logs()
        delivery = Delivery(logs.put)
        delivery.add(place(), [(1, "x")] * 25_000)
        delivery.add(place(), [(90_000_000, "a day later")])
        await delivery.flush()
        assert logs.calls.count("PutLogEvents") == 5  # one before the stream was there
        assert len(logs.streams["s"]) == 25_001

    asyncio.run(run())


@given(st.text(max_size=50), st.integers(0, 3))
def test_long_lines_come_in_pieces(text: str, times: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    whole = text * (times * 10_000 + 1)
    found = pieces(whole)
    assert "".join(found) == whole
    assert all(0 < len(one.encode()) <= MOST_TEXT for one in found)
