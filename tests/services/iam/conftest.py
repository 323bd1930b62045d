"""What tests of IAM share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root."""
    return region.client("iam")
