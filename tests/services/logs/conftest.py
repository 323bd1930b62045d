"""What tests of CloudWatch Logs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services import registry
from fogbank.store.check import check_records, check_unlinks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from support.region import LocalRegion


@pytest.fixture
def logs(region: LocalRegion) -> Any:
    """boto3's client of CloudWatch Logs, of the region's root."""
    return region.client("logs")


@pytest.fixture
def signed_on_time(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that let days pass: clients sign by the region's clock, which they advance."""

    def now(remove_tzinfo: bool = True) -> datetime:
        return region.clock.now().replace(tzinfo=None) if remove_tzinfo else region.clock.now()

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    monkeypatch.setattr("botocore.crt.auth.get_current_datetime", now)


@pytest.fixture
def damaged() -> None:
    """For tests that damage the state: it is not looked at when they end."""


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """When a test of a region ends, all that `fsck` knows of the records is true."""
    region: LocalRegion | None = request.getfixturevalue("region") if "region" in request.fixturenames else None
    yield
    if region is not None and "damaged" not in request.fixturenames:
        with region.region.store.snapshot() as tx:
            problems = [*check_records(tx), *registry.invariants(tx), *check_unlinks(tx)]
        assert not [problem.what for problem in problems]
