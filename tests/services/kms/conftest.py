"""What tests of KMS share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from datetime import datetime

    from support.region import LocalRegion


@pytest.fixture(autouse=True)
def _signed_on_the_regions_time(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys live for weeks and years: clients sign by the region's clock, which tests advance."""

    def now(remove_tzinfo: bool = True) -> datetime:
        return region.clock.now().replace(tzinfo=None) if remove_tzinfo else region.clock.now()

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    monkeypatch.setattr("botocore.crt.auth.get_current_datetime", now)


@pytest.fixture
def kms(region: LocalRegion) -> Any:
    """boto3's KMS client of the region's root, which leaves it to the region to refuse what is not in the model."""
    return region.client("kms", parameter_validation=False)


@pytest.fixture
def key(kms: Any) -> str:
    """The id of a symmetric key."""
    return str(kms.create_key()["KeyMetadata"]["KeyId"])
