"""Floods push out of the logs of events only what they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.client import Sent
from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1 << 24


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region of one worker, whose logs are small."""
    directory = tmp_path_factory.mktemp("flood") / "data"
    directory.mkdir(mode=0o700)
    (directory / "fogbank.toml").write_text(f"events_size = {LIMIT}\ndata_events_size = {LIMIT}\n")
    made = Live(directory, "--workers", "1")
    yield made
    made.end()


def test_a_flood_stays_within_its_log(live: Live) -> None:
    """Of requests of nobody, with the longest heads: not a byte of the accounts' log, and no more of the other than its limit."""
    live.bucket("kept")
    directory, most = live.data / "events" / "data", 0
    sent = Sent("GET", "/flood/" + "k" * 1000, (("host", live.host), ("user-agent", "u" * 2000)))
    with live.wire() as wire:
        for number in range(5000):
            wire.ask(sent)
            if number % 100 == 0:
                most = max(most, sum(path.stat().st_size for path in directory.iterdir()))
    assert LIMIT // 2 < most <= LIMIT
    assert [event["eventName"] for event in live.events("management")] == ["CreateBucket"]
