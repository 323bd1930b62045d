"""What tests of EventBridge share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import destinations
from fogbank.services import registry
from fogbank.store.check import check_records, check_unlinks
from services.events.made import FUNCTION, OTHER, QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.core.destinations import Sender
    from fogbank.store.api import Tx
    from support.region import LocalRegion


class Inbox:
    """Functions and queues that keep what they are sent. `broken` ones refuse, `closed` ones let nobody send, `there` are all."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Sender, bytes]] = []
        self.there = {FUNCTION, OTHER, QUEUE}
        self.broken: set[str] = set()
        self.closed: set[str] = set()

    def exists(self, _tx: Tx, arn: str) -> bool:
        return arn in self.there

    def may(self, _call: Call, arn: str, sender: Sender) -> bool:
        return arn not in self.closed and sender.service == "events.amazonaws.com"

    async def deliver(self, _ctx: Background, arn: str, sender: Sender, message: bytes) -> None:
        if arn in self.broken:
            raise RuntimeError("out of order")
        self.received.append((arn, sender, message))

    def take(self, arn: str = FUNCTION) -> list[Any]:
        """What a function was sent; it is gone afterwards."""
        found = [json.loads(message) for to, _, message in self.received if to == arn]
        self.received = [one for one in self.received if one[0] != arn]
        return found


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """What is behind all ARNs of functions and queues."""
    registry.services()  # those that can be sent to have said so
    made = Inbox()
    monkeypatch.setattr(destinations, "_known", {**destinations._known, "lambda": made, "sqs": made})
    return made


@pytest.fixture(autouse=True)
def _signed_on_the_regions_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedules are for hours and years: clients sign by the region's clock, which tests advance."""
    if "region" not in request.fixturenames:
        return
    region: LocalRegion = request.getfixturevalue("region")

    def now(remove_tzinfo: bool = True) -> datetime:
        return region.clock.now().replace(tzinfo=None) if remove_tzinfo else region.clock.now()

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    monkeypatch.setattr("botocore.crt.auth.get_current_datetime", now)


@pytest.fixture
def events(region: LocalRegion) -> Any:
    """boto3's EventBridge client of the region's root, which leaves it to the region to refuse what is not in the model."""
    return region.client("events", parameter_validation=False)


@pytest.fixture(autouse=True)
def _sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """When a test of a region ends, all that `fsck` knows of its records is true."""
    region: LocalRegion | None = request.getfixturevalue("region") if "region" in request.fixturenames else None
    yield
    if region is not None and "damaged" not in request.fixturenames:
        with region.region.store.snapshot() as tx:
            problems = [*check_records(tx), *registry.invariants(tx), *check_unlinks(tx)]
        assert not [problem.what for problem in problems]


@pytest.fixture
def damaged() -> None:
    """For tests that damage the state: it is not looked at when they end."""
