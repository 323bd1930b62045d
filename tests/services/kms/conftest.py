"""What tests of KMS share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def kms(region: LocalRegion) -> Any:
    """boto3's KMS client of the region's root, which leaves it to the region to refuse what is not in the model."""
    return region.client("kms", parameter_validation=False)


@pytest.fixture
def key(kms: Any) -> str:
    """The id of a symmetric key."""
    return str(kms.create_key()["KeyMetadata"]["KeyId"])
