"""Brute force of access keys: slowed and visible, and nobody else waits."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.gateway import failures_slowed
from fogbank.gateway.failures_slowed import CODES, FREE, LONGEST, MOST_HELD, MOST_SOURCES, Slowed, source_of
from fogbank.gateway.respond import address_of
from services.helpers import signed
from support.region import KEY_ID

if TYPE_CHECKING:
    from support.region import LocalRegion


class Clock:
    """A time of the test's choice, and the waits that were asked for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


class Failed:
    """What a failed authentication leaves in a record."""

    def __init__(self, client: str = "192.0.2.1", error: str = "SignatureDoesNotMatch", key: str = KEY_ID) -> None:
        self.principal: Any = None
        self.error = error
        self.claim: Any = type("Claim", (), {"access_key_id": key})()
        self.request = type("Request", (), {"client": client})()


def hold(slowed: Slowed, times: int = 1, **failed: Any) -> None:
    record: Any = Failed(**failed)

    async def work() -> None:
        for _ in range(times):
            await slowed.hold(record)

    asyncio.run(work())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slowed(clock: Clock) -> Slowed:
    return Slowed(clock, clock.wait)


def test_ten_failures_a_minute_are_free(slowed: Slowed, clock: Clock) -> None:
    hold(slowed, FREE)
    assert clock.waits == []
    hold(slowed)
    assert clock.waits == [pytest.approx(0.1)]
    assert (slowed.failures, slowed.held) == (FREE + 1, 1)


def test_the_wait_rises_to_a_second(slowed: Slowed, clock: Clock) -> None:
    hold(slowed, 100)
    assert clock.waits == sorted(clock.waits)
    assert clock.waits[-1] == LONGEST == max(clock.waits)


def test_time_forgives(slowed: Slowed, clock: Clock) -> None:
    hold(slowed, 1000)
    clock.waits.clear()
    clock.now += 121.0
    hold(slowed, FREE)
    assert clock.waits == []


def test_who_keeps_on_stays_slow(slowed: Slowed, clock: Clock) -> None:
    """One failure a second is six times what is forgotten."""
    for _ in range(60):
        hold(slowed)
        clock.now += 1.0
    assert len(clock.waits) > 40
    assert clock.waits[-1] > 0.9


def test_other_sources_do_not_wait(slowed: Slowed, clock: Clock) -> None:
    hold(slowed, 50)
    clock.waits.clear()
    hold(slowed, client="192.0.2.2")
    assert clock.waits == []


def test_many_keys_from_one_source_are_one_source(slowed: Slowed, clock: Clock) -> None:
    for number in range(FREE + 1):
        hold(slowed, key=f"AKIA{number:016d}", error="InvalidAccessKeyId")
    assert len(clock.waits) == 1


@pytest.mark.parametrize("error", ["AccessDenied", "NoSuchKey", "NotImplemented", "MissingAuthenticationToken", ""])
def test_other_errors_do_not_count(slowed: Slowed, clock: Clock, error: str) -> None:
    hold(slowed, 50, error=error)
    assert (slowed.failures, clock.waits) == (0, [])


def test_the_codes_are_those_of_all_services() -> None:
    assert {
        "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId",
        "UnrecognizedClientException", "InvalidToken",
    } == CODES  # fmt: skip


def test_callers_who_were_verified_never_wait(slowed: Slowed, clock: Clock) -> None:
    """A handler may use the same code: nobody was refused for a signature then."""
    record: Any = Failed()
    hold(slowed, 50)
    clock.waits.clear()
    record.principal = object()
    asyncio.run(slowed.hold(record))
    record.principal, record.claim = None, None
    asyncio.run(slowed.hold(record))
    assert (slowed.failures, clock.waits) == (50, [])


def test_the_table_is_bounded(slowed: Slowed, clock: Clock) -> None:
    hold(slowed, 50, client="attacker")
    for number in range(MOST_SOURCES + 10):
        hold(slowed, client=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        if number % 100 == 0:
            hold(slowed, client="attacker")
    assert len(slowed._levels) == MOST_SOURCES
    clock.waits.clear()
    hold(slowed, client="attacker")
    assert clock.waits == [LONGEST]


def test_waiting_refusals_are_bounded(clock: Clock) -> None:
    """More connections than that are not given away to callers who cannot sign."""

    async def work() -> int:
        release = asyncio.Event()

        async def wait(_seconds: float) -> None:
            await release.wait()

        slowed = Slowed(clock, wait)
        record: Any = Failed()
        tasks = [asyncio.create_task(slowed.hold(record)) for _ in range(MOST_HELD + FREE + 20)]
        await asyncio.sleep(0)
        done = sum(task.done() for task in tasks)
        release.set()
        await asyncio.gather(*tasks)
        assert slowed._waiting == 0
        return done

    assert asyncio.run(work()) == FREE + 20


def test_it_is_logged_once_until_it_is_over(slowed: Slowed, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fogbank.gateway"):
        hold(slowed, 500)
        assert len(caplog.records) == 1
        clock.now += 600.0
        hold(slowed, 500)
    assert len(caplog.records) == 2
    fields: dict[str, object] = caplog.records[0].__dict__["fields"]
    assert fields == {"client": "192.0.2.1", "access_key_id": KEY_ID, "in_seconds": 60.0}


@pytest.mark.parametrize(
    ("client", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unix:/run/socket", "unix:/run/socket"),
    ],
)
def test_sources(client: str, source: str) -> None:
    assert source_of(client) == source


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_client_has_a_short_source(client: str) -> None:
    assert len(source_of(client)) <= 64


def test_a_region_holds_up_failing_signatures_only(region: LocalRegion) -> None:
    """Wrong signatures wait; the same address's good ones do not, and neither do refusals for lack of permission."""
    clock = Clock()
    region.gateway.slowed = Slowed(clock, clock.wait)
    for _ in range(FREE + 2):
        wrong = region.client("s3", secret="wrong")
        with pytest.raises(wrong.exceptions.ClientError, match="SignatureDoesNotMatch"):
            wrong.list_buckets()
    assert len(clock.waits) == 2
    assert region.client("s3").list_buckets()["Buckets"] == []
    assert region.raw("GET", "/").status == 403
    assert signed(region, "GET", "/missing/key").status == 404
    assert len(clock.waits) == 2
    unknown = region.client("iam", key="AKIAUNKNOWNUNKNOWN00")
    with pytest.raises(unknown.exceptions.ClientError, match="InvalidClientTokenId"):
        unknown.list_users()
    assert len(clock.waits) == 3
    assert region.gateway.slowed.failures == FREE + 3


def test_the_real_wait_is_asyncios() -> None:
    assert failures_slowed.Slowed()._wait is asyncio.sleep


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("127.0.0.1:5", "127.0.0.1"),
        ("[::1]:33316", "::1"),
        ("[2001:db8::5]:1", "2001:db8::5"),
        ("[::ffff:192.0.2.1]:2", "192.0.2.1"),
    ],
)
def test_addresses_as_the_server_gives_them(client: str, address: str) -> None:
    assert address_of(client) == address
