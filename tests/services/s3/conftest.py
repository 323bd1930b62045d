"""What tests of S3 share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from datetime import datetime

    from support.region import LocalRegion


@pytest.fixture
def signed_on_time(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that let days pass: clients sign by the region's clock, which they advance."""

    def now(remove_tzinfo: bool = True) -> datetime:
        return region.clock.now().replace(tzinfo=None) if remove_tzinfo else region.clock.now()

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    monkeypatch.setattr("botocore.crt.auth.get_current_datetime", now)
