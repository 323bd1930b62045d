"""Regions that really run, one for all of a worker's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two workers, plain HTTP, the stand-ins' keys."""
    region = Live(tmp_path_factory.mktemp("live") / "data", "--dev", "--workers", "2")
    yield region
    region.end()


@pytest.fixture(scope="session")
def tls_live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One worker, HTTPS, no keys but its own."""
    region = Live(tmp_path_factory.mktemp("tls") / "data", "--tls", "--workers", "1")
    yield region
    region.end()
