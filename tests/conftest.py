"""What all tests may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.region import LocalRegion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def region(tmp_path: Path) -> Iterator[LocalRegion]:
    """A new region in this process."""
    made = LocalRegion(tmp_path)
    yield made
    made.close()


@pytest.fixture
def s3(region: LocalRegion) -> Any:
    """boto3's S3 client of the region's root."""
    return region.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket."""
    s3.create_bucket(Bucket="bucket")
    return "bucket"
