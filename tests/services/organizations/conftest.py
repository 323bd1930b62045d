"""An organization for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.organizations.made import House

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def house(region: LocalRegion) -> House:
    """An organization of the region's account."""
    return House(region)
